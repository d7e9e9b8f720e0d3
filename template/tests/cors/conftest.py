"""One service for each environment, shared by all tests of the session."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from .expected import environments
from .service import Service

refused: set[str] = set()


@cache
def service_of(environment: str) -> Service:
    """Return the service of an environment, made once; what the audit refuses is said once."""
    if environment in refused:
        pytest.skip(f"{environment} does not start, as said above")
    refused.add(environment)
    service = Service(environment)
    refused.discard(environment)
    return service


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


@pytest.fixture(autouse=True)
def count_decisions(request: pytest.FixtureRequest) -> Iterator[None]:
    """Count how often a service was asked, in a form that parallel runs hand on."""
    before = Service.decisions
    yield
    request.node.user_properties.append(("decisions", Service.decisions - before))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how much the suite has proven."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    decisions = sum(
        dict(report.user_properties).get("decisions", 0)
        for report in reports
        if getattr(report, "when", "") == "teardown"
    )
    if decisions:
        told = f"cors: {decisions:,} decisions in {len(environments())} environments"
        terminalreporter.write_line(told)
