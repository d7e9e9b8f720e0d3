"""Services that several tests look at, rendered once for each worker; and what they add up to."""

from pathlib import Path

import pytest

from .project import example, render


@pytest.fixture(scope="session")
def cookies_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service of examples/spa-cookies.yml. Shared: copy it before you change it."""
    return render(tmp_path_factory.mktemp("shared") / "orders-api", example("spa-cookies"))


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
