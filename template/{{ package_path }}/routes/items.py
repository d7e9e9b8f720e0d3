"""Public data: a list with a total count in a header, and every common method."""

from itertools import count
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Response, status
from pydantic import BaseModel, Field

router = APIRouter(prefix="/items", tags=["items"])


class ItemIn(BaseModel):
    """What a front end sends."""

    name: str = Field(min_length=1, max_length=80)
    price: float = Field(default=0, ge=0)


class ItemChange(BaseModel):
    """What a front end sends to change part of an item."""

    name: str | None = Field(default=None, min_length=1, max_length=80)
    price: float | None = Field(default=None, ge=0)


class Item(ItemIn):
    """What a front end gets back."""

    id: int


items: dict[int, Item] = {1: Item(id=1, name="Anvil", price=99.5)}
ids = count(start=2)

ItemId = Annotated[int, Path(ge=1)]


def find(item_id: int) -> Item:
    """Return the item, or respond with 404."""
    if item_id not in items:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no item {item_id}.")
    return items[item_id]


@router.get("")
def list_items(
    response: Response,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[Item]:
    """Return one page; X-Total-Count says how many there are in all."""
    response.headers["X-Total-Count"] = str(len(items))
    return list(items.values())[offset : offset + limit]


@router.post("", status_code=status.HTTP_201_CREATED)
def create_item(item: ItemIn) -> Item:
    """Add an item."""
    created = Item(id=next(ids), **item.model_dump())
    items[created.id] = created
    return created


@router.get("/{item_id}")
def read_item(item_id: ItemId) -> Item:
    """Return one item."""
    return find(item_id)


@router.put("/{item_id}")
def replace_item(item_id: ItemId, item: ItemIn) -> Item:
    """Replace an item."""
    find(item_id)
    items[item_id] = Item(id=item_id, **item.model_dump())
    return items[item_id]


@router.patch("/{item_id}")
def change_item(item_id: ItemId, change: ItemChange) -> Item:
    """Change only the fields that are sent."""
    items[item_id] = find(item_id).model_copy(update=change.model_dump(exclude_unset=True))
    return items[item_id]


@router.delete("/{item_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_item(item_id: ItemId) -> None:
    """Remove an item."""
    find(item_id)
    del items[item_id]
