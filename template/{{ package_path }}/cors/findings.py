# fmt: off
"""Findings: what is wrong with a configuration, one readable line for each fault.

And waivers: findings that a team accepts until a day, after a review.

    CORS_WAIVERS=CORS012:2027-01-31:https://*.acme.com

names the rule, the last day, and the value that the finding shows. Where a finding shows no value,
what stands in its place is the value: a variable, a file or a route. A waiver accepts that one
finding and nothing else.

After its last day, a service still starts, with a warning: an image that has not changed must not
stop starting overnight. `cors check` in a checkout and the test suite then fail.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal

# How CORS_WAIVERS writes a waiver.
WAIVER = re.compile(r"(CORS[0-9]{3}):([0-9]{4}-[0-9]{2}-[0-9]{2}):(\S+)")

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


# --- Waivers ------------------------------------------------------------------------------------


def today() -> date:
    """Return the day that waivers are compared with, in UTC. Tests replace this function."""
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Waiver:
    """The rule, the last day on which its finding is accepted, and the exact value."""

    rule: str
    until: date
    value: str

    def __str__(self) -> str:
        over = " (over)" if self.days_left < 0 else ""
        return f"{self.rule} until {self.until}{over}: {shown(self.value)}"

    @property
    def days_left(self) -> int:
        """The days until the last one: 0 on that day, negative after it."""
        return (self.until - today()).days

    def is_for(self, finding: Finding) -> bool:
        """Whether this is the finding that it accepts."""
        return (self.rule, self.value) == (finding.rule, finding.value or finding.variable)


def read_waiver(text: str) -> Waiver | None:
    """Return the waiver that a text is, or None if it is none."""
    found = WAIVER.fullmatch(text)
    try:
        return Waiver(found[1], date.fromisoformat(found[2]), found[3]) if found else None
    except ValueError:
        return None


def read_waivers(texts: Iterable[str]) -> list[Waiver]:
    """Return the waivers among the texts, those that last longest first."""
    found = [waiver for waiver in map(read_waiver, texts) if waiver]
    return sorted(found, key=lambda waiver: waiver.until, reverse=True)


def waive(finding: Finding, waivers: Iterable[Waiver], *, can_be_waived: bool) -> Finding:
    """Return the finding as the waivers leave it: accepted, or a warning after the last day."""
    waiver = next((each for each in waivers if each.is_for(finding)), None)
    if waiver is None:
        return finding
    if not can_be_waived:
        return replace(finding, reason=f"{finding.reason}, which no waiver can accept")
    fix = f"{finding.fix}, and remove the waiver"
    if waiver.days_left < 0:
        reason = f"{finding.reason}, which was accepted until {waiver.until} only"
        return replace(finding, severity="warning", reason=reason, fix=fix)
    return replace(finding, severity="accepted", until=str(waiver.until), fix=fix)


# --- The start ----------------------------------------------------------------------------------


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
