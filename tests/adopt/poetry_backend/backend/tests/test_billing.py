from billing.api import create_app
from fastapi.testclient import TestClient


def test_invoices() -> None:
    assert TestClient(create_app(testing=True)).get("/invoices").json() == [1]
