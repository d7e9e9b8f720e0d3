from fastapi import FastAPI, Response, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware

from .articles import router

# Größe: non-ASCII text must not move an edit.
app = FastAPI(title="Shop", version="3.2.0")
app.add_middleware(GZipMiddleware, minimum_size=1000)

# Allow everything for now
app.add_middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["*"],
)
app.include_router(router, prefix="/articles")


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/login")
def login(response: Response) -> dict[str, str]:
    response.set_cookie("session", "1", httponly=True, secure=True, samesite="none")
    return {"user": "ada"}


@app.websocket("/live")
async def live(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()
