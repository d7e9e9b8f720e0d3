from fastapi import APIRouter

router = APIRouter()


@router.get("")
def articles() -> list[str]:
    return ["cup"]


@router.put("/{name}")
def change(name: str) -> str:
    return name
