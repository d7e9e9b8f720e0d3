"""Formatters and linters of an owner leave the managed folders alone, whatever their settings.

What they rewrote there, the next update would conflict with, line by line.
"""

import shutil
from pathlib import Path

import pytest

from .project import TEMPLATE, run

FOLDERS = ("src/orders_api/cors", "tests/cors")
MARK = "# fmt: off\n"

# What people set, and where.
SETTINGS = {
    "a short line in pyproject.toml": ("pyproject.toml", "line-length = 79", '["ALL"]'),
    "a long line in pyproject.toml": ("pyproject.toml", "line-length = 120", '["ALL"]'),
    "a ruff.toml of one's own": ("ruff.toml", "line-length = 70", '["E", "F", "I", "S", "D"]'),
}


@pytest.fixture
def project(cookies_service: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cookies_service, tmp_path / "orders-api"))


def managed(project: Path) -> dict[str, bytes]:
    """Return the managed files with what is in them."""
    paths = (path for folder in FOLDERS for path in (project / folder).rglob("*.py"))
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize(("file", "length", "select"), SETTINGS.values(), ids=SETTINGS)
def test_ruff_leaves_the_managed_folders_alone(
    project: Path, file: str, length: str, select: str
) -> None:
    path = project / file
    if file == "pyproject.toml":
        head, _, _ = path.read_text().partition("[tool.ruff]")
        path.write_text(f"{head}[tool.ruff]\n{length}\n[tool.ruff.lint]\nselect = {select}\n")
    else:
        path.write_text(f"{length}\n[lint]\nselect = {select}\n")
    before = managed(project)
    # Everything, and as an editor or a hook does, file by file.
    for names in (["."], [*before]):
        run(project, "ruff", "format", "--no-cache", *names)
        run(project, "ruff", "check", "--no-cache", "--fix", "--unsafe-fixes", *names)
    assert managed(project) == before
    assert run(project, "ruff", "check", "--no-cache", *FOLDERS).returncode == 0
    assert run(project, "ruff", "format", "--check", "--no-cache", *before).returncode == 0


def test_black_leaves_the_managed_folders_alone(project: Path) -> None:
    before = managed(project)
    result = run(project, "black", "--line-length", "60", ".")
    assert result.returncode == 0, result.stderr
    assert "main.py" in result.stderr
    assert managed(project) == before
    result = run(project, "black", "--line-length", "60", "--check", *before)
    assert result.returncode == 0, result.stderr


def test_managed_files_are_formatted_in_the_template(tmp_path: Path) -> None:
    """The mark keeps our own formatter away as well: `make docs` formats them."""
    for folder in ("{{ package_path }}/cors", "tests/cors"):
        shutil.copytree(TEMPLATE / "template" / folder, tmp_path / folder)
    for path in tmp_path.rglob("*.py"):
        text = path.read_text()
        assert text.startswith(MARK), f"{path.name} does not begin with {MARK!r}: run `make docs`"
        path.write_text(text.removeprefix(MARK))
    settings = ("--config", TEMPLATE / "pyproject.toml")
    result = run(tmp_path, "ruff", "format", "--check", "--no-cache", *settings, ".")
    assert result.returncode == 0, f"{result.stdout}\nRun `make docs`, which formats them."
