"""Every set of answers renders, without trust, into a clean project that says what was answered."""

import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from service.cors.policy import CORSPolicy
from service.cors.rules import Subject
from service.cors.sources import find_sources
from service.cors.tool.development_rules import line_read_otherwise

from .answer_sets import ANSWER_SETS
from .dotenv_readers import readings
from .project import TEMPLATE, render, run, run_suite

# With a blank, as the template writes its tags; Python has braces of its own, side by side.
JINJA = re.compile(r"\{\{-? | -?\}\}|\{%-? | -?%\}|\{#-? ")


def text_files(project: Path) -> Iterator[Path]:
    for path in project.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


@pytest.fixture(scope="module", params=ANSWER_SETS, ids=str)
def rendered(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    answers = ANSWER_SETS[request.param]
    return render(tmp_path_factory.mktemp("project"), answers), answers


def test_nothing_of_the_template_language_is_left(rendered: tuple[Path, dict[str, Any]]) -> None:
    project, _ = rendered
    left = [
        f"{path.relative_to(project)}:{number}: {line}"
        for path in text_files(project)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        # A workflow's own expressions are written ${{ … }}.
        if JINJA.search(re.sub(r"\$\{\{.*?\}\}", "", line))
        or JINJA.search(path.relative_to(project).as_posix())
    ]
    assert left == []


def test_the_dotenv_files_say_what_was_answered(rendered: tuple[Path, dict[str, Any]]) -> None:
    project, answers = rendered
    expected = {"development", *answers.get("environments", ["staging", "production"])}
    found = {path.name.removeprefix(".env.") for path in project.glob(".env.*")}
    assert found - {"example"} == expected
    for environment in expected:
        values = dotenv_values(project / f".env.{environment}")
        default = (
            "http://localhost:5173,http://localhost:3000,http://localhost:4200"
            if environment == "development"
            else ""
        )
        assert values["ENVIRONMENT"] == environment
        origins = values["CORS_ALLOWED_ORIGINS"] or ""
        assert items(origins) == items(answers.get(f"{environment}_origins", default))
        assert values["CORS_ALLOW_CREDENTIALS"] == (
            "true" if answers.get("credentials") in ("cookies", "both") else "false"
        )
        assert values["CORS_MAX_AGE"] == str(answers.get("preflight_max_age", 7200))


def test_every_reader_reads_the_dotenv_files_alike(
    rendered: tuple[Path, dict[str, Any]],
) -> None:
    project, _ = rendered
    for path in project.glob(".env.*"):
        data = path.read_bytes()
        found = readings(data)
        assert found.pop("python-dotenv")
        assert all(each == dotenv_values(path) for each in found.values()), found
        # Unquoted and without blanks, a value means the same to every reader.
        lines = data.decode().splitlines()
        assignments = [line for line in lines if line and not line.startswith("#")]
        assert all(re.fullmatch(r"[A-Z_]+=[^\s\"'$`\\;&|<>()]*", line) for line in assignments)
        # Two neighbouring variables would conflict when you change one and an update the other.
        neighbours = pairwise(lines)
        assert not any(a in assignments and b in assignments for a, b in neighbours)


def test_check_names_no_line_of_them_that_others_read_otherwise(
    rendered: tuple[Path, dict[str, Any]],
) -> None:
    project, _ = rendered
    names = [path.name.removeprefix(".env.") for path in project.glob(".env.*")]
    for name in (name for name in names if name != "example"):
        sources = find_sources(name, project)
        subject = Subject(CORSPolicy(environment=name), sources)
        assert [*line_read_otherwise(subject)] == []


def test_the_project_is_formatted_and_linted(rendered: tuple[Path, dict[str, Any]]) -> None:
    project, _ = rendered
    for command in (["check"], ["format", "--check"]):
        result = run(project, "ruff", *command, "--no-cache", ".")
        assert result.returncode == 0, result.stdout + result.stderr


def test_its_metadata_is_valid(rendered: tuple[Path, dict[str, Any]]) -> None:
    project, answers = rendered
    metadata = tomllib.loads((project / "pyproject.toml").read_text())
    package = metadata["tool"]["fastapi"]["entrypoint"].removesuffix(".main:app")
    assert package == answers.get("package_name", package)
    assert (project / "src" / package / "main.py").is_file()
    assert metadata["project"]["name"] == package.replace("_", "-")


def test_its_own_suite_passes(rendered: tuple[Path, dict[str, Any]]) -> None:
    project, _ = rendered
    result = run_suite(project)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"\d+ passed", result.stdout)
    assert "warning" not in result.stdout, result.stdout


@pytest.mark.parametrize("credentials", ["none", "bearer", "cookies", "both"])
def test_the_types_are_clean(credentials: str, tmp_path: Path) -> None:
    project = render(tmp_path / "project", {"credentials": credentials})
    result = run(project, "mypy")
    assert result.returncode == 0, result.stdout + result.stderr


def test_python_files_hold_no_template_language() -> None:
    """So that the code can be read, linted and reviewed where it lies."""
    for path in (TEMPLATE / "template").rglob("*"):
        if ".py" in path.name and path.is_file():
            assert path.suffix == ".py" or path.name.endswith("%}"), path
            assert not JINJA.search(path.read_text()), path


def test_services_depend_on_what_they_are_tested_with() -> None:
    """The tests run every rendered service in one environment: it must be the services' own."""
    ours = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())
    text = (TEMPLATE / "template" / "pyproject.toml.jinja").read_text()
    theirs = tomllib.loads(re.sub(r"\{%.*?%\}", "", text, flags=re.DOTALL))
    wanted = {*theirs["project"]["dependencies"], *theirs["dependency-groups"]["dev"]}
    assert set(ours["dependency-groups"]["service"]) == wanted
