"""Real pages in a real Chromium, at any origin and without a network.

Chromium is told that every host name is on this machine, where one server answers for all pages and
another for the service. Playwright's `route()` has no part in it: while that is active Playwright
answers preflights by itself, and pages that it makes up are blocked for reasons that are not CORS.

All of it runs in one thread with an event loop of its own: other tests must not meet a running one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from playwright.async_api import Browser, Frame, Page, async_playwright
from playwright.async_api import Error as PlaywrightError

from .real_servers import CLOSED, OPEN, OWN_PAGE, App, Wire, serve

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

T = TypeVar("T")
numbers = count(1)


class UnavailableError(Exception):
    """There is no Chromium here that can be started."""


class ElsewhereError(Exception):
    """Chromium opened another page, as it does where a name is known to be https only."""


@dataclass(frozen=True)
class Seen:
    """What became of one fetch: what its script and the console got, and what reached the server.

    `status` is None if the script got an error, and 0 for a response that it may not look into.
    """

    status: int | None
    readable: frozenset[str]
    error: str
    console: str
    arrived: tuple[str, ...]


@dataclass(frozen=True)
class Control:
    """A fetch whose end is known beforehand, to see that it is CORS that decides, and it alone."""

    path: str
    method: str
    status: int | None
    arrived: tuple[str, ...]
    headers: tuple[tuple[str, str], ...] = ()
    credentials: str = "omit"
    mode: str = "cors"
    body: bytes = b""


def numbered(path: str) -> str:
    """Return the path as one that was never asked for, so that no cache has the answer."""
    return f"{path}{'&' if '?' in path else '?'}n={next(numbers)}"


def find_chromium() -> str | None:
    """Return the program that CHROMIUM or the PATH names; None leaves it to Playwright."""
    named = os.environ.get("CHROMIUM")
    if not named:
        return next(filter(None, map(shutil.which, PROGRAMS)), None)
    program = shutil.which(named)
    if program is None:
        raise UnavailableError(f"CHROMIUM={named} is no program")
    return program


class Chromium:
    """One browser with its pages, and the service that they call.

    Use it in a `with` block, which raises UnavailableError where there is no browser. A page stays
    open for the next test that needs its origin.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def version(self) -> str:
        """Return the browser's version."""
        return self._browser.version

    def serve(self, app: App) -> None:
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
        """Let a page do these fetches, described as for the model, each to a `numbered` path."""
        return self._run(self._tab(origin).fetch(list(wanted), script))

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
        """Open a page, and see that nothing but CORS decides what it may fetch."""
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
        """Stop everything, in the opposite order."""
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

    async def fetch(self, wanted: Sequence[Any], script: str = FETCH) -> list[Seen]:
        """Do all these fetches at once, and tell what became of each."""
        calls = [[SERVICE + fetch.path, options(fetch)] for fetch in wanted]
        results = await self._frame.evaluate(script, calls)
        found = zip(wanted, results, strict=True)
        return [await self._seen(fetch.path, result) for fetch, result in found]

    async def websocket(self, path: str) -> bool:
        """Open a WebSocket, and tell whether the service took it."""
        return bool(await self._frame.evaluate(WEBSOCKET, SERVICE.replace("http", "ws") + path))

    async def submit(self, path: str) -> tuple[str, ...]:
        """Submit a form as the page's user would, and return what reached the server."""
        await self._frame.evaluate(FORM, SERVICE + path)
        return self._wire.arrived(path)

    async def check_controls(self, *, is_own: bool) -> None:
        """Raise RuntimeError unless this page reaches the server, and CORS can stop it."""
        asks = () if is_own else ("OPTIONS",)
        controls = [
            Control(numbered(OPEN), "GET", 200, ("GET",)),
            Control(numbered(OPEN), "PUT", 200, (*asks, "PUT")),
        ]
        if not is_own:
            controls += [
                Control(numbered(CLOSED), "GET", None, ("GET",)),
                Control(numbered(CLOSED), "PUT", None, ("OPTIONS",)),
            ]
        for control, seen in zip(controls, await self.fetch(controls), strict=True):
            as_known = (seen.status, seen.arrived) == (control.status, control.arrived)
            named = seen.status is not None or "blocked by CORS policy" in seen.console
            if not (as_known and named):
                raise RuntimeError(f"this page proves nothing: {control} became {seen}")

    async def _seen(self, path: str, result: dict[str, Any]) -> Seen:
        error = result.get("error", "")
        # What `fetch()` refuses by itself is no matter for the console.
        said = error and "Failed to execute" not in error
        return Seen(
            status=result.get("status"),
            readable=frozenset(result.get("readable", ())),
            error=error,
            console=await self._said_of(path) if said else "",
            arrived=self._wire.arrived(path),
        )

    async def _said_of(self, path: str) -> str:
        """Return what the console says of a fetch; it comes by another way, perhaps later."""
        for _ in range(250):
            for text in self._console:
                if f"'{SERVICE}{path}'" in text:
                    return text
            await asyncio.sleep(0.02)
        return ""


def options(fetch: Any) -> dict[str, Any]:
    """Return the second argument of `fetch()`."""
    found = {
        "method": fetch.method,
        "headers": [list(pair) for pair in fetch.headers],
        "credentials": fetch.credentials,
        "mode": fetch.mode,
    }
    return found | ({"body": fetch.body.decode()} if fetch.body else {})
