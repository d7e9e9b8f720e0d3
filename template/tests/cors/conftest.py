"""One service for each environment, shared by all tests of the session."""

from functools import cache

import pytest

from .expected import environments
from .service import Service


@cache
def service_of(environment: str) -> Service:
    """Return the service of an environment, made once."""
    return Service(environment)


@pytest.fixture(params=environments())
def service(request: pytest.FixtureRequest) -> Service:
    """Every environment that has a dotenv file, one after the other."""
    return service_of(request.param)


@pytest.fixture
def origins(service: Service) -> tuple[str, ...]:
    """Who may call; skips where nobody may, which `test_strangers` proves."""
    if not service.expected.origins:
        pytest.skip(f"{service.environment} lists no origin")
    return service.expected.origins
