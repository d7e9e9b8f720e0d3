# fmt: off
"""A model of a browser: what it does with a service's responses, after the Fetch Standard.

A `Browser` takes a page's `Fetch`. It sends the preflight if one is due, then the request, and says
what the page gets: allowed, or blocked at which step and why, and which response headers its script
can read. It sees only HTTP and knows no policy. `cors_check` has the rules of the standard that it
follows; `console_message` has Chromium's text for each way to be blocked.
`ASGITransport` calls an app in this process.

Not modelled: the HTTP cache, service workers, Content Security Policy, mixed content,
Cross-Origin-Resource-Policy, Local Network Access and the SameSite attribute of cookies. Each can
block a request that CORS allows; none can allow one that CORS blocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import unquote, urljoin, urlsplit

from pydantic_core import Url
from starlette.types import ASGIApp, Message

from ..fetch_standard import FORBIDDEN_METHODS, SAFELISTED_METHODS, TOKEN
from ..origin import DEFAULT_PORTS, Origin, suffix_list
from .cors_check import (
    NO_CORS_SAFELISTED,
    REDIRECTS,
    Headers,
    NetworkError,
    Reason,
    Request,
    Response,
    Step,
    basic_names,
    cors_check,
    is_forbidden_request_header,
    max_age,
    normalize_method,
    objection,
    preflight_check,
    readable_names,
    unsafe_names,
    values,
)

__all__ = [
    "ASGITransport",
    "Browser",
    "Exchange",
    "Fetch",
    "Outcome",
    "PreflightCache",
    "Reason",
    "Request",
    "Response",
    "Step",
    "console_message",
    "last_two_labels",
    "registrable_domain",
]

MOST_REDIRECTS = 20
BODY_HEADERS = ("content-encoding", "content-language", "content-location", "content-type")

Exchange = Callable[[Request], Response]
Tainting = Literal["basic", "cors", "opaque"]


@dataclass(frozen=True, slots=True)
class Fetch:
    """What a script on a page asks for: `fetch(service + path, {...})`.

    `origin` is the page's, as browsers send it: lower case, no default port, no slash, or "null"
    for sandboxed frames and local files.
    """

    origin: str
    method: str = "GET"
    path: str = "/"
    headers: Headers = ()
    credentials: Literal["omit", "same-origin", "include"] = "same-origin"
    mode: Literal["cors", "no-cors"] = "cors"
    body: bytes = b""

    @property
    def includes_credentials(self) -> bool:
        """Whether cookies go to another origin too."""
        return self.credentials == "include"


@dataclass(slots=True)
class Outcome:
    """What became of a fetch. The browser fills it in on the way.

    With the tainting "opaque" (mode no-cors), `allowed` means that the request was carried out; its
    script learns nothing. `response` is the last one to the request itself, also if it was blocked.
    `preflight_due` says why a preflight was due. If there is no `preflight`, the cache answered.
    """

    fetch: Fetch
    url: str
    tainting: Tainting
    requests: tuple[Request, ...] = ()
    response: Response | None = None
    preflight: Response | None = None
    preflight_due: tuple[str, ...] = ()
    dropped_headers: tuple[str, ...] = ()
    readable_headers: tuple[str, ...] = ()
    step: Step | None = None
    reason: Reason | None = None
    detail: str = ""
    message: str = "allowed"

    @property
    def allowed(self) -> bool:
        """Whether nothing blocked it."""
        return self.reason is None


class PreflightCache:
    """The CORS-preflight cache, for one user of the browser.

    `limit` is the browser's own maximum for Access-Control-Max-Age, in seconds: 7200 in Chromium.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, limit: int = 7200) -> None:
        self._clock = clock
        self._limit = limit
        self._expiry: dict[tuple[str, str, bool, str, str], float] = {}

    def store(
        self, fetch: Fetch, url: str, methods: Iterable[str], names: Iterable[str], age: float
    ) -> None:
        """Create a new cache entry for each method and header name that a preflight allowed."""
        expiry = self._clock() + min(age, self._limit)
        entries = [("method", method) for method in methods] + [("header", name) for name in names]
        for entry in entries:
            self._expiry[fetch.origin, url, fetch.includes_credentials, *entry] = expiry

    def covers(self, fetch: Fetch, url: str, method: str, names: Iterable[str]) -> bool:
        """Method and header-name cache entry match: whether all of these may go unasked."""
        asked = [("header", name) for name in names]
        if method not in SAFELISTED_METHODS:
            asked.append(("method", method))
        return all(self._has(fetch, url, kind, token) for kind, token in asked)

    def _has(self, fetch: Fetch, url: str, kind: str, token: str) -> bool:
        """Whether there is an entry; one with `*` is a wildcard if stored without credentials."""
        entries = [(True, token)]
        if not fetch.includes_credentials:
            entries.append((False, token))
            if token != "authorization":
                entries.append((False, "*"))
        now = self._clock()
        return any(
            self._expiry.get((fetch.origin, url, with_credentials, kind, stored), now) > now
            for with_credentials, stored in entries
        )

    def clear(self, fetch: Fetch, url: str) -> None:
        """Clear cache entries, as a failed fetch does."""
        for key in [key for key in self._expiry if key[:2] == (fetch.origin, url)]:
            del self._expiry[key]


def last_two_labels(host: str) -> str | None:
    """Return a rough registrable domain: right for acme.com, wrong for acme.co.uk.

    An address has none. Give the browser `registrable_domain` where the difference matters.
    """
    labels = host.split(".")
    return None if len(labels) < 2 or labels[-1].isdigit() else ".".join(labels[-2:])


def registrable_domain(host: str) -> str:
    """Return the site of a host, such as acme.com. An address or a public suffix is its own."""
    is_address = host.startswith("[") or host.rpartition(".")[2].isdigit()
    return host if is_address else suffix_list().privatesuffix(host) or host


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser with one service to talk to.

    `cookie` is the Cookie header that it has for the service. `sec_fetch=False` is a browser that
    does not send Sec-Fetch-* (Safari before 16.4). Without a `cache`, each preflight due is sent.
    """

    exchange: Exchange
    service_origin: str
    cookie: str | None = None
    sec_fetch: bool = True
    cache: PreflightCache | None = None
    registrable_domain: Callable[[str], str | None] = last_two_labels

    def fetch(self, fetch: Fetch) -> Outcome:
        """Fetch: from the script's call to what the script gets to see."""
        running = RunningFetch(self, fetch)
        outcome = running.outcome
        try:
            running.run()
        except NetworkError as error:
            outcome.step, outcome.reason = error.step, error.reason
            outcome.detail, outcome.message = error.detail, str(error)
            if self.cache is not None:
                self.cache.clear(fetch, outcome.url)
        return outcome


class RunningFetch:
    """A fetch on its way: the standard's request, which redirects rewrite, and its outcome."""

    def __init__(self, browser: Browser, fetch: Fetch) -> None:
        self.browser = browser
        self.fetch = fetch
        self.method = normalize_method(fetch.method)
        self.headers: Headers = ()
        self.body = fetch.body
        # Response tainting ("main fetch"). No redirect that is followed changes it.
        self.tainting: Tainting = "cors" if fetch.mode == "cors" else "opaque"
        if fetch.origin == browser.service_origin:
            self.tainting = "basic"
        self.outcome = Outcome(fetch, browser.service_origin + fetch.path, self.tainting)

    def run(self) -> None:
        """Send everything, and note the outcome. Raises NetworkError where it is blocked."""
        self.check_method()
        self.fill_headers()
        for _ in range(MOST_REDIRECTS + 1):
            response = self.http_fetch()
            locations = values(response.headers, "location")
            if response.status not in REDIRECTS or not locations:
                self.outcome.readable_headers = self.readable_headers(response)
                return
            if len(set(locations)) > 1:
                # Browsers follow none of several.
                location, service = " and ".join(locations), self.browser.service_origin
                raise NetworkError(Step.RESPONSE, Reason.REDIRECT_ELSEWHERE, location, service)
            self.redirect(response.status, locations[0])
        raise NetworkError(Step.RESPONSE, Reason.TOO_MANY_REDIRECTS, self.outcome.url)

    # --- What the script asks for ---

    def check_method(self) -> None:
        """Raise NetworkError for what makes the Request constructor throw a TypeError."""
        given, method = self.fetch.method, self.method
        if not TOKEN.fullmatch(given):
            raise NetworkError(Step.REQUEST, Reason.INVALID_METHOD, given)
        if given.upper() in FORBIDDEN_METHODS:
            raise NetworkError(Step.REQUEST, Reason.FORBIDDEN_METHOD, given)
        if self.fetch.mode == "no-cors" and method not in SAFELISTED_METHODS:
            raise NetworkError(Step.REQUEST, Reason.METHOD_NEEDS_CORS, method)
        if self.body and method in ("GET", "HEAD"):
            raise NetworkError(Step.REQUEST, Reason.BODY_WITH_GET, method)

    def fill_headers(self) -> None:
        """Append to a Headers object: normalize values, and drop what its guard refuses."""
        kept: list[tuple[str, str]] = []
        for given, untrimmed in self.fetch.headers:
            name, value = given.lower(), untrimmed.strip("\t\n\r ")
            if not TOKEN.fullmatch(given):
                raise NetworkError(Step.REQUEST, Reason.INVALID_HEADER_NAME, given)
            if re.search(r"[\0\n\r]|[^\0-\xff]", value):
                raise NetworkError(Step.REQUEST, Reason.INVALID_HEADER_VALUE, given)
            dropped = is_forbidden_request_header(name, value)
            if self.fetch.mode == "no-cors":
                combined = ", ".join([old for key, old in kept if key == name] + [value])
                is_safelisted = name in NO_CORS_SAFELISTED and objection(name, combined) is None
                dropped = dropped or not is_safelisted
            if dropped:
                self.outcome.dropped_headers += (given,)
            else:
                kept.append((name, value))
        if not any(name == "accept" for name, _ in kept):
            kept.append(("accept", "*/*"))
        self.headers = tuple(kept)

    # --- What the browser sends ---

    def http_fetch(self) -> Response:
        """HTTP fetch: a preflight if one is due, the request, and the CORS check."""
        if self.tainting == "cors":
            self.preflight_if_due()
        response = self.outcome.response = self.send(self.actual_request())
        if self.tainting == "cors":
            credentials = self.fetch.includes_credentials
            cors_check(Step.RESPONSE, response, self.fetch.origin, credentials=credentials)
        return response

    def send(self, request: Request) -> Response:
        self.outcome.requests += (request,)
        return self.browser.exchange(request)

    @property
    def path(self) -> str:
        return self.outcome.url.removeprefix(self.browser.service_origin) or "/"

    def actual_request(self) -> Request:
        """HTTP-network-or-cache fetch: add the browser's own headers to the script's."""
        headers = list(self.headers)
        if self.body or self.method in ("POST", "PUT"):
            headers.append(("content-length", str(len(self.body))))
        if self.tainting == "cors" or self.method not in ("GET", "HEAD"):
            headers.append(("origin", self.origin_header()))
        headers += self.sec_fetch_headers(self.fetch.mode)
        at_home = self.fetch.credentials == "same-origin" and self.tainting == "basic"
        if self.browser.cookie is not None and (self.fetch.includes_credentials or at_home):
            headers.append(("cookie", self.browser.cookie))
        return Request(self.method, self.path, tuple(headers), self.body)

    def origin_header(self) -> str:
        """Append a request Origin header, under the default referrer policy.

        Without CORS, that policy hides the origin of an https page from an http service.
        """
        leaks = self.fetch.origin.startswith("https:") and self.outcome.url.startswith("http:")
        return "null" if leaks and self.fetch.mode == "no-cors" else self.fetch.origin

    def sec_fetch_headers(self, mode: str) -> Headers:
        """Fetch Metadata Request Headers: sent only to potentially trustworthy URLs.

        These are encrypted, or on this machine (Secure Contexts).
        """
        service = urlsplit(self.browser.service_origin)
        trustworthy = (
            service.scheme == "https" or Origin(service.scheme, service.hostname or "").is_loopback
        )
        if not self.browser.sec_fetch or not trustworthy:
            return ()
        return (
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-mode", mode),
            ("sec-fetch-site", self.site()),
        )

    def site(self) -> str:
        if self.tainting == "basic":
            return "same-origin"
        page, service = urlsplit(self.fetch.origin), urlsplit(self.browser.service_origin)
        if page.scheme != service.scheme or not page.hostname or not service.hostname:
            return "cross-site"
        domain = self.browser.registrable_domain(page.hostname)
        same = page.hostname == service.hostname or (
            domain is not None and domain == self.browser.registrable_domain(service.hostname)
        )
        return "same-site" if same else "cross-site"

    def preflight_if_due(self) -> None:
        """CORS-preflight fetch, unless none is due or the cache covers all that would need one."""
        outcome, cache = self.outcome, self.browser.cache
        unsafe = unsafe_names(self.headers)
        due = list(unsafe.values())
        if self.method not in SAFELISTED_METHODS:
            due.insert(0, f"method {self.method} is not GET, HEAD or POST")
        outcome.preflight_due += tuple(why for why in due if why not in outcome.preflight_due)
        if not due or (cache and cache.covers(self.fetch, outcome.url, self.method, unsafe)):
            return
        response = outcome.preflight = self.send(self.preflight_request(unsafe))
        credentials = self.fetch.includes_credentials
        allowed = preflight_check(
            response, self.fetch.origin, self.method, unsafe, credentials=credentials
        )
        if cache:
            cache.store(self.fetch, outcome.url, *allowed, max_age(response.headers))

    def preflight_request(self, names: Iterable[str]) -> Request:
        """CORS-preflight fetch, steps 1 to 5. A preflight never has credentials."""
        headers = [("accept", "*/*"), ("access-control-request-method", self.method)]
        if asked := ",".join(names):
            headers.append(("access-control-request-headers", asked))
        headers.append(("origin", self.fetch.origin))
        return Request("OPTIONS", self.path, (*headers, *self.sec_fetch_headers("cors")))

    # --- What comes back ---

    def redirect(self, status: int, location: str) -> None:
        """HTTP-redirect fetch. A redirect is followed as long as it stays with the service."""
        url = resolve(self.outcome.url, location)
        origin = origin_of(url) if url else ""
        has_user = url is not None and (url.username or url.password)
        same_origin = self.tainting == "basic" and origin == self.fetch.origin
        if has_user and self.fetch.mode == "cors" and not same_origin:
            raise NetworkError(Step.RESPONSE, Reason.REDIRECT_CREDENTIALS, location)
        if url is None or origin != self.browser.service_origin:
            service = self.browser.service_origin
            raise NetworkError(Step.RESPONSE, Reason.REDIRECT_ELSEWHERE, location, service)
        if (status in (301, 302) and self.method == "POST") or (
            status == 303 and self.method not in ("GET", "HEAD")
        ):
            self.method, self.body = "GET", b""
            self.headers = tuple(pair for pair in self.headers if pair[0] not in BODY_HEADERS)
        self.outcome.url = f"{origin}{url.path or '/'}" + (f"?{url.query}" if url.query else "")

    def readable_headers(self, response: Response) -> tuple[str, ...]:
        """Return which headers of the response the script can read."""
        if self.tainting == "opaque":
            return ()
        if self.tainting == "basic":
            return basic_names(response.headers)
        return readable_names(response.headers, credentials=self.fetch.includes_credentials)


def resolve(base: str, location: str) -> Url | None:
    """Return where a Location header leads to, as browsers read it; None if it is not a URL.

    Backslashes are slashes, and two or more of them begin a host. After another scheme than the
    base's none are needed (URL Standard, "special authority ignore slashes state").
    """
    found = re.match(r"(https?:)?([/\\]*)", location, re.IGNORECASE)
    scheme, slashes = found.groups() if found else (None, "")
    rest, own_scheme = location[len(scheme or "") + len(slashes) :], f"{urlsplit(base).scheme}:"
    try:
        if len(slashes) > 1 or (scheme and scheme.lower() != own_scheme):
            return Url(f"{scheme or own_scheme}//{rest}")
        return Url(urljoin(base, "/" * len(slashes) + rest))
    except ValueError:
        return None


def origin_of(url: Url) -> str:
    """Return the origin of a URL."""
    has_default_port = str(url.port) == DEFAULT_PORTS.get(url.scheme)
    return str(Origin(url.scheme, url.host or "", None if has_default_port else url.port))


# --- Chromium's console -----------------------------------------------------------------------

ADVICE = " Have the server send the header with a valid value."
NO_METHOD = "Method {} is not allowed by Access-Control-Allow-Methods in preflight response."
NO_HEADER = (
    "Request header field {} is not allowed by Access-Control-Allow-Headers in preflight response."
)
MALFORMED = "Cannot parse {} response header field in preflight response."
NOT_AN_ORIGIN = "The 'Access-Control-Allow-Origin' header contains the invalid value '{}'." + ADVICE
NOT_LATIN_1 = (
    "Failed to read the 'headers' property from 'RequestInit': String contains non ISO-8859-1 code "
    "point."
)

CONSOLE = {
    Reason.INVALID_METHOD: "'{}' is not a valid HTTP method.",
    Reason.FORBIDDEN_METHOD: "'{}' HTTP method is unsupported.",
    Reason.METHOD_NEEDS_CORS: "'{}' is unsupported in no-cors mode.",
    Reason.BODY_WITH_GET: "Request with GET/HEAD method cannot have body.",
    Reason.INVALID_HEADER_NAME: "Invalid name",
    Reason.INVALID_HEADER_VALUE: "Invalid value",
    Reason.ALLOW_ORIGIN_MISSING: (
        "No 'Access-Control-Allow-Origin' header is present on the requested resource."
    ),
    Reason.ALLOW_ORIGIN_MULTIPLE: (
        "The 'Access-Control-Allow-Origin' header contains multiple values '{}', but only one is "
        "allowed." + ADVICE
    ),
    Reason.ALLOW_ORIGIN_MISMATCH: (
        "The 'Access-Control-Allow-Origin' header has a value '{}' that is not equal to the "
        "supplied origin." + ADVICE
    ),
    Reason.ALLOW_ORIGIN_WILDCARD: (
        "The value of the 'Access-Control-Allow-Origin' header in the response must not be the "
        "wildcard '*' when the request's credentials mode is 'include'."
    ),
    Reason.ALLOW_CREDENTIALS: (
        "The value of the 'Access-Control-Allow-Credentials' header in the response is '{}' which "
        "must be 'true' when the request's credentials mode is 'include'."
    ),
    Reason.PREFLIGHT_REDIRECT: "Redirect is not allowed for a preflight request.",
    Reason.PREFLIGHT_STATUS: "It does not have HTTP ok status.",
    Reason.ALLOW_METHODS_MALFORMED: MALFORMED.format("Access-Control-Allow-Methods"),
    Reason.ALLOW_HEADERS_MALFORMED: MALFORMED.format("Access-Control-Allow-Headers"),
    Reason.METHOD_NOT_ALLOWED: NO_METHOD,
    Reason.METHOD_WILDCARD: NO_METHOD,
    Reason.HEADER_NOT_ALLOWED: NO_HEADER,
    Reason.HEADER_WILDCARD: NO_HEADER,
    # Chromium leaves the location out.
    Reason.REDIRECT_CREDENTIALS: (
        "Redirect location '' contains a username and password, which is disallowed for "
        "cross-origin requests."
    ),
}


def console_message(outcome: Outcome) -> str | None:
    """Return what Chromium prints for a blocked fetch(); None if it prints nothing about CORS.

    It prints nothing about `Authorization` under `*`, which it still allows, and about endless
    redirects. What it prints about a redirect to another origin depends on the response from there.
    """
    why, fetch = CONSOLE.get(outcome.reason) if outcome.reason else None, outcome.fetch
    if why is None:
        return None
    if outcome.reason is Reason.ALLOW_ORIGIN_MISMATCH and not could_be_origin(outcome.detail):
        why = NOT_AN_ORIGIN
    why = why.format("".join(c if " " <= c <= "~" else f"\\u{ord(c):04X}" for c in outcome.detail))
    if outcome.step is Step.REQUEST:
        if any(character > "\xff" for pair in fetch.headers for character in "".join(pair)):
            why = NOT_LATIN_1
        return f"Uncaught (in promise) TypeError: Failed to execute 'fetch' on 'Window': {why}"
    if outcome.step is Step.PREFLIGHT and not why.endswith("in preflight response."):
        why = "Response to preflight request doesn't pass access control check: " + why
    asked = "/".join(outcome.url.split("/", 3)[:3]) + fetch.path
    redirected = "" if outcome.url == asked else f" (redirected from '{asked}')"
    return (
        f"Access to fetch at '{outcome.url}'{redirected} from origin '{fetch.origin}' "
        f"has been blocked by CORS policy: {why}"
    )


def could_be_origin(value: str) -> bool:
    """Whether it is a URL or `null`: Chromium compares nothing else."""
    try:
        return value == "null" or bool(Url(value))
    except ValueError:
        return False


# --- The app in this process --------------------------------------------------------------------

HANDSHAKE_HEADERS = (
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
)


class ASGITransport:
    """Sends a `Request` to an app and returns its `Response`; it is the browser's `exchange`.

    `origin` is where the app believes it is served. The app's lifespan runs in a `with` block only.
    `patience`, in seconds, is for apps that do not finish, such as an endless stream: a response
    that has started by then counts, as it does for `fetch()`; otherwise a TimeoutError is raised.

    A transport cannot be called from inside a running event loop.
    """

    def __init__(
        self, app: ASGIApp, origin: str = "http://testserver", patience: float = 5
    ) -> None:
        url = urlsplit(origin)
        self._app = app
        self._host = url.netloc
        self._scheme = url.scheme
        self._server = (url.hostname, url.port or int(DEFAULT_PORTS[url.scheme]))
        self._patience = patience
        self._state: dict[str, Any] = {}
        self._lifespan = lifespan(app, self._state)
        # With a factory, the runner leaves the thread's current event loop alone.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        # The loop's own close, because the runner's cannot be called while another loop runs.
        weakref.finalize(self, self._loop.close)

    def __call__(self, request: Request) -> Response:
        """Send one request. The app runs to its end, background tasks included."""
        scope = self._scope("http", self._scheme, request.path, request.headers)
        scope["method"] = request.method
        body = {"type": "http.request", "body": request.body, "more_body": False}
        return self._loop.run_until_complete(
            self._run(scope, Connection(body, {"type": "http.disconnect"}))
        )

    def websocket(self, path: str = "/", headers: Headers = ()) -> Response:
        """Open a WebSocket and close it again. Status 101 means that the app accepted it."""
        scheme = "wss" if self._scheme == "https" else "ws"
        scope = self._scope("websocket", scheme, path, (*HANDSHAKE_HEADERS, *headers))
        scope |= {"subprotocols": [], "extensions": {"websocket.http.response": {}}}
        disconnect = {"type": "websocket.disconnect", "code": 1001, "reason": ""}
        return self._loop.run_until_complete(
            self._run(scope, Connection({"type": "websocket.connect"}, disconnect))
        )

    def close(self) -> None:
        """Cancel what the app left behind. A transport that is not closed is cleaned up later."""
        self._runner.close()

    def __enter__(self) -> Self:
        try:
            self._loop.run_until_complete(self._lifespan.__aenter__())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._loop.run_until_complete(self._lifespan.__aexit__(None, None, None))
        finally:
            self.close()

    def _scope(self, kind: str, scheme: str, path: str, headers: Headers) -> dict[str, Any]:
        path, _, query = path.partition("?")
        encoded = [(name.lower().encode("latin-1"), v.encode("latin-1")) for name, v in headers]
        if not any(name == b"host" for name, _ in encoded):
            encoded.insert(0, (b"host", self._host.encode("latin-1")))
        return {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": scheme,
            "path": unquote(path),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": encoded,
            "client": ("127.0.0.1", 50000),
            "server": self._server,
            "state": self._state.copy(),
        }

    async def _run(self, scope: dict[str, Any], connection: Connection) -> Response:
        """Run the app. What it raises ends here, as under a server, which would only log it."""
        try:
            async with asyncio.timeout(self._patience):
                with contextlib.suppress(Exception):
                    await self._app(scope, connection.receive, connection.send)
        except TimeoutError:
            if connection.status is None:
                message = f"no response to {scope['path']} within {self._patience} s"
                raise TimeoutError(message) from None
        return connection.response()


class Connection:
    """One connection as the app sees it: what it receives, and what it has sent."""

    def __init__(self, first: Message, disconnect: Message) -> None:
        self.status: int | None = None
        self._headers: Headers = ()
        self._body = bytearray()
        self._incoming = [first]
        self._disconnect = disconnect
        self._ended = asyncio.Event()

    async def receive(self) -> Message:
        if self._incoming:
            return self._incoming.pop()
        # A disconnect before the end would make the app cut its own response short.
        await self._ended.wait()
        return self._disconnect

    async def send(self, message: Message) -> None:
        if self._ended.is_set():
            raise OSError("the client has disconnected")
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                self._start(message["status"], message.get("headers", ()))
            case "http.response.body" | "websocket.http.response.body":
                self._body += message.get("body", b"")
                if not message.get("more_body", False):
                    self._ended.set()
                else:
                    # Lets the clock run against an app that streams without ever waiting.
                    await asyncio.sleep(0)
            case "websocket.accept":
                self._start(101, message.get("headers", ()))
                self._ended.set()
            case "websocket.close":
                self._start(403, ())
                self._ended.set()

    def response(self) -> Response:
        """What a client sees. Servers send 500 for an app that ended without a response."""
        status = 500 if self.status is None else self.status
        return Response(status, self._headers, bytes(self._body))

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.status = status
        self._headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in headers)


@contextlib.asynccontextmanager
async def lifespan(app: ASGIApp, state: dict[str, Any]) -> AsyncIterator[None]:
    """Run the app's startup and shutdown; an app without lifespan support does without."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()

    async def run() -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
        with contextlib.suppress(Exception):
            await app(scope, to_app.get, from_app.put)
        await from_app.put({"type": "lifespan.ended"})

    async def step(name: str) -> None:
        await to_app.put({"type": f"lifespan.{name}"})
        reply = await from_app.get()
        if reply["type"] == f"lifespan.{name}.failed":
            raise RuntimeError(f"{name} failed: {reply.get('message', '')}")

    task = asyncio.create_task(run())
    await step("startup")
    yield
    if not task.done():
        await step("shutdown")
        await task
