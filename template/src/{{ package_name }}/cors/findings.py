"""What the audit has to say: one finding per fault, one readable line per finding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]

# Long enough for any real origin, short enough that a pasted file does not flood the terminal.
SHOWN_CHARACTERS = 120


def shown(value: str) -> str:
    """Return a value as a message shows it: on one line, control characters escaped, shortened."""
    visible = value.encode("unicode_escape").decode() if not value.isprintable() else value
    if len(visible) > SHOWN_CHARACTERS:
        visible = f"{visible[:SHOWN_CHARACTERS]}… ({len(value):,} characters)"
    return f"`{visible}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault: which rule, in which variable, what was written, why that is wrong, what to do.

    `reason` is a clause that follows the value, `fix` an instruction; neither ends in a full stop.
    """

    rule: str
    variable: str
    value: str
    reason: str
    fix: str
    where: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        value = f" {shown(self.value)}" if self.value else ""
        subject = f"{self.variable}{place}:{value}"
        return f"{self.rule} {self.severity}: {subject} {self.reason}. Fix: {self.fix}."


class ConfigurationError(SystemExit):
    """The configuration is refused; every finding is said at once.

    A SystemExit, so that uvicorn, `fastapi run` and plain Python print its text and exit with
    status 1 instead of showing a traceback for what is nobody's programming error.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        errors = sum(finding.severity == "error" for finding in self.findings)
        noun = "error" if errors == 1 else "errors"
        lines = "\n".join(f"  {finding}" for finding in self.findings)
        super().__init__(f"The service does not start: {errors} configuration {noun}.\n{lines}")
