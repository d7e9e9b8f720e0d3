"""The routes. Every module in this folder that has a `router` is served: add and delete modules."""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter

router = APIRouter()
for module in iter_modules(__path__):
    router.include_router(import_module(f".{module.name}", __name__).router)
