# fmt: off
"""Findings: what is wrong with a configuration, one readable line for each fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# What a waiver accepts is no error and no warning any more.
Severity = Literal["error", "warning", "accepted"]

# Long enough for any real origin, short enough that a pasted file does not flood the terminal.
LONGEST_SHOWN = 100


def shown(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Return `text` as messages show it: one line, escaped, cut, without user name and password."""
    before, at, after = text.rpartition("@")
    if at:
        # More than one item of a list may have a user name: from the first to the last.
        scheme, slashes, _ = text.partition("@")[0].rpartition("://")
        user = before.removeprefix(scheme + slashes)
        # A slash ends the host, unless a password has one in it.
        if "/" not in user or ":" in user:
            text = f"{scheme}{slashes}***@{after}"
    visible = text if text.isprintable() else repr(text)[1:-1]
    if len(visible) > longest:
        return f"{visible[:longest]}… ({len(text):,} characters)"
    return visible


def counted(number: int, noun: str) -> str:
    """Return a number and its noun: `1 error`, `2 errors`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault: which rule it breaks, in which variable, what is written there, why, what to do.

    `reason` continues a sentence that begins with the value; `fix` is an instruction. Neither ends
    in a full stop. `where` is a file and line, such as `.env.production:7`, or empty. `until` is
    the last day on which an accepted finding is accepted.
    """

    rule: str
    variable: str
    value: str
    reason: str
    fix: str
    where: str = ""
    severity: Severity = "error"
    until: str = ""

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        until = f" until {self.until}" if self.until else ""
        return f"{self.rule} {self.severity}{until}: {self.variable}{place}: {self.sentence}"

    @property
    def sentence(self) -> str:
        """What is wrong with the value, and the fix."""
        value = f"`{shown(self.value)}` " if self.value else ""
        return f"{value}{self.reason}. Fix: {self.fix}."


def errors_among(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that keep a service from starting."""
    return [finding for finding in findings if finding.severity == "error"]


class ConfigurationError(SystemExit):
    """The configuration is refused. The text has a line for every finding.

    It is a SystemExit, so that uvicorn, `fastapi run` and plain Python print the text and exit with
    status 1. A traceback would blame the program for a mistake in its settings.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        errors = len(errors_among(self.findings))
        noun = "error" if errors == 1 else "errors"
        lines = "\n".join(f"  {finding}" for finding in self.findings)
        super().__init__(f"The service does not start: {errors} configuration {noun}.\n{lines}")
