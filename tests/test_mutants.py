"""The generated suite can fail: it catches every fault, and leaves harmless additions alone."""

import re
from pathlib import Path

import pytest

from .mutants import (
    COVERED,
    HARMLESS,
    MUTANTS,
    Addition,
    Mutant,
    catches,
    changed,
    service,
    suite,
)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the services that faults are put into copies of."""
    return tmp_path_factory.mktemp("services")


def said(output: str) -> str:
    """Return the end of what the suite said: who failed, and why."""
    return output[-4000:]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.fault)
def test_a_fault_is_caught(mutant: Mutant, services: Path, tmp_path: Path) -> None:
    original = service(mutant.service, services)
    project = changed(original, tmp_path / "project", mutant.change)
    _, output = suite(project, mutant.test_file)
    assert catches(mutant, output), said(output)


@pytest.mark.parametrize("addition", HARMLESS, ids=lambda addition: addition.what)
def test_what_a_user_adds_passes(addition: Addition, services: Path, tmp_path: Path) -> None:
    original = service(addition.service, services)
    project = changed(original, tmp_path / "project", *addition.changes)
    for old, new in addition.renamed.items():
        (project / old).rename(project / new)
    passed, output = suite(project, "tests/cors")
    assert passed, said(output)
    decisions = re.search(r"cors: ([0-9,]+) decisions in \d environments", output)
    assert decisions, said(output)
    assert int(decisions[1].replace(",", "")) >= 1000


@pytest.mark.parametrize(
    ("addition", "mutant"), COVERED, ids=[mutant.fault for _, mutant in COVERED]
)
def test_what_a_user_adds_is_covered(
    addition: Addition, mutant: Mutant, services: Path, tmp_path: Path
) -> None:
    original = service(addition.service, services)
    project = changed(original, tmp_path / "project", *addition.changes, mutant.change)
    _, output = suite(project, mutant.test_file)
    assert catches(mutant, output), said(output)


def test_every_fault_has_a_name_of_its_own() -> None:
    names = [mutant.fault for mutant in MUTANTS] + [mutant.fault for _, mutant in COVERED]
    assert len(names) == len(set(names))
    assert len(names) >= 60
