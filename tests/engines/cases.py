"""What pages fetch, and what the service answers: one case for each decision of a browser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from real_browser import SERVICE
from service.cors.tool.browser import Fetch, Request, Response

PAGE = "https://app.acme.com"
OTHER = "https://other.acme.com"
LOCAL = "http://localhost:5173"
ADDRESS = "http://127.0.0.1:8080"
# Of the service's site, not of its origin.
SAME_SITE = "https://app.acme-api.net"

ORIGIN = "Access-Control-Allow-Origin"
CREDENTIALS = "Access-Control-Allow-Credentials"
METHODS = "Access-Control-Allow-Methods"
HEADERS = "Access-Control-Allow-Headers"
EXPOSE = "Access-Control-Expose-Headers"
MAX_AGE = "Access-Control-Max-Age"

Pair = tuple[str, str]


def answer(status: int, *headers: Pair) -> Response:
    """Return a response. Servers say how long its body is: here, nothing."""
    if status not in (204, 304):
        headers = (*headers, ("Content-Length", "0"))
    return Response(status, headers)


def granted(status: int = 200, *headers: Pair, origin: str = PAGE) -> Response:
    """Return a response that a page may read, with credentials too."""
    return answer(status, (ORIGIN, origin), (CREDENTIALS, "true"), *headers)


def preflight(*headers: Pair, status: int = 200) -> Response:
    """Return a preflight response that allows the page, and what these headers say."""
    return granted(status, *headers)


GRANTED = granted()


@dataclass(frozen=True)
class Case:
    """Fetches of one page, one after the other, and a service that always answers the same.

    In a `Location`, `{here}` is the path of the fetches and `{then}` is another one, where `then`
    and `then_preflight` are answered.
    """

    name: str
    fetches: tuple[Fetch, ...]
    response: Response = GRANTED
    preflight: Response = GRANTED
    then: Response = GRANTED
    then_preflight: Response = GRANTED
    path: str = ""

    @property
    def page(self) -> str:
        """The origin of the page."""
        return self.fetches[0].origin

    def answer(self, request: Request) -> Response:
        """Return the service's response to a request."""
        asks = "access-control-request-method" in dict(request.headers)
        path = request.path.partition("?")[0]
        if path == f"{self.path}/then":
            return self.then_preflight if asks else self.then
        found = self.preflight if asks else self.response
        places = {"here": self.path, "then": f"{self.path}/then"}
        headers = tuple(
            (name, value.format(**places) if name == "Location" else value)
            for name, value in found.headers
        )
        return replace(found, headers=headers)


def fetch(method: str = "GET", *headers: Pair, **more: Any) -> Fetch:
    """Return what a page asks for. The case sets the path."""
    return Fetch(**{"origin": PAGE, "method": method, "headers": headers} | more)


GET, PUT, POST = fetch(), fetch("PUT"), fetch("POST", body=b"a=1")
INCLUDE: dict[str, Any] = {"credentials": "include"}
WITH_CREDENTIALS = fetch(**INCLUDE)
X_TEST = ("X-Test", "1")
BEARER = ("Authorization", "Bearer x")
JSON = fetch("POST", ("Content-Type", "application/json"), body=b"{}")


def answers() -> Iterator[Case]:
    """Which values of Access-Control-Allow-Origin and -Credentials let a page read."""
    values = {
        "is missing": (),
        "is a star": ("*",),
        "is the page's": (PAGE,),
        "is null": ("null",),
        "is another one": (OTHER,),
        "has another scheme": ("http://app.acme.com",),
        "has the default port": (f"{PAGE}:443",),
        "has another port": (f"{PAGE}:8443",),
        "has capitals": ("https://App.acme.com",),
        "has a slash": (f"{PAGE}/",),
        "has a path": (f"{PAGE}/login",),
        "is a parent domain": ("https://acme.com",),
        "has a dot at the end": (f"{PAGE}.",),
        "is a pattern": ("https://*.acme.com",),
        "is a host": ("app.acme.com",),
        "is in quotes": (f'"{PAGE}"',),
        "is a JSON list": (f'["{PAGE}"]',),
        "is empty": ("",),
        "lists the page first": (f"{PAGE}, {OTHER}",),
        "lists the page last": (f"{OTHER},{PAGE}",),
        "lists with blanks": (f"{PAGE} {OTHER}",),
        "has a comma at the end": (f"{PAGE},",),
        "is repeated in one line": (f"{PAGE}, {PAGE}",),
        "is repeated in two lines": (PAGE, PAGE),
        "is a star twice": ("*", "*"),
        "is the page's and a star": (PAGE, "*"),
        "is the page's and empty": (PAGE, ""),
        "is undefined": ("undefined",),
        "is true": ("true",),
    }
    for what, lines in values.items():
        headers = [(ORIGIN, line) for line in lines]
        yield Case(f"the allowed origin {what}", (GET,), answer(200, *headers))
        yield Case(
            f"the allowed origin {what}, with credentials",
            (WITH_CREDENTIALS,),
            answer(200, *headers, (CREDENTIALS, "true")),
        )
    allowed: dict[str, tuple[str, ...]] = {
        "is missing": (),
        "is True": ("True",),
        "is TRUE": ("TRUE",),
        "is 1": ("1",),
        "is false": ("false",),
        "is empty": ("",),
        "is a star": ("*",),
        "is true twice": ("true", "true"),
        "is a list": ("true, true",),
    }
    for what, lines in allowed.items():
        headers = [(ORIGIN, PAGE), *((CREDENTIALS, line) for line in lines)]
        name = f"Allow-Credentials {what}"
        yield Case(name, (WITH_CREDENTIALS,), answer(200, *headers))
        yield Case(f"{name}, no credentials", (GET,), answer(200, *headers))
    yield Case("header names in lower case", (GET,), answer(200, (ORIGIN.lower(), PAGE)))
    yield Case("header names in capitals", (GET,), answer(200, (ORIGIN.upper(), PAGE)))


def statuses() -> Iterator[Case]:
    """Which statuses of a response, and of a preflight, let a page go on."""
    for status in (200, 201, 202, 203, 204, 205, 206, 207, 226, 299, 300, 304, 305, 306):
        yield Case(f"status {status}", (GET,), granted(status))
    for status in (400, 401, 402, 403, 404, 405, 406, 409, 410, 412, 413, 415, 418, 422, 429):
        yield Case(f"status {status}", (GET,), granted(status))
    for status in (500, 501, 502, 503, 504, 507, 599):
        yield Case(f"status {status}", (GET,), granted(status))
    for status in (201, 204, 404, 500):
        yield Case(f"status {status}, not allowed", (GET,), answer(status))
    for status in (200, 201, 202, 204, 206, 226, 299, 300, 301, 302, 304, 307, 400, 401, 403):
        yield Case(f"preflight status {status}", (PUT,), preflight=putting(status))
    for status in (404, 405, 418, 422, 500, 501, 503):
        yield Case(f"preflight status {status}", (PUT,), preflight=putting(status))
    for status in (301, 302, 303, 307, 308):
        yield Case(
            f"preflight redirected by {status}",
            (PUT,),
            preflight=preflight((METHODS, "PUT"), ("Location", "{then}"), status=status),
            then_preflight=preflight((METHODS, "PUT")),
        )


def putting(status: int = 200) -> Response:
    """Return a preflight response that allows PUT."""
    return preflight((METHODS, "PUT"), status=status)


LISTS: dict[str, tuple[str, ...]] = {
    "is listed": ("{}",),
    "is listed first": ("{}, LINK",),
    "is listed last": ("LINK,{}",),
    "is listed in the second line": ("LINK", "{}"),
    "is listed after empty items": (", ,{}",),
    "is listed with a tab": ("LINK,\t{}",),
    "is listed twice": ("{}, {}",),
    "is not listed": ("LINK",),
    "has an empty list": ("",),
    "is covered by a star": ("*",),
    "is covered by a star in a list": ("LINK, *",),
    "is covered by a star in the second line": ("LINK", "*"),
    "is separated by blanks": ("LINK {}",),
    "is separated by semicolons": ("LINK; {}",),
    "is in quotes": ('"{}"',),
    "is in brackets": ("[{}]",),
    "is beside a malformed item": ("{}, a b",),
    "is in a line beside a malformed one": ("{}", "(x)"),
    "is beside another script": ("{}, \xe9",),
    "is the start of an item": ("{}S",),
}


def lists() -> Iterator[Case]:
    """Which lists of a preflight response cover a method, and which a header."""
    for (what, lines), more in product(LISTS.items(), ({}, INCLUDE)):
        end = ", with credentials" if more else ""
        methods = [(METHODS, line.format(*["PUT"] * 2)) for line in lines]
        yield Case(f"PUT {what}{end}", (fetch("PUT", **more),), preflight=preflight(*methods))
        headers = [(HEADERS, line.format(*["X-Test"] * 2)) for line in lines]
        asking = fetch("GET", X_TEST, **more)
        yield Case(f"X-Test {what}{end}", (asking,), preflight=preflight(*headers))
    yield Case("a preflight without lists", (PUT,))
    listed = preflight((HEADERS, "x-TEST"))
    yield Case("a header listed in other case", (fetch("GET", X_TEST),), preflight=listed)
    one = preflight((HEADERS, "X-Test"))
    yield Case("one of two headers listed", (fetch("GET", X_TEST, ("X-B", "1")),), preflight=one)
    for what, more in {"": {}, ", with credentials": INCLUDE}.items():
        for value in ("Authorization", "*", "*, Authorization", "X-Test"):
            yield Case(
                f"Authorization under {value}{what}",
                (fetch("GET", BEARER, **more),),
                preflight=preflight((HEADERS, value)),
            )
    yield Case(
        "Authorization and X-Test under *",
        (fetch("GET", BEARER, X_TEST),),
        preflight=preflight((HEADERS, "*")),
    )


def methods() -> Iterator[Case]:
    """Which methods need a preflight, and how they are written in it."""
    for method in ("HEAD", "POST", "DELETE", "OPTIONS", "PATCH", "PURGE", "QUERY", "PROPFIND"):
        yield Case(f"method {method}", (fetch(method),), preflight=preflight((METHODS, method)))
        yield Case(f"method {method}, not listed", (fetch(method),))
    for method in ("get", "Head", "post", "put", "Delete", "options", "patch", "Patch", "query"):
        for listed in {method, method.upper()}:
            name = f"method {method} when {listed} is listed"
            yield Case(name, (fetch(method),), preflight=preflight((METHODS, listed)))
    yield Case("method PUT when put is listed", (PUT,), preflight=preflight((METHODS, "put")))
    for method in ("TRACE", "connect", "Track", "A B", ""):
        yield Case(f"method {method!r}", (fetch(method),), preflight=preflight((METHODS, "*")))
    yield Case("a GET with a body", (fetch("GET", body=b"x"),))


LONG = "a" * 128
REQUEST_HEADERS: dict[str, tuple[Pair, ...]] = {
    "Accept": (("Accept", "text/html"),),
    "Accept of 128 bytes": (("Accept", LONG),),
    "Accept of 129 bytes": (("Accept", f"{LONG}a"),),
    "Accept with quotes": (("Accept", 'text/html;a="b"'),),
    "Accept with a colon": (("Accept", "a:b"),),
    "Accept with a tab": (("Accept", "a\tb"),),
    "Accept-Language": (("Accept-Language", "de, en;q=0.5"),),
    "Accept-Language with an underscore": (("Accept-Language", "de_DE"),),
    "Content-Language": (("Content-Language", "de"),),
    "Content-Language with a quote": (("Content-Language", '"de"'),),
    "Content-Type text/plain": (("Content-Type", "text/plain"),),
    "Content-Type text/plain with a charset": (("Content-Type", "text/plain;charset=utf-8"),),
    "Content-Type in capitals": (("Content-Type", "TEXT/PLAIN"),),
    "Content-Type with blanks": (("Content-Type", " text/plain ; a=b"),),
    "Content-Type of a form": (("Content-Type", "application/x-www-form-urlencoded"),),
    "Content-Type of a form with files": (("Content-Type", "multipart/form-data; boundary=x"),),
    "Content-Type JSON": (("Content-Type", "application/json"),),
    "Content-Type merge-patch": (("Content-Type", "application/merge-patch+json"),),
    "Content-Type text/html": (("Content-Type", "text/html"),),
    "Content-Type of 129 bytes": (("Content-Type", "text/plain;" + "a" * 118),),
    "Content-Type with quotes": (("Content-Type", 'text/plain;a="b"'),),
    "Content-Type in brackets": (("Content-Type", "text/plain;a={b}"),),
    "Content-Type empty": (("Content-Type", ""),),
    "Content-Type without subtype": (("Content-Type", "text"),),
    "Content-Type twice": (("Content-Type", "text/plain"), ("Content-Type", "text/plain")),
    "Content-Type list": (("Content-Type", "text/plain, application/json"),),
    "Range from 0": (("Range", "bytes=0-"),),
    "Range from 0 to 9": (("Range", "bytes=0-9"),),
    "Range of the last bytes": (("Range", "bytes=-9"),),
    "Range backwards": (("Range", "bytes=9-0"),),
    "Range of two": (("Range", "bytes=0-1,3-4"),),
    "Range in capitals": (("Range", "BYTES=0-9"),),
    "Range with blanks": (("Range", "bytes = 0-9"),),
    "a header of 128 bytes beside others": (
        *(("Accept", LONG), ("Accept-Language", LONG), ("Content-Language", LONG)),
        ("Content-Type", "text/plain;" + "a" * 117),
    ),
    "Cache-Control": (("Cache-Control", "no-cache"),),
    "Pragma": (("Pragma", "no-cache"),),
    "If-None-Match": (("If-None-Match", '"a"'),),
    "If-Modified-Since": (("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),),
    "Last-Event-ID": (("Last-Event-ID", "1"),),
    "Idempotency-Key": (("Idempotency-Key", "1"),),
    "X-Requested-With": (("X-Requested-With", "XMLHttpRequest"),),
    "traceparent": (("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71-01"),),
    "Save-Data": (("Save-Data", "on"),),
    "DPR": (("DPR", "1"),),
    "Device-Memory": (("Device-Memory", "1"),),
    "Downlink": (("Downlink", "1"),),
    "ECT": (("ECT", "4g"),),
    "RTT": (("RTT", "50"),),
    "Viewport-Width": (("Viewport-Width", "1000"),),
    "Width": (("Width", "1000"),),
    "Intervention": (("Intervention", "x"),),
    "User-Agent": (("User-Agent", "me"),),
    "X_Underscore": (("X_Underscore", "1"),),
    "an empty value": (("X-Test", ""),),
    "a value with blanks around": (("X-Test", "  1 "),),
    "a value with letters": (("X-Test", "\xe9"),),
    "a header twice": (("X-Test", "1"), ("x-test", "2")),
    "headers out of order": (("X-B", "1"), ("X-A", "1"), ("Authorization", "x")),
    "a header beside safelisted ones": (("Accept", "a"), ("X-A", "1"), ("Content-Language", "a")),
    "Cookie": (("Cookie", "a=b"),),
    "Host": (("Host", "evil.net"),),
    "Origin": (("Origin", OTHER),),
    "Referer": (("Referer", OTHER),),
    "Date": (("Date", "x"),),
    "Via": (("Via", "x"),),
    "Connection": (("Connection", "close"),),
    "Content-Length": (("Content-Length", "7"),),
    "Accept-Charset": (("Accept-Charset", "utf-8"),),
    "Accept-Encoding": (("Accept-Encoding", "x-mine"),),
    "Sec-Test": (("Sec-Test", "1"),),
    "Proxy-Test": (("Proxy-Test", "1"),),
    "Access-Control-Request-Headers": (("Access-Control-Request-Headers", "x"),),
    "Set-Cookie": (("Set-Cookie", "a=b"),),
    "X-HTTP-Method-Override PUT": (("X-HTTP-Method-Override", "PUT"),),
    "X-HTTP-Method-Override TRACE": (("X-HTTP-Method-Override", "TRACE"),),
    "X-Method-Override of several": (("X-Method-Override", "get,trace"),),
}
REFUSED_HEADERS: dict[str, Pair] = {
    "a name with a blank": ("a b", "1"),
    "a name with a letter of another script": ("X-\u20ac", "1"),
    "an empty name": ("", "1"),
    "a value with a line break": ("X-Test", "1\n2"),
    "a value of another script": ("X-Test", "\u20ac"),
}


def headers() -> Iterator[Case]:
    """Which request headers need a preflight, are dropped, or are refused by `fetch()`."""
    for name, pairs in REQUEST_HEADERS.items():
        listed = preflight((HEADERS, ", ".join(name for name, _ in pairs)))
        yield Case(f"header {name}", (fetch("POST", *pairs),), preflight=listed)
    for name in ("Accept of 129 bytes", "Content-Type JSON", "Range backwards", "X_Underscore"):
        yield Case(f"header {name}, not listed", (fetch("POST", *REQUEST_HEADERS[name]),))
    for name, pair in REFUSED_HEADERS.items():
        yield Case(f"header with {name}", (fetch("GET", pair),))


def exposed() -> Iterator[Case]:
    """Which response headers a script can read."""
    sent = (
        *(("X-Total", "1"), ("ETag", '"a"'), ("Set-Cookie", "a=b"), ("Content-Language", "en")),
        *(("Cache-Control", "no-store"), ("Content-Type", "text/plain"), ("Pragma", "x")),
        *(("Expires", "0"), ("Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT"), ("Vary", "Origin")),
    )
    values: dict[str, tuple[str, ...]] = {
        "nothing": (),
        "X-Total": ("X-Total",),
        "x-total": ("x-total",),
        "a list": ("X-Total, ETag",),
        "two lines": ("X-Total", "ETag"),
        "a star": ("*",),
        "a star and a name": ("*, ETag",),
        "Set-Cookie": ("Set-Cookie",),
        "a malformed list": ("X-Total, a b",),
        "a list with blanks": ("X-Total ETag",),
        "names in quotes": ('"X-Total"',),
        "an empty list": ("",),
    }
    for (what, lines), more in product(values.items(), ({}, INCLUDE)):
        yield Case(
            f"exposed: {what}{', with credentials' if more else ''}",
            (fetch(**more),),
            granted(200, *sent, *((EXPOSE, line) for line in lines)),
        )


def pages() -> Iterator[Case]:
    """Pages without an origin, on this machine, on another port, and of the service itself."""
    for page in ("null", LOCAL, "http://app.acme.com", f"{PAGE}:8443", SAME_SITE, ADDRESS):
        for value in sorted({page, "*", PAGE, "null"}):
            for more in ({}, INCLUDE):
                name = f"{page} when {value} is allowed{', with credentials' if more else ''}"
                yield Case(name, (fetch(origin=page, **more),), granted(origin=value))
        allowing = granted(200, (METHODS, "PUT"), origin=page)
        yield Case(f"{page} PUTs", (fetch("PUT", origin=page),), allowing, allowing)
        yield Case(f"{page} PUTs, not listed", (fetch("PUT", origin=page),), allowing, granted())
    for wanted in (
        fetch(origin=SAME_SITE, mode="no-cors"),
        fetch("POST", origin=LOCAL, mode="no-cors"),
    ):
        yield Case(f"{wanted.origin} without CORS, {wanted.method}", (wanted,), answer(200))
    own = {"origin": SERVICE}
    for wanted in (fetch(**own), fetch("PUT", X_TEST, **own), fetch("POST", **own, **INCLUDE)):
        yield Case(f"its own page, {wanted.method}", (wanted,), answer(200, X_TEST), answer(404))
    yield Case("its own page, redirected", (fetch(**own),), answer(302, ("Location", "{then}")))


def without_cors() -> Iterator[Case]:
    """Fetches in the mode no-cors."""
    mode = {"mode": "no-cors"}
    for method in ("GET", "HEAD", "POST"):
        for what, response in {"": granted(), ", not allowed": answer(200)}.items():
            yield Case(f"no-cors {method}{what}", (fetch(method, **mode),), response)
    for method in ("PUT", "DELETE", "PATCH", "put"):
        yield Case(f"no-cors {method}", (fetch(method, **mode),))
    for pair in (X_TEST, BEARER, ("Content-Type", "application/json"), ("Range", "bytes=0-")):
        yield Case(f"no-cors with {pair[0]}", (fetch("POST", pair, **mode),), answer(200))
    yield Case("no-cors on an error", (fetch(**mode),), answer(500))
    to_then = answer(302, ("Location", "{then}"))
    yield Case("no-cors, redirected", (fetch(**mode),), to_then, then=answer(200))


def redirects() -> Iterator[Case]:
    """What redirects do to a method, a body, a header and a grant."""
    wanted = {"GET": GET, "POST": POST, "PUT": PUT, "JSON": JSON, "Bearer": fetch("GET", BEARER)}
    allowing = preflight((METHODS, "PUT"), (HEADERS, "content-type, authorization"))
    for status, (name, asking) in product((301, 302, 303, 307, 308), wanted.items()):
        away = granted(status, ("Location", "{then}"))
        yield Case(f"{name} redirected by {status}", (asking,), away, allowing, granted(), allowing)
        if name not in ("GET", "Bearer"):
            yield Case(
                f"{name} redirected by {status} to a place without preflight",
                (asking,),
                away,
                allowing,
                granted(),
                answer(405),
            )
    for status in (302, 307):
        away = answer(status, ("Location", "{then}"))
        yield Case(f"redirect by {status} without grant", (GET,), away)
        away = granted(status, ("Location", "{then}"))
        yield Case(f"redirect by {status} to no grant", (GET,), away, then=answer(200))
        yield Case(f"redirect by {status} with credentials", (WITH_CREDENTIALS,), away)
        star = answer(status, (ORIGIN, "*"), ("Location", "{then}"))
        yield Case(f"redirect by {status} of a star", (GET,), star, then=answer(200, (ORIGIN, "*")))
        yield Case(f"redirect by {status} of a star, with credentials", (WITH_CREDENTIALS,), star)
        yield Case(f"HEAD redirected by {status}", (fetch("HEAD"),), away)
        yield Case(f"redirect by {status} to an error", (GET,), away, then=granted(404))
    host = SERVICE.removeprefix("https:")
    for what, value in {
        "nowhere": "",
        "itself": "{here}",
        "a fragment": "{then}#part",
        "a query": "{then}?a=b",
        "an absolute URL": f"{SERVICE}{{then}}",
        "a URL without scheme": f"{host}{{then}}",
        "a URL with backslashes": f"{host.replace('/', chr(92))}{{then}}",
        "a URL with a user": f"https://me:secret@{host.strip('/')}{{then}}",
        "a path with dots": "/other/..{then}",
        "no URL": "https://",
    }.items():
        yield Case(f"redirect to {what}", (GET,), granted(302, ("Location", value)))
    yield Case("redirect without Location", (GET,), granted(302))
    twice = granted(302, ("Location", "{then}"), ("Location", "{then}"))
    yield Case("redirect with Location twice", (GET,), twice)


def caches() -> Iterator[Case]:
    """Which preflights are remembered. All fetches of a case have the same path."""
    put = (METHODS, "PUT, DELETE")
    ages: dict[str, tuple[str, ...]] = {
        "missing": (),
        "600": ("600",),
        "0": ("0",),
        "-1": ("-1",),
        "abc": ("abc",),
        "empty": ("",),
        "1.5": ("1.5",),
        "600s": ("600s",),
        "+600": ("+600",),
        "0600": ("0600",),
        "very large": ("9" * 12,),
        "a list": ("600, 600",),
        "600 twice": ("600", "600"),
    }
    for what, lines in ages.items():
        allowing = preflight(put, *((MAX_AGE, line) for line in lines))
        yield Case(f"cache: Max-Age {what}", (PUT, PUT), preflight=allowing)
    put_include = fetch("PUT", **INCLUDE)
    test, both = fetch("GET", X_TEST), fetch("GET", X_TEST, ("X-B", "1"))
    pairs: dict[str, tuple[tuple[Fetch, ...], tuple[Pair, ...]]] = {
        "another method that was listed": ((PUT, fetch("DELETE")), (put,)),
        "another method that was not listed": ((PUT, fetch("PATCH")), (put,)),
        "the methods are a star": ((PUT, fetch("PATCH")), ((METHODS, "*"),)),
        "first without credentials": ((PUT, put_include), (put,)),
        "first with credentials": ((put_include, PUT), (put,)),
        "twice with credentials": ((put_include, put_include), (put,)),
        "another header that was listed": ((test, both), ((HEADERS, "X-Test, X-B"),)),
        "another header that was not listed": ((test, both), ((HEADERS, "X-Test"),)),
        "fewer headers": ((both, test), ((HEADERS, "X-Test, X-B"),)),
        "the headers are a star": ((test, both), ((HEADERS, "*"),)),
        "JSON twice": ((JSON, JSON), ((HEADERS, "Content-Type"),)),
        "a bearer token twice": ((fetch("GET", BEARER),) * 2, ((HEADERS, "Authorization"),)),
        "Authorization after a star": ((test, fetch("GET", BEARER)), ((HEADERS, "*"),)),
        "PUT and then with a header": (
            (PUT, fetch("PUT", X_TEST)),
            (put, (HEADERS, "X-Test")),
        ),
        "a preflight that failed": ((PUT, PUT), ((METHODS, "PATCH"),)),
        "GET after PUT": ((PUT, GET), (put,)),
    }
    for what, (fetches, listed) in pairs.items():
        yield Case(f"cache: {what}", fetches, preflight=preflight(*listed, (MAX_AGE, "600")))
    failing = (PUT, PUT)
    yield Case(
        "cache: a response that is blocked",
        failing,
        answer(200),
        preflight(put, (MAX_AGE, "600")),
    )


@dataclass(frozen=True)
class Handshake:
    """A WebSocket that a page opens. No header of the service decides, only whether it accepts."""

    page: str
    accepts: bool
    path: str

    @property
    def name(self) -> str:
        """What happens, as the name of a case."""
        return f"a WebSocket of {self.page} is {'accepted' if self.accepts else 'refused'}"


OPENING = (PAGE, LOCAL, "null", "http://app.acme.com", f"{PAGE}:8443", SAME_SITE, SERVICE)
HANDSHAKES = [
    Handshake(page, accepts, f"/handshake/{number}")
    for number, (page, accepts) in enumerate(product(OPENING, (True, False)))
]


def numbered(cases: Iterable[Case]) -> Iterator[Case]:
    """Give each case, and its fetches, a path of its own."""
    for number, case in enumerate(cases, 1):
        path = f"/case/{number}"
        fetches = tuple(replace(fetch, path=path) for fetch in case.fetches)
        yield replace(case, fetches=fetches, path=path)


GROUPS = {
    group.__name__: group
    for group in (
        *(answers, statuses, lists, methods, headers, exposed, pages, without_cors, redirects),
        caches,
    )
}
CASES = list(numbered(case for group in GROUPS.values() for case in group()))
EVERYTHING: list[Case | Handshake] = [*CASES, *HANDSHAKES]
BY_PATH = {case.path: case for case in EVERYTHING}


def found_at(path: str) -> Case | Handshake | None:
    """Return the case that a path belongs to."""
    return BY_PATH.get(path.partition("?")[0].removesuffix("/then"))
