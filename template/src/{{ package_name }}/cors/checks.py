"""The checks behind the rules: each reads a policy, or what surrounds it, and yields the faults.

What a rule means and how severe it is stands in `rules`; here is only how to find it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from .findings import Severity
from .origin import Origin, OriginError, Pattern, parse, shown
from .policy import CORSPolicy
from .sources import (
    PROCESS,
    Sources,
    Variable,
    merge_markers,
    read_dotenv,
    rejected_lines,
    unread_lines,
)
from .version_control import Unkept

ORIGINS = "CORS_ALLOWED_ORIGINS"
CREDENTIALS = "CORS_ALLOW_CREDENTIALS"
METHODS = "CORS_ALLOW_METHODS"
REQUEST_HEADERS = "CORS_ALLOW_HEADERS"
EXPOSED_HEADERS = "CORS_EXPOSE_HEADERS"
MAX_AGE = "CORS_MAX_AGE"
PUBLIC_PATHS = "CORS_PUBLIC_PATHS"
GUARD_WRITES = "CORS_GUARD_WRITES"
VARIABLES = (
    ORIGINS,
    CREDENTIALS,
    METHODS,
    REQUEST_HEADERS,
    EXPOSED_HEADERS,
    MAX_AGE,
    PUBLIC_PATHS,
    GUARD_WRITES,
)

# RFC 9110, section 5.6.2, without its quotes: nobody has one in a name, and many leave one behind.
TOKEN = re.compile(r"[!#$%&*+.^_|~0-9A-Za-z-]+")
STANDARD_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY"})
# Fetch Standard, "forbidden method".
FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
# Fetch Standard, "forbidden request-header"; Proxy- and Sec- are forbidden as prefixes.
FORBIDDEN_HEADERS = frozenset(
    {
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "access-control-request-private-network",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
FORBIDDEN_PREFIXES = ("proxy-", "sec-")
OVERRIDE_HEADERS = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})
# Fetch Standard, "CORS-safelisted response-header name".
SAFELISTED_RESPONSE_HEADERS = frozenset(
    {
        "cache-control",
        "content-language",
        "content-length",
        "content-type",
        "expires",
        "last-modified",
        "pragma",
    }
)
FORBIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2"})
# Names that only ever stand in a request, so that exposing them is a mix-up of the two lists.
REQUEST_ONLY_HEADERS = frozenset(
    {
        "accept",
        "accept-language",
        "authorization",
        "cookie",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "origin",
        "range",
        "referer",
        "user-agent",
    }
)

CHROMIUM_MAX_AGE = 7200
LONGEST_MAX_AGE = 86400


class Fault(NamedTuple):
    """One place where a rule is broken; the fields are those of a Finding.

    `severity` is None where it is the rule's own for the environment.
    """

    variable: str
    value: str
    reason: str
    fix: str
    where: str = ""
    severity: Severity | None = None


@dataclass(frozen=True)
class Subject:
    """What is audited: a policy, where it was read from, and the app that it protects.

    `sources` is None for settings made in code and `app` where only settings are known: the checks
    that need them then find nothing.
    """

    policy: CORSPolicy
    sources: Sources | None = None
    app: object | None = None
    # The recorded answers, where somebody wants to know whether they still hold.
    answers: Mapping[str, Any] = field(default_factory=dict)
    # The dotenv files that git does not keep, where somebody wants to know that.
    unkept: Mapping[Path, Unkept] = field(default_factory=dict)
    # Variables whose text could not be read; their default must not be judged in their place.
    unread: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def variables(self) -> Mapping[str, Variable]:
        """Every variable by name, with where it stands."""
        return self.sources.variables if self.sources else {}

    @cached_property
    def parsed(self) -> list[tuple[str, Origin | Pattern | OriginError]]:
        """Each entry of the allowed origins with what it is, or why it is none."""
        return [(text, parse_or_error(text)) for text in self.policy.allow_origins]

    @property
    def origins(self) -> Iterator[tuple[str, Origin]]:
        """The well-formed exact origins."""
        return ((text, entry) for text, entry in self.parsed if isinstance(entry, Origin))

    @property
    def patterns(self) -> Iterator[tuple[str, Pattern]]:
        """The well-formed wildcard patterns."""
        return ((text, entry) for text, entry in self.parsed if isinstance(entry, Pattern))


def parse_or_error(text: str) -> Origin | Pattern | OriginError:
    """Return what the text is, or the error that says why it is nothing."""
    try:
        return parse(text)
    except OriginError as error:
        return error


# --- The origins ------------------------------------------------------------------------------


def origins_not_set(subject: Subject) -> Iterator[Fault]:
    """Find that nobody said who may call."""
    if subject.sources and ORIGINS not in subject.variables:
        name = subject.policy.environment
        yield Fault(
            ORIGINS,
            "",
            "is not set, neither in a dotenv file nor in the process",
            f"write {ORIGINS}= into .env.{name}, followed by the origins, or by nothing "
            "if no other site may call",
        )


def malformed(rule: str) -> Callable[[Subject], Iterator[Fault]]:
    """Return the check for entries that `origin.parse` refuses under this rule."""

    def check(subject: Subject) -> Iterator[Fault]:
        for _, entry in subject.parsed:
            if isinstance(entry, OriginError) and entry.rule == rule:
                yield Fault(ORIGINS, entry.value, entry.reason, entry.fix)

    return check


def plain_http(subject: Subject) -> Iterator[str]:
    """Yield the entries that are plain http on a host that is not loopback."""
    for text, entry in subject.parsed:
        if not isinstance(entry, OriginError) and entry.is_plain_http and not entry.is_loopback:
            yield text


def plain_http_with_credentials(subject: Subject) -> Iterator[Fault]:
    """Find http front ends that would send cookies."""
    if subject.policy.allow_credentials:
        for text in plain_http(subject):
            yield Fault(
                ORIGINS,
                text,
                "is plain http while credentials are allowed",
                f"write {text.replace('http://', 'https://', 1)}, or set {CREDENTIALS}=false",
            )


def plain_http_without_credentials(subject: Subject) -> Iterator[Fault]:
    """Find http front ends."""
    if not subject.policy.allow_credentials:
        for text in plain_http(subject):
            fix = f"write {text.replace('http://', 'https://', 1)}"
            yield Fault(ORIGINS, text, "is plain http", fix)


# What app shells call themselves where the platform leaves them no scheme of their own.
SHELLS = {
    "localhost": "a Capacitor app on Android, give it a server.hostname of its own and list that",
    "tauri.localhost": "a Tauri app on Windows or Android, let it call by Tauri's HTTP plugin",
}


def private_address(subject: Subject) -> Iterator[Fault]:
    """Find addresses that are a different machine for every user."""
    for text, entry in subject.parsed:
        if isinstance(entry, OriginError):
            continue
        if entry.is_loopback or entry.is_private:
            kind = "a loopback" if entry.is_loopback else "a private"
            shell = SHELLS.get(entry.host) if entry.port is None else None
            yield Fault(
                ORIGINS,
                text,
                f"is {kind} address, a different machine for every user",
                "remove it here and list it in .env.development"
                + (f"; if it is {shell}" if shell else ""),
            )


def whole_label_wildcard(subject: Subject) -> Iterator[Fault]:
    """Find patterns such as https://*.acme.com."""
    for text, pattern in subject.patterns:
        if pattern.kind == "label":
            reason = "lets every host directly below the domain call"
            yield Fault(ORIGINS, text, reason, "list the hosts that need it one by one")


def partial_label_wildcard(subject: Subject) -> Iterator[Fault]:
    """Find patterns such as https://app-*-team.acme.dev."""
    for text, pattern in subject.patterns:
        if pattern.kind == "partial":
            reason = "matches every name that fits, whoever registered it"
            yield Fault(ORIGINS, text, reason, "list the exact origins")


def wildcard_under_public_suffix(subject: Subject) -> Iterator[Fault]:
    """Find patterns under a suffix where anybody can have a name."""
    for text, pattern in subject.patterns:
        if pattern.is_under_public_suffix:
            reason = "stands directly under a public suffix, where anybody can have a name"
            yield Fault(ORIGINS, text, reason, "list the exact origins that are yours")


def duplicate_origin(subject: Subject) -> Iterator[Fault]:
    """Find entries that another entry makes superfluous."""
    seen: set[str] = set()
    patterns = [pattern for _, pattern in subject.patterns]
    for text, entry in subject.parsed:
        if text in seen:
            yield Fault(ORIGINS, text, "is listed twice", "remove one of the two")
        seen.add(text)
        for pattern in patterns:
            if isinstance(entry, Origin) and pattern.covers(entry):
                reason = f"is covered by {pattern} already"
                yield Fault(ORIGINS, text, reason, f"remove it, or better, remove {pattern}")


def placeholder_host(subject: Subject) -> Iterator[Fault]:
    """Find hosts that are reserved for documentation."""
    for text, entry in subject.parsed:
        if not isinstance(entry, OriginError) and entry.is_placeholder:
            reason = "is a placeholder host that belongs to nobody"
            yield Fault(ORIGINS, text, reason, "write the front end's real origin, or remove it")


# --- Methods and headers ----------------------------------------------------------------------


def impossible_method(subject: Subject) -> Iterator[Fault]:
    """Find methods that are no token or that scripts may not use."""
    for method in subject.policy.allow_methods:
        if not TOKEN.fullmatch(method):
            fix = "write methods as GET,POST, separated by commas"
            yield Fault(METHODS, method, "is not the name of a method", fix)
        elif method.upper() in FORBIDDEN_METHODS:
            yield Fault(METHODS, method, "is forbidden to every script", f"remove {method}")


def lower_case_method(subject: Subject) -> Iterator[Fault]:
    """Find standard methods that would never match for their letters' case."""
    for method in subject.policy.allow_methods:
        if method != method.upper() and method.upper() in STANDARD_METHODS:
            reason = "is not written as browsers send it"
            yield Fault(METHODS, method, reason, f"write {method.upper()}")


def impossible_request_header(subject: Subject) -> Iterator[Fault]:
    """Find request headers that no script can set."""
    for header in subject.policy.allow_headers:
        name = header.lower()
        if not TOKEN.fullmatch(header):
            fix = "write names as Authorization,Content-Type, separated by commas"
            yield Fault(REQUEST_HEADERS, header, "is not the name of a header", fix)
        elif name in FORBIDDEN_HEADERS or name.startswith(FORBIDDEN_PREFIXES):
            fix = f"remove {header}"
            if name == "cookie":
                fix = f"remove {header}; cookies are allowed by {CREDENTIALS}=true"
            yield Fault(
                REQUEST_HEADERS, header, "is set by the browser alone, never by a script", fix
            )
        elif name.startswith("access-control-"):
            reason = "is a response header of the policy itself"
            yield Fault(REQUEST_HEADERS, header, reason, f"remove {header}")


def method_override(subject: Subject) -> Iterator[Fault]:
    """Find headers that turn a simple POST into another method."""
    for header in subject.policy.allow_headers:
        if header.lower() in OVERRIDE_HEADERS:
            reason = "lets a POST pass for a method that was not allowed"
            yield Fault(
                REQUEST_HEADERS, header, reason, f"remove it and list the method in {METHODS}"
            )


def wildcards(policy: CORSPolicy) -> Iterator[tuple[str, str]]:
    """Yield each list variable that holds `*`, with an example of what to write instead."""
    if "*" in policy.allow_methods:
        yield METHODS, "GET,POST"
    if "*" in policy.allow_headers:
        yield REQUEST_HEADERS, "Authorization,Content-Type"
    if "*" in policy.expose_headers:
        yield EXPOSED_HEADERS, "X-Total-Count"


def wildcard_without_credentials(subject: Subject) -> Iterator[Fault]:
    """Find `*` among methods and request headers."""
    if subject.policy.allow_credentials:
        return
    for variable, example in wildcards(subject.policy):
        if variable != EXPOSED_HEADERS:
            yield Fault(variable, "*", "allows whatever is asked", f"list what is used: {example}")


def wildcard_with_credentials(subject: Subject) -> Iterator[Fault]:
    """Find `*` where browsers read it literally."""
    if not subject.policy.allow_credentials:
        return
    for variable, example in wildcards(subject.policy):
        reason = "is read literally by browsers where credentials are allowed"
        yield Fault(variable, "*", reason, f"list what is used: {example}")


def impossible_exposed_header(subject: Subject) -> Iterator[Fault]:
    """Find response headers that scripts never see."""
    for header in subject.policy.expose_headers:
        name = header.lower()
        if header != "*" and not TOKEN.fullmatch(header):
            fix = "write names as X-Total-Count,ETag, separated by commas"
            yield Fault(EXPOSED_HEADERS, header, "is not the name of a header", fix)
        elif name in FORBIDDEN_RESPONSE_HEADERS:
            yield Fault(EXPOSED_HEADERS, header, "is hidden from every script", f"remove {header}")
        elif name in REQUEST_ONLY_HEADERS:
            fix = f"remove it here; scripts may set it when {REQUEST_HEADERS} lists it"
            yield Fault(EXPOSED_HEADERS, header, "is a request header", fix)


def needless_exposed_header(subject: Subject) -> Iterator[Fault]:
    """Find response headers that every script may read."""
    for header in subject.policy.expose_headers:
        if header.lower() in SAFELISTED_RESPONSE_HEADERS:
            yield Fault(EXPOSED_HEADERS, header, "is readable without it", f"remove {header}")


# --- Max-age, credentials, public paths -------------------------------------------------------


def impossible_max_age(subject: Subject) -> Iterator[Fault]:
    """Find a max-age outside a day."""
    if not 0 <= subject.policy.max_age <= LONGEST_MAX_AGE:
        reason = f"is not between 0 and {LONGEST_MAX_AGE} seconds"
        fix = f"write a whole number of seconds, such as {CHROMIUM_MAX_AGE}"
        yield Fault(MAX_AGE, str(subject.policy.max_age), reason, fix)


def max_age_above_cap(subject: Subject) -> Iterator[Fault]:
    """Find a max-age that Chromium cuts short."""
    if CHROMIUM_MAX_AGE < subject.policy.max_age <= LONGEST_MAX_AGE:
        reason = f"is more than the {CHROMIUM_MAX_AGE} seconds that Chromium keeps"
        yield Fault(MAX_AGE, str(subject.policy.max_age), reason, f"write {CHROMIUM_MAX_AGE}")


def credentials_without_origins(subject: Subject) -> Iterator[Fault]:
    """Find credentials that nobody may use."""
    if subject.policy.allow_credentials and not subject.policy.allow_origins:
        if ORIGINS in subject.unread:
            return
        reason = "allows credentials, but no origin may call"
        yield Fault(CREDENTIALS, "true", reason, f"write false, or list the origins in {ORIGINS}")


def unguarded_writes(subject: Subject) -> Iterator[Fault]:
    """Find cookies that a stranger's form could use."""
    if not subject.policy.allow_credentials or subject.policy.guard_writes:
        return
    instead = f"or {CREDENTIALS}=false if no cookie tells who calls"
    written = subject.variables.get(GUARD_WRITES)
    if written:
        reason = "lets a stranger's form write in a user's name, for browsers send cookies along"
        yield Fault(GUARD_WRITES, written.value, reason, f"write true, {instead}")
    else:
        reason = f"lets a stranger's form write in a user's name, for {GUARD_WRITES} is not set"
        yield Fault(CREDENTIALS, "true", reason, f"add {GUARD_WRITES}=true, {instead}")


def public_root_with_credentials(subject: Subject) -> Iterator[Fault]:
    """Find a service that is public as a whole and has cookies."""
    if subject.policy.allow_credentials and "/" in subject.policy.public_paths:
        reason = "opens every path to every site while credentials are allowed"
        fix = f"name the public prefixes, such as /catalogue, or set {CREDENTIALS}=false"
        yield Fault(PUBLIC_PATHS, "/", reason, fix)


def impossible_public_path(subject: Subject) -> Iterator[Fault]:
    """Find public paths that are no plain prefix."""
    for path in subject.policy.public_paths:
        segments = path.removesuffix("/").split("/")[1:]
        if not path.startswith("/"):
            reason, fix = "does not begin with a slash", "write a path, such as /public"
        elif re.search(r"[*?#;\\%\s]", path) or not path.isprintable():
            reason = "holds a character that no path prefix has"
            fix = "write the plain beginning of the path, such as /public"
        elif any(segment in ("", ".", "..") for segment in segments):
            reason, fix = "has an empty or dotted segment", "write the path without it"
        else:
            continue
        yield Fault(PUBLIC_PATHS, path, reason, fix)


# --- Where it was read from -------------------------------------------------------------------


def unknown_variable(subject: Subject) -> Iterator[Fault]:
    """Find names that begin as ours do and that nothing reads."""
    for name, variable in subject.variables.items():
        # The test suite reads CORS_REQUIRE_…, to fail without a browser instead of skipping.
        if name in VARIABLES or name.startswith("CORS_REQUIRE_"):
            continue
        # A byte order mark, a hyphen or a missing underscore hides a variable just as well.
        if name.startswith("CORS_") or letters(name) in LETTERS:
            near = get_close_matches(name, VARIABLES, n=1, cutoff=0)
            fix = f"write {near[0]}" if near else "remove it"
            yield Fault(name, "", "is read by nothing", f"{fix}, or remove it", variable.where)


def letters(name: str) -> str:
    """Return the letters and digits of a name alone."""
    return re.sub(r"[^A-Z0-9]", "", name)


LETTERS = frozenset(map(letters, VARIABLES))


def environment_contradicts_file(subject: Subject) -> Iterator[Fault]:
    """Find a dotenv file that names another environment than its own name does."""
    for file in subject.sources.files if subject.sources else ():
        for variable in read_dotenv(file):
            if variable.name == "ENVIRONMENT" and variable.value != subject.policy.environment:
                reason = f"contradicts the name of its file, {file.name}"
                fix = f"write ENVIRONMENT={subject.policy.environment}"
                yield Fault("ENVIRONMENT", variable.value, reason, fix, variable.where)


def unresolved_markers(subject: Subject) -> Iterator[Fault]:
    """Find what a conflicting update left in the dotenv files."""
    for file in subject.sources.files if subject.sources else ():
        for marker in merge_markers(file):
            reason = "is a merge marker that an update left"
            fix = "keep the lines you want and delete the three markers"
            yield Fault(file.name, marker.value, reason, fix, marker.where)
        for rejected in rejected_lines(file):
            reason = f"holds lines of {file.name} that an update could not merge"
            fix = f"put the lines you want into {file.name} and delete {rejected.value}"
            yield Fault(file.name, rejected.value, reason, fix, rejected.where)


def unread_line(subject: Subject) -> Iterator[Fault]:
    """Find lines of the dotenv files that are about the policy, and that no program reads."""
    for file in subject.sources.files if subject.sources else ():
        for line in unread_lines(file):
            reason = "is not read: a quote is not closed, there is no =, or something follows"
            fix = "write NAME=value, the value in two quotes or in none"
            yield Fault(file.name, shown(line.value), reason, fix, line.where)


def unkept_file(subject: Subject) -> Iterator[Fault]:
    """Find dotenv files that git does not have: nothing brings back what an update overwrites."""
    for file, why in subject.unkept.items():
        add = f"git add {file.name} && git commit"
        if why == "ignored":
            reason = "is ignored by git, so a template update overwrites your lines for good"
            fix = f"add !{file.name} as the last line of .gitignore, then run: {add}"
            yield Fault(file.name, "", reason, fix)
        else:
            yield Fault(file.name, "", "is not in git yet", f"run: {add}", severity="warning")


def expandable_value(subject: Subject) -> Iterator[Fault]:
    """Find `$`, which python-dotenv may replace and Docker and Kubernetes never do."""
    for variable in policy_lines(subject):
        if "$" in variable.value:
            reason = "holds a $, which python-dotenv may replace and Docker does not"
            fix = "write out the value, without $"
            yield Fault(variable.name, variable.value, reason, fix, variable.where)


def repeated_key(subject: Subject) -> Iterator[Fault]:
    """Find a variable of the policy that stands in one file more than once, in any case."""
    for file in subject.sources.files if subject.sources else ():
        first: dict[str, Variable] = {}
        for variable in filter(is_of_policy, read_dotenv(file)):
            if variable.name in first:
                reason = f"is set a second time; the first is {first[variable.name].where}"
                fix = "keep one of the two lines"
                yield Fault(variable.name, variable.value, reason, fix, variable.where)
            first.setdefault(variable.name, variable)


def policy_lines(subject: Subject) -> Iterator[Variable]:
    """Yield the policy's variables wherever they stand: in each file, and in the process."""
    for file in subject.sources.files if subject.sources else ():
        yield from filter(is_of_policy, read_dotenv(file))
    in_process = (each for each in subject.variables.values() if each.where == PROCESS)
    yield from filter(is_of_policy, in_process)


def is_of_policy(variable: Variable) -> bool:
    """Whether it is one of the policy's variables, or ENVIRONMENT, which selects them."""
    return variable.name in (*VARIABLES, "ENVIRONMENT")
