# fmt: off
"""One service for each environment, shared by all tests of the session."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from .service import ROOT, Service, environments

# Environments whose service was created, or is being created. A second attempt would fail in the
# same way.
attempted: set[str] = set()


@pytest.fixture(autouse=True)
def in_the_folder_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where the dotenv files are, whatever the fixtures of your own tests do."""
    monkeypatch.chdir(ROOT)


@cache
def service_of(environment: str) -> Service:
    """Return the service of an environment. If it does not start, only the first test fails."""
    if environment in attempted:
        pytest.skip(f"{environment} does not start: see the first failure")
    attempted.add(environment)
    return Service(environment)


@pytest.fixture(params=environments())
def service(request: pytest.FixtureRequest) -> Service:
    """The service in every environment that has a dotenv file, one after the other."""
    return service_of(request.param)


@pytest.fixture
def origins(service: Service) -> tuple[str, ...]:
    """The allowed origins. Skips where there are none: `test_other_sites` covers that."""
    if not service.expected.origins:
        pytest.skip(f"{service.environment} allows no origin")
    return service.expected.origins


@pytest.fixture(autouse=True)
def count_decisions(request: pytest.FixtureRequest) -> Iterator[None]:
    """Count the requests of a test, where parallel runs pass the number on."""
    before = Service.decisions
    yield
    request.node.user_properties.append(("decisions", Service.decisions - before))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many requests the suite has judged."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    decisions = sum(
        dict(report.user_properties).get("decisions", 0)
        for report in reports
        if getattr(report, "when", "") == "teardown"
    )
    if decisions:
        count = len(environments())
        terminalreporter.write_line(f"cors: {decisions:,} decisions in {count} environments")
