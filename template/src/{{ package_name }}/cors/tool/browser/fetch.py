"""The browser itself: what it sends for a page's fetch, in which order, and what comes of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urljoin, urlsplit

from .checks import (
    REDIRECTS,
    Allowed,
    NetworkError,
    Reason,
    Request,
    Response,
    Step,
    check_preflight,
    cors_check,
)
from .headers import (
    FORBIDDEN_METHODS,
    SAFELISTED_METHODS,
    TOKEN,
    Headers,
    basic_names,
    is_forbidden_request_header,
    is_no_cors_safelisted,
    max_age,
    normalize_method,
    readable_names,
    unsafe_names,
    values,
)

_MOST_REDIRECTS = 20
_BODY_HEADERS = ("content-encoding", "content-language", "content-location", "content-type")
_DEFAULT_PORTS = {"http": 80, "https": 443}

Exchange = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Fetch:
    """What a script on a page asks for: `fetch(service + path, {...})`.

    `origin` is the page's, serialized as browsers do it: lower case, no default port, no slash,
    or "null" for sandboxed frames and local files.
    """

    origin: str
    method: str = "GET"
    path: str = "/"
    headers: Headers = ()
    credentials: Literal["omit", "same-origin", "include"] = "same-origin"
    mode: Literal["cors", "no-cors"] = "cors"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a fetch.

    `allowed` with the tainting "opaque" (mode no-cors) means that the request was carried out and
    its script learns nothing. `response` is the last one to the request itself, also if blocked.
    `preflight_due` says why one was due; it was answered from the cache if `preflight` is None.
    """

    fetch: Fetch
    url: str
    tainting: Literal["basic", "cors", "opaque"]
    requests: tuple[Request, ...]
    response: Response | None
    preflight: Response | None
    preflight_due: tuple[str, ...]
    dropped_headers: tuple[str, ...]
    readable_headers: tuple[str, ...]
    step: Step | None = None
    reason: Reason | None = None
    detail: str = ""
    message: str = "allowed"

    @property
    def allowed(self) -> bool:
        return self.reason is None


class PreflightCache:
    """The CORS-preflight cache, for one user of the browser.

    `limit` is the browser's own cap on Access-Control-Max-Age: 7200 s in Chromium.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, limit: int = 7200) -> None:
        self._clock = clock
        self._limit = limit
        self._expiry: dict[tuple[str, str, bool, str, str], float] = {}

    def store(self, fetch: Fetch, url: str, allowed: Allowed, age: float) -> None:
        """Create or renew an entry for each method and header name that a preflight allowed."""
        expiry = self._clock() + min(age, self._limit)
        for kind, tokens in (("method", allowed.methods), ("header", allowed.names)):
            for token in tokens:
                self._expiry[fetch.origin, url, _includes(fetch), kind, token] = expiry

    def covers(self, fetch: Fetch, url: str, kind: Literal["method", "header"], name: str) -> bool:
        """Method cache entry match, header-name cache entry match.

        A `*` that was stored with credentials is a literal, as it was in its preflight.
        """
        now = self._clock()
        for stored_with in (True,) if _includes(fetch) else (True, False):
            tokens = {name}
            if not stored_with and name != "authorization":
                tokens.add("*")
            for token in tokens:
                if self._expiry.get((fetch.origin, url, stored_with, kind, token), now) > now:
                    return True
        return False

    def clear(self, fetch: Fetch, url: str) -> None:
        """Clear cache entries, as a failed fetch does."""
        for key in [key for key in self._expiry if key[:2] == (fetch.origin, url)]:
            del self._expiry[key]


def last_two_labels(host: str) -> str | None:
    """A rough registrable domain: right for acme.com, wrong for acme.co.uk; None for IP addresses.

    Where that matters, give the browser a function that consults the Public Suffix List.
    """
    labels = host.split(".")
    return None if len(labels) < 2 or labels[-1].isdigit() else ".".join(labels[-2:])


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser with one service to talk to.

    `cookie` is the Cookie header it holds for the service; `sec_fetch=False` is a browser that does
    not send Sec-Fetch-* (Safari before 16.4); without a `cache`, every preflight due is sent.
    """

    exchange: Exchange
    service_origin: str
    cookie: str | None = None
    sec_fetch: bool = True
    cache: PreflightCache | None = None
    registrable_domain: Callable[[str], str | None] = last_two_labels

    def fetch(self, fetch: Fetch) -> Outcome:
        """Fetch, from the script's call to what the script gets to see."""
        underway = _Underway(self, fetch)
        try:
            underway.run()
        except NetworkError as error:
            if self.cache is not None:
                self.cache.clear(fetch, underway.url)
            return underway.outcome(error)
        return underway.outcome(None)


@dataclass(slots=True)
class _Underway:
    """A fetch under way: the standard's request, which redirects rewrite, and what it met."""

    browser: Browser
    fetch: Fetch
    url: str = field(init=False)
    method: str = field(init=False)
    headers: Headers = ()
    body: bytes = field(init=False)
    requests: list[Request] = field(default_factory=list)
    response: Response | None = None
    preflight: Response | None = None
    preflight_due: tuple[str, ...] = ()
    dropped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.url = self.browser.service_origin + self.fetch.path
        self.method = normalize_method(self.fetch.method)
        self.body = self.fetch.body

    @property
    def tainting(self) -> Literal["basic", "cors", "opaque"]:
        """Response tainting, per "main fetch"; it holds for all redirects that are followed."""
        if self.fetch.origin == self.browser.service_origin:
            return "basic"
        return "cors" if self.fetch.mode == "cors" else "opaque"

    def run(self) -> None:
        self.check_method()
        self.headers = self.fill_headers()
        for _ in range(_MOST_REDIRECTS + 1):
            response = self.http_fetch()
            location = values(response.headers, "location")
            if response.status not in REDIRECTS or not location:
                return
            if len(set(location)) > 1:
                why = f"redirected to {' and '.join(location)}, of which neither is followed"
                raise NetworkError(Step.RESPONSE, Reason.REDIRECT_ELSEWHERE, location[0], why)
            self.redirect(response.status, location[0])
        raise NetworkError(Step.RESPONSE, Reason.TOO_MANY_REDIRECTS, self.url, "too many redirects")

    def check_method(self) -> None:
        """What the Request constructor throws a TypeError for."""
        given, method = self.fetch.method, self.method
        if not TOKEN.fullmatch(given):
            raise _refused(Reason.INVALID_METHOD, given, f"{given!r} is no HTTP method")
        if given.upper() in FORBIDDEN_METHODS:
            raise _refused(Reason.FORBIDDEN_METHOD, given, f"no script may use the method {given}")
        if self.fetch.mode == "no-cors" and method not in SAFELISTED_METHODS:
            why = f"method {method} is not allowed in mode no-cors"
            raise _refused(Reason.METHOD_NEEDS_CORS, method, why)
        if self.body and method in ("GET", "HEAD"):
            raise _refused(Reason.BODY_WITH_GET, given, f"a {method} request has no body")

    def fill_headers(self) -> Headers:
        """Append to a Headers object: values normalized, and without what its guard refuses."""
        kept: list[tuple[str, str]] = []
        for given, untrimmed in self.fetch.headers:
            name, value = given.lower(), untrimmed.strip("\t\n\r ")
            if not TOKEN.fullmatch(given):
                why = f"{given!r} is no header name"
                raise _refused(Reason.INVALID_HEADER_NAME, given, why)
            if re.search(r"[\0\n\r]|[^\0-\xff]", value):
                why = f"{value!r} is no value for the header {given}"
                raise _refused(Reason.INVALID_HEADER_VALUE, given, why)
            combined = ", ".join([old for key, old in kept if key == name] + [value])
            no_cors = self.fetch.mode == "no-cors"
            if is_forbidden_request_header(name, value) or (
                no_cors and not is_no_cors_safelisted(name, combined)
            ):
                self.dropped.append(given)
            else:
                kept.append((name, value))
        if not any(name == "accept" for name, _ in kept):
            kept.append(("accept", "*/*"))
        return tuple(kept)

    def http_fetch(self) -> Response:
        """HTTP fetch: a preflight if due, the request, and the CORS check."""
        if self.tainting == "cors":
            self.ask_first()
        self.response = self.send(self.actual_request())
        if self.tainting == "cors":
            origin, credentials = self.fetch.origin, _includes(self.fetch)
            cors_check(Step.RESPONSE, self.response, origin, credentials=credentials)
        return self.response

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.browser.exchange(request)

    @property
    def path(self) -> str:
        return self.url.removeprefix(self.browser.service_origin) or "/"

    def actual_request(self) -> Request:
        """What HTTP-network-or-cache fetch adds to the script's own headers."""
        headers = list(self.headers)
        if self.body or self.method in ("POST", "PUT"):
            headers.append(("content-length", str(len(self.body))))
        if self.tainting == "cors" or self.method not in ("GET", "HEAD"):
            headers.append(("origin", self.origin_header()))
        headers += self.sec_fetch_headers(self.fetch.mode)
        credentials = self.fetch.credentials
        attached = credentials == "include" or (
            credentials == "same-origin" and self.tainting == "basic"
        )
        if attached and self.browser.cookie is not None:
            headers.append(("cookie", self.browser.cookie))
        return Request(self.method, self.path, tuple(headers), self.body)

    def origin_header(self) -> str:
        """Append a request Origin header, under the default referrer policy.

        Without CORS that policy hides a page's https origin from an http service.
        """
        leaks = self.fetch.origin.startswith("https:") and not self.url.startswith("https:")
        return "null" if leaks and self.fetch.mode == "no-cors" else self.fetch.origin

    def sec_fetch_headers(self, mode: str) -> Headers:
        """Fetch Metadata Request Headers: sent to potentially trustworthy URLs only."""
        service = urlsplit(self.browser.service_origin)
        if not self.browser.sec_fetch or not _is_trustworthy(service.scheme, service.hostname):
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
        domain = self.browser.registrable_domain
        same = page.hostname == service.hostname or (
            domain(page.hostname) is not None and domain(page.hostname) == domain(service.hostname)
        )
        return "same-site" if same else "cross-site"

    def ask_first(self) -> None:
        """Send a preflight unless none is due or the cache covers all that would need one."""
        unsafe = unsafe_names(self.headers)
        due = list(unsafe.values())
        if self.method not in SAFELISTED_METHODS:
            due.insert(0, f"method {self.method} is not GET, HEAD or POST")
        self.preflight_due += tuple(why for why in due if why not in self.preflight_due)
        if not due or self.is_cached(tuple(unsafe)):
            return
        origin, credentials = self.fetch.origin, _includes(self.fetch)
        self.preflight = self.send(self.preflight_request(tuple(unsafe)))
        allowed = check_preflight(
            self.preflight, origin, self.method, unsafe, credentials=credentials
        )
        if self.browser.cache is not None:
            self.browser.cache.store(self.fetch, self.url, allowed, max_age(self.preflight.headers))

    def is_cached(self, names: tuple[str, ...]) -> bool:
        cache = self.browser.cache
        if cache is None:
            return False
        return (
            self.method in SAFELISTED_METHODS
            or cache.covers(self.fetch, self.url, "method", self.method)
        ) and all(cache.covers(self.fetch, self.url, "header", name) for name in names)

    def preflight_request(self, names: tuple[str, ...]) -> Request:
        """CORS-preflight fetch, first half. It never carries credentials."""
        headers = [("accept", "*/*"), ("access-control-request-method", self.method)]
        if names:
            headers.append(("access-control-request-headers", ",".join(names)))
        headers.append(("origin", self.fetch.origin))
        return Request("OPTIONS", self.path, (*headers, *self.sec_fetch_headers("cors")))

    def redirect(self, status: int, location: str) -> None:
        """HTTP-redirect fetch, followed as long as it stays with the service."""
        origin, path, has_user = _resolve(self.url, location)
        same_origin = origin == self.fetch.origin
        if has_user and self.fetch.mode == "cors" and (self.tainting == "cors" or not same_origin):
            why = f"redirected to {location}, which has a user name or password"
            raise NetworkError(Step.RESPONSE, Reason.REDIRECT_CREDENTIALS, location, why)
        if origin != self.browser.service_origin:
            why = f"redirected to {location}, away from {self.browser.service_origin}"
            raise NetworkError(Step.RESPONSE, Reason.REDIRECT_ELSEWHERE, location, why)
        if (status in (301, 302) and self.method == "POST") or (
            status == 303 and self.method not in ("GET", "HEAD")
        ):
            self.method, self.body = "GET", b""
            self.headers = tuple(pair for pair in self.headers if pair[0] not in _BODY_HEADERS)
        self.url = origin + path

    def outcome(self, error: NetworkError | None) -> Outcome:
        readable: tuple[str, ...] = ()
        if error is None and self.response is not None and self.tainting != "opaque":
            readable = (
                basic_names(self.response.headers)
                if self.tainting == "basic"
                else readable_names(self.response.headers, credentials=_includes(self.fetch))
            )
        outcome = Outcome(
            fetch=self.fetch,
            url=self.url,
            tainting=self.tainting,
            requests=tuple(self.requests),
            response=self.response,
            preflight=self.preflight,
            preflight_due=self.preflight_due,
            dropped_headers=tuple(self.dropped),
            readable_headers=readable,
        )
        if error is None:
            return outcome
        return replace(
            outcome, step=error.step, reason=error.reason, detail=error.detail, message=str(error)
        )


def _refused(reason: Reason, detail: str, why: str) -> NetworkError:
    return NetworkError(Step.REQUEST, reason, detail, why)


def _includes(fetch: Fetch) -> bool:
    return fetch.credentials == "include"


def _is_trustworthy(scheme: str, host: str | None) -> bool:
    """Potentially trustworthy (Secure Contexts): encrypted, or on this machine."""
    host = host or ""
    local = host == "localhost" or host.endswith(".localhost") or host == "::1"
    return scheme == "https" or local or re.fullmatch(r"127(\.\d+){3}", host) is not None


def _with_plain_slashes(base: str, location: str) -> str:
    """A Location as `urljoin` reads it like a browser.

    To a browser, backslashes are slashes, and any number of them leads to a host (URL Standard,
    "special authority ignore slashes state").
    """
    path = re.split("[?#]", location, maxsplit=1)[0]
    after = location[len(path) :]
    path = path.replace("\\", "/")
    scheme = next((each for each in ("https:", "http:") if path.lower().startswith(each)), "")
    rest = path[len(scheme) :]
    names_a_host = rest.startswith("//") or (scheme and not base.startswith(scheme))
    return (f"{scheme}//{rest.lstrip('/')}" if names_a_host else path) + after


def _resolve(base: str, location: str) -> tuple[str, str, bool]:
    """A Location header's origin, its path with query, and whether it has a user or password."""
    try:
        url = urlsplit(urljoin(base, _with_plain_slashes(base, location)))
        port = url.port
    except ValueError:
        return "", "", False
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    suffix = "" if port in (None, _DEFAULT_PORTS.get(url.scheme)) else f":{port}"
    query = f"?{url.query}" if url.query else ""
    return f"{url.scheme}://{host}{suffix}", (url.path or "/") + query, "@" in url.netloc
