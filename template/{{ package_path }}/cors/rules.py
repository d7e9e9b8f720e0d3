# fmt: off
"""The rule book: what a policy must not be, each rule beside the check that finds it.

Ids never change: messages, scripts and reviews refer to them. A new rule takes the next free id.
Rules on the finished app are in `app`, those that only a developer needs in `tool`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from pydantic_settings import BaseSettings

from . import fetch_standard
from .findings import Finding, Severity, Waiver, read_waiver, read_waivers, shown, waive
from .origin import Origin, Pattern, host_of, own_app_origin
from .origin_errors import OriginError, parse
from .policy import (
    ALLOWED_HOSTS,
    CREDENTIALS,
    EXPOSED_HEADERS,
    FIELDS,
    GUARD_EXEMPT_PATHS,
    GUARD_WRITES,
    MAX_AGE,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
    STRICTNESSES,
    WAIVERS,
    CORSPolicy,
    Strictness,
)
from .sources import PROCESS, DotenvFile, Sources, Variable

# --- What a rule is ---------------------------------------------------------------------------

# E: an error, the service does not start. W: a warning. S: `cors check` suggests it. -: fine.
SEVERITIES: dict[str, Severity | None] = {"E": "error", "W": "warning", "S": None, "-": None}


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
        read: list[tuple[str, Origin | Pattern | OriginError]] = []
        for text in self.policy.allow_origins:
            try:
                read.append((text, parse(text)))
            except OriginError as error:
                read.append((text, error))
        return read

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
            where = fault.where or (variable.where if variable else "")
            fields = fault._asdict() | {"severity": fault.severity or severity, "where": where}
            can_be_waived = rule.waivable and not fault.is_final
            del fields["is_final"]
            finding = Finding(rule=rule.id, **fields)
            yield waive(finding, subject.waivers, can_be_waived=can_be_waived)


BOOK = RuleBook()

# Chromium keeps a preflight's answer for at most two hours, Firefox for a day.
CHROMIUM_MAX_AGE = 7200
LONGEST_MAX_AGE = 86400

# Names that stand only in requests: exposing one confuses the two lists.
REQUEST_ONLY_HEADERS = fetch_standard.names(
    "accept accept-language authorization cookie host if-match if-modified-since if-none-match "
    "origin range referer user-agent"
)

# The variables of the policy, and the one that selects them.
OF_POLICY = frozenset({*FIELDS, "ENVIRONMENT"})
MERGE_MARKER = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |$)")
# The beginning of a line about the policy, however it goes on.
ABOUT_THE_POLICY = re.compile(
    r"\s*(?:(?:export|set)\s+)?['\"]?(?:CORS_|ENVIRONMENT\b)", re.IGNORECASE
)


# --- The origins ------------------------------------------------------------------------------
def malformed(rule: str) -> Callable[[Subject], Iterator[Fault]]:
    """Return the check for entries that `origin_errors.parse` refuses under this rule."""

    def check(subject: Subject) -> Iterator[Fault]:
        for _, entry in subject.entries:
            if isinstance(entry, OriginError) and entry.rule == rule:
                is_final = own_app_origin(entry.value) is None
                yield Fault(ORIGINS, entry.value, entry.reason, entry.fix, is_final=is_final)

    return check


# A waiver can accept only one of them: a scheme of an app's own, as in myshop://app.
MALFORMED = {
    "CORS003": "A wildcard among the origins",
    "CORS005": "An opaque origin",
    "CORS006": "Not an origin",
    "CORS007": "An origin in a form that browsers do not send",
    "CORS008": "No scheme, or one that no front end has",
    "CORS015": "A wildcard anywhere else",
    "CORS016": "A wildcard port on a host that is not loopback",
}
BOOK.extend(
    Rule(id, "E E E", title, malformed(id), waivable=id == "CORS008")
    for id, title in MALFORMED.items()
)


@BOOK.rule("CORS002", "W E E")
def origins_not_set(subject: Subject) -> Iterator[Fault]:
    """CORS_ALLOWED_ORIGINS is not set."""
    if subject.sources and ORIGINS not in subject.variables:
        reason = "is not set, neither in a dotenv file nor in the process"
        fix = f"write {ORIGINS}= into .env.{subject.policy.environment}, followed by the origins, "
        yield Fault(ORIGINS, "", reason, fix + "or by nothing if no other site may call")


def plain_http(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield the entries that are plain http on a host that is not loopback, each with its fix."""
    for text, each in subject.sites:
        if each.scheme == "http" and not each.is_loopback:
            https = text.replace("http://", "https://", 1).removesuffix(":443")
            listed = https in subject.policy.allow_origins
            yield text, f"remove it; {https} is listed already" if listed else f"write {https}"


@BOOK.rule("CORS009", "W E E", waivable=True)
def plain_http_with_credentials(subject: Subject) -> Iterator[Fault]:
    """Plain http with credentials."""
    if subject.policy.allow_credentials:
        for text, fix in plain_http(subject):
            reason = "is plain http while credentials are allowed"
            yield Fault(ORIGINS, text, reason, f"{fix}, or set {CREDENTIALS}=false")


@BOOK.rule("CORS010", "- W E", waivable=True)
def plain_http_without_credentials(subject: Subject) -> Iterator[Fault]:
    """Plain http."""
    if not subject.policy.allow_credentials:
        for text, fix in plain_http(subject):
            yield Fault(ORIGINS, text, "is plain http", fix)


@BOOK.rule("CORS011", "- W E", waivable=True)
def private_address(subject: Subject) -> Iterator[Fault]:
    """A loopback, private or link-local address."""
    for text, site in subject.sites:
        if site.is_loopback or site.is_private:
            kind = "a loopback" if site.is_loopback else "a private"
            reason = f"is {kind} address, a different machine for every user"
            fix = f"remove it here and list {text} in .env.development"
            yield Fault(ORIGINS, text, reason, fix)


@BOOK.rule("CORS012", "- W E", waivable=True)
def whole_label_wildcard(subject: Subject) -> Iterator[Fault]:
    """A wildcard for a whole label."""
    policy = subject.policy
    for text, pattern in subject.patterns:
        # Under a public suffix, CORS014 says it.
        if pattern.kind != "label" or pattern.is_under_public_suffix:
            continue
        reason = "lets every host directly below the domain call"
        fix = "list the hosts that need it one by one"
        if not policy.allow_credentials or policy.strictness != "production":
            yield Fault(ORIGINS, text, reason, fix, severity="warning")
            continue
        if text not in [each.value for each in subject.waivers]:
            fix += ", or accept it after a review: `cors check` in a checkout says how"
        yield Fault(ORIGINS, text, f"{reason} and act as the user", fix)


@BOOK.rule("CORS013", "W W E", waivable=True)
def partial_label_wildcard(subject: Subject) -> Iterator[Fault]:
    """A wildcard for part of a label."""
    for text, pattern in subject.patterns:
        if pattern.kind == "partial" and not pattern.is_under_public_suffix:
            reason = "matches every name that fits, whoever registers it"
            yield Fault(ORIGINS, text, reason, "list the exact origins")


@BOOK.rule("CORS014", "W E E", waivable=True)
def wildcard_under_public_suffix(subject: Subject) -> Iterator[Fault]:
    """A wildcard under a public suffix or on shared hosting."""
    credentials = subject.policy.allow_credentials
    is_preview = subject.policy.environment == "preview" and not credentials
    for text, pattern in subject.patterns:
        if pattern.is_under_public_suffix and is_preview and pattern.has_fixed_parts:
            reason = f"is under {pattern.base}, where anybody can take a name that fits and read "
            reason += "what their visitors' browsers can reach. Behind a VPN or an IP allow-list, "
            reason += "that is more than the public can reach"
            fix = "give previews a domain of your own, or list the exact origins that are yours"
            yield Fault(ORIGINS, text, reason, fix, severity="warning")
        elif pattern.is_under_public_suffix:
            reason = "is on shared hosting or under a public suffix, where anybody can take a name"
            fix = "list the exact origins that are yours"
            yield Fault(ORIGINS, text, reason, fix, is_final=credentials)


@BOOK.rule("CORS032", "- W E", waivable=True)
def placeholder_host(subject: Subject) -> Iterator[Fault]:
    """A placeholder host."""
    for text, site in subject.sites:
        if site.is_placeholder:
            reason = "is a placeholder host that belongs to nobody"
            yield Fault(ORIGINS, text, reason, "write the front end's real origin, or remove it")


# --- Methods and headers ----------------------------------------------------------------------
EXAMPLES = {
    METHODS: "GET,POST",
    REQUEST_HEADERS: "Authorization,Content-Type",
    EXPOSED_HEADERS: "X-Total-Count,ETag",
}


def is_name(text: str) -> bool:
    """Whether it is a token without quotes, which a token may hold but which are leftovers."""
    return fetch_standard.TOKEN.fullmatch(text) is not None and not set(text) & set("'`")


@BOOK.rule("CORS017", "E E E")
def impossible_method(subject: Subject) -> Iterator[Fault]:
    """A method that no script can send."""
    for method in subject.policy.allow_methods:
        if not is_name(method):
            fix = "write methods as GET,POST, separated by commas"
            yield Fault(METHODS, method, "is not the name of a method", fix)
        elif method.upper() in fetch_standard.FORBIDDEN_METHODS:
            yield Fault(METHODS, method, "is forbidden to every script", f"remove {method}")


@BOOK.rule("CORS018", "E E E")
def lower_case_method(subject: Subject) -> Iterator[Fault]:
    """A standard method in lower case."""
    for method in subject.policy.allow_methods:
        if method != method.upper() and method.upper() in fetch_standard.STANDARD_METHODS:
            reason = "is not written as browsers send it"
            yield Fault(METHODS, method, reason, f"write {method.upper()}")


@BOOK.rule("CORS019", "E E E")
def impossible_request_header(subject: Subject) -> Iterator[Fault]:
    """A request header that no script can set."""
    for header in subject.policy.allow_headers:
        name, fix = header.lower(), f"remove {header}"
        is_prefixed = name.startswith(fetch_standard.FORBIDDEN_REQUEST_PREFIXES)
        if not is_name(header):
            fix = "write names as Authorization,Content-Type, separated by commas"
            yield Fault(REQUEST_HEADERS, header, "is not the name of a header", fix)
        elif is_prefixed or name in fetch_standard.FORBIDDEN_REQUEST_HEADERS:
            if name == "cookie":
                fix += f"; cookies are allowed by {CREDENTIALS}=true"
            reason = "is set by the browser alone, never by a script"
            yield Fault(REQUEST_HEADERS, header, reason, fix)
        elif name.startswith("access-control-"):
            yield Fault(REQUEST_HEADERS, header, "is a response header of the policy itself", fix)


def wildcards(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield each list that holds `*`, with an example of what to write instead."""
    for variable, example in EXAMPLES.items():
        if "*" in getattr(subject.policy, FIELDS[variable]):
            yield variable, example


@BOOK.rule("CORS021", "W W E", waivable=True)
def wildcard_without_credentials(subject: Subject) -> Iterator[Fault]:
    """A wildcard among methods or request headers."""
    for variable, example in wildcards(subject):
        if variable != EXPOSED_HEADERS and not subject.policy.allow_credentials:
            # Without a value, so that a waiver has to name the variable: both lists may hold `*`.
            reason = "holds `*`, which allows every name that a page asks for"
            yield Fault(variable, "", reason, f"list names: {example}")


@BOOK.rule("CORS022", "E E E")
def wildcard_with_credentials(subject: Subject) -> Iterator[Fault]:
    """A wildcard where credentials are allowed."""
    for variable, example in wildcards(subject):
        if subject.policy.allow_credentials:
            reason = "is read literally by browsers where credentials are allowed"
            yield Fault(variable, "*", reason, f"list what is used: {example}")


@BOOK.rule("CORS023", "E E E")
def impossible_exposed_header(subject: Subject) -> Iterator[Fault]:
    """A response header that cannot be exposed."""
    for header in subject.policy.expose_headers:
        name = header.lower()
        if header != "*" and not is_name(header):
            fix = "write names as X-Total-Count,ETag, separated by commas"
            yield Fault(EXPOSED_HEADERS, header, "is not the name of a header", fix)
        elif name in fetch_standard.FORBIDDEN_RESPONSE_HEADERS:
            yield Fault(EXPOSED_HEADERS, header, "is hidden from every script", f"remove {header}")
        elif name in REQUEST_ONLY_HEADERS:
            fix = f"remove it here; scripts may set it when {REQUEST_HEADERS} lists it"
            yield Fault(EXPOSED_HEADERS, header, "is a request header", fix)


# --- Maximum age, credentials, public paths ---------------------------------------------------
@BOOK.rule("CORS025", "E E E")
def impossible_max_age(subject: Subject) -> Iterator[Fault]:
    """A maximum age that is not a number of seconds up to a day."""
    if not 0 <= subject.policy.max_age <= LONGEST_MAX_AGE:
        reason = f"is not between 0 and {LONGEST_MAX_AGE} seconds"
        fix = f"write a whole number of seconds, such as {CHROMIUM_MAX_AGE}"
        yield Fault(MAX_AGE, str(subject.policy.max_age), reason, fix)


@BOOK.rule("CORS040", "W E E", waivable=True)
def unguarded_writes(subject: Subject) -> Iterator[Fault]:
    """Credentials without the write guard."""
    if subject.policy.report_writes:
        reason = "only logs the writes of other sites, and lets them run"
        fix = "write true when the log holds no write that has to pass"
        yield Fault(GUARD_WRITES, "report", reason, fix, severity="warning")
        return
    if not subject.policy.allow_credentials or subject.policy.guard_writes:
        return
    reason = "lets a form of another site write in a user's name, since browsers send cookies along"
    fix, place = "write true", subject.variables.get(GUARD_WRITES)
    if place is None:
        reason += ", and it is not set"
        fix, place = f"add {GUARD_WRITES}=true", subject.variables.get(CREDENTIALS)
    fix += f", or {CREDENTIALS}=false if no cookie tells who calls"
    # The value is the policy's, so that a waiver also fits where no file is known.
    yield Fault(GUARD_WRITES, "false", reason, fix, place.where if place else "")


@BOOK.rule("CORS004", "W E E", waivable=True)
def public_root_with_credentials(subject: Subject) -> Iterator[Fault]:
    """Everything is public while credentials are allowed."""
    if subject.policy.allow_credentials and "/" in subject.policy.public_paths:
        reason = "opens every path to every site while credentials are allowed"
        fix = f"list the public prefixes, such as /catalogue, or set {CREDENTIALS}=false"
        yield Fault(PUBLIC_PATHS, "/", reason, fix)


@BOOK.rule("CORS039", "E E E")
def impossible_public_path(subject: Subject) -> Iterator[Fault]:
    """A public path that is no path prefix."""
    for path in subject.policy.public_paths:
        if reason := path_fault(path):
            yield Fault(PUBLIC_PATHS, path, reason, "write a plain prefix, such as /public")


def path_fault(path: str) -> str:
    """Return why a text is no plain path, empty if it is one."""
    if not path.startswith("/"):
        return "does not begin with a slash"
    if re.search(r"[*?#;\\%\s]", path) or not path.isprintable():
        return "holds a character that no plain path has"
    if any(segment in ("", ".", "..") for segment in path.removesuffix("/").split("/")[1:]):
        return "has an empty or dotted segment"
    return ""


@BOOK.rule("CORS049", "E E E")
def impossible_exempt_path(subject: Subject) -> Iterator[Fault]:
    """An exempt path that is no single path."""
    public = tuple(each.removesuffix("/") + "/" for each in subject.policy.public_paths)
    for path in subject.policy.guard_exempt_paths:
        reason = path_fault(path)
        fix = "write the exact path of the callback, such as /auth/callback"
        if path == "/" or set(path) & set("{}"):
            reason = "is not the exact path of one callback"
        elif not reason and f"{path}/".startswith(public):
            reason = f"is under a path of {PUBLIC_PATHS}"
            fix = f"take that out of {PUBLIC_PATHS}, or give the callback another path"
        if reason:
            yield Fault(GUARD_EXEMPT_PATHS, path, reason, fix)


# --- Hosts ------------------------------------------------------------------------------------
@BOOK.rule("CORS058", "E E E")
def impossible_host(subject: Subject) -> Iterator[Fault]:
    """An allowed host that is no host name."""
    for text in subject.policy.allowed_hosts:
        name = text.removeprefix("*.")
        meant = host_of(re.sub(r"^[a-z]+://|/.*", "", name.lower()))
        if name != meant:
            fix = f"write {meant}" if meant else "write names as api.acme.com or *.acme.com"
            yield Fault(ALLOWED_HOSTS, text, "is not a host name in lower case", fix)
        elif name != text and Pattern("https", text).is_under_public_suffix:
            reason = "lets in names that anybody can register"
            yield Fault(ALLOWED_HOSTS, text, reason, "list the hosts of the service one by one")


# --- Waivers ----------------------------------------------------------------------------------
@BOOK.rule("CORS053", "E E E")
def unreadable_waiver(subject: Subject) -> Iterator[Fault]:
    """A waiver that cannot be read."""
    for text in subject.policy.waivers:
        if read_waiver(text) is None:
            reason = "is not a rule, its last day and the exact value, with colons between"
            fix = "write it as CORS012:2027-01-31:https://*.acme.com, without blanks"
            yield Fault(WAIVERS, text, reason, fix)


# --- The dotenv files -------------------------------------------------------------------------
# The first two are found when the variables are read, before there is a policy.
BOOK += [
    Rule("CORS001", "E E E", "A list variable is not a list of strings"),
    Rule("CORS038", "E E E", "A switch that is neither true nor false"),
]


@BOOK.rule("CORS030", "W E E", waivable=True)
def unknown_variable(subject: Subject) -> Iterator[Fault]:
    """An unknown CORS_ variable."""
    ours = {letters(name) for name in FIELDS}
    known = declared(BaseSettings)
    for name, variable in subject.variables.items():
        # The test suite reads CORS_REQUIRE_…: they make a missing browser a failure.
        if name in known or name.startswith("CORS_REQUIRE_"):
            continue
        # A byte order mark, a hyphen or a missing underscore hides a variable just as well.
        if not name.startswith("CORS_") and letters(name) not in ours:
            continue
        fix = "remove it; there is nothing to set"
        if not name.startswith("CORS_ALLOW_PRIVATE_NETWORK"):
            # Imported here: no service that starts needs it.
            from difflib import get_close_matches

            (near,) = get_close_matches(name, FIELDS, n=1, cutoff=0)
            fix = f"write {near}, or remove it"
            if near in subject.variables:
                fix = f"remove it; for that setting, write {near}, which is there already"
        yield Fault(name, "", "is read by nothing", fix, variable.where)


def declared(settings: type[BaseSettings]) -> set[str]:
    """Return the variables of settings and all their subclasses: the owner may have some, too."""
    below = (declared(each) for each in settings.__subclasses__())
    return {*map(str.upper, settings.model_fields)}.union(*below)


def letters(name: str) -> str:
    """Return only the letters and digits of a name."""
    return re.sub(r"[^A-Z0-9]", "", name)


@BOOK.rule("CORS031", "E E E")
def environment_contradicts_file(subject: Subject) -> Iterator[Fault]:
    """An unknown environment."""
    for file in subject.files:
        for variable in file.variables:
            if variable.name == "ENVIRONMENT" and variable.value != subject.policy.environment:
                reason = f"contradicts the name of its file, {file.path.name}"
                fix = f"write ENVIRONMENT={subject.policy.environment}"
                yield Fault("ENVIRONMENT", variable.value, reason, fix, variable.where)


@BOOK.rule("CORS033", "E E E")
def unresolved_conflict(subject: Subject) -> Iterator[Fault]:
    """Merge markers in a dotenv file, or a .rej file beside it."""
    for file in subject.files:
        name = file.path.name
        for number, line in enumerate(file.text.split("\n"), start=1):
            if MERGE_MARKER.match(line):
                reason = "is a merge marker that an update left"
                fix = "keep the lines you want and delete the markers"
                yield Fault(name, line, reason, fix, f"{name}:{number}")
        rejected = file.path.with_name(f"{name}.rej")
        if rejected.exists():
            reason = f"holds lines of {name} that an update could not merge"
            fix = f"put the lines you want into {name} and delete {rejected.name}"
            yield Fault(name, rejected.name, reason, fix, rejected.name)


@BOOK.rule("CORS041", "E E E")
def unread_line(subject: Subject) -> Iterator[Fault]:
    """A line of a dotenv file that is not read."""
    reason = "is not read: a quote is not closed, there is no =, or something follows"
    fix = "write NAME=value, the value in two quotes or in none"
    bindings = [(file.path.name, each) for file in subject.files for each in file.bindings]
    for name, binding in bindings:
        # A line cannot be read itself, or it lies within the quotes of another variable.
        own_line = binding.value is not None
        for number, line in enumerate(binding.original.string.split("\n"), binding.original.line):
            if line.strip() and own_line:
                own_line = False
            elif ABOUT_THE_POLICY.match(line):
                yield Fault(name, shown(line.strip()), reason, fix, f"{name}:{number}")


@BOOK.rule("CORS043", "E E E")
def expandable_value(subject: Subject) -> Iterator[Fault]:
    """A $ in a variable of the policy."""
    in_process = [each for each in subject.variables.values() if each.where == PROCESS]
    in_files = [each for file in subject.files for each in file.variables]
    for variable in [*in_files, *in_process]:
        if variable.name in OF_POLICY and "$" in variable.value:
            reason = "holds a $, which python-dotenv may replace and Docker does not"
            fix = "write out the value, without $"
            yield Fault(variable.name, variable.value, reason, fix, variable.where)


@BOOK.rule("CORS044", "E E E")
def repeated_variable(subject: Subject) -> Iterator[Fault]:
    """A variable of the policy that is set twice in one file."""
    for file in subject.files:
        first: dict[str, Variable] = {}
        for variable in file.variables:
            if variable.name in OF_POLICY and variable.name in first:
                reason = f"is set a second time; the first is {first[variable.name].where}"
                fix = "keep one of the two lines"
                yield Fault(variable.name, variable.value, reason, fix, variable.where)
            first.setdefault(variable.name, variable)


RULES: tuple[Rule, ...] = tuple(sorted(BOOK, key=lambda rule: rule.id))
