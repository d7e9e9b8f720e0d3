"""A service works with the oldest releases that it declares; every other test has the newest.

What each release of Copier does with the template is found by `python -m tests.copier_versions`.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from . import copier_versions
from .project import TEMPLATE, clean_environment, example, render


def uv(*arguments: str | Path, folder: Path) -> None:
    """Run uv, which picks the lowest releases that are declared."""
    program = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    result = subprocess.run(
        [program, *map(str, arguments)],
        cwd=folder,
        env=clean_environment(UV_PYTHON_DOWNLOADS="never"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("oldest") / "field-notes", example("mobile-app"))


@pytest.fixture(scope="module")
def oldest(service: Path) -> Path:
    """A Python with the lowest release of everything that the service names itself."""
    uv("venv", "--quiet", "--python", sys.executable, "oldest", folder=service.parent)
    python = service.parent / "oldest" / "bin" / "python"
    install = ("pip", "install", "--quiet", "--python", python)
    uv(*install, "--resolution", "lowest-direct", "-e", service, "--group", "dev", folder=service)
    # What the template's own tests need besides; what is there already satisfies them.
    uv(*install, "copier", "hypothesis", folder=service)
    return python


def floors(service: Path) -> dict[str, str]:
    """Return the oldest release of each dependency, as declared."""
    metadata = tomllib.loads((service / "pyproject.toml").read_text())
    pairs = (dependency.split(">=") for dependency in metadata["project"]["dependencies"])
    return {name.partition("[")[0]: version for name, version in pairs}


def test_these_are_the_oldest(service: Path, oldest: Path) -> None:
    code = "from importlib.metadata import version; import sys; print(version(sys.argv[1]))"
    for name in ("starlette", "fastapi", "pydantic-settings"):
        found = subprocess.run(
            [oldest, "-c", code, name], capture_output=True, text=True, check=True
        )
        assert found.stdout.strip().startswith(floors(service)[name])


def test_the_generated_suite_passes(service: Path, oldest: Path) -> None:
    command: list[str | Path] = [oldest, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(
        command, cwd=service, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_middleware_keeps_its_promises(oldest: Path) -> None:
    tests = ("tests/test_middleware.py", "tests/test_against_stock.py", "tests/test_rules.py")
    command: list[str | Path] = [oldest, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    result = subprocess.run(
        command, cwd=TEMPLATE, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr


def test_the_declared_versions_of_copier_do_what_they_are_declared_for() -> None:
    """As in the table that was made by running them."""
    document = copier_versions.DOCUMENT.read_text()
    made = document.partition(copier_versions.BEGIN)[2].partition(copier_versions.END)[0]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in made.split("\n") if line]
    head, _, *rows = cells
    assert head == ["Copier", *copier_versions.OPERATIONS]
    by_minor = {row[0].rpartition(".")[0]: row[1:] for row in rows}
    floor, updating = copier_versions.floors()
    assert by_minor[floor.rpartition(".")[0]][:-1] == ["yes"] * len(head[2:])
    assert by_minor[updating] == ["yes"] * len(head[1:])
    assert f'"copier>={floor.rpartition(".")[0]}"' in (TEMPLATE / "pyproject.toml").read_text()
    assert f"You need Copier {floor.rpartition('.')[0]} or\nlater" in document
