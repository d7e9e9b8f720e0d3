"""Wrong services and what pages ask of them: one case for each text that Chromium prints.

`PYTHONPATH=tests/lib python -m tests.console_cases` records the texts of the installed Chromium in
console_messages.json. Do that when a new Chromium has other texts, then change `console_message` of
the browser model until tests/test_console_messages.py passes.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from real_browser import FETCH, SERVICE, Chromium
from service.cors.tool.browser import Browser, Fetch, Outcome, Request, Response

RECORD = Path(__file__).with_name("console_messages.json")

PAGE = "https://app.acme.com"
ORIGIN = "Access-Control-Allow-Origin"
CREDENTIALS = "Access-Control-Allow-Credentials"
METHODS = "Access-Control-Allow-Methods"
HEADERS = "Access-Control-Allow-Headers"
GRANT = ((ORIGIN, PAGE), (CREDENTIALS, "true"))
OTHER = "https://other.acme.com"

XHR = """(calls) => Promise.all(calls.map(([url, options]) => new Promise((done) => {
  const request = new XMLHttpRequest();
  request.open(options.method, url);
  request.withCredentials = options.credentials === "include";
  options.headers.forEach(([name, value]) => request.setRequestHeader(name, value));
  request.onload = () => done({status: request.status});
  request.onerror = () => done({error: "error"});
  request.send(options.body ?? null);
})))"""
SCRIPTS = {"fetch": FETCH, "XMLHttpRequest": XHR}


def fetch(
    method: str = "GET",
    *,
    credentials: Literal["omit", "include"] = "omit",
    headers: tuple[tuple[str, str], ...] = (),
    mode: Literal["cors", "no-cors"] = "cors",
    body: bytes = b"",
) -> Fetch:
    """Return what a page asks for. Its case sets the path."""
    return Fetch(PAGE, method, "", headers, credentials, mode, body)


def answer(status: int = 200, *headers: tuple[str, str]) -> Response:
    """Return a response of a service."""
    return Response(status, headers)


GRANTED, GRANTED_PREFLIGHT = answer(200, *GRANT), answer(204, *GRANT)


@dataclass(frozen=True)
class Case:
    """A fetch, and a service with one response to all preflights and one to all requests."""

    name: str
    wanted: Fetch
    response: Response = GRANTED
    preflight: Response = GRANTED_PREFLIGHT

    @property
    def path(self) -> str:
        """The path of this service: the case's name."""
        return "/" + "".join(c if c.isalnum() else "-" for c in self.name)

    @property
    def fetch(self) -> Fetch:
        """What the page asks for."""
        return replace(self.wanted, path=self.path)

    @property
    def outcome(self) -> Outcome:
        """What becomes of it in the model."""
        return Browser(exchange, SERVICE).fetch(self.fetch)


def origin_is(name: str, value: str) -> Case:
    """Return a service with this Access-Control-Allow-Origin."""
    return Case(name, fetch(), answer(200, (ORIGIN, value)))


INCLUDE, PUT = fetch(credentials="include"), fetch("PUT")
X_TEST = (("X-Test", "1"),)

CASES = [
    Case("no header", fetch(), answer()),
    Case("no header on an error", fetch(), answer(500)),
    Case("no header, with credentials", INCLUDE, answer()),
    Case("a star, with credentials", INCLUDE, answer(200, (ORIGIN, "*"))),
    Case("no Allow-Credentials", INCLUDE, answer(200, (ORIGIN, PAGE))),
    Case("Allow-Credentials True", INCLUDE, answer(200, (ORIGIN, PAGE), (CREDENTIALS, "True"))),
    Case("doubled headers", fetch(), answer(200, *GRANT, *GRANT)),
    origin_is("two origins", f"{PAGE}, {OTHER}"),
    origin_is("two origins and a blank", f"{PAGE} {OTHER}"),
    origin_is("an empty value", ""),
    origin_is("another origin", OTHER),
    origin_is("another scheme", "http://app.acme.com"),
    origin_is("the default port", f"{PAGE}:443"),
    origin_is("capitals", "https://App.acme.com"),
    origin_is("a slash", f"{PAGE}/"),
    origin_is("a path", f"{PAGE}/login"),
    origin_is("the null origin", "null"),
    origin_is("no scheme", "app.acme.com"),
    origin_is("a port without scheme", "localhost:3000"),
    origin_is("a pattern", "https://*.acme.com"),
    origin_is("a pattern without scheme", "*.acme.com"),
    origin_is("a pattern for ports", "http://localhost:*"),
    origin_is("a regular expression", "^https://.*$"),
    origin_is("a JSON list", f'["{PAGE}"]'),
    origin_is("quotes", f'"{PAGE}"'),
    origin_is("undefined", "undefined"),
    origin_is("a port that is none", f"{PAGE}:99999"),
    origin_is("one slash", "https:/app.acme.com"),
    origin_is("no host", "https://"),
    origin_is("a tab", "https://app\tacme.com"),
    origin_is("letters of another script", "https://m\xc3\xbcnchen.de"),
    Case("preflight without header", PUT, preflight=answer(204)),
    Case("preflight refused", PUT, preflight=answer(403)),
    Case("preflight for another origin", PUT, preflight=answer(204, (ORIGIN, OTHER))),
    Case("preflight with no scheme", PUT, preflight=answer(204, (ORIGIN, "app.acme.com"))),
    Case("preflight with doubled headers", PUT, preflight=answer(204, *GRANT, *GRANT)),
    Case(
        "preflight with a star, with credentials",
        fetch("PUT", credentials="include"),
        preflight=answer(204, (ORIGIN, "*")),
    ),
    Case(
        "preflight without Allow-Credentials",
        fetch("PUT", credentials="include"),
        preflight=answer(204, (ORIGIN, PAGE)),
    ),
    Case("preflight not found", PUT, preflight=answer(404, *GRANT)),
    Case("preflight with method not allowed", PUT, preflight=answer(405, *GRANT)),
    Case("preflight that crashed", PUT, preflight=answer(500, *GRANT)),
    Case("preflight redirected", PUT, preflight=answer(307, *GRANT, ("Location", "/slash/"))),
    Case("preflight redirected, no header", PUT, preflight=answer(301, ("Location", "/slash/"))),
    Case("method not listed", PUT),
    Case("method listed in lower case", PUT, preflight=answer(204, *GRANT, (METHODS, "put"))),
    Case("patch in lower case", fetch("patch"), preflight=answer(204, *GRANT, (METHODS, "PATCH"))),
    Case(
        "methods a star, with credentials",
        fetch("PUT", credentials="include"),
        preflight=answer(204, *GRANT, (METHODS, "*")),
    ),
    Case("header not listed", fetch(headers=X_TEST)),
    Case("two headers not listed", fetch(headers=(("X-B", "1"), ("X-A", "1")))),
    Case("method and header not listed", fetch("PUT", headers=X_TEST)),
    Case("JSON", fetch("POST", headers=(("Content-Type", "application/json"),), body=b"{}")),
    Case("Authorization not listed", fetch(headers=(("Authorization", "Bearer x"),))),
    Case(
        "headers a star, with credentials",
        fetch(headers=X_TEST, credentials="include"),
        preflight=answer(204, *GRANT, (HEADERS, "*")),
    ),
    Case("methods malformed", PUT, preflight=answer(204, *GRANT, (METHODS, "GET PUT"))),
    Case(
        "headers malformed",
        PUT,
        preflight=answer(204, *GRANT, (METHODS, "PUT"), (HEADERS, '["X-Test"]')),
    ),
    Case("redirect to a blocked place", fetch(), answer(302, *GRANT, ("Location", "/no-header"))),
    Case("redirect without header", fetch(), answer(307, ("Location", "/no-header"))),
    Case(
        "redirect to another redirect",
        fetch(),
        answer(302, *GRANT, ("Location", "/redirect-to-a-blocked-place")),
    ),
    Case("redirect with a password", fetch(), answer(302, *GRANT, ("Location", "//me:x@evil.net"))),
]

# What `fetch()` throws by itself, before anything is sent.
THROWN = [
    Case("method TRACE", fetch("TRACE")),
    Case("method connect", fetch("connect")),
    Case("method with a blank", fetch("A B")),
    Case("method put without CORS", fetch("put", mode="no-cors")),
    Case("method patch without CORS", fetch("patch", mode="no-cors")),
    Case("body with GET", fetch(body=b"x")),
    Case("header name with a blank", fetch(headers=(("a b", "1"),))),
    Case("header name in another script", fetch(headers=(("a\u20ac", "1"),))),
    Case("header value with a line break", fetch(headers=(("X-Test", "1\n2"),))),
    Case("header value in another script", fetch(headers=(("X-Test", "\u20ac"),))),
]

# Chromium allows what the standard blocks.
LENIENT = Case(
    "headers a star, for Authorization",
    fetch(headers=(("Authorization", "Bearer x"),)),
    preflight=answer(204, *GRANT, (HEADERS, "*")),
)

BY_PATH = {case.path: case for case in (*CASES, *THROWN, LENIENT)}


def exchange(request: Request) -> Response:
    """Return the response of the service that the path names."""
    case = BY_PATH[request.path.partition("?")[0]]
    asks = request.method == "OPTIONS" and "access-control-request-method" in dict(request.headers)
    return case.preflight if asks else case.response


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Serve the services of all cases, as an ASGI app."""
    lines = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
    found = exchange(Request(scope["method"], scope["path"], tuple(lines)))
    headers = [(name.encode(), value.encode("latin-1")) for name, value in found.headers]
    if found.status != 204:
        headers.append((b"content-length", b"0"))
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def printed(chromium: Chromium) -> dict[str, dict[str, str]]:
    """Return what Chromium prints: for each API, the text of each case by the case's name."""
    chromium.serve(app)
    found = {}
    for api, script in SCRIPTS.items():
        cases = [*CASES, *THROWN] if api == "fetch" else CASES
        results = chromium.fetch(PAGE, [case.fetch for case in cases], script)
        found[api] = {
            case.name: seen.console or f"Uncaught (in promise) {seen.error}"
            for case, seen in zip(cases, results, strict=True)
        }
    return found


def record() -> None:
    """Write what the installed Chromium prints into the record."""
    with Chromium() as chromium:
        texts = printed(chromium)
        browser = f"Chromium {chromium.version.partition('.')[0]}"
    messages = [
        {
            "case": case.name,
            "api": api,
            "step": case.outcome.step,
            "reason": case.outcome.reason and case.outcome.reason.name,
            "text": texts[api][case.name],
        }
        for api in SCRIPTS
        for case in (*CASES, *THROWN)
        if case.name in texts[api]
    ]
    RECORD.write_text(json.dumps({"browser": browser, "messages": messages}, indent=2) + "\n")


if __name__ == "__main__":
    record()
