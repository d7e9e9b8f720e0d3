"""What the three drivers have in common."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from .servers import Servers

# How long a script may run, in seconds: all cases of a page take three on a quiet machine.
PATIENCE = 180


class Engine(Protocol):
    """A running browser with one page."""

    version: str

    def open(self, origin: str) -> None:
        """Open a page at an origin of the page server, or at a URL of the service."""

    def run(self, script: str) -> Any:
        """Run an expression on the page, wait for its promise, and return its value by JSON."""

    def console(self) -> list[str]:
        """Return the lines that the console has had since the start."""


# Raises UnavailableError where the browser or something it needs is not installed.
Start = Callable[[Servers], AbstractContextManager[Engine]]


def version_of(program: str) -> str:
    """Return the version that a program prints."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", said.stdout)
    return found[0] if found else ""


def is_root() -> bool:
    """Whether browsers would refuse to run in their sandbox."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
