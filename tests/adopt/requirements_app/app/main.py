import logging

from fastapi import Depends, FastAPI
from fastapi.middleware import Middleware
from fastapi.security import OAuth2PasswordBearer
from starlette.middleware.cors import CORSMiddleware

from app.core.config import settings

log = logging.getLogger(__name__)
token = OAuth2PasswordBearer(tokenUrl="token")

app = FastAPI(
    title="Ledger",
    middleware=[
        Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        ),
    ],
)


@app.get("/entries")
def entries(user: str = Depends(token)) -> list[str]:
    return [user]


@app.post("/entries")
def add(user: str = Depends(token)) -> str:
    return user
