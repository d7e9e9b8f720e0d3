"""The routes. Every module in this folder that holds a `router` is served: add one, delete one."""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter

router = APIRouter()
for module in iter_modules(__path__):
    router.include_router(import_module(f".{module.name}", __name__).router)
