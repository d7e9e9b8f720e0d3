"""A question answered for one environment: steps, changes, and what else is worth knowing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from starlette.routing import compile_path

from ...app import CORSFastAPI
from ...cli import NO_APP, Environment
from ...fetch_standard import SAFE_METHODS
from ...findings import ConfigurationError
from ...origin import Origin, registrable_domain
from ...origin_errors import OriginError, parse
from ...policy import CORSPolicy
from ...rules_for_app import app_routes
from ...sources import Variable, find_sources
from ..browser import Step as Stage
from ..browser import console_message
from .ask import UNKNOWN_SERVICE, service_of
from .question import Question
from .remedy import Change, attempts, last_changes
from .steps import Case, Step, is_refused_by_guard, steps

NO_NAME_BUT_ITS_OWN = (
    "`fastapi dev` prints 127.0.0.1; `localhost` and `127.0.0.1` are two sites to a browser, and a "
    "cookie of the one does not come back from a page on the other."
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a browser does with a request, and what there is to do about it."""

    question: Question
    environment: str
    blocked_at: str | None
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]
    instead: str | None
    message: str | None
    command: str
    remarks: tuple[str, ...]

    @property
    def allowed(self) -> bool:
        """Whether the page gets what it asked for."""
        return self.blocked_at is None


def policy_of(environment: Environment) -> CORSPolicy:
    """Return the policy that is enforced: the app's own where there is an app."""
    if isinstance(environment.app, CORSFastAPI):
        return environment.app.cors_policy
    assert environment.policy is not None
    return environment.policy


def variables_of(name: str, directory: Path | None = None) -> Mapping[str, Variable]:
    """Return where the variables of an environment stand."""
    try:
        return find_sources(name, directory).variables
    except ConfigurationError:
        return {}


def explain_request(question: Question, environment: Environment) -> Explanation:
    """Answer a question about a request for an environment that is not refused."""
    policy = policy_of(environment)
    root_path = str(getattr(environment.app, "root_path", ""))
    variables = variables_of(environment.name)
    case = Case(question, policy, attempts(question, policy, root_path, variables), variables)
    return Explanation(
        question=question,
        environment=environment.name,
        blocked_at=case.blocked_at,
        steps=steps(case),
        changes=tuple(last_changes(case.trail)),
        instead=open_instead(case),
        message=console_message(case.outcome),
        command=command(case),
        remarks=(*question.notes, *remarks(case, environment, root_path)),
    )


def open_instead(case: Case) -> str | None:
    """Return the allowed origin to open the page at, where the page's own is but a slip."""
    near = case.near if case.blocked_at in ("origin", "credentials") else None
    return str(near.allowed) if near and isinstance(near.allowed, Origin) else None


def command(case: Case) -> str:
    """Return a command that shows what the browser saw, and that changes nothing."""
    outcome, url = case.outcome, case.outcome.url
    asked = outcome.requests[0] if outcome.requests else None
    if asked is None:
        return ""
    if outcome.step is not Stage.PREFLIGHT and asked.method in ("GET", "HEAD"):
        origin = [f"Origin: {case.question.origin}"]
        return curl("-i" if asked.method == "GET" else "-I", url, origin)
    names = [
        f"{name.title()}: {value}"
        for name, value in asked.headers
        if name == "origin" or name.startswith("access-control-request-")
    ]
    if asked.method != "OPTIONS":
        names.insert(0, f"Access-Control-Request-Method: {asked.method}")
    return curl("-i -X OPTIONS", url, sorted(names, reverse=True))


def curl(options: str, url: str, headers: list[str]) -> str:
    """Return a curl command, quoted for a shell."""
    given = "".join(f" -H {quote(header)}" for header in headers)
    return f"curl {options} {quote(url)}{given}"


# --- What else is worth knowing ---------------------------------------------------------------


def remarks(case: Case, environment: Environment, root_path: str) -> Iterator[str]:
    """Yield what the steps do not say, but somebody who is stuck may need."""
    yield from on_headers(case)
    yield from on_network(case.question, service_of(case.question, case.policy))
    yield from on_routes(case, environment.app, root_path)
    yield from on_writes(case)
    if case.question.credentials:
        yield from on_cookies(case)
    if environment.policy and environment.policy != case.policy:
        yield "create_app() makes a policy of its own, which differs from the variables."
    for found in environment.findings:
        if found.rule == NO_APP:
            yield f"The app was not asked, only its policy: create_app {found.reason}."
    if UNKNOWN_SERVICE in case.outcome.url:
        yield (
            f"{UNKNOWN_SERVICE} stands for the address of the service; give the URL in the place "
            "of PATH to have it right."
        )


def on_headers(case: Case) -> Iterator[str]:
    """Say what is odd about the headers that were asked for."""
    names = {name.lower() for name, _ in case.question.headers}
    for dropped in case.outcome.dropped_headers:
        yield f"No script can set {dropped}: the browser leaves it out without a word."
    if "cookie" in names and not case.question.credentials:
        yield "Cookies go along by credentials: 'include' in fetch(); ask with --credentials."
    if "authorization" in names and case.question.credentials:
        yield (
            "A token that a script puts into Authorization needs no credentials: that word means "
            "cookies."
        )
    writes = case.question.method in ("POST", "PUT", "PATCH")
    if writes and "content-type" not in names and case.outcome.tainting == "cors":
        yield "With a JSON body the browser asks for Content-Type too: add -H content-type."


def on_network(question: Question, service: str) -> Iterator[str]:
    """Say where a browser blocks a request before CORS comes into play."""
    try:
        page, target = parse(question.origin), parse(service)
    except OriginError:
        return
    if page.scheme == "https" and target.is_plain_http and not target.is_loopback:
        yield f"Mixed content: a page on https may not call {service} at all; serve it over https."
    here = page.is_loopback or page.is_private
    if (target.is_loopback or target.is_private) and not here and question.service:
        yield (
            f"{service} is on the user's own machine or network: Chromium asks the user for "
            "permission first (Local Network Access), and that is not about CORS."
        )


def on_routes(case: Case, app: object, root_path: str) -> Iterator[str]:
    """Say that nothing in the app answers such a request, which CORS does not care about."""
    path = case.question.path.removeprefix(root_path) or "/"
    routes = [route for route in app_routes(app) if not route.is_websocket]
    if not routes or path == "/":
        return
    methods: set[str] = set()
    for route in routes:
        if compile_path(route.path)[0].match(path):
            methods |= route.methods
    if not methods:
        yield f"The app has no route at {path}; unless something is mounted there, that is a 404."
    elif case.question.method not in methods | {"HEAD", "OPTIONS"}:
        listed = ", ".join(sorted(methods))
        yield f"{path} answers {listed}; {case.question.method} gets a 405."


def on_writes(case: Case) -> Iterator[str]:
    """Say that CORS alone does not keep a stranger's request from being carried out."""
    outcome, method = case.outcome, case.question.method
    carried_out = outcome.response is not None and not is_refused_by_guard(outcome)
    if carried_out and not outcome.allowed and method not in SAFE_METHODS:
        yield (
            f"CORS does not keep a {method} like this from being carried out; "
            "CORS_GUARD_WRITES=true does."
        )


def on_cookies(case: Case) -> Iterator[str]:
    """Say when the browser would keep a cookie to itself although CORS allows it."""
    page, service = case.question.origin, case.outcome.url
    known = case.question.service is not None
    if two_sites := local_sites(page, service):
        yield two_sites
    elif case.blocked_at is not None:
        return
    elif known and is_one_site(page, service):
        yield "Page and service are of one site: cookies with SameSite=Lax or Strict go along."
    elif known or not is_loopback(page):
        yield (
            "From another site a cookie goes along only with SameSite=None and Secure, and Safari, "
            "Firefox and private windows may still hold it back (Partitioned helps)."
        )
    else:
        yield (
            f"This holds if the page calls the service as http://{host_of(page)}:8000, by its own "
            f"host name. {NO_NAME_BUT_ITS_OWN}"
        )


def is_one_site(*urls: str) -> bool:
    """Whether these URLs are of one site, as browsers count it for SameSite cookies."""
    return len({registrable_domain(host_of(url)) for url in urls}) == 1


def is_loopback(url: str) -> bool:
    """Whether the host of a URL is this machine."""
    return Origin("http", host_of(url)).is_loopback


def host_of(url: str) -> str:
    """Return the host of a URL, as the URL has it; an IPv6 address in its brackets."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


def local_sites(page: str, service: str) -> str:
    """Say that page and service are two sites, where both are on this machine; else nothing.

    No browser says a word about it: the login is answered 201, and the next request 401.
    """
    if is_one_site(page, service) or not (is_loopback(page) and is_loopback(service)):
        return ""
    here, there, port = host_of(page), host_of(service), urlsplit(service).port
    return (
        f"To a browser `{here}` and `{there}` are two sites: a cookie that the service sets as "
        f"{there} does not come back from a page on {here}, and nothing says so. Call the service "
        f"as http://{here}{f':{port}' if port else ''}."
    )
