"""Is the service up, and what does a crash look like from a front end?"""

from fastapi import APIRouter

router = APIRouter(prefix="/health", tags=["health"])


@router.get("")
def health() -> dict[str, str]:
    """Say that the service answers."""
    return {"status": "ok"}


@router.get("/crash")
def crash() -> None:
    """Fail on purpose: the front end sees a 500 that it can read, not a CORS error."""
    raise RuntimeError("this route fails on purpose")
