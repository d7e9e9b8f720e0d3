"""Tests of the example routes. This file is yours: change it with the routes."""

from fastapi.testclient import TestClient


def test_the_service_answers(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}


def test_a_page_of_items_says_how_many_there_are(client: TestClient) -> None:
    response = client.get("/items", params={"limit": 1})
    assert response.status_code == 200
    assert int(response.headers["X-Total-Count"]) >= len(response.json())


def test_an_item_lives_and_dies(client: TestClient) -> None:
    item = client.post("/items", json={"name": "Rocket skates", "price": 120}).json()
    path = f"/items/{item['id']}"
    assert client.put(path, json={"name": "Rocket sled"}).json()["price"] == 0
    assert client.patch(path, json={"price": 80}).json()["price"] == 80
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_an_item_needs_a_name(client: TestClient) -> None:
    assert client.post("/items", json={"price": 1}).status_code == 422
