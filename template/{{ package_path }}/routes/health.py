"""Whether the service is up, and what a front end sees of a crash."""

from fastapi import APIRouter

router = APIRouter(prefix="/health", tags=["health"])


@router.get("")
def health() -> dict[str, str]:
    """Say that the service is up."""
    return {"status": "ok"}


@router.get("/crash")
def crash() -> None:
    """Fail on purpose: a front end can read the 500 and sees no CORS error."""
    raise RuntimeError("this route fails on purpose")
