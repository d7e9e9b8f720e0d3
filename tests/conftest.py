"""Services that several tests look at, rendered once for each worker."""

from pathlib import Path

import pytest

from .project import example, render


@pytest.fixture(scope="session")
def cookies_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service of examples/spa-cookies.yml. Shared: copy it before you change it."""
    return render(tmp_path_factory.mktemp("shared") / "orders-api", example("spa-cookies"))
