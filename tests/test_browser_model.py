"""The browser model decides as browsers do.

The rows restate facts that the web-platform-tests establish for real browsers (cors/origin.htm,
cors-safelisted-request-header, cors-preflight-star, -status, -redirect, -cache, cors-expose-star
and others of fetch/api/cors), as cases of our own: one row for each decision, with a sentence as
its id. The services send fixed responses, so a wrong decision can only be the model's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from service.cors.tool.browser import (
    Browser,
    Fetch,
    Outcome,
    PreflightCache,
    Reason,
    Request,
    Response,
    Step,
    console_message,
)

API = "https://api.acme.com"
PAGE = "https://app.acme.com"
GRANT = (("Access-Control-Allow-Origin", PAGE), ("Access-Control-Allow-Credentials", "true"))
GRANTED = Response(200, GRANT)
METHODS = "Access-Control-Allow-Methods"
HEADERS = "Access-Control-Allow-Headers"
EXPOSE = "Access-Control-Expose-Headers"
TEN = "0123456789"


@dataclass
class Service:
    """Sends one response to preflights and one to other requests, and remembers the requests."""

    preflight: Response = GRANTED
    response: Response = GRANTED
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        return self.preflight if is_preflight(request) else self.response


def is_preflight(request: Request) -> bool:
    return request.method == "OPTIONS" and "access-control-request-method" in dict(request.headers)


def preflights(service: Service) -> list[Request]:
    return [request for request in service.asked if is_preflight(request)]


def sent(service: Service) -> dict[str, str]:
    """Return the headers of the one request that was not a preflight."""
    (request,) = [request for request in service.asked if not is_preflight(request)]
    return dict(request.headers)


def browse(service: Service, wanted: Fetch) -> Outcome:
    return Browser(service, API).fetch(wanted)


def judge(outcome: Outcome) -> Reason | None:
    """Return the reason, after a check that all of the outcome agrees with it."""
    assert outcome.allowed is (outcome.reason is None) is (outcome.step is None)
    assert outcome.allowed or outcome.readable_headers == ()
    assert outcome.message.startswith(
        "allowed" if outcome.allowed else f"blocked at {outcome.step}"
    )
    return outcome.reason


def rows(table: Iterable[tuple[object, ...]]) -> list[object]:
    """Return parameters. The last item of a row is the sentence that says what it shows."""
    return [pytest.param(*row[:-1], id=str(row[-1])) for row in table]


# --- The CORS check: Access-Control-Allow-Origin -------------------------------------------------

MISSING, MULTIPLE = Reason.ALLOW_ORIGIN_MISSING, Reason.ALLOW_ORIGIN_MULTIPLE
MISMATCH = Reason.ALLOW_ORIGIN_MISMATCH

ALLOW_ORIGIN: list[tuple[tuple[str, ...], Reason | None, str]] = [
    ((PAGE,), None, "the page's origin allows it"),
    (("*",), None, "a star allows every page"),
    ((f" {PAGE}",), None, "a blank before the value does not count"),
    ((f"{PAGE} \t ",), None, "blanks and tabs after the value do not count"),
    ((f"\t{PAGE}",), None, "a tab before the value does not count"),
    ((" *  ",), None, "blanks around a star do not count"),
    (("\t*",), None, "a tab before a star does not count"),
    ((), MISSING, "no header at all blocks"),
    (("",), MISMATCH, "an empty value blocks"),
    (("null",), MISMATCH, "null blocks a page that has an origin"),
    ((API,), MISMATCH, "the service's own origin blocks"),
    (("https://evil.net",), MISMATCH, "another site blocks"),
    (("https://www.app.acme.com",), MISMATCH, "a subdomain of the page's host blocks"),
    (("https://acme.com",), MISMATCH, "the parent domain blocks"),
    (("https://.acme.com",), MISMATCH, "a dot before the parent domain is not a wildcard"),
    (("https://*.acme.com",), MISMATCH, "a star inside an origin is not a wildcard"),
    (("*.acme.com",), MISMATCH, "a star inside a host is not a wildcard"),
    ((".acme.com",), MISMATCH, "a domain suffix is not a wildcard"),
    (("acme.com",), MISMATCH, "a bare parent domain blocks"),
    (("app.acme.com",), MISMATCH, "a host without a scheme blocks"),
    (("//app.acme.com",), MISMATCH, "an origin without a scheme blocks"),
    (("://app.acme.com",), MISMATCH, "an origin with an empty scheme blocks"),
    (("http://app.acme.com",), MISMATCH, "the page's host over http blocks"),
    (("ftp://app.acme.com",), MISMATCH, "another scheme blocks"),
    (("https:://app.acme.com",), MISMATCH, "a doubled colon blocks"),
    (("https:/app.acme.com",), MISMATCH, "a single slash blocks"),
    (("https:app.acme.com",), MISMATCH, "no slashes block"),
    ((f"{PAGE}/",), MISMATCH, "a trailing slash blocks"),
    ((f"{PAGE} /",), MULTIPLE, "a slash after a blank blocks"),
    ((f"{PAGE}?",), MISMATCH, "an empty query blocks"),
    ((f"{PAGE}#",), MISMATCH, "an empty fragment blocks"),
    ((f"{PAGE}%23",), MISMATCH, "an escaped fragment sign blocks"),
    ((f"{PAGE}:443",), MISMATCH, "the default port, spelled out, blocks"),
    ((f"{PAGE}/index.html",), MISMATCH, "the page's URL blocks"),
    ((PAGE.upper(),), MISMATCH, "upper case blocks"),
    (("HTTPS://app.acme.com",), MISMATCH, "an upper-case scheme blocks"),
    (("https://App.acme.com",), MISMATCH, "one upper-case letter in the host blocks"),
    (("https://app.acme.com.",), MISMATCH, "the dot of the root domain blocks"),
    ((f"{PAGE}\0",), MISMATCH, "a NUL after the origin blocks"),
    ((f"\0{PAGE}",), MISMATCH, "a NUL before the origin blocks"),
    ((f"{PAGE}\x0b",), MISMATCH, "a vertical tab after the origin is not a blank"),
    (("\0*",), MISMATCH, "a NUL before a star blocks"),
    (("*\0",), MISMATCH, "a NUL after a star blocks"),
    (("**",), MISMATCH, "two stars block"),
    (("-",), MISMATCH, "a hyphen blocks"),
    (("'*'",), MISMATCH, "a star in single quotes blocks"),
    (('"*"',), MISMATCH, "a star in double quotes blocks"),
    (("* *",), MULTIPLE, "two stars with a blank block"),
    (("* null",), MULTIPLE, "a star and null block"),
    (("null *",), MULTIPLE, "null and a star block"),
    ((f"* {PAGE}",), MULTIPLE, "a star and the origin block"),
    ((f"null {PAGE}",), MULTIPLE, "null and the origin block"),
    ((f"*{PAGE}",), MISMATCH, "a star joined to the origin blocks"),
    (("*https://*",), MISMATCH, "stars around a scheme block"),
    ((f"{PAGE}, *",), MULTIPLE, "a list of the origin and a star blocks"),
    ((f"*, {PAGE}",), MULTIPLE, "a list of a star and the origin blocks"),
    ((f"{PAGE},https://www.acme.com",), MULTIPLE, "a list of two origins blocks"),
    ((PAGE, PAGE), MULTIPLE, "the right header sent twice blocks"),
    (("*", "*"), MULTIPLE, "two lines with a star block"),
    (("", "*"), MULTIPLE, "an empty line before a star blocks"),
    (("*", ""), MULTIPLE, "an empty line after a star blocks"),
    (("", PAGE), MULTIPLE, "an empty line before the origin blocks"),
    (("*", PAGE), MULTIPLE, "a line with a star and a line with the origin block"),
]


@pytest.mark.parametrize(("lines", "reason"), rows(ALLOW_ORIGIN))
def test_allow_origin_is_checked_on_preflight_and_response(
    lines: tuple[str, ...], reason: Reason | None
) -> None:
    headers = tuple(("access-control-allow-origin", line) for line in lines)

    simple = browse(Service(response=Response(200, headers)), Fetch(PAGE))
    preflighted = browse(
        Service(preflight=Response(204, (*headers, (METHODS, "PUT")))), Fetch(PAGE, "PUT")
    )

    assert judge(simple) is judge(preflighted) is reason
    assert simple.step is (None if reason is None else Step.RESPONSE)
    assert preflighted.step is (None if reason is None else Step.PREFLIGHT)
    assert simple.response is not None, "CORS hides the response; it does not stop the request"
    assert (preflighted.response is None) is (reason is not None)


NULL_PAGE = [
    ("null", None, "null allows a page without an origin"),
    ("*", None, "a star allows a page without an origin"),
    ("NULL", MISMATCH, "null is case-sensitive"),
    (PAGE, MISMATCH, "an origin does not allow a page without one"),
]


@pytest.mark.parametrize(("value", "reason"), rows(NULL_PAGE))
def test_page_without_an_origin(value: str, reason: Reason | None) -> None:
    service = Service(response=Response(200, (("Access-Control-Allow-Origin", value),)))
    assert judge(browse(service, Fetch("null"))) is reason
    assert sent(service)["origin"] == "null"


# --- The CORS check: credentials -----------------------------------------------------------------

NOT_TRUE = Reason.ALLOW_CREDENTIALS
WILDCARD = Reason.ALLOW_ORIGIN_WILDCARD

ALLOW_CREDENTIALS: list[tuple[str, tuple[str, ...], Reason | None, str]] = [
    (PAGE, ("true",), None, "true allows credentials"),
    (PAGE, (" true\t",), None, "blanks around true do not count"),
    (PAGE, (), NOT_TRUE, "no header blocks credentials"),
    (PAGE, ("",), NOT_TRUE, "an empty value blocks credentials"),
    (PAGE, ("True",), NOT_TRUE, "a capital letter blocks credentials"),
    (PAGE, ("TRUE",), NOT_TRUE, "capitals block credentials"),
    (PAGE, ("false",), NOT_TRUE, "false blocks credentials"),
    (PAGE, ("1",), NOT_TRUE, "1 is not true"),
    (PAGE, ("'true'",), NOT_TRUE, "quotes block credentials"),
    (PAGE, ("*",), NOT_TRUE, "a star is not true"),
    (PAGE, ("true", "true"), NOT_TRUE, "true sent twice blocks credentials"),
    (PAGE, ("true, true",), NOT_TRUE, "a list blocks credentials"),
    ("*", ("true",), WILDCARD, "a star never allows credentials"),
    ("*", (), WILDCARD, "a star without the header does not allow credentials"),
    ("https://evil.net", ("true",), MISMATCH, "credentials for another origin block"),
]


@pytest.mark.parametrize(("origin", "lines", "reason"), rows(ALLOW_CREDENTIALS))
def test_credentials_are_checked_on_preflight_and_response(
    origin: str, lines: tuple[str, ...], reason: Reason | None
) -> None:
    headers = (
        ("Access-Control-Allow-Origin", origin),
        *(("Access-Control-Allow-Credentials", line) for line in lines),
    )
    simple = Service(response=Response(200, headers))
    preflighted = Service(preflight=Response(204, (*headers, (METHODS, "PUT"))))

    assert judge(browse(simple, Fetch(PAGE, credentials="include"))) is reason
    assert judge(browse(preflighted, Fetch(PAGE, "PUT", credentials="include"))) is reason
    if origin != "https://evil.net":
        assert judge(browse(simple, Fetch(PAGE))) is None, "without credentials it does not matter"


# --- When a preflight is due: methods ------------------------------------------------------------

METHOD_TABLE = [
    ("GET", "GET", False, "GET needs no preflight"),
    ("HEAD", "HEAD", False, "HEAD needs no preflight"),
    ("POST", "POST", False, "POST needs no preflight"),
    ("get", "GET", False, "get is upper-cased"),
    ("Head", "HEAD", False, "Head is upper-cased"),
    ("post", "POST", False, "post is upper-cased"),
    ("put", "PUT", True, "put is upper-cased and needs a preflight"),
    ("delete", "DELETE", True, "delete is upper-cased and needs a preflight"),
    ("options", "OPTIONS", True, "options is upper-cased and needs a preflight"),
    ("PATCH", "PATCH", True, "PATCH needs a preflight"),
    ("patch", "patch", True, "patch stays in lower case"),
    ("Chicken", "Chicken", True, "any token is a method"),
    ("*", "*", True, "a star is a method"),
]


@pytest.mark.parametrize(("method", "normalized", "due"), rows(METHOD_TABLE))
def test_methods_are_normalized_then_preflighted(method: str, normalized: str, due: bool) -> None:
    service = Service(preflight=Response(204, (*GRANT, (METHODS, normalized))))
    outcome = browse(service, Fetch(PAGE, method))

    assert outcome.allowed
    assert outcome.requests == tuple(service.asked)
    assert service.asked[-1].method == normalized
    assert [dict(r.headers)["access-control-request-method"] for r in preflights(service)] == (
        [normalized] if due else []
    )
    assert outcome.preflight_due == (
        (f"method {normalized} is not GET, HEAD or POST",) if due else ()
    )


REFUSED = [
    (Fetch(PAGE, "CONNECT"), Reason.FORBIDDEN_METHOD, "CONNECT is forbidden"),
    (Fetch(PAGE, "TRACE"), Reason.FORBIDDEN_METHOD, "TRACE is forbidden"),
    (Fetch(PAGE, "Track"), Reason.FORBIDDEN_METHOD, "TRACK is forbidden in any case"),
    (Fetch(API, "trace"), Reason.FORBIDDEN_METHOD, "trace is forbidden to own pages too"),
    (Fetch(PAGE, "PU T"), Reason.INVALID_METHOD, "a method cannot have a blank"),
    (Fetch(PAGE, ""), Reason.INVALID_METHOD, "a method cannot be empty"),
    (Fetch(PAGE, "GET\r\nX: 1"), Reason.INVALID_METHOD, "a method cannot have a line break"),
    (Fetch(PAGE, mode="no-cors", method="PUT"), Reason.METHOD_NEEDS_CORS, "PUT needs mode cors"),
    (Fetch(API, mode="no-cors", method="PATCH"), Reason.METHOD_NEEDS_CORS, "PATCH needs CORS"),
    (Fetch(PAGE, body=b"x"), Reason.BODY_WITH_GET, "GET cannot have a body"),
    (Fetch(PAGE, "head", body=b"x"), Reason.BODY_WITH_GET, "HEAD cannot have a body"),
    (Fetch(PAGE, headers=(("x y", "1"),)), Reason.INVALID_HEADER_NAME, "names have no blank"),
    (Fetch(PAGE, headers=(("", "1"),)), Reason.INVALID_HEADER_NAME, "names are not empty"),
    (Fetch(PAGE, headers=(("x", "1\r\ny: 2"),)), Reason.INVALID_HEADER_VALUE, "no line breaks"),
    (Fetch(PAGE, headers=(("x", "a\0"),)), Reason.INVALID_HEADER_VALUE, "values have no NUL"),
    (Fetch(PAGE, headers=(("x", "\u2603"),)), Reason.INVALID_HEADER_VALUE, "values are bytes"),
]


@pytest.mark.parametrize(("wanted", "reason"), rows(REFUSED))
def test_the_browser_refuses_what_scripts_cannot_send(wanted: Fetch, reason: Reason) -> None:
    service = Service()
    outcome = browse(service, wanted)
    assert judge(outcome) is reason
    assert outcome.step is Step.REQUEST
    assert service.asked == []


# --- When a preflight is due: headers ------------------------------------------------------------

SAFELIST: list[tuple[str, str, bool, str]] = [
    ("Accept", "text/html", True, "an ordinary Accept is safe"),
    ("accept", "*/*;q=0.8, text/x", True, "Accept with quality values is safe"),
    ("Accept", "", True, "an empty Accept is safe"),
    ("Accept", "a\tb", True, "a tab is a safe byte"),
    ("Accept", "caf\xe9", True, "a byte above ASCII is safe in Accept"),
    *(
        ("Accept", f"a{chr(byte)}b", False, f"byte 0x{byte:02x} is unsafe in Accept")
        for byte in (1, 8, 0x0B, 0x1F, *b'"():<>?@[\\]{}', 0x7F)
    ),
    ("Accept", "x" * 128, True, "128 bytes are safe in Accept"),
    ("Accept", "x" * 129, False, "129 bytes are unsafe in Accept"),
    ("Accept-Language", "en-GB, de;q=0.5, *", True, "an ordinary Accept-Language is safe"),
    ("Accept-Language", "en_GB", False, "an underscore is unsafe in Accept-Language"),
    ("Accept-Language", "@", False, "an at sign is unsafe in Accept-Language"),
    ("Accept-Language", "en\tde", False, "a tab is unsafe in Accept-Language"),
    ("Accept-Language", "\x01", False, "a control character is unsafe in Accept-Language"),
    ("Accept-Language", "caf\xe9", False, "a byte above ASCII is unsafe in Accept-Language"),
    ("Accept-Language", "e" * 129, False, "129 bytes are unsafe in Accept-Language"),
    ("Content-Language", "en=1.0", True, "an odd Content-Language is safe"),
    ("Content-Language", "@", False, "an at sign is unsafe in Content-Language"),
    ("Content-Language", "en/de", False, "a slash is unsafe in Content-Language"),
    ("Content-Type", "text/plain", True, "a form may send text/plain"),
    ("CONTENT-TYPE", "Text/PLAIN", True, "case does not matter in a MIME type"),
    ("Content-Type", "multipart/form-data", True, "a form may send files"),
    ("Content-Type", "multipart/form-data; boundary=x", True, "files come with a boundary"),
    ("Content-Type", "application/x-www-form-urlencoded", True, "a form's default type is safe"),
    ("Content-Type", "text/plain;charset=utf-8", True, "a parameter is safe"),
    ("Content-Type", "text/plain ; charset=utf-8", True, "a blank before a semicolon is safe"),
    ("Content-Type", "  text/plain\t", True, "blanks around the value are dropped first"),
    ("Content-Type", "text/plain;", True, "an empty parameter is safe"),
    ("Content-Type", "text/plain;garbage", True, "a parameter without a value is safe"),
    ("Content-Type", "text/plain;a,\x80", True, "a byte above ASCII in a parameter is safe"),
    ("Content-Type", "text/plain;garbage\x01\x02", False, "control characters are unsafe"),
    ("Content-Type", "text/plain\x0b", False, "a vertical tab is unsafe"),
    ("Content-Type", "text/plain\x0c", False, "a form feed is unsafe"),
    ("Content-Type", 'multipart/form-data;"', False, "a quote is unsafe"),
    ("Content-Type", "application/x-www-form-urlencoded;\x7f", False, "DEL is unsafe"),
    ("Content-Type", "application/json", False, "JSON needs a preflight"),
    ("Content-Type", "application/json;text/plain", False, "a parameter is not the type"),
    ("Content-Type", "text/html", False, "a form cannot send HTML"),
    ("Content-Type", "application/www-form-urlencoded", False, "a similar type is unsafe"),
    ("Content-Type", "text/plain2", False, "text/plain2 is not text/plain"),
    ("Content-Type", "text /plain", False, "a blank in the type is unsafe"),
    ("Content-Type", "text\t/\tplain", False, "tabs around the slash are unsafe"),
    ("Content-Type", "text/ plain", False, "a blank after the slash is unsafe"),
    ("Content-Type", "text", False, "a type needs a subtype"),
    ("Content-Type", "", False, "an empty type is unsafe"),
    ("Content-Type", "text/plain,", False, "a comma after the type is unsafe"),
    ("Content-Type", ",text/plain", False, "a comma before the type is unsafe"),
    ("Content-Type", "text/plain,text/plain", False, "a list of types is unsafe"),
    ("Content-Type", "text/plain,x/x", False, "a list with another type is unsafe"),
    ("Content-Type", f"text/plain;l={TEN * 11}{TEN}", False, "a long parameter is unsafe"),
    ("Range", "bytes=100-200", True, "a simple range is safe"),
    ("Range", "bytes=200-", True, "an open range is safe"),
    ("Range", "bytes=7-7", True, "a range of one byte is safe"),
    ("Range", "bytes=9-10", True, "a range compares as numbers, not as text"),
    ("Range", "bytes=-200", False, "a range without a start is unsafe"),
    ("Range", "bytes=-", False, "a range without numbers is unsafe"),
    ("Range", "bytes=200-100", False, "a range that ends before it starts is unsafe"),
    ("Range", "100-200", False, "a range needs its unit"),
    ("Range", "MB=100-200", False, "another unit is unsafe"),
    ("Range", "Bytes=100-200", False, "the unit is case-sensitive"),
    ("Range", "bytes 100-200", False, "a blank instead of the equals sign is unsafe"),
    ("Range", "bytes =100-200", False, "a blank before the equals sign is unsafe"),
    ("Range", "bytes= 100-200", False, "a blank after the equals sign is unsafe"),
    ("Range", "bytes=\t\t100-200", False, "tabs after the equals sign are unsafe"),
    ("Range", "bytes=100 -200", False, "a blank before the hyphen is unsafe"),
    ("Range", "bytes=100-\t200", False, "a tab after the hyphen is unsafe"),
    ("Range", "bytes=100-200hello", False, "text after a range is unsafe"),
    ("Range", "bytes=abc-def", False, "letters in a range are unsafe"),
    ("Range", "bytes=100-200,300-400", False, "two ranges are unsafe"),
    ("Range", ",bytes=100-200", False, "a leading comma is unsafe in Range"),
    ("Range", f"bytes=1{'0' * 60}-2{'0' * 60}", False, "129 bytes are unsafe in Range"),
    ("Authorization", "Bearer abc", False, "a bearer token needs a preflight"),
    ("X-Requested-With", "XMLHttpRequest", False, "a custom header needs a preflight"),
    ("X-Empty", "", False, "an empty custom header needs a preflight"),
    ("If-None-Match", '"1"', False, "a conditional request by script needs a preflight"),
    ("Cache-Control", "no-cache", False, "Cache-Control is safe to read, not to send"),
    ("User-Agent", "me", False, "a script may set User-Agent, with a preflight"),
    ("Last-Event-ID", "abc", False, "Last-Event-ID set by a script needs a preflight"),
    ("DPR", "2", False, "a client hint set by a script needs a preflight"),
]


@pytest.mark.parametrize(("name", "value", "safe"), rows(SAFELIST))
def test_safelisted_request_headers_need_no_preflight(name: str, value: str, safe: bool) -> None:
    service = Service(preflight=Response(204, (*GRANT, (HEADERS, name))))
    outcome = browse(service, Fetch(PAGE, "POST", headers=((name, value),)))

    assert outcome.allowed
    asked = [dict(r.headers)["access-control-request-headers"] for r in preflights(service)]
    assert asked == ([] if safe else [name.lower()])
    assert len(outcome.preflight_due) == len(asked)
    assert sent(service)[name.lower()] == value.strip("\t "), "it is sent either way"


def accepts(*sizes: int) -> tuple[tuple[str, str], ...]:
    return tuple(("Accept", "x" * size) for size in sizes)


TOTALS = [
    (accepts(*[128] * 8), [], "1024 bytes of safelisted values are safe"),
    (
        (*accepts(*[128] * 8), ("Range", "bytes=0-")),
        ["accept,range"],
        "more than 1024 bytes make all of them unsafe",
    ),
    ((*accepts(*[128] * 8), ("X-A", "x" * 999)), ["x-a"], "unsafe headers do not count"),
    ((("X-B", "1"), ("x-a", "1"), ("X-b", "2")), ["x-a,x-b"], "names are lower, sorted, unique"),
    ((("B", "1"), ("Accept", "x"), ("A", "1")), ["a,b"], "safelisted ones are not asked for"),
    ((("Accept", '"'), ("Accept", "x")), ["accept"], "one unsafe line of two is enough"),
]


@pytest.mark.parametrize(("headers", "expected"), rows(TOTALS))
def test_request_headers_are_judged_together(
    headers: tuple[tuple[str, str], ...], expected: list[str]
) -> None:
    service = Service(preflight=Response(204, (*GRANT, (HEADERS, "*"))))
    assert browse(service, Fetch(PAGE, headers=headers)).allowed
    asked = [dict(r.headers)["access-control-request-headers"] for r in preflights(service)]
    assert asked == expected


FORBIDDEN = [
    *(
        (name, "1", True, f"{name} can only be set by the browser")
        for name in (
            *("Accept-Charset", "accept-encoding", "Access-Control-Request-Headers"),
            *("Access-Control-Request-Method", "Connection", "Content-Length", "COOKIE", "Cookie2"),
            *("Date", "DNT", "Expect", "Host", "Keep-Alive", "Origin", "Referer", "Set-Cookie"),
            *("TE", "Trailer", "Transfer-Encoding", "Upgrade", "Via"),
            *("Proxy-", "Proxy-Authorization", "Sec-", "sec-fetch-site", "Sec-Whatever"),
        )
    ),
    ("X-HTTP-Method", "TRACE", True, "X-HTTP-Method cannot be TRACE"),
    ("X-HTTP-Method-Override", "connect", True, "X-HTTP-Method-Override cannot be CONNECT"),
    ("X-Method-Override", "GET, track", True, "X-Method-Override cannot list TRACK"),
    ("X-HTTP-Method", "PUT", False, "X-HTTP-Method can be PUT"),
    ("X-HTTP-Method", "TRACER", False, "X-HTTP-Method can be TRACER, which is another method"),
    ("X-Other", "TRACE", False, "any other header can be TRACE"),
    ("Security", "1", False, "Security can be set: it has no hyphen like Sec-"),
    ("Proxy", "1", False, "Proxy can be set: it has no hyphen like Proxy-"),
    ("X-Cookie", "1", False, "X-Cookie can be set"),
]


@pytest.mark.parametrize(("name", "value", "forbidden"), rows(FORBIDDEN))
def test_forbidden_request_headers_are_dropped(name: str, value: str, forbidden: bool) -> None:
    service = Service(preflight=Response(204, (*GRANT, (HEADERS, name))))
    outcome = browse(service, Fetch(PAGE, headers=((name, value), ("Accept", "x"))))

    assert outcome.allowed
    assert outcome.dropped_headers == ((name,) if forbidden else ())
    assert (sent(service).get(name.lower()) == value) is not forbidden
    assert len(preflights(service)) == (0 if forbidden else 1)
    assert sent(service)["accept"] == "x"


# --- What a preflight must answer ----------------------------------------------------------------

NO_METHOD, NO_HEADER = Reason.METHOD_NOT_ALLOWED, Reason.HEADER_NOT_ALLOWED
STAR_METHOD, STAR_HEADER = Reason.METHOD_WILDCARD, Reason.HEADER_WILDCARD
STAR_AUTHORIZATION = Reason.AUTHORIZATION_WILDCARD

# with credentials?, methods allowed, headers allowed, method, header, reason
LISTED: list[tuple[bool, str, str, str, str, Reason | None, str]] = [
    (False, "get", "x-test", "GET", "X-Test", None, "GET needs no listing"),
    (False, "", "x-test", "POST", "X-Test", None, "POST needs no listing"),
    (False, "PUT", "", "HEAD", "", None, "HEAD needs no listing"),
    (False, "PUT", "", "PUT", "", None, "a listed method is allowed"),
    (False, "GET,PUT ,\tDELETE", "", "DELETE", "", None, "blanks in a list do not count"),
    (False, "GET, POST", "", "PUT", "", NO_METHOD, "an unlisted method is blocked"),
    (False, "", "", "PUT", "", NO_METHOD, "an empty list allows nothing"),
    (False, "put", "", "PUT", "", NO_METHOD, "the list of methods is case-sensitive"),
    (False, "PUT", "", "put", "", None, "put is sent as PUT, which is listed"),
    (False, "PATCH", "", "patch", "", NO_METHOD, "patch is not sent as PATCH, which is listed"),
    (False, "patch", "", "patch", "", None, "patch may be listed as it is"),
    (False, "PUTT", "", "PUT", "", NO_METHOD, "a longer method is another one"),
    (False, "*", "", "PUT", "", None, "a star covers every method"),
    (False, "*", "x-test", "SUPER", "X-Test", None, "a star covers a method that nobody knows"),
    (False, "GET, *", "", "PUT", "", None, "a star may stand in a list"),
    (True, "PUT", "", "PUT", "", None, "a listed method is allowed with credentials"),
    (True, "*", "", "PUT", "", STAR_METHOD, "a star covers no method with credentials"),
    (True, "*, PUT", "", "PUT", "", None, "a method beside a star is allowed with credentials"),
    (True, "GET", "", "PUT", "", NO_METHOD, "an unlisted method is blocked with credentials"),
    (True, "put", "*", "PUT", "", NO_METHOD, "lower case is blocked with credentials"),
    (True, "*", "*", "*", "*", None, "a star covers itself even with credentials"),
    (False, "", "X-TEST", "GET", "x-Test", None, "the list of headers has no case"),
    (False, "", "x-other, x-test", "GET", "X-Test", None, "a header may stand anywhere"),
    (False, "", "x-other", "GET", "X-Test", NO_HEADER, "an unlisted header is blocked"),
    (False, "", "", "GET", "X-Test", NO_HEADER, "an empty list allows no header"),
    (False, "", "x-tes", "GET", "X-Test", NO_HEADER, "a shorter name is another one"),
    (False, "*", "*", "OK", "X-Test", None, "stars cover everything without credentials"),
    (False, "", "x-other, *", "GET", "X-Test", None, "a star may stand in a list of headers"),
    (True, "*", "*", "OK", "X-Test", STAR_METHOD, "stars cover nothing with credentials"),
    (True, "get", "*", "GET", "X-Test", STAR_HEADER, "a star covers no header with credentials"),
    (True, "*", "*", "GET", "X-Test", STAR_HEADER, "a star for methods does not help a header"),
    (True, "PUT", "*", "PUT", "", None, "a star is harmless where no header is asked for"),
    (True, "", "*, x-test", "GET", "X-Test", None, "a header listed beside a star is allowed"),
    (False, "*", "*", "GET", "Authorization", STAR_AUTHORIZATION, "no star covers Authorization"),
    (True, "*", "*", "GET", "Authorization", STAR_HEADER, "credentials change nothing"),
    (False, "", "*, Authorization", "GET", "authorization", None, "a listed token is allowed"),
    (False, "", "authorization", "GET", "Authorization", None, "case is ignored"),
    (False, "", "x-test", "GET", "Authorization", NO_HEADER, "an unlisted token is blocked"),
    (False, "", "content-type", "POST", "Content-Type", None, "JSON needs content-type listed"),
    (False, "", "accept", "POST", "Content-Type", NO_HEADER, "an unlisted content-type is blocked"),
]


@pytest.mark.parametrize(
    ("credentials", "methods", "names", "method", "name", "reason"), rows(LISTED)
)
def test_methods_and_headers_must_be_listed(
    credentials: bool, methods: str, names: str, method: str, name: str, reason: Reason | None
) -> None:
    service = Service(preflight=Response(204, (*GRANT, (METHODS, methods), (HEADERS, names))))
    wanted = Fetch(
        PAGE,
        method,
        headers=((name, "application/json"),) if name else (),
        credentials="include" if credentials else "omit",
    )
    outcome = browse(service, wanted)
    assert judge(outcome) is reason
    assert (outcome.response is None) is (reason is not None), "blocked before the request"
    assert outcome.step is (None if reason is None else Step.PREFLIGHT)


def test_the_first_unlisted_header_is_named() -> None:
    service = Service(preflight=Response(204, (*GRANT, (HEADERS, "x-b"))))
    wanted = Fetch(PAGE, headers=(("X-C", "1"), ("X-B", "1"), ("X-A", "1")))
    assert browse(service, wanted).detail == "x-a"


NO_METHODS = Reason.ALLOW_METHODS_MALFORMED
NO_HEADERS = Reason.ALLOW_HEADERS_MALFORMED
BOTH = (METHODS, HEADERS)

LISTS: list[tuple[tuple[str, ...], bool, str]] = [
    (("PUT,", ",X"), True, "empty elements at the ends do not count"),
    ((",", "PUT , , ,X"), True, "empty elements in the middle do not count"),
    (("PUT", "X"), True, "two lines make one list"),
    (("PUT,X",), True, "blanks are optional"),
    (("PUT X",), False, "a blank inside an element makes the list malformed"),
    (("PUT, X Y",), False, "one malformed element makes the list malformed"),
    (("PUT", "X, Y Z"), False, "one malformed line makes the list malformed"),
    (("PUT, X; q=1",), False, "a parameter makes the list malformed"),
    (('"PUT", X',), False, "quotes make the list malformed"),
    (("PUT; X",), False, "a semicolon makes the list malformed"),
    (("PUT, X, (comment)",), False, "a comment makes the list malformed"),
    (("PUT, X, @#$#%%&^&^*()()11!",), False, "punctuation makes the list malformed"),
    (("PUT, X, caf\xe9",), False, "a byte above ASCII makes the list malformed"),
    (("PUT, X\x0b",), False, "a vertical tab makes the list malformed"),
    (("PUT/X",), False, "a slash makes the list malformed"),
    (("[PUT, X]",), False, "JSON makes the list malformed"),
]


@pytest.mark.parametrize(("lines", "well_formed"), rows(LISTS))
def test_a_malformed_list_blocks_what_it_holds(lines: tuple[str, ...], well_formed: bool) -> None:
    as_methods = (*GRANT, *((METHODS, line) for line in lines))
    as_headers = (*GRANT, *((HEADERS, line) for line in lines))

    methods = browse(Service(preflight=Response(204, as_methods)), Fetch(PAGE, "PUT"))
    headers = browse(
        Service(preflight=Response(204, as_headers)), Fetch(PAGE, headers=(("X", ""),))
    )

    assert judge(methods) is (None if well_formed else NO_METHODS)
    assert judge(headers) is (None if well_formed else NO_HEADERS)


def test_a_malformed_list_blocks_safelisted_methods() -> None:
    answer = (*GRANT, (HEADERS, "x-a"), (METHODS, "bad name"))
    outcome = browse(Service(preflight=Response(204, answer)), Fetch(PAGE, headers=(("X-A", "1"),)))
    assert judge(outcome) is NO_METHODS


REDIRECT, STATUS = Reason.PREFLIGHT_REDIRECT, Reason.PREFLIGHT_STATUS
STATUSES: list[tuple[int, Reason | None, str]] = [
    *((status, None, f"{status} is ok") for status in (200, 201, 202, 203, 204, 205, 206, 299)),
    *((status, REDIRECT, f"{status} redirects") for status in (301, 302, 303, 307, 308)),
    *((status, STATUS, f"{status} is not ok") for status in (199, 300, 304, 305, 306, 310)),
    *((status, STATUS, f"{status} fails") for status in (400, 401, 403, 404, 405, 429, 500, 503)),
]


@pytest.mark.parametrize(("status", "reason"), rows(STATUSES))
def test_preflight_status_must_be_ok(status: int, reason: Reason | None) -> None:
    answer = (*GRANT, (METHODS, "PUT"), ("Location", "/elsewhere"))
    outcome = browse(Service(preflight=Response(status, answer)), Fetch(PAGE, "PUT"))
    assert judge(outcome) is reason
    assert outcome.preflight is not None
    assert outcome.preflight.status == status


def test_a_preflight_redirect_without_a_location_blocks() -> None:
    answer = (*GRANT, (METHODS, "PUT"))
    assert judge(browse(Service(preflight=Response(307, answer)), Fetch(PAGE, "PUT"))) is STATUS


@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 422, 500, 503])
def test_the_status_of_the_response_does_not_matter(status: int) -> None:
    assert browse(Service(response=Response(status, GRANT)), Fetch(PAGE)).allowed
    assert judge(browse(Service(response=Response(status)), Fetch(PAGE))) is MISSING


def test_an_allowed_preflight_does_not_allow_the_response() -> None:
    service = Service(Response(204, (*GRANT, (METHODS, "PUT"))), Response(200))
    outcome = browse(service, Fetch(PAGE, "PUT"))
    assert judge(outcome) is MISSING
    assert outcome.step is Step.RESPONSE
    assert outcome.response == Response(200)


# --- What a script may read ----------------------------------------------------------------------

CARRIED = ("Content-Type", "X-Total", "BB-8", "*", "Set-Cookie", "Set-Cookie2", "Authorization")
EXPOSED: list[tuple[tuple[str, ...], bool, set[str], str]] = [
    ((), False, set(), "nothing beyond the safelist is readable by itself"),
    (("X-Total",), False, {"x-total"}, "an exposed header is readable"),
    (("x-total",), True, {"x-total"}, "an exposed header is readable with credentials"),
    (("x-TOTAL, bb-8",), False, {"x-total", "bb-8"}, "the list has no case"),
    (("X-Total", "BB-8"), False, {"x-total", "bb-8"}, "two lines make one list"),
    (("", "BB-8"), False, {"bb-8"}, "an empty line does not count"),
    ((",bb-8",), False, {"bb-8"}, "an empty element at the start does not count"),
    (("bb-8 , ,,",), False, {"bb-8"}, "empty elements at the end do not count"),
    (("X-Absent",), False, set(), "an absent header is not readable"),
    (("bb-8, no no",), False, set(), "a malformed list exposes nothing"),
    (("bb-8", "@#$#%%&^&^*()()11!"), False, set(), "a malformed line exposes nothing"),
    (("'bb-8'",), False, set(), "single quotes make another name"),
    (("bb-8; q=1",), False, set(), "a parameter makes the list malformed"),
    (("Set-Cookie",), False, set(), "cookies are never readable"),
    (("set-cookie2, x-total",), True, {"x-total"}, "old-style cookies are never readable"),
    (("*",), False, {"x-total", "bb-8", "*", "authorization"}, "a star exposes all but cookies"),
    (("*", "set-cookie"), False, {"x-total", "bb-8", "*", "authorization"}, "cookies stay hidden"),
    (("*",), True, {"*"}, "with credentials a star is the name of a header"),
    (("*, bb-8",), True, {"*", "bb-8"}, "with credentials a header may be listed beside a star"),
    (("Authorization",), False, {"authorization"}, "a response's Authorization may be exposed"),
]


@pytest.mark.parametrize(("lines", "credentials", "readable"), rows(EXPOSED))
def test_exposed_headers_are_readable(
    lines: tuple[str, ...], credentials: bool, readable: set[str]
) -> None:
    headers = (*((name, "1") for name in CARRIED), *((EXPOSE, line) for line in lines), *GRANT)
    wanted = Fetch(PAGE, credentials="include" if credentials else "same-origin")
    outcome = browse(Service(response=Response(200, headers)), wanted)

    assert outcome.allowed
    cors = {name.lower() for name, _ in GRANT} | {EXPOSE.lower()}
    assert set(outcome.readable_headers) - cors == readable | {"content-type"}


ALWAYS = [
    *("Cache-Control", "Content-Language", "Content-Length", "Content-Type"),
    *("Expires", "Last-Modified", "Pragma"),
]


@pytest.mark.parametrize("name", ALWAYS)
def test_safelisted_response_headers_are_always_readable(name: str) -> None:
    outcome = browse(Service(response=Response(200, (*GRANT, (name, "1")))), Fetch(PAGE))
    assert outcome.readable_headers == (name.lower(),)


@pytest.mark.parametrize("name", ["ETag", "Location", "Date", "Vary", "WWW-Authenticate", "Server"])
def test_other_response_headers_are_not_readable(name: str) -> None:
    outcome = browse(Service(response=Response(200, (*GRANT, (name, "1")))), Fetch(PAGE))
    assert outcome.readable_headers == ()


# --- Same origin and no-cors ---------------------------------------------------------------------


def test_the_services_own_page_needs_no_permission() -> None:
    response = Response(200, (("X-Total", "1"), ("Set-Cookie", "a=1")))
    service = Service(response=response)
    wanted = Fetch(API, "DELETE", headers=(("X-Test", "1"),), credentials="include")
    outcome = browse(service, wanted)

    assert outcome.allowed
    assert outcome.tainting == "basic"
    assert outcome.readable_headers == ("x-total",)
    assert [request.method for request in service.asked] == ["DELETE"]
    assert outcome.preflight_due == ()


NEIGHBOURS = [
    "http://api.acme.com",
    "https://api.acme.com:8443",
    "https://www.api.acme.com",
    "null",
]


@pytest.mark.parametrize("page", NEIGHBOURS)
def test_a_page_of_a_similar_origin_needs_permission(page: str) -> None:
    assert judge(browse(Service(response=Response(200)), Fetch(page))) is MISSING


NO_CORS: list[tuple[tuple[tuple[str, str], ...], int, str]] = [
    ((("Accept", "x"),), 1, "Accept may be set"),
    ((("Content-Type", "text/plain"),), 1, "a form's type may be set"),
    ((("Content-Type", "application/json"),), 0, "JSON is dropped"),
    ((("Authorization", "Bearer x"),), 0, "a bearer token is dropped"),
    ((("X-Test", "1"),), 0, "a custom header is dropped"),
    ((("Range", "bytes=0-1"),), 0, "a range is dropped, simple or not"),
    ((("Accept", "x" * 63), ("Accept", "x" * 63)), 2, "two lines of 128 bytes are kept"),
    ((("Accept", "x" * 64), ("Accept", "x" * 63)), 1, "a line beyond 128 bytes is dropped"),
]


@pytest.mark.parametrize(("headers", "kept"), rows(NO_CORS))
def test_no_cors_drops_headers_that_a_form_cannot_send(
    headers: tuple[tuple[str, str], ...], kept: int
) -> None:
    service = Service(response=Response(200, (("Content-Type", "text/html"),)))
    outcome = browse(service, Fetch(PAGE, "POST", headers=headers, mode="no-cors", body=b"x"))

    assert outcome.allowed
    assert outcome.tainting == "opaque"
    assert outcome.readable_headers == ()
    (request,) = service.asked
    own = {"content-length", "origin", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site"}
    scripted = [pair for pair in request.headers if pair[0] not in own and pair[1] != "*/*"]
    assert scripted == [(name.lower(), value) for name, value in headers[:kept]]
    assert outcome.dropped_headers == tuple(name for name, _ in headers[kept:])


# --- What the browser sends ----------------------------------------------------------------------


def test_a_preflight_has_exactly_these_headers() -> None:
    service = Service(preflight=Response(204, (*GRANT, (METHODS, "PUT"), (HEADERS, "a, b"))))
    browser = Browser(service, API, cookie="session=1")
    wanted = Fetch(PAGE, "put", "/items/1?x=%20", (("B", "2"), ("A", "1")), "include", body=b"{}")

    assert browser.fetch(wanted).allowed
    metadata = (
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-site"),
    )
    assert service.asked == [
        Request(
            "OPTIONS",
            "/items/1?x=%20",
            (
                ("accept", "*/*"),
                ("access-control-request-method", "PUT"),
                ("access-control-request-headers", "a,b"),
                ("origin", PAGE),
                *metadata,
            ),
        ),
        Request(
            "PUT",
            "/items/1?x=%20",
            (
                *(("b", "2"), ("a", "1"), ("accept", "*/*"), ("content-length", "2")),
                *(("origin", PAGE), *metadata, ("cookie", "session=1")),
            ),
            b"{}",
        ),
    ]


def test_a_preflight_for_a_method_asks_for_no_headers() -> None:
    service = Service()
    browse(service, Fetch(PAGE, "PUT"))
    assert "access-control-request-headers" not in dict(service.asked[0].headers)


ORIGIN_SENT: list[tuple[str, str, str, str | None, str]] = [
    (PAGE, "GET", "cors", PAGE, "GET with CORS has an Origin"),
    (PAGE, "HEAD", "cors", PAGE, "HEAD with CORS has an Origin"),
    (PAGE, "POST", "cors", PAGE, "POST with CORS has an Origin"),
    (API, "GET", "cors", None, "GET to the own origin has none"),
    (API, "HEAD", "cors", None, "HEAD to the own origin has none"),
    (API, "POST", "cors", API, "POST to the own origin has an Origin"),
    (API, "DELETE", "cors", API, "DELETE to the own origin has an Origin"),
    (PAGE, "GET", "no-cors", None, "GET without CORS has none"),
    (PAGE, "POST", "no-cors", PAGE, "POST without CORS has an Origin, as forms do"),
    ("null", "POST", "no-cors", "null", "a page without an origin sends null"),
]


@pytest.mark.parametrize(("page", "method", "mode", "origin"), rows(ORIGIN_SENT))
def test_origin_header(page: str, method: str, mode: str, origin: str | None) -> None:
    service = Service()
    browse(service, Fetch(page, method, mode="no-cors" if mode == "no-cors" else "cors"))
    assert sent(service).get("origin") == origin


def test_without_cors_an_http_service_sees_no_https_origin() -> None:
    service = Service()
    browser = Browser(service, "http://api.acme.com")
    browser.fetch(Fetch(PAGE, "POST", mode="no-cors"))
    browser.fetch(Fetch(PAGE, "POST", mode="cors"))
    assert [dict(request.headers)["origin"] for request in service.asked] == ["null", PAGE]


COOKIES = [
    (PAGE, "include", "cors", True, "include sends cookies to other origins"),
    (PAGE, "same-origin", "cors", False, "same-origin sends no cookies to other origins"),
    (PAGE, "omit", "cors", False, "omit sends no cookies to other origins"),
    (API, "include", "cors", True, "include sends cookies to the own origin"),
    (API, "same-origin", "cors", True, "same-origin sends cookies to the own origin"),
    (API, "omit", "cors", False, "omit sends no cookies to the own origin"),
    (PAGE, "include", "no-cors", True, "include sends cookies without CORS"),
    (PAGE, "same-origin", "no-cors", False, "same-origin sends no cookies without CORS"),
]


@pytest.mark.parametrize(("page", "credentials", "mode", "attached"), rows(COOKIES))
def test_cookies(page: str, credentials: str, mode: str, attached: bool) -> None:
    service = Service()
    wanted = Fetch(page, credentials=credentials, mode=mode)  # type: ignore[arg-type]
    Browser(service, API, cookie="session=1").fetch(wanted)
    assert sent(service).get("cookie") == ("session=1" if attached else None)


SITES = [
    (API, API, "same-origin", "the service's own page is same-origin"),
    (PAGE, API, "same-site", "a sibling host is the same site"),
    ("https://acme.com", API, "same-site", "the parent domain is the same site"),
    ("https://api.acme.com:8443", API, "same-site", "another port is the same site"),
    ("http://app.acme.com", API, "cross-site", "another scheme is another site"),
    ("https://evil.net", API, "cross-site", "another domain is another site"),
    ("https://acme.com.evil.net", API, "cross-site", "a look-alike is another site"),
    ("https://notacme.com", API, "cross-site", "a longer name is another site"),
    ("null", API, "cross-site", "a page without an origin is cross-site"),
    ("http://localhost:5173", "http://localhost:8000", "same-site", "ports do not matter"),
    ("http://127.0.0.1:1", "http://127.0.0.1:2", "same-site", "one address is one site"),
    ("http://10.0.0.1", "http://127.0.0.1", "cross-site", "two addresses are two sites"),
    ("http://app.localhost", "http://[::1]:8000", "cross-site", "two names are two sites"),
    (PAGE, "http://api.acme.com", None, "a plain http service gets no Sec-Fetch-*"),
    ("http://localhost:1", "http://127.example.com", None, "a name is not an address"),
]


@pytest.mark.parametrize(("page", "service_origin", "site"), rows(SITES))
def test_fetch_metadata(page: str, service_origin: str, site: str | None) -> None:
    service = Service()
    Browser(service, service_origin).fetch(Fetch(page, mode="no-cors"))
    assert sent(service).get("sec-fetch-site") == site
    assert sent(service).get("sec-fetch-mode") == (site and "no-cors")


def test_old_browsers_and_country_domains() -> None:
    service = Service()
    Browser(service, API, sec_fetch=False).fetch(Fetch(PAGE))
    assert not [name for name in sent(service) if name.startswith("sec-")]

    def registrable(host: str) -> str:
        return ".".join(host.split(".")[-3:])

    service = Service()
    Browser(service, "https://acme.co.uk").fetch(Fetch("https://evil.co.uk"))
    assert sent(service)["sec-fetch-site"] == "same-site", "the default is wrong here"

    service = Service()
    browser = Browser(service, "https://acme.co.uk", registrable_domain=registrable)
    browser.fetch(Fetch("https://evil.co.uk"))
    assert sent(service)["sec-fetch-site"] == "cross-site"


LENGTHS = [("POST", b"", "0"), ("PUT", b"", "0"), ("GET", b"", None), ("DELETE", b"", None)]


@pytest.mark.parametrize(("method", "body", "length"), [*LENGTHS, ("PATCH", b"abc", "3")])
def test_content_length(method: str, body: bytes, length: str | None) -> None:
    service = Service()
    browse(service, Fetch(API, method, body=body))
    assert sent(service).get("content-length") == length


# --- Redirects -----------------------------------------------------------------------------------

PUT_GRANT = (*GRANT, (METHODS, "PUT, DELETE"), (HEADERS, "content-type"))
PUT_GRANTED = Response(204, PUT_GRANT)


@dataclass
class Redirecting(Service):
    """Redirects what is not a preflight from / to the location, once."""

    preflight: Response = PUT_GRANTED
    location: str = "/there"
    status: int = 307
    headers: tuple[tuple[str, str], ...] = GRANT

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        if is_preflight(request):
            return self.preflight
        if request.path == "/":
            return Response(self.status, (*self.headers, ("Location", self.location)))
        return self.response


ELSEWHERE, USERINFO = Reason.REDIRECT_ELSEWHERE, Reason.REDIRECT_CREDENTIALS
LOCATIONS: list[tuple[str, str | None, Reason | None, str]] = [
    ("/there", "/there", None, "an absolute path is followed"),
    ("there?a=1#part", "/there?a=1", None, "a relative path is followed, without its fragment"),
    (f"{API}/there", "/there", None, "the service's full URL is followed"),
    (f"{API}:443/there", "/there", None, "the default port does not matter"),
    ("//api.acme.com/there", "/there", None, "a missing scheme does not matter"),
    ("http://api.acme.com/there", None, ELSEWHERE, "down to http is another origin"),
    ("https://evil.net/", None, ELSEWHERE, "another host is another origin"),
    (f"{API}:8443/", None, ELSEWHERE, "another port is another origin"),
    ("https://user:pass@api.acme.com/there", None, USERINFO, "a password in the URL blocks"),
    ("https://user@evil.net/", None, USERINFO, "a user name in the URL blocks"),
    ("https://[bad/", None, ELSEWHERE, "what is not a URL blocks"),
    ("\\\\evil.net/", None, ELSEWHERE, "backslashes are slashes"),
    ("/\\evil.net/", None, ELSEWHERE, "slashes and backslashes can be mixed"),
    ("///evil.net/", None, ELSEWHERE, "three slashes begin a host"),
    ("https:///evil.net/", None, ELSEWHERE, "three slashes after a scheme begin a host"),
    ("http:/evil.net/", None, ELSEWHERE, "one slash after another scheme begins a host"),
    ("\\there", "/there", None, "a single backslash begins a path"),
    ("/there?next=\\\\evil.net", "/there?next=\\\\evil.net", None, "a query keeps backslashes"),
]


@pytest.mark.parametrize(("location", "path", "reason"), rows(LOCATIONS))
def test_redirects_within_the_service_are_followed(
    location: str, path: str | None, reason: Reason | None
) -> None:
    service = Redirecting(location=location)
    outcome = browse(service, Fetch(PAGE))
    assert judge(outcome) is reason
    assert [request.path for request in service.asked] == ["/", *([path] if path else [])]
    assert outcome.url == API + (path or "/")


def test_two_locations_lead_nowhere() -> None:
    service = Redirecting(headers=(*GRANT, ("Location", "/here")), location="/there")
    assert judge(browse(service, Fetch(PAGE))) is ELSEWHERE
    assert [request.path for request in service.asked] == ["/"]


def test_a_redirect_of_an_own_page_may_have_a_password() -> None:
    service = Redirecting(location="https://user:pass@api.acme.com/there")
    assert browse(service, Fetch(API)).allowed
    assert service.asked[-1].path == "/there"


def test_a_redirect_must_pass_the_cors_check() -> None:
    outcome = browse(Redirecting(headers=()), Fetch(PAGE))
    assert judge(outcome) is MISSING
    assert outcome.response is not None
    assert outcome.response.status == 307


def test_a_redirected_request_is_preflighted_again() -> None:
    service = Redirecting()
    outcome = browse(service, Fetch(PAGE, "PUT", body=b"x"))
    assert outcome.allowed
    assert [(request.method, request.path) for request in service.asked] == [
        *(("OPTIONS", "/"), ("PUT", "/"), ("OPTIONS", "/there"), ("PUT", "/there"))
    ]
    assert service.asked[-1].body == b"x"
    assert outcome.preflight_due == ("method PUT is not GET, HEAD or POST",)


REWRITES = [
    (301, "POST", "GET", "301 turns POST into GET"),
    (302, "POST", "GET", "302 turns POST into GET"),
    (303, "POST", "GET", "303 turns POST into GET"),
    (303, "PUT", "GET", "303 turns PUT into GET"),
    (301, "PUT", "PUT", "301 keeps PUT"),
    (302, "DELETE", "DELETE", "302 keeps DELETE"),
    (303, "HEAD", "HEAD", "303 keeps HEAD"),
    (307, "POST", "POST", "307 keeps POST"),
    (308, "PUT", "PUT", "308 keeps PUT"),
]


@pytest.mark.parametrize(("status", "before", "after"), rows(REWRITES))
def test_redirects_may_rewrite_the_method(status: int, before: str, after: str) -> None:
    service = Redirecting(status=status)
    body = b"" if before == "HEAD" else b"{}"
    wanted = Fetch(PAGE, before, headers=(("Content-Type", "application/json"),), body=body)
    assert browse(service, wanted).allowed

    last = service.asked[-1]
    rewritten = before != after
    assert last.method == after
    assert last.body == (b"" if rewritten else body)
    assert ("content-type" in dict(last.headers)) is not rewritten


@pytest.mark.parametrize("status", [300, 304, 305, 306])
def test_other_statuses_do_not_redirect(status: int) -> None:
    service = Redirecting(status=status)
    assert browse(service, Fetch(PAGE)).allowed
    assert len(service.asked) == 1


def test_a_redirect_without_a_location_is_a_response() -> None:
    assert browse(Service(response=Response(302, GRANT)), Fetch(PAGE)).allowed


def test_the_browser_stops_after_twenty_redirects() -> None:
    service = Redirecting(location="/")
    assert judge(browse(service, Fetch(PAGE))) is Reason.TOO_MANY_REDIRECTS
    assert len(service.asked) == 21


# --- The preflight cache -------------------------------------------------------------------------

MAX_AGE = "Access-Control-Max-Age"
AGES: list[tuple[tuple[str, ...], float, str]] = [
    ((), 5, "five seconds by default"),
    (("600",), 600, "as long as the service says"),
    (("0",), 0, "not at all if it says zero"),
    (("86400",), 7200, "two hours at most"),
    (("9" * 5000,), 7200, "two hours at most, however long the number"),
    (("-1",), 5, "a negative number is malformed"),
    (("1.5",), 5, "a fraction is malformed"),
    (("abc",), 5, "a word is malformed"),
    (("",), 5, "an empty value is malformed"),
    (("600", "600"), 5, "two lines are malformed"),
]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("lines", "seconds"), rows(AGES))
def test_preflights_are_cached_for_their_max_age(lines: tuple[str, ...], seconds: float) -> None:
    ages = tuple((MAX_AGE, line) for line in lines)
    service = Service(preflight=Response(204, (*GRANT, (METHODS, "PUT"), *ages)))
    clock = Clock()
    browser = Browser(service, API, cache=PreflightCache(clock))

    def count_at(now: float) -> int:
        clock.now = now
        assert browser.fetch(Fetch(PAGE, "PUT")).allowed
        return len(preflights(service))

    assert count_at(0) == 1
    if seconds:
        assert count_at(seconds - 0.001) == 1
    assert count_at(seconds) == 2


A_HEADER = (("X-A", "1"),)
PRIMING = Fetch(PAGE, "PUT", headers=A_HEADER)
CACHE_KEYS: list[tuple[str, str, Fetch, Fetch, bool, str]] = [
    ("PUT", "x-a", PRIMING, PRIMING, True, "the same request is covered"),
    ("PUT", "x-a", PRIMING, Fetch(PAGE, "PUT"), True, "a request with less is covered"),
    ("PUT", "x-a", PRIMING, Fetch(PAGE, headers=A_HEADER), True, "a covered header is enough"),
    ("PUT,PATCH", "x-a", PRIMING, Fetch(PAGE, "PATCH"), True, "every listed method is covered"),
    ("PUT", "X-A, X-B", PRIMING, Fetch(PAGE, headers=(("x-b", "1"),)), True, "names have no case"),
    ("*", "x-a", PRIMING, Fetch(PAGE, "PATCH"), True, "a star covers all methods"),
    ("PUT", "*", PRIMING, Fetch(PAGE, headers=(("x-b", "1"),)), True, "a star covers all headers"),
    ("PUT", "x-a", PRIMING, Fetch(PAGE, "PATCH"), False, "another method is asked"),
    ("PUT", "x-a", PRIMING, Fetch(PAGE, headers=(("x-b", "1"),)), False, "another header is asked"),
    ("PUT", "x-a", PRIMING, Fetch(PAGE, "PUT", "/other"), False, "another URL is asked"),
    ("PUT", "x-a", PRIMING, Fetch("https://www.acme.com", "PUT"), False, "another page must ask"),
    ("PUT", "x-a", PRIMING, Fetch(PAGE, "PUT", credentials="include"), False, "cookies must ask"),
    (
        *("PUT", "x-a", Fetch(PAGE, "PUT", credentials="include"), Fetch(PAGE, "PUT")),
        *(True, "what is covered with credentials is covered without"),
    ),
    (
        *("*, PUT", "x-a", Fetch(PAGE, "PUT", credentials="include")),
        *(Fetch(PAGE, "PATCH"), False, "a star cached with credentials covers nothing"),
    ),
    (
        *("PUT", "*", PRIMING, Fetch(PAGE, headers=(("Authorization", "x"),))),
        *(False, "a cached star does not cover Authorization"),
    ),
]


@pytest.mark.parametrize(("methods", "names", "first", "second", "covered"), rows(CACHE_KEYS))
def test_cache_covers_only_what_was_granted(
    methods: str, names: str, first: Fetch, second: Fetch, covered: bool
) -> None:
    service = Service(preflight=Response(204, (*GRANT, (METHODS, methods), (HEADERS, names))))
    browser = Browser(service, API, cache=PreflightCache(Clock()))
    assert browser.fetch(first).allowed
    outcome = browser.fetch(second)
    assert outcome.preflight_due != ()
    assert (outcome.preflight is None) is covered
    assert len(preflights(service)) == (1 if covered else 2)


def test_a_failed_fetch_clears_the_cache() -> None:
    service = Service(preflight=Response(204, PUT_GRANT))
    browser = Browser(service, API, cache=PreflightCache(Clock()))
    assert browser.fetch(Fetch(PAGE, "PUT")).allowed
    service.response = Response(200)
    assert not browser.fetch(Fetch(PAGE, "PUT")).allowed
    service.response = Response(200, GRANT)
    assert browser.fetch(Fetch(PAGE, "PUT")).preflight is not None


def test_a_failed_preflight_clears_the_cache() -> None:
    service = Service(preflight=Response(204, PUT_GRANT))
    browser = Browser(service, API, cache=PreflightCache(Clock()))
    assert browser.fetch(Fetch(PAGE, "PUT")).allowed
    assert judge(browser.fetch(Fetch(PAGE, "PATCH"))) is NO_METHOD
    assert browser.fetch(Fetch(PAGE, "PUT")).preflight is not None


def test_without_a_cache_each_preflight_is_sent() -> None:
    service = Service(preflight=Response(204, (*PUT_GRANT, (MAX_AGE, "600"))))
    browser = Browser(service, API)
    assert browser.fetch(Fetch(PAGE, "PUT")).allowed
    assert browser.fetch(Fetch(PAGE, "PUT")).allowed
    assert len(preflights(service)) == 2


# --- What it says --------------------------------------------------------------------------------

SAYS: list[tuple[Service, Fetch, str, str | None, str]] = [
    (Service(), Fetch(PAGE), "allowed", None, "an allowed page"),
    (
        Service(preflight=Response(204, (*GRANT, (METHODS, "GET, POST")))),
        Fetch(PAGE, "PUT", "/items/1"),
        "blocked at preflight: method PUT not in Access-Control-Allow-Methods (GET, POST)",
        "Access to fetch at 'https://api.acme.com/items/1' from origin 'https://app.acme.com' has "
        "been blocked by CORS policy: Method PUT is not allowed by Access-Control-Allow-Methods in "
        "preflight response.",
        "a method that is not listed",
    ),
    (
        Service(),
        Fetch(PAGE, headers=(("X-Test", "1"),)),
        "blocked at preflight: header x-test not in Access-Control-Allow-Headers (none)",
        "Request header field x-test is not allowed by Access-Control-Allow-Headers in preflight "
        "response.",
        "a header that is not listed",
    ),
    (
        Service(preflight=Response(204, (*GRANT, (METHODS, "*")))),
        Fetch(PAGE, "PUT", credentials="include"),
        "blocked at preflight: method PUT not in Access-Control-Allow-Methods (*), "
        "where * does not count with credentials",
        "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
        "a star for methods, with credentials",
    ),
    (
        Service(preflight=Response(204, (*GRANT, (HEADERS, "*")))),
        Fetch(PAGE, headers=(("X-Test", "1"),), credentials="include"),
        "blocked at preflight: header x-test not in Access-Control-Allow-Headers (*), "
        "where * does not count with credentials",
        "Request header field x-test is not allowed by Access-Control-Allow-Headers in preflight "
        "response.",
        "a star for headers, with credentials",
    ),
    (
        Service(preflight=Response(204, (*GRANT, (HEADERS, "*")))),
        Fetch(PAGE, headers=(("Authorization", "1"),)),
        "blocked at preflight: header authorization not in Access-Control-Allow-Headers (*), "
        "where * never covers it",
        None,
        "a star for Authorization",
    ),
    (
        Service(response=Response(200)),
        Fetch(PAGE),
        "blocked at response: no Access-Control-Allow-Origin",
        "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
        "a response without the header",
    ),
    (
        Service(preflight=Response(403)),
        Fetch(PAGE, "PUT"),
        "blocked at preflight: no Access-Control-Allow-Origin",
        "Response to preflight request doesn't pass access control check: No "
        "'Access-Control-Allow-Origin' header is present on the requested resource.",
        "a preflight without the header",
    ),
    (
        Service(response=Response(200, (("Access-Control-Allow-Origin", f"{PAGE}/"),))),
        Fetch(PAGE),
        "blocked at response: Access-Control-Allow-Origin is 'https://app.acme.com/', "
        "not 'https://app.acme.com'",
        "The 'Access-Control-Allow-Origin' header has a value 'https://app.acme.com/' that is not "
        "equal to the supplied origin. Have the server send the header with a valid value.",
        "a slash too many",
    ),
    (
        Service(response=Response(200, (("Access-Control-Allow-Origin", "null"),))),
        Fetch(PAGE),
        "blocked at response: Access-Control-Allow-Origin is 'null', not 'https://app.acme.com'",
        "The 'Access-Control-Allow-Origin' header has a value 'null' that is not equal to the "
        "supplied origin. Have the server send the header with a valid value.",
        "null for a page that has an origin",
    ),
    (
        Service(response=Response(200, (("Access-Control-Allow-Origin", "app.acme\x07"),))),
        Fetch(PAGE),
        "blocked at response: Access-Control-Allow-Origin is 'app.acme\\x07', "
        "not 'https://app.acme.com'",
        "The 'Access-Control-Allow-Origin' header contains the invalid value 'app.acme\\u0007'. "
        "Have the server send the header with a valid value.",
        "a value that is not an origin",
    ),
    (
        Service(response=Response(200, GRANT + GRANT)),
        Fetch(PAGE),
        "blocked at response: Access-Control-Allow-Origin has several values: "
        "'https://app.acme.com, https://app.acme.com'",
        "The 'Access-Control-Allow-Origin' header contains multiple values 'https://app.acme.com, "
        "https://app.acme.com', but only one is allowed. Have the server send the header with a "
        "valid value.",
        "doubled headers",
    ),
    (
        Service(response=Response(200, (("Access-Control-Allow-Origin", "*"),))),
        Fetch(PAGE, credentials="include"),
        "blocked at response: Access-Control-Allow-Origin is *, which is not valid with "
        "credentials",
        "The value of the 'Access-Control-Allow-Origin' header in the response must not be the "
        "wildcard '*' when the request's credentials mode is 'include'.",
        "a star with credentials",
    ),
    (
        Service(response=Response(200, GRANT[:1])),
        Fetch(PAGE, credentials="include"),
        "blocked at response: Access-Control-Allow-Credentials is missing, not 'true'",
        "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which "
        "must be 'true' when the request's credentials mode is 'include'.",
        "credentials that are not allowed",
    ),
    (
        Service(preflight=Response(500, GRANT)),
        Fetch(PAGE, "PUT"),
        "blocked at preflight: status 500 is not 200 to 299",
        "Response to preflight request doesn't pass access control check: It does not have HTTP ok "
        "status.",
        "a preflight that failed",
    ),
    (
        Service(preflight=Response(307, (*GRANT, ("Location", "/items")))),
        Fetch(PAGE, "PUT", "/items/"),
        "blocked at preflight: redirected to /items (status 307)",
        "Response to preflight request doesn't pass access control check: Redirect is not allowed "
        "for a preflight request.",
        "a preflight that was redirected",
    ),
    (
        Service(preflight=Response(204, (*GRANT, (METHODS, "GET PUT")))),
        Fetch(PAGE, "PUT"),
        "blocked at preflight: Access-Control-Allow-Methods 'GET PUT' is malformed",
        "Cannot parse Access-Control-Allow-Methods response header field in preflight response.",
        "a malformed list of methods",
    ),
    (
        Service(preflight=Response(204, (*GRANT, (HEADERS, "a b")))),
        Fetch(PAGE, "PUT"),
        "blocked at preflight: Access-Control-Allow-Headers 'a b' is malformed",
        "Cannot parse Access-Control-Allow-Headers response header field in preflight response.",
        "a malformed list of headers",
    ),
    (
        Redirecting(location="https://me@evil.net/"),
        Fetch(PAGE),
        "blocked at response: redirected to https://me@evil.net/, which has a user name or "
        "password",
        "Redirect location '' contains a username and password, which is "
        "disallowed for cross-origin requests.",
        "a redirect with a user name",
    ),
    (
        Redirecting(location="https://evil.net/"),
        Fetch(PAGE),
        "blocked at response: redirected to https://evil.net/, away from https://api.acme.com",
        None,
        "a redirect to where the model cannot follow",
    ),
    (
        Service(),
        Fetch(PAGE, "TRACE"),
        "blocked at request: no script can use the method TRACE",
        "Uncaught (in promise) TypeError: Failed to execute 'fetch' on 'Window': 'TRACE' HTTP "
        "method is unsupported.",
        "a forbidden method",
    ),
    (
        Service(),
        Fetch(PAGE, "put", mode="no-cors"),
        "blocked at request: method PUT is not allowed in mode no-cors",
        "Failed to execute 'fetch' on 'Window': 'PUT' is unsupported in no-cors mode.",
        "a method that needs CORS",
    ),
    (
        Service(),
        Fetch(PAGE, headers=(("a b", "1"),)),
        "blocked at request: 'a b' is not the name of a header",
        "Failed to execute 'fetch' on 'Window': Invalid name",
        "a header name with a blank",
    ),
]


@pytest.mark.parametrize(("service", "wanted", "message", "console"), rows(SAYS))
def test_outcome_says_why(
    service: Callable[[Request], Response], wanted: Fetch, message: str, console: str | None
) -> None:
    outcome = Browser(service, API).fetch(wanted)
    printed = console_message(outcome)
    assert outcome.message == message
    assert printed == console or (printed is not None and console and printed.endswith(console))


def test_every_reason_is_tested() -> None:
    outcomes = [Browser(row[0], API).fetch(row[1]) for row in SAYS]
    refused = [Browser(Service(), API).fetch(wanted) for wanted, *_ in REFUSED]
    loop = Browser(Redirecting(location="/"), API).fetch(Fetch(PAGE))
    assert {outcome.reason for outcome in (*outcomes, *refused, loop)} == {None, *Reason}


def test_the_outcome_says_why_a_preflight_was_due() -> None:
    wanted = Fetch(
        PAGE,
        "PUT",
        headers=(
            ("X-A", "1"),
            ("Content-Type", "application/json"),
            ("Accept", "(x)"),
            ("Accept-Language", "_"),
            ("Content-Language", "x" * 129),
            ("Range", "bytes=-1"),
        ),
    )
    assert browse(Service(), wanted).preflight_due == (
        "method PUT is not GET, HEAD or POST",
        "header accept has a CORS-unsafe byte in its value '(x)'",
        "header accept-language has a byte in its value '_' that language tags cannot have",
        "header content-language has a value longer than 128 bytes",
        "header content-type has the value 'application/json', which no form could send",
        "header range has the value 'bytes=-1', which is not a simple range",
        "header x-a is not safelisted",
    )
    many = browse(Service(), Fetch(PAGE, headers=(*accepts(*[128] * 8), ("Range", "bytes=0-"))))
    assert many.preflight_due[0] == "header accept: the safelisted headers exceed 1024 bytes"
