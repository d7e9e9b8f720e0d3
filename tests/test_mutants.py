"""The generated suite can fail: it catches every fault, and leaves harmless additions alone."""

import re

import pytest

from .mutants.owners import ADDITIONS, COVERED
from .mutants.plugin import FAULTS
from .mutants.replacing import Fault
from .mutants.running import Workshop, suite


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("services"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.sentence)
def test_a_fault_is_caught(fault: Fault, workshop: Workshop) -> None:
    caught, output = workshop.catch(fault)
    assert caught, output[-4000:]


@pytest.mark.parametrize("name", ADDITIONS)
def test_what_a_user_adds_passes(name: str, workshop: Workshop) -> None:
    addition = ADDITIONS[name]
    project = workshop.edited("cookies", addition.edits)
    if addition.renamed:
        old, new = addition.renamed
        (project / old).rename(project / new)
    passed, output = suite(project, "tests/cors")
    assert passed, output[-4000:]
    decisions = re.search(r"cors: ([0-9,]+) decisions in \d environments", output)
    assert decisions, output[-4000:]
    assert int(decisions[1].replace(",", "")) >= 1000


@pytest.mark.parametrize(("name", "fault"), COVERED, ids=[each.sentence for _, each in COVERED])
def test_what_a_user_adds_is_covered(name: str, fault: Fault, workshop: Workshop) -> None:
    caught, output = workshop.catch(fault, ADDITIONS[name].edits)
    assert caught, output[-4000:]


def test_every_fault_has_a_name_of_its_own() -> None:
    names = [fault.sentence for fault in (*FAULTS, *(fault for _, fault in COVERED))]
    assert len(names) == len(set(names))
    assert len(names) >= 239
