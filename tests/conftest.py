"""Services that several tests look at, rendered once for each worker; and what they add up to."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .project import example, render

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def cookies_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service of examples/spa-cookies.yml. Shared: copy it before you change it."""
    return render(tmp_path_factory.mktemp("shared") / "orders-api", example("spa-cookies"))


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A headless Chromium. Where there is none the tests are skipped, or fail if it is required."""
    # Imported here: other tests run without Playwright.
    from playwright.sync_api import Error

    from .lab import chromium

    try:
        with chromium() as started:
            yield started
    except Error as error:
        if os.environ.get("CORS_REQUIRE_BROWSER") == "1":
            raise
        pytest.skip(f"no Chromium: {error.message.splitlines()[0]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how large the update matrix was, wherever its tests ran."""
    sums = {"updates": 0, "refused": 0, "edit checks": 0}
    for report in terminalreporter.getreports("passed"):
        for name, count in report.user_properties:
            if name in sums and report.when == "call":
                sums[name] += int(str(count))
    if sums["updates"]:
        size = ", ".join(f"{count} {name}" for name, count in sums.items())
        terminalreporter.write_line(f"update matrix: {size}")
