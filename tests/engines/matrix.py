"""Each case in the model and in an engine, as one line that can be compared.

    OPTIONS for PUT x-test, PUT: 200 content-length

says what arrived at the service, the status that the script got, and the headers that it could
read. After it, `Origin` follows where it is not the page's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from real_browser import FETCH, SERVICE, WEBSOCKET, options
from service.cors.tool.browser import Browser, Fetch, Outcome, PreflightCache, Request, Response

from .cases import BY_PATH, Case
from .engine import Engine

SANDBOX = "https://sandbox.evil.net"
# Where a page of the service is.
OWN_PAGE = "/page"

# All cases at once, the fetches of each one after the other.
ALL = """(async (cases) => {
  const run = %s;
  return Promise.all(cases.map(async (calls) => {
    const results = [];
    for (const call of calls) results.push((await run([call]))[0]);
    return results;
  }));
})"""
# Runs an expression in a frame whose origin is `null`.
IN_SANDBOX = """(() => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.srcdoc = "<script>onmessage = async (event) => " +
    "parent.postMessage(await (0, eval)(event.data), '*')</" + "script>";
  frame.onload = () => frame.contentWindow.postMessage(%s, "*");
  addEventListener("message", (event) => done(event.data), {once: true});
  document.body.append(frame);
}))()"""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Service:
    """The services of all cases, as one ASGI app that remembers what arrived."""

    def __init__(self, page: str) -> None:
        self._page = page.encode()
        self._arrived: dict[str, list[str]] = {}

    def arrived(self, case: Case) -> list[str]:
        """Return what has arrived for a case."""
        return self._arrived.get(case.path, [])

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer as the path's case says, or with the service's own page."""
        path = scope["path"]
        case = BY_PATH.get(path.removesuffix("/then"))
        if case is None:
            found = Response(200, (("Content-Type", "text/html"),), self._page)
        else:
            pairs = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
            request = Request(scope["method"], path, tuple(pairs))
            self._arrived.setdefault(case.path, []).append(line_of(request, case.page))
            found = case.answer(request)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in found.headers]
        start = {"type": "http.response.start", "status": found.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": found.body})


def line_of(request: Request, page: str) -> str:
    """Return a request as its method, what a preflight asks for, and an unusual Origin."""
    headers = dict(request.headers)
    words = [request.method]
    if "access-control-request-method" in headers:
        words += ["for", headers["access-control-request-method"]]
        words += filter(None, [headers.get("access-control-request-headers")])
    if headers.get("origin", page) != page:
        words += ["from", headers["origin"]]
    return " ".join(words)


def by_model(case: Case) -> str:
    """Return what the model says of a case."""
    arrived: list[str] = []

    def exchange(request: Request) -> Response:
        arrived.append(line_of(request, case.page))
        return case.answer(request)

    browser = Browser(exchange, SERVICE, cache=PreflightCache())
    results = [result_of(browser.fetch(fetch)) for fetch in case.fetches]
    return line(arrived, results)


def result_of(outcome: Outcome) -> tuple[int | None, Iterable[str]]:
    """Return the status and the headers that the script gets; None if it gets an error."""
    if not outcome.allowed or outcome.response is None:
        return None, ()
    status = 0 if outcome.tainting == "opaque" else outcome.response.status
    return status, outcome.readable_headers


def line(arrived: list[str], results: Iterable[tuple[int | None, Iterable[str]]]) -> str:
    """Return one line for a case."""
    several = [
        f"{item} ×{arrived.count(item)}" if arrived.count(item) > 4 else item for item in arrived
    ]
    shown = ", ".join(dict.fromkeys(several) if len(several) > 8 else several) or "nothing"
    ends = [
        "blocked" if status is None else " ".join([str(status), *sorted(readable)])
        for status, readable in results
    ]
    return f"{shown}: {'; '.join(ends)}"


def by_engine(engine: Engine, service: Service, cases: Iterable[Case]) -> dict[str, str]:
    """Run cases in an engine. Return the line of each, by its name."""
    by_page: dict[str, list[Case]] = {}
    for case in cases:
        by_page.setdefault(case.page, []).append(case)
    found = {}
    for page, of_page in by_page.items():
        calls = [[call(fetch) for fetch in case.fetches] for case in of_page]
        results = run_on(engine, page, f"{ALL % FETCH}({json.dumps(calls)})")
        for case, ends in zip(of_page, results, strict=True):
            shown = [(end.get("status"), end.get("readable", ())) for end in ends]
            found[case.name] = line(service.arrived(case), shown)
    return found


def run_on(engine: Engine, page: str, script: str) -> Any:
    """Run an expression on a page of an origin, which may be `null`."""
    if page == "null":
        engine.open(SANDBOX)
        return engine.run(IN_SANDBOX % json.dumps(script))
    engine.open(page + OWN_PAGE if page == SERVICE else page)
    origin = engine.run("self.origin")
    if origin != page:
        raise RuntimeError(f"the browser opened a page at {origin} instead of {page}")
    return engine.run(script)


def call(fetch: Fetch) -> list[Any]:
    """Return the arguments of `fetch()`."""
    return [SERVICE + fetch.path, options(fetch)]
