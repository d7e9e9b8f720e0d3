"""Each case in the model and in an engine, as one line that can be compared.

    OPTIONS for PUT x-test, PUT with x-test: 200 content-length

says what arrived at the service, the status that the script got, and the headers that it could
read. `with` are the headers of the script that arrived with its values, `from` is the `Origin`
where it is not the page's (`nowhere` if there is none), and the last word is `Sec-Fetch-Site` where
that is not `cross-site`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from itertools import groupby
from typing import Any

from real_browser import FETCH, SERVICE, WEBSOCKET, options
from service.cors.tool.browser import Browser, Fetch, Outcome, PreflightCache, Request, Response

from .cases import CASES, EVERYTHING, HANDSHAKES, Case, Handshake, found_at
from .engine import Engine
from .servers import POLLING_PAGE

SANDBOX = "https://sandbox.evil.net"
# Where a page of the service is.
OWN_PAGE = "/page"
OWN = Response(200, (("Content-Type", "text/html"),), POLLING_PAGE.encode())

# How long browsers remember a preflight without Max-Age, in seconds.
FORGETS = 5

# Six cases at once, as many as a browser has connections; the fetches of each one after the other.
ALL = """(async (cases) => {
  const run = %s, found = [], waiting = cases.entries();
  const work = async () => {
    for (const [number, calls] of waiting) {
      const start = performance.now(), ends = [];
      for (const call of calls) ends.push((await run([call]))[0]);
      found[number] = [ends, (performance.now() - start) / 1000];
    }
  };
  await Promise.all(Array.from({length: 6}, work));
  return found;
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

    def __init__(self) -> None:
        self._arrived: dict[str, list[str]] = {}

    def arrived(self, path: str) -> list[str]:
        """Return what has arrived for the case of a path."""
        return self._arrived.get(path, [])

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer as the path's case says, or with the service's own page."""
        case = found_at(scope["path"])
        pairs = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        request = Request(scope.get("method", "WEBSOCKET"), scope["path"], tuple(pairs))
        if case is not None:
            self._arrived.setdefault(case.path, []).append(line_of(request, case))
        if isinstance(case, Handshake):
            await receive()
            await send({"type": "websocket.accept" if case.accepts else "websocket.close"})
            # It stays open until the page closes it.
            await receive()
            return
        found = case.answer(request) if case else OWN
        headers = [(name.encode(), value.encode("latin-1")) for name, value in found.headers]
        start = {"type": "http.response.start", "status": found.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": found.body})


def line_of(request: Request, case: Case | Handshake) -> str:
    """Return a request as a few words: see the text of this module."""
    headers: dict[str, str] = {}
    for name, value in request.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    words = [request.method]
    if "access-control-request-method" in headers:
        words += ["for", headers["access-control-request-method"]]
        words += filter(None, [headers.get("access-control-request-headers")])
    elif isinstance(case, Case):
        given = [pair for fetch in case.fetches for pair in fetch.headers]
        names = {name.lower() for name, value in given if has(headers, name, value)}
        words += ["with", ",".join(sorted(names))] if names else []
    if headers.get("origin") != case.page:
        words += ["from", headers.get("origin", "nowhere")]
    if request.method != "WEBSOCKET" and headers.get("sec-fetch-site") != "cross-site":
        words += [str(headers.get("sec-fetch-site"))]
    return " ".join(words)


def has(headers: dict[str, str], name: str, value: str) -> bool:
    """Whether a header came with the value that the script gave it, and not with another one."""
    return value.strip() in headers.get(name.lower(), "\0").split(", ")


def by_model(case: Case | Handshake) -> str:
    """Return what the model says of a case."""
    if isinstance(case, Handshake):
        return line(["WEBSOCKET"], [(101 if case.accepts else None, ())])
    arrived: list[str] = []

    def exchange(request: Request) -> Response:
        arrived.append(line_of(request, case))
        found = found_at(request.path)
        return found.answer(request) if isinstance(found, Case) else OWN

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
    groups = [(item, len([*same])) for item, same in groupby(arrived)]
    shown = [item if count == 1 else f"{item} {count} times" for item, count in groups]
    ends = [
        "blocked" if status is None else " ".join([str(status), *sorted(readable)])
        for status, readable in results
    ]
    return f"{', '.join(shown) or 'nothing'}: {'; '.join(ends)}"


def by_engine(engine: Engine, service: Service) -> dict[str, str]:
    """Run all cases in an engine. Return the line of each, by its name.

    A case of several fetches is left out if they took so long that a preflight may be forgotten.
    """
    found = {}
    for page in dict.fromkeys(case.page for case in EVERYTHING):
        cases = [case for case in CASES if case.page == page]
        calls = [[call(fetch) for fetch in case.fetches] for case in cases]
        results = run_on(engine, page, f"{ALL % FETCH}({json.dumps(calls)})")
        for case, (ends, seconds) in zip(cases, results, strict=True):
            if len(ends) > 1 and seconds > FORGETS - 1:
                continue
            shown = [(end.get("status"), end.get("readable", ())) for end in ends]
            found[case.name] = line(service.arrived(case.path), shown)
        handshakes = [handshake for handshake in HANDSHAKES if handshake.page == page]
        urls = [SERVICE.replace("http", "ws") + handshake.path for handshake in handshakes]
        script = f"Promise.all({json.dumps(urls)}.map({WEBSOCKET}))"
        opened = run_on(engine, page, script)
        for handshake, is_open in zip(handshakes, opened, strict=True):
            found[handshake.name] = line(
                service.arrived(handshake.path), [(101 if is_open else None, ())]
            )
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
