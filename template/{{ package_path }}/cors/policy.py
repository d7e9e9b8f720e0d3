# fmt: off
"""The policy of one environment: who may call this service from a browser, and how."""

import re
from dataclasses import dataclass, fields
from typing import Any, Literal

from .findings import read_waivers
from .origin import Origin, Pattern, own_app_origin
from .origin_errors import NearMiss, near_miss, parse

Strictness = Literal["local", "shared", "production"]

ORIGINS = "CORS_ALLOWED_ORIGINS"
CREDENTIALS = "CORS_ALLOW_CREDENTIALS"
METHODS = "CORS_ALLOW_METHODS"
REQUEST_HEADERS = "CORS_ALLOW_HEADERS"
EXPOSED_HEADERS = "CORS_EXPOSE_HEADERS"
MAX_AGE = "CORS_MAX_AGE"
PUBLIC_PATHS = "CORS_PUBLIC_PATHS"
GUARD_WRITES = "CORS_GUARD_WRITES"
GUARD_EXEMPT_PATHS = "CORS_GUARD_EXEMPT_PATHS"
ALLOWED_HOSTS = "CORS_ALLOWED_HOSTS"
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
    ALLOWED_HOSTS: "allowed_hosts",
    WAIVERS: "waivers",
}

STRICTNESSES: tuple[Strictness, ...] = ("local", "shared", "production")
LOCAL_ENVIRONMENTS = frozenset({"development", "test"})
# Names that nobody can register: all without a dot, and these.
LOCAL_HOSTS = ("*", "*.localhost")
# As the first word of a name, with or without digits: prod-eu, production_2, live.
PRODUCTION = re.compile(r"(prod|prd|production|live)[0-9]*([-_].*)?", re.IGNORECASE)
# A refused origin is compared with so many entries: a longer list would make refusals expensive.
MOST_COMPARED = 100


def strictness_of(environment: str) -> Strictness:
    """Return how strictly an environment of this name is judged.

    Others can reach an environment with an unknown name (`qa`, `demo`), so it is judged as staging.
    """
    if environment in LOCAL_ENVIRONMENTS:
        return "local"
    return "production" if PRODUCTION.fullmatch(environment) else "shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class CORSPolicy:
    """The policy of one environment as it is written, before the rules have judged it.

    What it shares with Starlette's CORSMiddleware has the same name as there.

    `allow_origins` holds exact origins and wildcard patterns in the order they are written.
    `report_writes` is CORS_GUARD_WRITES=report, where `guard_writes` is false.
    """

    environment: str
    allow_origins: tuple[str, ...] = ()
    allow_credentials: bool = False
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int = 600
    public_paths: tuple[str, ...] = ()
    guard_writes: bool = False
    report_writes: bool = False
    guard_exempt_paths: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    # As they are written: CORS012:2027-01-31:https://*.acme.com.
    waivers: tuple[str, ...] = ()

    @property
    def strictness(self) -> Strictness:
        """How strictly this policy is judged."""
        return strictness_of(self.environment)

    @property
    def entries(self) -> list[Origin | Pattern]:
        """The allowed origins, read; an app's own scheme is one where a waiver accepts it.

        Raises OriginError for an entry that is no origin: audit a policy before you enforce it.
        """
        accepted = {each.value for each in read_waivers(self.waivers) if each.rule == "CORS008"}
        return [
            (own_app_origin(text) if text in accepted else None) or parse(text)
            for text in self.allow_origins
        ]

    def middleware_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments with which StrictCORSMiddleware enforces this policy.

        Raises OriginError where `entries` does.
        """
        entries = self.entries
        patterns = [entry.regex for entry in entries if isinstance(entry, Pattern)]

        def nearest(refused: str) -> NearMiss | None:
            return near_miss(refused, entries[:MOST_COMPARED])

        def describe_refused(refused: str) -> str:
            near = nearest(refused)
            listed = ", ".join(self.allow_origins) or "none"
            sentence = near.sentence if near else f"{refused!a} is not allowed"
            return (
                f"{sentence}. Allowed in {self.environment}: {listed}. "
                "Set it with CORS_ALLOWED_ORIGINS; `cors show` says what is in force.\n"
            )

        is_local = self.strictness == "local"
        only_for_rules = ("environment", "waivers")
        names = [field.name for field in fields(self) if field.name not in only_for_rules]
        return {name: getattr(self, name) for name in names} | {
            "allow_origins": frozenset(str(each) for each in entries if isinstance(each, Origin)),
            "allow_origin_regex": "|".join(patterns) or None,
            # What helps a developer would tell other sites the policy.
            "describe_refused": describe_refused if is_local else None,
            "near_miss": nearest,
            "allowed_hosts": (*self.allowed_hosts, *(LOCAL_HOSTS if is_local else ())),
        }
