"""Runs the generated suite on a faulty service, and tells which tests caught the fault."""

import os
import re
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from ..project import TEMPLATE, example, render, run_suite
from .replacing import Edit, Fault

# The services that faults are put into.
SERVICES: dict[str, dict[str, Any]] = {
    "cookies": example("spa-cookies"),
    "previews": example("spa-bearer")
    | {
        "development_origins": "http://localhost:*",
        "preview_origins": "https://*.preview.acme.com,https://ledger-*-acme.acme-previews.net",
    },
    "app shells": example("mobile-app"),
    "open data": example("public-data"),
}

FAILED = re.compile(r"^FAILED tests/cors/(.*)$", re.MULTILINE)
ASSERTION = re.compile(r" - (AssertionError|assert |Failed: )")


class Workshop:
    """A folder with the services, each rendered once, and copies of them with edits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.service = cache(self._service)

    def _service(self, name: str) -> Path:
        return render(self.folder / name.replace(" ", "-"), SERVICES[name])

    def edited(self, name: str, edits: Iterable[Edit]) -> Path:
        """Return a copy of a service with these edits."""
        copy = Path(mkdtemp(dir=self.folder))
        shutil.copytree(self.service(name), copy, dirs_exist_ok=True)
        for edit in edits:
            edit.apply(copy)
        return copy

    def run(self, fault: Fault, *tests: str, edits: Iterable[Edit] = ()) -> tuple[bool, str]:
        """Run tests on a service with a fault, and perhaps with edits; see `suite`."""
        edits, (arguments, variables) = [*edits], with_fault(fault.sentence)
        if isinstance(fault.change, Edit):
            edits.append(fault.change)
        project = self.edited(fault.service, edits) if edits else self.service(fault.service)
        return suite(project, *arguments, *tests, **variables)

    def catch(self, fault: Fault, edits: Iterable[Edit] = ()) -> tuple[list[str], str]:
        """Return the failures that are the ones to expect, and what the suite said.

        The first failure is enough where it is one of them. Otherwise all of the test runs.
        """
        edits = [*edits]
        for options in (["-x"], []):
            _, output = self.run(fault, *options, *catching(fault), edits=edits)
            if found := catches(fault, output):
                break
        return found, output


def with_fault(sentence: str) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and variables with which pytest puts a fault into the service."""
    path = os.pathsep.join(("src", str(TEMPLATE / "tests")))
    return ["-p", "mutants.plugin"], {"PYTHONPATH": path, "FAULT": sentence}


def suite(project: Path, *arguments: str, **variables: str) -> tuple[bool, str]:
    """Run the generated suite; return whether it passed, and what it said."""
    # Wide, because pytest shortens a failure's message to the width of the terminal.
    variables = {"COLUMNS": "2000"} | variables
    result = run_suite(project, "--tb=no", "-rf", *arguments, **variables)
    return result.returncode == 0, result.stdout + result.stderr


def catching(fault: Fault) -> list[str]:
    """Return the arguments that have pytest run only the test that is to catch a fault."""
    file, test, *_ = fault.caught_by.split(": ", 2)
    return [f"tests/cors/{file}.py", "-k", test]


def failures(output: str) -> list[str]:
    """Return id and message of each test that failed for what it asserts; a crash is none."""
    return [line for line in FAILED.findall(output) if ASSERTION.search(line)]


def catches(fault: Fault, output: str) -> list[str]:
    """Return the failures that are the ones to expect."""
    file, test, says = f"{fault.caught_by}: ".split(": ", 2)
    expected = re.compile(rf"{file}\.py::\w*{test}\w*(\[| - ).*?{says.removesuffix(': ')}")
    return [line for line in failures(output) if expected.match(line)]
