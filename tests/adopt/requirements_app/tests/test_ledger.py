from app.main import app
from fastapi.testclient import TestClient


def test_entries_need_a_token():
    assert TestClient(app).get("/entries").status_code == 401
