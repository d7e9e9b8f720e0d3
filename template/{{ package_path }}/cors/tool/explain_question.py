# fmt: off
"""The question that `cors explain` answers: how it is read, and what becomes of it.

`read_question` reads what somebody typed: a URL for an origin, a path without its slash. `explain`
asks the browser model what becomes of it, and changes the policy until the model allows it. So
every advice was tried, and two faults are reported at once, where a browser names only one.

The model asks the policy layer alone. Instead of the app, a stand-in answers 200 to everything: no
handler runs, and nothing touches the network.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from ..app import CORSFastAPI, has_provider
from ..cli import Environment, examine
from ..fetch_standard import FORBIDDEN_METHODS, STANDARD_METHODS, TOKEN
from ..findings import Finding, errors_among, shown
from ..middleware import StrictCORSMiddleware
from ..origin import WEB_SCHEMES, Origin, Pattern, exact, host_of, own_app_origin
from ..origin_errors import NearMiss, OriginError, near_miss, parse
from ..policy import (
    ALLOWED_HOSTS,
    CREDENTIALS,
    FIELDS,
    GUARD_EXEMPT_PATHS,
    GUARD_WRITES,
    METHODS,
    ORIGINS,
    REQUEST_HEADERS,
    CORSPolicy,
)
from ..provider import https_origin
from ..rules import Subject, findings_of
from ..sources import Variable, environments, find_sources
from .browser import ASGITransport, Browser, Fetch, Outcome, Reason, registrable_domain
from .cors_check import unsafe_names
from .development_rules import ALL_RULES, advised, other_slash, post_routes, reads_json

# The step at which each reason blocks a request, and the variable that lets the request pass it.
BLOCKS: Mapping[Reason, tuple[str, str | None]] = {
    Reason.ALLOW_ORIGIN_MISSING: ("origin", ORIGINS),
    # The service sends * on public paths only; a listed origin gets its own value there too.
    Reason.ALLOW_ORIGIN_WILDCARD: ("credentials", ORIGINS),
    Reason.ALLOW_CREDENTIALS: ("credentials", CREDENTIALS),
    Reason.METHOD_NOT_ALLOWED: ("method", METHODS),
    Reason.METHOD_WILDCARD: ("method", METHODS),
    Reason.FORBIDDEN_METHOD: ("method", None),
    Reason.HEADER_NOT_ALLOWED: ("headers", REQUEST_HEADERS),
    Reason.HEADER_WILDCARD: ("headers", REQUEST_HEADERS),
    Reason.AUTHORIZATION_WILDCARD: ("headers", REQUEST_HEADERS),
    Reason.INVALID_HEADER_VALUE: ("headers", None),
}
VARIABLE_OF = {reason: variable for reason, (_, variable) in BLOCKS.items() if variable}

# "blocked" is the step that the browser names, "also" one that it would name next.
Verdict = Literal["ok", "blocked", "also", "none"]

# Where `fastapi dev` serves, and what stands for an address that is not known.
LOCAL_SERVICE = "http://localhost:8000"
UNKNOWN_SERVICE = "https://your-service"
# An origin that can be listed, in the place of one that cannot.
STAND_IN = "https://stand-in.invalid"

# Browsers send some origins that no list may hold, such as one with an underscore in its host.
SENT_BUT_NOT_LISTABLE = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._-]+(:[1-9][0-9]{0,3})?")
# Values for headers of which only the name was given: the value decides about a preflight.
TYPICAL_VALUES = {
    "accept": "*/*",
    "accept-language": "en",
    "content-language": "en",
    "content-type": "application/json",
    "range": "bytes=0-",
}


# Where login providers and banks show their pages, with everything below these names. Such a page
# posts forms. It has no reason to read a response, so its origin belongs on no list.
LOGIN_PROVIDERS = (
    *("accounts.google.com", "amazoncognito.com", "appleid.apple.com", "auth0.com"),
    *("b2clogin.com", "cardinalcommerce.com", "ciamlogin.com", "duosecurity.com"),
    *("hooks.stripe.com", "login.live.com", "login.microsoftonline.com"),
    *("login.microsoftonline.us", "login.windows.net", "okta-emea.com", "okta.com"),
    *("oktapreview.com", "onelogin.com", "pingone.com", "pingone.eu", "sso.jumpcloud.com"),
)
FORM_TYPE = ("content-type", "application/x-www-form-urlencoded")


class QuestionError(ValueError):
    """What was typed is not a question. The text says what to type."""


class Typed(NamedTuple):
    """What somebody typed: the words of the command line, not read yet."""

    origin: str | None = None
    method: str | None = None
    path: str | None = None
    headers: tuple[str, ...] = ()
    credentials: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What a page wants to do: a script sends a request or opens a WebSocket, or a form is posted.

    `service` is the origin of the service, None where it is not known. `notes` say how the input
    was read where that is not obvious.
    """

    origin: str
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    credentials: bool = False
    service: str | None = None
    is_socket: bool = False
    notes: tuple[str, ...] = ()
    is_form: bool = False

    def __str__(self) -> str:
        """The question in one line, without header values: they may be secrets."""
        if self.is_form:
            return f"{self.origin}: form to {self.path}"
        extras = [f"{name}: …" for name, _ in self.headers]
        extras += ["credentials"] if self.credentials else []
        given = f" with {', '.join(extras)}" if extras else ""
        return f"{self.origin}: {'WebSocket' if self.is_socket else self.method} {self.path}{given}"

    def as_typed(self, name: str) -> str:
        """Return a header name as it was typed; browsers send it in lower case."""
        return next((typed for typed, _ in self.headers if typed.lower() == name.lower()), name)


def read_question(typed: Typed, *, exact_method: bool = False) -> Question:
    """Read a question from what was typed. Raises QuestionError.

    `exact_method` leaves the case of the method as it is: a browser wrote it, not a person.
    """
    method, path = typed.method, typed.path
    if path is None and method is not None and not (exact_method or is_method(method)):
        method, path = None, method
    origin, origin_notes = read_origin(typed.origin or "")
    method, method_notes = (method or "GET", ()) if exact_method else read_method(method or "GET")
    service, path, is_socket = read_path(path or "/")
    headers, notes = tuple(map(read_header, typed.headers)), (*origin_notes, *method_notes)
    found = Question(origin, method, path, headers, typed.credentials, service, is_socket, notes)
    return (as_form(found) or found) if is_login_provider(origin) else found


def is_login_provider(origin: str) -> bool:
    """Whether this is the origin of a known login provider."""
    site = exact(origin)
    host = f".{site.host}" if site else ""
    return any(host.endswith(f".{name}") for name in LOGIN_PROVIDERS)


def as_form(question: Question) -> Question | None:
    """Return the question as a form of the page would ask it, None if no form can."""
    if question.is_socket or question.method != "POST" or unsafe_names(question.headers):
        return None
    has_type = any(name.lower() == "content-type" for name, _ in question.headers)
    headers = question.headers if has_type else (*question.headers, FORM_TYPE)
    return replace(question, headers=headers, credentials=True, is_form=True)


def is_method(text: str) -> bool:
    """Whether a word is meant as a method, not as a path."""
    known = text.upper() in STANDARD_METHODS | FORBIDDEN_METHODS
    return known or (text.isupper() and TOKEN.fullmatch(text) is not None)


def is_name(text: str) -> bool:
    """Whether this names one method or one header. `*` stands for many, so it does not."""
    return text != "*" and TOKEN.fullmatch(text) is not None


def read_origin(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the origin of a page, given as its URL, its host or its origin, with any notes."""
    typed = text.strip().strip("'\"")
    # No message repeats the query: it may hold a token.
    text = re.split(r"[?#]", typed, maxsplit=1)[0]
    try:
        site = parse(text)
    except OriginError as error:
        return read_odd_origin(text, error)
    if isinstance(site, Pattern):
        sample = str(site).replace(":*", ":3000").replace("*", "pr-12")
        raise QuestionError(
            f"`{site}` is a pattern, but a page has one origin: name one, such as {sample}"
        )
    notes = () if text == typed else (f"A browser sends `Origin: {site}` from that page.",)
    return str(site), notes


def read_odd_origin(text: str, error: OriginError) -> tuple[str, tuple[str, ...]]:
    """Return the origin that a browser sends from what is not an origin, with a note."""
    if error.rule == "CORS005":
        note = "A page from a file, a data: URL or a sandboxed frame sends `Origin: null`."
        return "null", (note,)
    meant, problem = error.suggestion or "", f"`{error.value}` {error.reason}"
    if "," in meant or "*" in meant:
        raise QuestionError(f"{problem}: name one origin")
    if meant:
        return meant, (f"{problem}. A browser sends `Origin: {meant}` from that page.",)
    if own_app_origin(text):
        return text, (f"{problem}. A waiver of {error.rule} lets a list hold it.",)
    if SENT_BUT_NOT_LISTABLE.fullmatch(text):
        return text, (f"{problem}. A browser sends this origin, but no list may hold it.",)
    raise QuestionError(
        f"{problem}: write the origin of the page as scheme://host[:port], such as "
        "https://app.acme.com or http://localhost:5173"
    )


def read_method(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a method in upper case, with a note where fetch() does not change its case."""
    if not is_name(text):
        raise QuestionError(
            f"`{shown(text)}` is not a method: write one, such as GET, PUT or DELETE"
        )
    if text.upper() != "PATCH" or text == "PATCH":
        return text.upper(), ()
    note = (
        f"Read as PATCH. Write 'PATCH' in the script: fetch() sends '{text}' as it is, and methods "
        "are compared letter by letter."
    )
    return "PATCH", (note,)


def read_path(text: str) -> tuple[str | None, str, bool]:
    """Return the origin of the service if it is given, the path, and whether it is a WebSocket.

    The query is left out: the policy does not look at it.
    """
    text = text.strip().strip("'\"")
    if text.startswith("/") or "://" not in text:
        path = "/" + re.split(r"[?#]", text, maxsplit=1)[0].lstrip("/")
        return None, quote(path, safe="/%:@!$&'()*+,;=~-._"), False
    try:
        url = urlsplit(text)
        scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
        service = parse(read_origin(f"{scheme}://{url.netloc.rpartition('@')[2]}")[0])
    except ValueError:
        service = None
    if not isinstance(service, Origin) or service.scheme not in WEB_SCHEMES:
        raise QuestionError(
            f"`{shown(without_query(text))}` is not the URL of a service: write one, such as "
            "https://api.acme.com/items"
        )
    return str(service), read_path(url.path)[1], scheme != url.scheme


def read_header(text: str) -> tuple[str, str]:
    """Return name and value of `NAME: value`, or of a name alone with a typical value."""
    name, _, value = text.partition(":")
    name = name.strip()
    if not is_name(name):
        # The text is not repeated: it may be a secret without a name before it.
        raise QuestionError(
            "-H takes NAME or 'NAME: value'; a name has letters, digits and hyphens"
        )
    return name, value.strip() or TYPICAL_VALUES.get(name.lower(), "x")


def without_query(url: str) -> str:
    """Return a URL without query, fragment and user name: they may hold tokens and passwords."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, slashes, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}"


# --- What becomes of it -----------------------------------------------------------------------


def service_of(question: Question, policy: CORSPolicy) -> str:
    """Return the origin of the service: the given one, or where it probably is."""
    if question.service is not None:
        return question.service
    if policy.strictness == "local":
        return LOCAL_SERVICE
    listed = (f"https://{host.replace('*', 'www')}" for host in policy.allowed_hosts)
    return next(listed, UNKNOWN_SERVICE)


def refused_host(question: Question, policy: CORSPolicy) -> str:
    """Return the host that is called, if the service does not answer under it, else ""."""
    layer = StrictCORSMiddleware(JSONResponse(None), **policy.middleware_arguments())
    called = service_of(question, policy).partition("://")[2]
    return host_of(called) if layer.other_host(called.encode()) else ""


def outcome_of(question: Question, policy: CORSPolicy, root_path: str = "") -> Outcome:
    """Return what becomes of a question under this policy.

    A handshake that is refused counts as a response that does not allow the origin. Raises
    ValueError for a policy that cannot be enforced at all.
    """
    service, transport = service_of(question, policy), policy_layer(question, policy, root_path)
    credentials: Literal["include", "same-origin"]
    credentials = "include" if question.credentials else "same-origin"
    mode: Literal["cors", "no-cors"] = "no-cors" if question.is_form else "cors"
    fetch = Fetch(
        question.origin, question.method, question.path, question.headers, credentials, mode
    )
    if not question.is_socket:
        browser = Browser(
            transport, service, cookie="session=x", registrable_domain=registrable_domain
        )
        return browser.fetch(fetch)
    response = transport.websocket(question.path, (("origin", question.origin),))
    return Outcome(
        fetch=fetch,
        url=service.replace("http", "ws", 1) + question.path,
        tainting="cors",
        requests=(),
        response=response,
        preflight=None,
        preflight_due=(),
        dropped_headers=(),
        readable_headers=(),
        reason=None if response.status == 101 else Reason.ALLOW_ORIGIN_MISSING,
    )


def policy_layer(question: Question, policy: CORSPolicy, root_path: str) -> ASGITransport:
    """Return a transport to the policy layer. Public paths are relative to `root_path`."""
    exposed = {name: "x" for name in policy.expose_headers if name != "*"}
    response = JSONResponse(None, headers=exposed)

    async def stand_in(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await response(scope, receive, send)

    layer = StrictCORSMiddleware(stand_in, **policy.middleware_arguments())

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        await layer({**scope, "root_path": root_path}, receive, send)

    return ASGITransport(mounted, service_of(question, policy))


def is_refused_by_guard(outcome: Outcome) -> bool:
    """Whether the service refuses the request itself, before a handler runs."""
    return outcome.response is not None and outcome.response.status == 403


def step_of(reason: Reason | None) -> str | None:
    """Return the step at which a reason blocks a request, None where it has no step of its own."""
    return BLOCKS[reason][0] if reason and reason in BLOCKS else None


def enforced_policy(environment: Environment) -> CORSPolicy:
    """Return the policy that is enforced: the app's own where there is an app."""
    if isinstance(environment.app, CORSFastAPI):
        return environment.app.cors_policy
    assert environment.policy is not None
    return environment.policy


def fate(question: Question, environment: Environment) -> str:
    """Return in a few words what becomes of a question in an environment."""
    if environment.refusals:
        return "the service does not start"
    policy = enforced_policy(environment)
    if refused_host(question, policy):
        # The URL is that of another environment.
        question = replace(question, service=None)
    outcome = outcome_of(question, policy)
    return "allowed" if outcome.allowed and not is_refused_by_guard(outcome) else "blocked"


# --- What to change ---------------------------------------------------------------------------


class Change(NamedTuple):
    """A variable, the text to write, and the file and line to write it in.

    `refused` holds the errors that would keep the service from starting with it, `warned` what
    `cors check` would then warn of.
    """

    variable: str
    value: str
    where: str
    is_set: bool
    refused: tuple[Finding, ...]
    warned: tuple[Finding, ...]


@dataclass(frozen=True)
class Explanation:
    """A question put to the policy of an environment, then to that policy with changes.

    `host` is the one that is called, where the service does not answer under it: that comes first.
    `outcomes` holds what becomes of it under the policy as it is, then after each change. `changes`
    holds the change of each variable after which the policy allows it.
    """

    question: Question
    environment: Environment
    policy: CORSPolicy
    root_path: str
    variables: Mapping[str, Variable]
    host: str = ""
    outcomes: list[Outcome] = field(default_factory=list)
    changes: dict[str, Change] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """What becomes of the request under the policy as it is."""
        return self.outcomes[0]

    @property
    def blocked_at(self) -> str | None:
        """The name of the step that blocks; None where the page gets what it asks for."""
        if self.host:
            return "host"
        reason, refused = self.outcome.reason, is_refused_by_guard(self.outcome)
        if reason is None:
            return "request" if refused else None
        return "origin" if refused else step_of(reason) or "request"

    @property
    def asks_provider(self) -> bool:
        """Whether the service asks its provider about the page's origin."""
        asked = https_origin(self.question.origin.encode()) is not None
        return asked and self.blocked_at == "origin" and has_provider(self.environment.app)

    @property
    def near(self) -> NearMiss | None:
        """The allowed origin that the page's origin resembles."""
        return near_miss(self.question.origin, self.policy.entries)

    @cached_property
    def exemption(self) -> Change | None:
        """The change after which a form of the page gets past the write guard.

        None where it passes already, where no form can be meant, and where the rules refuse it.
        """
        form, app = as_form(self.question), self.environment.app
        path = self.question.path.removeprefix(self.root_path)
        routes = post_routes(path, app)
        if form is None or any(map(reads_json, routes)):
            return None
        if not routes and post_routes(other_slash(path), app):
            # It would get past the guard, and no further: the app's redirect is refused.
            return None
        value = (*self.policy.guard_exempt_paths, path)
        amended = replace(self.policy, guard_exempt_paths=value)
        before, after = (outcome_of(form, each, self.root_path) for each in (self.policy, amended))
        if not is_refused_by_guard(before) or is_refused_by_guard(after):
            return None
        change = change_to(GUARD_EXEMPT_PATHS, value, self.policy, amended, self.variables)
        return None if change.refused else change

    @cached_property
    def elsewhere(self) -> Mapping[str, str]:
        """What becomes of the question in the other environments, by their names."""
        names = [name for name in environments() if name != self.environment.name]
        return {name: fate(self.question, examine(name, with_app=False)) for name in names}

    def verdict(self, step: str) -> Verdict:
        """Return how a step ended, under the policy as it is or after a change."""
        if self.blocked_at == step:
            return "blocked"
        return "also" if step in [step_of(each.reason) for each in self.outcomes[1:]] else "ok"

    def place(self, variable: str) -> str:
        """Return a variable with its file and line: CORS_MAX_AGE (.env.production:13)."""
        found = self.variables.get(variable)
        return f"{variable} ({found.where if found else 'not set'})"


def explain(question: Question, environment: Environment) -> Explanation:
    """Put a question to the policy of an environment that is not refused, then change the policy.

    Each time, it gets one change more, until the model allows the request or no change helps.
    """
    policy, root_path = enforced_policy(environment), str(getattr(environment.app, "root_path", ""))
    variables = find_sources(environment.name).variables
    host = refused_host(question, policy)
    found = Explanation(question, environment, policy, root_path, variables, host)
    if host:
        value = (*policy.allowed_hosts, host)
        amended = replace(policy, allowed_hosts=value)
        found.changes[ALLOWED_HOSTS] = change_to(ALLOWED_HOSTS, value, policy, amended, variables)
        policy = amended
    # Each step can fail once, and the one for headers once for each header.
    for _ in range(4 + len(question.headers)):
        outcome = outcome_of(question, policy, root_path)
        found.outcomes.append(outcome)
        values = values_that_help(outcome, question, policy)
        if not values:
            break
        for variable, value in values.items():
            amended = replace(policy, **{FIELDS[variable]: value})
            found.changes[variable] = change_to(variable, value, policy, amended, variables)
            policy = amended
        if CREDENTIALS in values:
            policy = without_wildcards(policy)
        if ORIGINS in values and exact(question.origin) is None:
            # No list may hold this origin. Another one shows whether the later steps pass.
            question = replace(question, origin=STAND_IN)
            policy = replace(policy, allow_origins=(STAND_IN,))
    return found


def values_that_help(outcome: Outcome, question: Question, policy: CORSPolicy) -> dict[str, Any]:
    """Return variables with the values that let a request pass the step at which it failed."""
    variable = VARIABLE_OF.get(outcome.reason) if outcome.reason else None
    if variable is None or (variable == ORIGINS and is_login_provider(question.origin)):
        return {}
    if variable == CREDENTIALS:
        # A deployed service does not start with credentials and without the write guard.
        guard = {} if policy.guard_writes else {GUARD_WRITES: True}
        return guard | {CREDENTIALS: True}
    added = question.origin if variable == ORIGINS else question.as_typed(outcome.detail)
    listed = [item for item in getattr(policy, FIELDS[variable]) if item != "*"]
    return {variable: (*listed, added)}


def change_to(
    variable: str,
    value: tuple[str, ...] | bool,
    policy: CORSPolicy,
    amended: CORSPolicy,
    variables: Mapping[str, Variable],
) -> Change:
    """Return the change of a variable to a value, which makes `amended` of `policy`."""
    found = variables.get(variable)
    if isinstance(value, bool):
        text = str(value).lower()
    elif found and found.value.lstrip().startswith("["):
        text = json.dumps(value)
    else:
        text = ",".join(value)
    known = set(findings_of(Subject(policy), ALL_RULES))
    after = findings_of(Subject(amended), ALL_RULES)
    new = [advised(each, Subject(amended)) for each in after if each not in known]
    warned = tuple(each for each in new if each.severity == "warning" and each.variable == variable)
    where = found.where if found else f".env.{policy.environment}"
    return Change(variable, text, where, found is not None, tuple(errors_among(new)), warned)


def without_wildcards(policy: CORSPolicy) -> CORSPolicy:
    """Return the policy as browsers read it with credentials: `*` is then a name, no wildcard."""
    lists = ("allow_methods", "allow_headers", "expose_headers")
    kept: dict[str, Any] = {
        name: tuple(item for item in getattr(policy, name) if item != "*") for name in lists
    }
    return replace(policy, **kept)
