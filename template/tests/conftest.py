"""What your tests share. This file is yours.

A setting without a default, say a database's address, has to be set for the tests too:
    os.environ.setdefault("DATABASE_URL", "sqlite://")
"""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from .cors.service import create_app, refuse_broken_environment


def pytest_sessionstart() -> None:
    """Say what is wrong with the settings before a test imports the service."""
    refuse_broken_environment()


@pytest.fixture
def client() -> Iterator[TestClient]:
    """Call the service as it runs in development."""
    with TestClient(create_app("development"), raise_server_exceptions=False) as client:
        yield client
