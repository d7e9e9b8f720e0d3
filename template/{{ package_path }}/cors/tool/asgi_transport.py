# fmt: off
"""Calls an ASGI app in this process, as a server would: the transport of the browser model.

Unlike a test client it passes on what it is given, also repeated header lines and control
characters. It is fast: no sockets, no threads, and one event loop for all requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message

from ..origin import DEFAULT_PORTS
from .cors_check import Headers, Request, Response

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
