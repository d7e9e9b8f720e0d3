"""What your tests share. This file is yours.

Set a setting without a default, such as the URL of a database, for the tests too:
    os.environ.setdefault("DATABASE_URL", "sqlite://")
"""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from .cors.service import create_app, refuse_broken_environment


def pytest_sessionstart() -> None:
    """Report what is wrong with the settings before a test imports the service."""
    refuse_broken_environment()


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A client of the service as it runs in development."""
    with TestClient(create_app("development"), raise_server_exceptions=False) as client:
        yield client
