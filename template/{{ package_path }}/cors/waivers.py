# fmt: off
"""Waivers: findings that a team accepts until a day, after a review.

    CORS_WAIVERS=CORS012:2027-01-31:https://*.acme.com

names the rule, the last day, and the value that the finding shows. Where a finding shows no value,
what stands in its place is the value: a variable, a file or a route. A waiver accepts that one
finding and nothing else.

After its last day, a service still starts, with a warning: an image that has not changed must not
stop starting overnight. `cors check` in a checkout and the test suite then fail.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from .findings import Finding, shown

WRITTEN = re.compile(r"(CORS[0-9]{3}):([0-9]{4}-[0-9]{2}-[0-9]{2}):(\S+)")


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
    found = WRITTEN.fullmatch(text)
    try:
        return Waiver(found[1], date.fromisoformat(found[2]), found[3]) if found else None
    except ValueError:
        return None


def read_waivers(texts: Iterable[str]) -> list[Waiver]:
    """Return the waivers among the texts, those that last longest first."""
    found = [waiver for waiver in map(read_waiver, texts) if waiver]
    return sorted(found, key=lambda waiver: waiver.until, reverse=True)


def waive(finding: Finding, waivers: Iterable[Waiver], *, can_be_waived: bool) -> Finding:
    """Return the finding as the waivers leave it.

    It is accepted until a waiver's last day, and a warning after it.
    """
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
