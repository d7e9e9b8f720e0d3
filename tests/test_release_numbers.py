"""pyproject.toml, the CHANGELOG and the subject of the release commit name one version."""

import re
import tomllib
from runpy import run_path

import pytest

from .project import TEMPLATE, git
from .releases import NoHistoryError, commits

# Before 1.2.1 nothing compared them: 1.2.0 was released with 1.1.0 in pyproject.toml.
FIRST_COMPARED = (1, 2, 1)


def version_in(pyproject: str) -> str:
    return str(tomllib.loads(pyproject)["project"]["version"])


def newest_in(changelog: str) -> str:
    return str(re.findall(r"(?m)^## (\d+\.\d+\.\d+)$", changelog)[0])


def key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_pyproject_names_the_newest_section_of_the_changelog() -> None:
    changelog = (TEMPLATE / "CHANGELOG.md").read_text()
    assert version_in((TEMPLATE / "pyproject.toml").read_text()) == newest_in(changelog)


def test_code_and_suite_name_the_release_of_pyproject() -> None:
    """By which an owner learns that an update reached only one of them; `make docs` writes it."""
    version = version_in((TEMPLATE / "pyproject.toml").read_text())
    for folder in ("{{ package_path }}/cors", "tests/cors"):
        assert run_path(str(TEMPLATE / "template" / folder / "__init__.py"))["RELEASE"] == version


def test_what_is_under_way_stands_above_all_releases() -> None:
    headings = re.findall(r"(?m)^## (.+)$", (TEMPLATE / "CHANGELOG.md").read_text())
    assert "Unreleased" not in headings[1:]


def test_every_release_commit_agrees_with_its_files() -> None:
    try:
        releases = commits()
    except NoHistoryError as error:
        pytest.skip(str(error))
    compared = [version for version in releases if key(version) >= FIRST_COMPARED]
    for version in compared:
        for name, read in (("pyproject.toml", version_in), ("CHANGELOG.md", newest_in)):
            found = read(git(TEMPLATE, "show", f"{releases[version]}:{name}"))
            assert found == version, f"Release {version}: {name} says {found}"
    newest = [*releases][-1]
    assert key(version_in((TEMPLATE / "pyproject.toml").read_text())) >= key(newest)
