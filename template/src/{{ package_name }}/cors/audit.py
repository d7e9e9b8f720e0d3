# fmt: off
"""How a policy is judged: what a rule is, what it looks at, and what it finds."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .findings import Finding, Severity
from .origin import Origin, Pattern
from .origin_errors import OriginError, parse_or_error
from .policy import STRICTNESSES, CORSPolicy, Strictness
from .sources import DotenvFile, Sources, Variable
from .waivers import Waiver, read_waivers, waive

ORIGINS = "CORS_ALLOWED_ORIGINS"
CREDENTIALS = "CORS_ALLOW_CREDENTIALS"
METHODS = "CORS_ALLOW_METHODS"
REQUEST_HEADERS = "CORS_ALLOW_HEADERS"
EXPOSED_HEADERS = "CORS_EXPOSE_HEADERS"
MAX_AGE = "CORS_MAX_AGE"
PUBLIC_PATHS = "CORS_PUBLIC_PATHS"
GUARD_WRITES = "CORS_GUARD_WRITES"
GUARD_EXEMPT_PATHS = "CORS_GUARD_EXEMPT_PATHS"
WAIVERS = "CORS_WAIVERS"

# The field of CORSPolicy that each variable is for.
FIELDS = {
    ORIGINS: "allow_origins",
    CREDENTIALS: "allow_credentials",
    METHODS: "allow_methods",
    REQUEST_HEADERS: "allow_headers",
    EXPOSED_HEADERS: "expose_headers",
    MAX_AGE: "max_age",
    PUBLIC_PATHS: "public_paths",
    GUARD_WRITES: "guard_writes",
    GUARD_EXEMPT_PATHS: "guard_exempt_paths",
    WAIVERS: "waivers",
}

# E: an error, the service does not start. W: a warning. -: fine.
SEVERITIES: dict[str, Severity | None] = {"E": "error", "W": "warning", "-": None}


@dataclass(frozen=True)
class Subject:
    """What is judged: a policy, what it was read from, and the app that it protects.

    `sources` is None for settings made in code, `app` where only settings are known: the rules that
    need them then find nothing.
    """

    policy: CORSPolicy
    sources: Sources | None = None
    app: object | None = None

    @cached_property
    def variables(self) -> Mapping[str, Variable]:
        """Every variable by name, with where it stands."""
        return self.sources.variables if self.sources else {}

    @property
    def files(self) -> tuple[DotenvFile, ...]:
        """The dotenv files that were read."""
        return self.sources.files if self.sources else ()

    @cached_property
    def waivers(self) -> list[Waiver]:
        """The waivers of the policy."""
        return read_waivers(self.policy.waivers)

    @cached_property
    def entries(self) -> list[tuple[str, Origin | Pattern | OriginError]]:
        """Each entry of the allowed origins with what it is, or why it is no origin."""
        return [(text, parse_or_error(text)) for text in self.policy.allow_origins]

    @property
    def sites(self) -> Iterator[tuple[str, Origin | Pattern]]:
        """The entries that are origins or patterns."""
        return ((text, each) for text, each in self.entries if not isinstance(each, OriginError))

    @property
    def patterns(self) -> Iterator[tuple[str, Pattern]]:
        """The entries that are patterns."""
        return ((text, entry) for text, entry in self.entries if isinstance(entry, Pattern))


class Fault(NamedTuple):
    """One place where a rule is broken. The fields are those of a Finding.

    `severity` is None where it is the rule's own for the environment. `is_final`: no waiver accepts
    this one, though the rule can be waived.
    """

    variable: str
    value: str
    reason: str
    fix: str
    where: str = ""
    severity: Severity | None = None
    is_final: bool = False


Check = Callable[[Subject], Iterable[Fault]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    `severities` has a letter for local, shared and production environments, in this order. `check`
    yields a fault wherever the rule is broken; it is None where the fault is found before there is
    a policy, when variables are read. `waivable`: a waiver may accept a finding until a day.
    """

    id: str
    severities: str
    title: str
    check: Check | None = None
    waivable: bool = False

    def severity(self, strictness: Strictness) -> Severity | None:
        """Return what breaking the rule means in an environment of this strictness."""
        return SEVERITIES[self.severities.split()[STRICTNESSES.index(strictness)]]


class RuleBook(list[Rule]):
    """Rules, each declared with its check: `@BOOK.rule("CORS010", "- W E")`.

    The docstring of the check is the title. What else there is to say is in `tool/rules.toml`.
    """

    def rule(self, id: str, severities: str, *, waivable: bool = False) -> Callable[[Check], Check]:
        """Return a decorator that adds a rule with the decorated function as its check."""

        def add(check: Check) -> Check:
            # Python's option -OO removes docstrings.
            title = (check.__doc__ or "").removesuffix(".")
            self.append(Rule(id, severities, title, check, waivable))
            return check

        return add


def findings_of(subject: Subject, rules: Iterable[Rule]) -> Iterator[Finding]:
    """Yield a finding for every broken rule, in the order of the rules."""
    for rule in rules:
        severity = rule.severity(subject.policy.strictness)
        if rule.check is None or severity is None:
            continue
        for fault in rule.check(subject):
            variable = subject.variables.get(fault.variable)
            finding = Finding(
                rule=rule.id,
                severity=fault.severity or severity,
                variable=fault.variable,
                value=fault.value,
                reason=fault.reason,
                fix=fault.fix,
                where=fault.where or (variable.where if variable else ""),
            )
            can_be_waived = rule.waivable and not fault.is_final
            yield waive(finding, subject.waivers, can_be_waived=can_be_waived)
