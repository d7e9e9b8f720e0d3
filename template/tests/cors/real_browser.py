# fmt: off
"""Real pages in a real Chromium, at any origin and without a network.

Chromium is told that every host name is on this machine, where one server answers for all pages and
another for the service. The key of their certificate is new each time, and Chromium is told not to
check it. Playwright's `route()` is not used: while it is active, Playwright answers preflights by
itself, and pages that it makes up are blocked for reasons other than CORS.

Everything runs in one thread with an event loop of its own, so that no other test meets a running
loop.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import trustme
import uvicorn
from playwright.async_api import Browser, Frame, Page, async_playwright
from playwright.async_api import Error as PlaywrightError
from starlette.types import ASGIApp, Receive, Scope, Send

SERVICE = "https://service.acme-api.net"

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # A proxy named by the environment would be asked for the pages.
    "--no-proxy-server",
    "--ignore-certificate-errors",
)

FETCH = """(calls) => Promise.all(calls.map(async ([url, options]) => {
  try {
    const response = await fetch(url, {...options, signal: AbortSignal.timeout(20000)});
    return {status: response.status, readable: [...response.headers.keys()]};
  } catch (error) {
    return {error: String(error)};
  }
}))"""
WEBSOCKET = """(url) => new Promise((done) => {
  const socket = new WebSocket(url);
  socket.onopen = () => done(true);
  socket.onerror = () => done(false);
})"""
FORM = """(url) => new Promise((done) => {
  document.body.innerHTML = `<iframe name="answer"></iframe>
    <form method="post" target="answer" action="${url}"><input name="amount" value="1"></form>`;
  document.querySelector("iframe").onload = () => done();
  document.querySelector("form").submit();
})"""
SANDBOX = """() => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts allow-forms";
  frame.srcdoc = "<body>A sandboxed frame</body>";
  frame.onload = () => done();
  document.body.append(frame);
})"""

# Served here and not by the service: what any page may read, what none may read, and a page.
OPEN, CLOSED, OWN_PAGE = "/cors-control/open", "/cors-control/closed", "/cors-control/page"
EMPTY_PAGE = b"<!doctype html><title>A page</title><link rel=icon href=data:,><body>A page</body>"

HTML = (b"content-type", b"text/html")
GRANT_ALL = [(b"access-control-allow-origin", b"*"), (b"access-control-allow-methods", b"*"), HTML]

# The path and the second argument of a `fetch()`.
Call = tuple[str, dict[str, Any]]

T = TypeVar("T")
numbers = count(1)


class UnavailableError(Exception):
    """No Chromium can be started here. The text says why."""


class ElsewhereError(Exception):
    """Chromium opened another page, as it does for a name that it knows to be https only."""


@dataclass(frozen=True)
class Seen:
    """What one fetch led to: for its script, in the console, and at the server.

    `status` is None if the script got an error, and 0 for a response that it may not read.
    """

    status: int | None
    readable: frozenset[str]
    error: str
    console: str
    arrived: tuple[str, ...]


def numbered(path: str) -> str:
    """Return the path with a new number in its query, so that no cache has a response for it."""
    return f"{path}{'&' if '?' in path else '?'}n={next(numbers)}"


def find_chromium() -> str | None:
    """Return the program that CHROMIUM names or that is on the PATH, None for Playwright's own."""
    named = os.environ.get("CHROMIUM")
    if not named:
        return next(filter(None, map(shutil.which, PROGRAMS)), None)
    program = shutil.which(named)
    if program is None:
        raise UnavailableError(f"CHROMIUM={named} is not a program")
    return program


class Chromium:
    """A browser with its pages, and the service that they call.

    Use it in a `with` block, which raises UnavailableError where there is no browser. A page stays
    open for the next test that needs its origin.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()
        self._wire = Wire()
        self._tabs: dict[str, Tab] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._browser = self._run(self._start(find_chromium()))
        except BaseException as error:
            self._stop()
            if isinstance(error, PlaywrightError):
                why = error.message.strip().partition("\n")[0]
                raise UnavailableError(f"Chromium does not start: {why}") from None
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @property
    def version(self) -> str:
        """The browser's version."""
        return self._browser.version

    def serve(self, app: ASGIApp) -> None:
        """Let this app be the service from now on."""
        self._wire.app = app

    def opens(self, origin: str) -> bool:
        """Whether a page of this origin can be opened at all."""
        try:
            self._tab(origin)
        except ElsewhereError:
            return False
        return True

    def fetch(self, origin: str, wanted: Iterable[Any], script: str = FETCH) -> list[Seen]:
        """Run these fetches on a page. Each is a Fetch of the model, to a `numbered` path."""
        calls = [(fetch.path, options(fetch)) for fetch in wanted]
        return self._run(self._tab(origin).fetch(calls, script))

    def websocket(self, origin: str, path: str) -> bool:
        """Whether a page may open a WebSocket."""
        return self._run(self._tab(origin).websocket(path))

    def submit(self, origin: str, path: str) -> tuple[str, ...]:
        """Submit a form on a page, and return the methods that arrived."""
        return self._run(self._tab(origin).submit(path))

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=60)

    def _tab(self, origin: str) -> Tab:
        if origin not in self._tabs:
            self._tabs[origin] = self._run(self._open(origin))
        return self._tabs[origin]

    async def _start(self, program: str | None) -> Browser:
        name = str(urlsplit(SERVICE).hostname)
        service, pages = await serve(self._wire, name, self._stack)
        # Chromium refuses to run as root in its sandbox.
        root = sys.platform != "win32" and os.geteuid() == 0
        names = f"MAP {name} 127.0.0.1:{service}, MAP * 127.0.0.1:{pages}"
        playwright = await self._stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=program,
            chromium_sandbox=not root,
            args=[*FLAGS, f"--host-resolver-rules={names}", *(["--no-sandbox"] if root else [])],
        )
        self._stack.push_async_callback(browser.close)
        self._context = await browser.new_context()
        return browser

    async def _open(self, origin: str) -> Tab:
        """Open a page, and check that nothing but CORS decides what it may fetch."""
        page = await self._context.new_page()
        frame = page.main_frame
        if origin == "null":
            await page.goto("https://sandbox.evil.net/")
            await frame.evaluate(SANDBOX)
            frame = frame.child_frames[0]
        else:
            await page.goto(origin + (OWN_PAGE if origin == SERVICE else "/"))
        found = await frame.evaluate("self.origin")
        if found != origin:
            raise ElsewhereError(f"Chromium opened a page at {found} instead of {origin}")
        tab = Tab(page, frame, self._wire)
        await tab.check_controls(is_own=origin == SERVICE)
        return tab

    def _stop(self) -> None:
        """Stop everything, in the reverse order."""
        self._run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Tab:
    """A page at one origin, or the sandboxed frame in it whose origin is `null`."""

    def __init__(self, page: Page, frame: Frame, wire: Wire) -> None:
        """Listen to the page's console from now on."""
        self._frame = frame
        self._wire = wire
        self._console: list[str] = []
        page.on("console", lambda message: self._console.append(message.text))

    async def fetch(self, calls: Sequence[Call], script: str = FETCH) -> list[Seen]:
        """Run all these fetches at once, and return what each led to."""
        urls = [[SERVICE + path, options] for path, options in calls]
        results = await self._frame.evaluate(script, urls)
        found = zip(calls, results, strict=True)
        return [await self._seen(path, result) for (path, _), result in found]

    async def websocket(self, path: str) -> bool:
        """Whether the service accepts a WebSocket of this page."""
        return bool(await self._frame.evaluate(WEBSOCKET, SERVICE.replace("http", "ws") + path))

    async def submit(self, path: str) -> tuple[str, ...]:
        """Submit a form as a user would, and return the methods that reached the server."""
        await self._frame.evaluate(FORM, SERVICE + path)
        return self._wire.arrived(path)

    async def check_controls(self, *, is_own: bool) -> None:
        """Raise RuntimeError unless this page reaches the server and CORS can block it."""
        asks = [] if is_own else ["OPTIONS"]
        # Path, method, the status that the script must get, the methods that must arrive.
        controls: list[tuple[str, str, int | None, list[str]]] = [
            (numbered(OPEN), "GET", 200, ["GET"]),
            (numbered(OPEN), "PUT", 200, [*asks, "PUT"]),
        ]
        if not is_own:
            controls += [
                (numbered(CLOSED), "GET", None, ["GET"]),
                (numbered(CLOSED), "PUT", None, ["OPTIONS"]),
            ]
        results = await self.fetch([(path, {"method": method}) for path, method, *_ in controls])
        for (path, method, status, arrived), seen in zip(controls, results, strict=True):
            named = seen.status is not None or "blocked by CORS policy" in seen.console
            if (seen.status, [*seen.arrived]) != (status, arrived) or not named:
                raise RuntimeError(f"this page cannot be used: {method} {path} led to {seen}")

    async def _seen(self, path: str, result: dict[str, Any]) -> Seen:
        error = result.get("error", "")
        # Nothing is printed for arguments that `fetch()` itself refuses.
        said = error and "Failed to execute" not in error
        return Seen(
            status=result.get("status"),
            readable=frozenset(result.get("readable", ())),
            error=error,
            console=await self._said_of(path) if said else "",
            arrived=self._wire.arrived(path),
        )

    async def _said_of(self, path: str) -> str:
        """Return the console's text about a fetch. It may arrive later than the result."""
        for _ in range(250):
            for text in self._console:
                if f"'{SERVICE}{path}'" in text:
                    return text
            await asyncio.sleep(0.02)
        return ""


def options(fetch: Any) -> dict[str, Any]:
    """Return the second argument of `fetch()` for a Fetch of the model."""
    found = {
        "method": fetch.method,
        "headers": [list(pair) for pair in fetch.headers],
        "credentials": fetch.credentials,
        "mode": fetch.mode,
    }
    return found | ({"body": fetch.body.decode()} if fetch.body else {})


# --- The servers ------------------------------------------------------------------------------


class Wire:
    """An app in front of the service: it records what arrives, and responds to the controls."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self._arrived: dict[str, list[str]] = {}

    def arrived(self, path: str) -> tuple[str, ...]:
        """Return the methods that arrived for a path with its query, in order."""
        return tuple(self._arrived.get(path, ()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a control, and pass everything else to the service."""
        path = scope["path"]
        url = f"{path}?{scope['query_string'].decode('latin-1')}"
        self._arrived.setdefault(url, []).append(scope.get("method", "WEBSOCKET"))
        if path in (OPEN, CLOSED, OWN_PAGE):
            headers = [HTML] if path == CLOSED else GRANT_ALL
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": EMPTY_PAGE})
        elif self.app is not None:
            await self.app(scope, receive, send)


class PageHandler(BaseHTTPRequestHandler):
    """Responds to every request with the same empty page."""

    def do_GET(self) -> None:
        """Send the page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(EMPTY_PAGE)))
        self.end_headers()
        self.wfile.write(EMPTY_PAGE)

    def log_message(self, *_: object) -> None:
        """Print nothing: the output belongs to the tests."""


class PageServer(ThreadingHTTPServer):
    """Serves TLS and plain HTTP on one port, so that any origin can be mapped to it."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), PageHandler)
        self._tls = tls

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Look at the first byte: a TLS handshake begins with 0x16, no HTTP request does."""
        if request.recv(1, socket.MSG_PEEK) != b"\x16":
            super().finish_request(request, client_address)
            return
        with self._tls.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: browsers open connections in advance and drop them."""


async def serve(wire: Wire, name: str, stack: AsyncExitStack) -> tuple[int, int]:
    """Start both servers until the stack closes. Return the ports of the service and the pages."""
    certificate = trustme.CA().issue_cert(name)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    pages = PageServer(tls)
    stack.callback(pages.server_close)
    Thread(target=pages.serve_forever, daemon=True).start()
    stack.callback(pages.shutdown)

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]
    server = uvicorn.Server(service_config(wire, certificate))
    task = asyncio.create_task(server.serve([listening]))

    async def stop() -> None:
        # Without force it would wait for the WebSockets that pages keep open.
        server.should_exit = server.force_exit = True
        await task

    stack.push_async_callback(stop)
    return port, pages.server_port


def service_config(wire: Wire, certificate: trustme.LeafCert) -> uvicorn.Config:
    """Return uvicorn's configuration. The certificate is in a file only while it is read."""
    with tempfile.TemporaryDirectory() as directory:
        key = Path(directory, "key.pem")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(key))
        config = uvicorn.Config(
            wire,
            # It accepts any method. httptools answers 400 to methods that it does not know.
            http="h11",
            # As in all other tests here: none may need the service's database.
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            # The model sees only the headers of the service.
            server_header=False,
            date_header=False,
            ssl_certfile=key,
        )
        config.load()
    return config
