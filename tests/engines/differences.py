"""What engines do otherwise than the model, each with its reason.

A row says what an engine does in each case, as a line of `matrix.py`. So it fails when an engine
does something else again, and when it does what the model says. Sources are the Fetch Standard
(https://fetch.spec.whatwg.org) and what these engines were seen to do.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """Cases in which some engines differ from the model for one reason."""

    reason: str
    engines: tuple[str, ...]
    found: dict[str, str]


READ = "200 content-length"
AGAIN = f"OPTIONS for PUT, PUT, OPTIONS for PUT, PUT: {READ}; {READ}"
JSON_SENT = "OPTIONS for POST content-type, POST with content-type"
BEARER_SENT = "OPTIONS for GET authorization, GET with authorization"
PUT_SENT = "OPTIONS for PUT, PUT"
TEST_SENT = "OPTIONS for GET x-test, GET with x-test"


def after_redirects(asks: str) -> dict[str, str]:
    """Return what becomes of JSON that is redirected, if a preflight asks for the GET after it."""
    found = {}
    for status in (301, 302, 303):
        name = f"JSON redirected by {status}"
        found[name] = f"{JSON_SENT}, {asks}, GET: {READ}"
        found[f"{name} to a place without preflight"] = f"{JSON_SENT}, {asks}: blocked"
    return found


DIFFERENCES = [
    Difference(
        "The standard says that * never covers Authorization. All engines still let it.",
        ("chromium", "firefox", "webkit"),
        {
            "Authorization under *": (f"{BEARER_SENT}: {READ}"),
            "Authorization and X-Test under *": (
                f"OPTIONS for GET authorization,x-test, GET with authorization,x-test: {READ}"
            ),
        },
    ),
    Difference(
        "The same, for a preflight that was remembered. Here they ask for the header by name.",
        ("chromium", "firefox"),
        {"cache: Authorization after a star": (f"{TEST_SENT}, {BEARER_SENT}: {READ}; {READ}")},
    ),
    Difference(
        "The same. WebKit lets the star that it remembers cover Authorization.",
        ("webkit",),
        {
            "cache: Authorization after a star": (
                f"{TEST_SENT}, GET with authorization: {READ}; {READ}"
            )
        },
    ),
    Difference(
        "A redirect turned a preflighted write into a GET that needs no preflight by the standard. "
        "Firefox sends one, and blocks the request if it is not allowed.",
        ("firefox",),
        after_redirects("OPTIONS for GET"),
    ),
    Difference(
        "The same in WebKit, which asks for the Content-Type of the body that it does not send.",
        ("webkit",),
        after_redirects("OPTIONS for GET content-type"),
    ),
    Difference(
        "The same after a PUT, which had no Content-Type.",
        ("firefox", "webkit"),
        {
            "PUT redirected by 303": f"{PUT_SENT}, OPTIONS for GET, GET: {READ}",
            "PUT redirected by 303 to a place without preflight": (
                f"{PUT_SENT}, OPTIONS for GET: blocked"
            ),
        },
    ),
    Difference(
        "Chromium safelists client hints and headers of its own, which the standard no longer has.",
        ("chromium",),
        {
            f"header {name}": f"POST with {name.lower()}: {READ}"
            for name in (
                *("Save-Data", "DPR", "Device-Memory", "Downlink", "ECT", "RTT"),
                *("Viewport-Width", "Width", "Intervention"),
            )
        },
    ),
    Difference(
        "Chromium sends its own User-Agent, whatever the script says.",
        ("chromium",),
        {"header User-Agent": f"POST: {READ}"},
    ),
    Difference(
        "WebKit sends a letter like é as UTF-8, where the standard has one byte for it.",
        ("webkit",),
        {"header a value with letters": f"OPTIONS for POST x-test, POST: {READ}"},
    ),
    Difference(
        "Two safelisted values of one header are combined before they are judged.",
        ("chromium", "webkit"),
        {"header Content-Type twice": f"{JSON_SENT}: {READ}"},
    ),
    Difference(
        "A name that the script gave twice is listed twice.",
        ("firefox",),
        {"header a header twice": f"OPTIONS for POST x-test,x-test, POST with x-test: {READ}"},
    ),
    Difference(
        "WebKit takes the unit of a simple Range in any case.",
        ("webkit",),
        {"header Range in capitals": f"POST with range: {READ}"},
    ),
    Difference(
        "An empty Location leads to the same URL by the standard, until there are too many. To "
        "Chromium there is no Location.",
        ("chromium",),
        {"redirect to nowhere": "GET: 302 content-length"},
    ),
    Difference(
        "The same. To WebKit an empty Location is not a URL.",
        ("webkit",),
        {"redirect to nowhere": "GET: blocked"},
    ),
    Difference(
        "WebKit joins two Location lines, even if they are equal.",
        ("webkit",),
        {"redirect with Location twice": "GET: blocked"},
    ),
    Difference(
        "By the standard a Max-Age that is not a number counts as missing: 5 seconds. A negative "
        "one is 0 to all engines.",
        ("chromium", "firefox", "webkit"),
        {"cache: Max-Age -1": AGAIN},
    ),
    Difference(
        "To Firefox every Max-Age that is not a number is 0.",
        ("firefox",),
        {
            f"cache: Max-Age {value}": AGAIN
            for value in ("abc", "1.5", "600s", "+600", "a list", "600 twice")
        },
    ),
    Difference(
        "Firefox remembers no star: it asks again for what the last preflight did not ask for.",
        ("firefox",),
        {
            "cache: the methods are a star": (
                f"{PUT_SENT}, OPTIONS for PATCH, PATCH: {READ}; {READ}"
            ),
            "cache: the headers are a star": (
                f"{TEST_SENT}, OPTIONS for GET x-b,x-test, GET with x-b,x-test: {READ}; {READ}"
            ),
        },
    ),
    Difference(
        "A preflight with credentials is good without them too. Firefox sends another one.",
        ("firefox",),
        {"cache: first with credentials": AGAIN},
    ),
    Difference(
        "The standard forgets the preflight when the response after it is blocked.",
        ("chromium", "webkit"),
        {"cache: a response that is blocked": "OPTIONS for PUT, PUT 2 times: blocked; blocked"},
    ),
]


def differences_of(engine: str) -> dict[str, str]:
    """Return what an engine does where it differs from the model, by the name of the case."""
    rows = [row for row in DIFFERENCES if engine in row.engines]
    return {name: found for row in rows for name, found in row.found.items()}


def reason_of(engine: str, name: str) -> str:
    """Return why an engine differs in a case; "" if no row says so."""
    rows = [row for row in DIFFERENCES if engine in row.engines and name in row.found]
    return rows[0].reason if rows else ""
