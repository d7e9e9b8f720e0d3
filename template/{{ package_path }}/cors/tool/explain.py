# fmt: off
"""`cors explain`: which step of the browser fails, why, and which line to change, printed."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from shlex import quote
from typing import NamedTuple

from rich.console import Console
from rich.text import Text
from starlette.routing import compile_path

from ..cli import NO_APP, Environment, examine
from ..fetch_standard import SAFE_METHODS, SAFELISTED_METHODS
from ..findings import shown
from ..origin import Origin, Pattern, Site, exact
from ..policy import (
    ALLOWED_HOSTS,
    CREDENTIALS,
    EXPOSED_HEADERS,
    GUARD_EXEMPT_PATHS,
    GUARD_WRITES,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
)
from ..sources import PROCESS
from .browser import Reason, console_message, registrable_domain
from .browser import Step as BrowserStep
from .cors_check import unsafe_names
from .development_rules import app_routes, other_slash, with_advice
from .explain_question import (
    UNKNOWN_SERVICE,
    Change,
    Explanation,
    Question,
    Verdict,
    explain,
    is_login_provider,
    is_refused_by_guard,
    service_of,
    step_of,
)


class Step(NamedTuple):
    """One step of the browser: its name, how it ended, and why."""

    name: str
    verdict: Verdict
    text: str


# --- The steps --------------------------------------------------------------------------------


def request_steps(found: Explanation) -> Iterator[Step]:
    """Yield the steps of a request, in the browser's order."""
    outcome = found.outcome
    if outcome.tainting == "basic":
        text = f"yes: the service itself is at {found.question.origin}, so no permission is needed"
        yield Step("same origin", "ok", text)
        yield request_step(found)
        return
    yield Step("same origin", "none", "no, so the browser asks the service for permission")
    if outcome.preflight_due:
        yield Step("preflight", "ok", f"needed, because {', and '.join(outcome.preflight_due)}")
    else:
        text = "not needed: the browser sends such a request at once and checks only the response"
        yield Step("preflight", "none", text)
    yield origin_step(found)
    yield credentials_step(found)
    yield method_step(found)
    yield headers_step(found)
    yield request_step(found)
    if found.blocked_at:
        yield Step("response", "none", "hidden from the script, its status included")
        return
    exposed = [
        each for each in found.policy.expose_headers if each.lower() in outcome.readable_headers
    ]
    more = f", {', '.join(exposed)} through {found.place(EXPOSED_HEADERS)}" if exposed else ""
    text = f"readable: status, body, safelisted headers such as Content-Type{more}; no other header"
    yield Step("response", "ok", text)


def socket_steps(found: Explanation) -> Iterator[Step]:
    """Yield the steps of a WebSocket: no preflight, only the service's own check of the origin."""
    text = "never: CORS does not apply to WebSockets, so the service checks the origin itself"
    yield Step("preflight", "none", text)
    yield origin_step(found)
    if found.outcome.allowed:
        yield Step("handshake", "ok", "reaches the app")
    else:
        yield Step("handshake", "none", "refused with 403 before it is accepted: no handler runs")


def host_steps(found: Explanation) -> Iterator[Step]:
    """Yield the steps of a request to a host under which the service does not answer."""
    text = f"`{found.host}` is not in {found.place(ALLOWED_HOSTS)}, which "
    text += contents(found.policy.allowed_hosts)
    if found.policy.strictness == "local":
        text += "; localhost, IP addresses and names without a dot need no listing"
    yield Step("host", "blocked", text)
    status = 403 if found.question.is_socket else 400
    yield Step("request", "none", f"refused with {status} before a handler runs")


def form_steps(found: Explanation) -> Iterator[Step]:
    """Yield the steps of a form that a page of a login provider posts."""
    yield Step("preflight", "none", "never: a browser sends a form at once, with cookies")
    if is_refused_by_guard(found.outcome):
        yield request_step(found)
        return
    text = f"reaches the handler: {found.place(GUARD_WRITES)} is not true"
    if found.policy.guard_writes:
        text = f"reaches the handler: the path is in {found.place(GUARD_EXEMPT_PATHS)}"
    yield Step("request", "ok", text)
    yield Step("response", "none", "shown to the user as the next page; no script can read it")


def origin_step(found: Explanation) -> Step:
    """Say whether the page's origin is allowed."""
    question, verdict, place = found.question, found.verdict("origin"), found.place(ORIGINS)
    if verdict != "ok":
        sentence = found.near.sentence if found.near else f"`{question.origin}` is not allowed"
        more = "" if found.policy.allow_origins else ": no other site may call"
        more = ". origin_provider is asked, too" if found.asks_provider else more
        more += "; public paths open no WebSocket" if question.is_socket else ""
        text = f"{sentence}. {place} {contents(found.policy.allow_origins)}{more}"
        return Step("origin", verdict, text)
    for entry in found.policy.entries:
        if str(entry) == question.origin:
            return Step("origin", "ok", f"`{entry}` is in {place}")
        if isinstance(entry, Pattern) and entry.covers(question.origin):
            return Step("origin", "ok", f"`{entry}` in {place} covers it")
    if question.is_socket:
        return Step("origin", "ok", "it is the service's own origin")
    text = f"not in {ORIGINS}, but {question.path} is open to every site"
    return Step("origin", "ok", f"{text}: {found.place(PUBLIC_PATHS)}")


def credentials_step(found: Explanation) -> Step:
    """Say whether cookies may be sent."""
    if not found.question.credentials:
        return Step("credentials", "none", "not sent (add --credentials to send cookies)")
    if found.outcome.reason is Reason.ALLOW_ORIGIN_WILDCARD:
        text = f"{found.question.path} is open to every site, but never with credentials"
        return Step("credentials", "blocked", f"{text}: {found.place(PUBLIC_PATHS)}")
    allowed = "true" if found.policy.allow_credentials else "false"
    text = f"{found.place(CREDENTIALS)} is {allowed}"
    return Step("credentials", found.verdict("credentials"), text)


def method_step(found: Explanation) -> Step:
    """Say whether the method may be used."""
    method, verdict = found.question.method, found.verdict("method")
    if found.outcome.reason is Reason.FORBIDDEN_METHOD:
        return Step("method", "blocked", f"no script may use {method}, whatever a service allows")
    if method in SAFELISTED_METHODS:
        return Step("method", "ok", f"{method} needs no permission")
    if verdict == "ok":
        return Step("method", "ok", f"{method} is in {found.place(METHODS)}")
    listed = contents(found.policy.allow_methods)
    return Step("method", verdict, f"{method} is not in {found.place(METHODS)}, which {listed}")


def headers_step(found: Explanation) -> Step:
    """Say whether the script may set its request headers, and name all that it may not set."""
    question, verdict = found.question, found.verdict("headers")
    if found.outcome.reason is Reason.INVALID_HEADER_VALUE:
        name = question.as_typed(found.outcome.detail)
        return Step("headers", "blocked", f"the value of {name} cannot be sent in a header")
    dropped = {name.lower() for name in found.outcome.dropped_headers}
    unsafe = sorted(unsafe_names(question.headers).keys() - dropped)
    if not unsafe:
        text = "none that need permission" if question.headers else "none are set by the script"
        return Step("headers", "none", text)
    place = found.place(REQUEST_HEADERS)
    if verdict == "ok":
        names = ", ".join(map(question.as_typed, unsafe))
        return Step("headers", "ok", f"{names}: listed in {place}")
    missing = [each.detail for each in found.outcomes if step_of(each.reason) == "headers"]
    names, listed = ", ".join(map(question.as_typed, missing)), contents(found.policy.allow_headers)
    return Step("headers", verdict, f"{names}: not listed in {place}, which {listed}")


def request_step(found: Explanation) -> Step:
    """Say whether a handler runs. It often does although the response is hidden."""
    outcome = found.outcome
    if is_refused_by_guard(outcome):
        text = f"refused with 403 before a handler runs: {found.place(GUARD_WRITES)} is true"
        return Step("request", "blocked" if outcome.allowed else "none", text)
    if outcome.allowed:
        return Step("request", "ok", "sent")
    if outcome.response is None:
        return Step("request", "none", "never sent: no handler runs")
    effects = "" if found.question.method in SAFE_METHODS else ", with all its effects"
    text = f"sent, and the handler runs{effects}; only the response is hidden"
    return Step("request", "none", text)


def with_cookies(found: Explanation) -> str:
    """Return how an allowed origin's requests come: with cookies, where credentials are allowed."""
    return ", with the user's cookies" if found.policy.allow_credentials else ""


def contents(items: Iterable[str]) -> str:
    """Return what a list holds, to follow its name."""
    return f"holds {', '.join(items)}" if items else "is empty"


# --- What the browser says, and a command that shows the same ---------------------------------

# Any 16 bytes in base64 will do as a key (RFC 6455, section 4.1).
HANDSHAKE = (
    "-i --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' "
    "-H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='"
)


def chromium_message(found: Explanation) -> str | None:
    """Return what Chromium's console says, None where it says nothing."""
    if found.host:
        return None
    if not found.question.is_socket or found.outcome.allowed:
        return console_message(found.outcome)
    return (
        f"WebSocket connection to '{found.outcome.url}' failed: Error during WebSocket handshake: "
        "Unexpected response code: 403"
    )


def command(found: Explanation) -> str:
    """Return a command that shows what the browser saw. It changes nothing: it never writes."""
    outcome, origin = found.outcome, f"Origin: {found.question.origin}"
    if found.question.is_socket:
        return curl(HANDSHAKE, outcome.url.replace("ws", "http", 1), [origin])
    if not outcome.requests:
        return ""
    sent = outcome.requests[0]
    if found.question.is_form:
        # Only sending the form would show more than the preflight of a script.
        return ""
    if outcome.step is not BrowserStep.PREFLIGHT and sent.method in ("GET", "HEAD"):
        return curl("-i" if sent.method == "GET" else "-I", outcome.url, [origin])
    asks = [(name, value) for name, value in sent.headers if name.startswith("access-control-")]
    if sent.method != "OPTIONS":
        asks = [("access-control-request-method", sent.method)]
    headers = [f"{name.title()}: {value}" for name, value in asks]
    return curl("-i -X OPTIONS", outcome.url, [origin, *sorted(headers, reverse=True)])


def curl(options: str, url: str, headers: Iterable[str]) -> str:
    """Return a curl command, quoted for a shell."""
    given = "".join(f" -H {quote(header)}" for header in headers)
    return f"curl {options} {quote(url)}{given}"


# --- What else is worth knowing ---------------------------------------------------------------

CHECK_STATE = (
    "The handler has to check `state` (OpenID Connect) or `RelayState` (SAML), since any site can "
    "post such a form."
)
LOCAL_NAMES = (
    "`fastapi dev` prints 127.0.0.1, but to a browser `localhost` and `127.0.0.1` are two sites: a "
    "cookie of one is not sent from a page on the other."
)


def notes_on(found: Explanation) -> list[str]:
    """Return what the steps do not say: notes on the input, and what may be the real problem."""
    fates = [f"in {name}: {fate}" for name, fate in found.elsewhere.items()]
    elsewhere = [f"The same {', '.join(fates)}."] if fates else []
    return [*found.question.notes, *other_problems(found), *elsewhere]


def other_problems(found: Explanation) -> Iterator[str]:
    """Yield what may be the real problem, though the policy has nothing to do with it."""
    environment, service = found.environment, service_of(found.question, found.policy)
    page, target = exact(found.question.origin), exact(service)
    if not found.question.is_socket:
        yield from about_headers(found)
    if page and target:
        yield from about_network(found, page, target)
    yield from about_routes(found)
    if is_login_provider(found.question.origin):
        yield from about_provider(found)
    if found.question.is_socket:
        return
    yield from about_writes(found)
    if page and target and found.question.credentials:
        yield from about_cookies(found, page, target)
    if environment.policy and environment.policy != found.policy:
        yield "create_app() makes its own policy, which differs from the variables."
    for finding in environment.findings:
        if finding.rule == NO_APP:
            yield f"Only the policy was examined, not the app: create_app {finding.reason}."
        elif finding.rule == "CORS034":
            what = f"{finding.value} wraps the app, and may answer without the policy"
            yield f"{what} ({finding.rule}): `cors check` says what to write instead."
    if service == UNKNOWN_SERVICE:
        yield (
            f"{UNKNOWN_SERVICE} stands for the address of the service. Give a URL instead of the "
            "path to see the real one."
        )


def about_headers(found: Explanation) -> Iterator[str]:
    """Say what is odd about the request headers."""
    question = found.question
    names = {name.lower() for name, _ in question.headers}
    for dropped in found.outcome.dropped_headers:
        yield f"No script can set {dropped}: the browser leaves it out silently."
    if "cookie" in names and not question.credentials:
        yield "fetch() sends cookies with credentials: 'include': ask with --credentials."
    if "authorization" in names and question.credentials:
        yield (
            "A token that a script puts into Authorization needs no credentials: in CORS, "
            "credentials are cookies."
        )
    writes = question.method in ("POST", "PUT", "PATCH")
    if writes and "content-type" not in names and found.outcome.tainting == "cors":
        yield "A request with a JSON body also sends Content-Type: add -H content-type."


def about_network(found: Explanation, page: Site, service: Site) -> Iterator[str]:
    """Say where a browser blocks a request before CORS comes into play."""
    is_service_local = service.is_loopback or service.is_private
    if page.scheme == "https" and service.scheme == "http" and not service.is_loopback:
        yield (
            f"Mixed content: a page on https may not call {service}, whatever the policy says. "
            "Serve it over https."
        )
    if is_service_local and not (page.is_loopback or page.is_private) and found.question.service:
        yield (
            f"{service} is on the user's own machine or network: Chromium asks the user for "
            "permission first (Local Network Access). That is not CORS."
        )


def about_routes(found: Explanation) -> Iterator[str]:
    """Say that the app has no route for such a request. CORS does not look at routes."""
    question, app = found.question, found.environment.app
    path = question.path.removeprefix(found.root_path) or "/"
    routes = [each for each in app_routes(app) if bool(each.methods) != question.is_socket]
    matching = [each for each in routes if compile_path(each.path)[0].match(path)]
    if app is None or (not question.is_socket and (path == "/" or not routes)):
        return
    methods = frozenset[str]().union(*(each.methods for each in matching))
    if not matching:
        kind, status = ("WebSocket", 403) if question.is_socket else ("route", 404)
        text = f"The app has no {kind} at {path}. That is a {status}"
        yield f"{text}, unless something is mounted there, or the server's --root-path is in it."
        other = other_slash(path)
        if any(compile_path(each.path)[0].match(other) for each in routes):
            slash = "with a" if path.endswith("/") else "without its"
            yield f"The app's route is {other}: {slash} final slash, it is another path."
    elif not question.is_socket and question.method not in methods | {"HEAD", "OPTIONS"}:
        listed = ", ".join(sorted(methods))
        yield f"{path} answers {listed}; {question.method} gets a 405."


def about_provider(found: Explanation) -> Iterator[str]:
    """Say what a page of a login provider needs, and what it must not get."""
    origin = found.question.origin
    yield (
        f"{origin} is a login provider. Its pages post forms and read nothing. Do not list it in "
        f"{ORIGINS}: its pages could then read responses{with_cookies(found)}."
    )
    if found.question.is_form and not found.exemption:
        yield CHECK_STATE


def about_writes(found: Explanation) -> Iterator[str]:
    """Say that CORS alone does not keep a write of another site from being carried out."""
    outcome, method = found.outcome, found.question.method
    reaches_app = outcome.response is not None and not is_refused_by_guard(outcome)
    if reaches_app and not outcome.allowed and method not in SAFE_METHODS:
        now = f", {found.place(GUARD_WRITES)} only logs it" if found.policy.report_writes else ""
        yield f"CORS does not stop the handler of such a {method}{now}; {GUARD_WRITES}=true does."


def about_cookies(found: Explanation, page: Site, service: Site) -> Iterator[str]:
    """Say when the browser does not send a cookie although CORS allows it."""
    known = found.question.service is not None
    if two_sites := two_local_sites(page, service):
        yield two_sites
    elif found.blocked_at is not None:
        return
    elif known and is_one_site(page, service):
        yield "Page and service are on one site: cookies with SameSite=Lax or Strict are sent."
    elif known or not page.is_loopback:
        yield (
            "From a page on another site, a cookie is sent only with SameSite=None and Secure. "
            "Safari, Firefox and private windows may still block it (Partitioned helps)."
        )
    else:
        yield (
            f"This is true if the page calls the service at http://{page.host}:8000, under the "
            f"page's own host name. {LOCAL_NAMES}"
        )


def two_local_sites(page: Site, service: Site) -> str:
    """Say that page and service are two sites on this machine. Empty where they are not.

    No browser says so: the login gets a 201, and the next request a 401.
    """
    if is_one_site(page, service) or not (page.is_loopback and service.is_loopback):
        return ""
    return (
        f"To a browser, `{page.host}` and `{service.host}` are two sites: a cookie that the "
        f"service sets at {service.host} is not sent from a page on {page.host}, and no message "
        f"says so. Call the service at {replace(service, host=page.host)}."
    )


def is_one_site(page: Site, service: Site) -> bool:
    """Whether page and service are on one site, as browsers count it for SameSite cookies."""
    return registrable_domain(page.host) == registrable_domain(service.host)


# --- Printing ---------------------------------------------------------------------------------

MARKS: Mapping[Verdict, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "blocked": ("BLOCKED", "bold red"),
    "also": ("blocked too", "red"),
    "none": ("-", "dim"),
}


def explain_question(question: Question, environment: str | None, console: Console) -> int:
    """Print what becomes of a request; return the exit status.

    That is 0 where the policy allows it, 1 where it does not, 2 for an unknown environment.
    """
    examined = examine(environment)
    if examined.refusals:
        return print_refusal(examined, console)
    found = explain(question, examined)
    print_headline(found, console)
    print_steps(found, console)
    print_changes(found, console)
    if message := chromium_message(found):
        print_heading(console, "What Chromium's console says")
        print_line(console, message)
    if shows := command(found):
        print_heading(console, "See for yourself")
        print_line(console, shows)
    print_notes(found, console)
    return 1 if found.blocked_at else 0


def print_refusal(environment: Environment, console: Console) -> int:
    """Print that the service does not start; return 2 for an unknown environment, else 1."""
    text = f"{environment.name}: the service does not start, so no request gets a response:"
    console.print(Text(text, "red"))
    for finding in with_advice(environment).refusals:
        print_text(console, str(finding), "  ")
    console.print()
    text = (
        "Browsers then say net::ERR_CONNECTION_REFUSED (Chromium), CORS request did not succeed "
        "(Firefox) or Could not connect to the server (Safari)."
    )
    print_text(console, text)
    found = environment.refusals
    return 2 if any(each.rule == "CORS031" and each.where == PROCESS for each in found) else 1


def print_headline(found: Explanation, console: Console) -> None:
    """Print question and answer in one line."""
    headline = Text(str(found.question), style="bold").append(f" in {found.environment.name}: ")
    if found.blocked_at:
        headline.append(f"blocked at the step `{found.blocked_at}`", style="bold red")
        if found.asks_provider:
            headline.append(", unless origin_provider allows it")
    else:
        headline.append("allowed", style="bold green")
    console.print(headline)
    console.print()


def print_steps(found: Explanation, console: Console) -> None:
    """Print the steps in columns."""
    question = found.question
    kind = socket_steps if question.is_socket else form_steps if question.is_form else request_steps
    steps = list(host_steps(found) if found.host else kind(found))
    names = max(len(step.name) for step in steps)
    marks = max(len(MARKS[step.verdict][0]) for step in steps)
    for step in steps:
        mark, style = MARKS[step.verdict]
        prefix = Text(f"  {step.name:{names}}  ").append(f"{mark:{marks}}  ", style)
        print_text(console, step.text, prefix)


def print_changes(found: Explanation, console: Console) -> None:
    """Print what to change, first what leaves the policy as it is."""
    changes = found.changes.values()
    near = found.near if found.blocked_at in ("origin", "credentials") else None
    instead = near.allowed if near and isinstance(near.allowed, Origin) else None
    if not (changes or instead or found.exemption):
        return
    print_heading(console, "What to change")
    if found.asks_provider:
        text = (
            "A tenant's origin belongs on no list: origin_provider decides about it, and only the"
        )
        more = f"running service knows its answers. If {found.question.origin} is a front end:"
        print_text(console, f"{text} {more}", "  ")
    if found.exemption:
        print_exemption(found, found.exemption, console)
    if found.exemption and changes:
        text = f"If a script of {found.question.origin} calls the service, list its origin."
        more = f"Its pages can then read and write{with_cookies(found)}"
        print_text(console, f"{text} {more}:", "  ")
    allowing = [name for name, fate in found.elsewhere.items() if fate == "allowed"]
    if instead:
        text = f"Open the page at {instead} instead. If {found.question.origin} is right:"
        print_text(console, text, "  ")
    elif allowing:
        text = f"The policy of {' and '.join(allowing)} allows it. Check that the page calls the "
        print_text(console, f"{text}right service. If it does:", "  ")
    for change in changes:
        if not change.refused:
            print_change(change, console)
            continue
        text = f"The rules of {found.environment.name} refuse it in {change.variable}:"
        print_text(console, text, "  ")
        for finding in change.refused:
            text = f"`{shown(finding.value)}` {finding.reason}. Fix: {finding.fix}."
            print_text(console, f"{finding.rule}: {text}", "    ")
    if changes and not any(change.refused for change in changes):
        text = "The request is then allowed (tried). Restart the service to apply the change."
        print_text(console, text, "  ")


def print_change(change: Change, console: Console) -> None:
    """Print a line to write, after the place to write it in."""
    print_line(console, f"{change.where}{'' if change.is_set else ' (not set yet)'}:")
    print_line(console, f"  {change.variable}={change.value}", "bold green")
    for each in change.warned:
        print_text(console, f"`cors check` then warns, {each.rule}: {each.sentence}", "  ")


def print_exemption(found: Explanation, change: Change, console: Console) -> None:
    """Print how a form of the page gets past the guard, and what that gives away."""
    origin, path = found.question.origin, found.question.path
    text = f"If a page of {origin} posts a form, as login providers do at the end of a login:"
    print_text(console, text, "  ")
    print_change(change, console)
    text = f"Any site can then post a form to {path}, with the user's cookies, but not read the"
    print_text(console, f"{text} response. {CHECK_STATE}", "  ")
    text = "The form then reaches the handler (tried). Restart the service to apply the change."
    print_text(console, text, "  ")


def print_notes(found: Explanation, console: Console) -> None:
    """Print what else is worth knowing."""
    if notes := notes_on(found):
        print_heading(console, "Notes")
        print_list(console, notes)


def print_heading(console: Console, text: str) -> None:
    """Print a heading after an empty line."""
    console.print()
    console.print(Text(text, style="bold"))


def print_line(console: Console, text: str, style: str = "") -> None:
    """Print a line to copy from: indented, never wrapped, never read as markup."""
    console.print(Text(f"  {text}", style=style), soft_wrap=True)


def print_list(console: Console, texts: Iterable[str]) -> None:
    """Print texts, each after a dash."""
    for text in texts:
        print_text(console, text, " - ")


def print_text(console: Console, text: str, prefix: Text | str = "") -> None:
    """Print a text after a prefix, wrapped between words to the right of it."""
    blank = " " * len(prefix)
    wrapped = textwrap.fill(
        text,
        console.width,
        initial_indent=blank,
        subsequent_indent=blank,
        break_long_words=False,
        break_on_hyphens=False,
    )
    console.print(Text.assemble(prefix, wrapped[len(blank) :]), soft_wrap=True)
