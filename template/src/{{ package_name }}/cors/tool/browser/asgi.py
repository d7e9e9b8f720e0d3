"""A transport for the browser model that calls an ASGI app directly, as a server would.

Unlike test clients it passes on whatever it is given, doubled header lines and control characters
included, and it is fast: no sockets and no threads, one event loop for all requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from .checks import Request, Response
from .headers import Headers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_DEFAULT_PORTS = {"http": 80, "https": 443}


class ASGITransport:
    """Call it with a `Request` to get a `Response`; it is the browser's `exchange`.

    `origin` is where the app believes to be served. In a `with` block the app's lifespan runs, as
    under a server; without one it does not. It cannot be called from inside a running event loop.
    `patience` is for apps that do not come to an end, such as an endless stream: a response that
    has started by then counts, as it does for `fetch()`; otherwise TimeoutError.
    """

    def __init__(self, app: App, origin: str = "http://testserver", patience: float = 5.0) -> None:
        url = urlsplit(origin)
        self._app = app
        self._host = url.netloc
        self._scheme = url.scheme
        self._server = (url.hostname, url.port or _DEFAULT_PORTS[url.scheme])
        self._patience = patience
        self._state: dict[str, Any] = {}
        self._lifespan: _Lifespan | None = None
        # With a factory the runner leaves the thread's current event loop alone.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        # The loop's own close, because the runner's cannot be called while another loop runs.
        weakref.finalize(self, self._loop.close)

    def __call__(self, request: Request) -> Response:
        """Send one request; the app runs to its end, background tasks included."""
        return self._loop.run_until_complete(self._http(request))

    def websocket(self, path: str = "/", headers: Headers = ()) -> Response:
        """Shake hands for a WebSocket, then leave. Status 101 means that it was accepted."""
        return self._loop.run_until_complete(self._websocket(path, headers))

    def close(self) -> None:
        """Cancel what the app left behind; without it that is merely forgotten, in time."""
        self._runner.close()

    def __enter__(self) -> Self:
        self._lifespan = _Lifespan(self._app, self._state)
        try:
            self._loop.run_until_complete(self._lifespan.start())
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
            if self._lifespan is not None:
                self._loop.run_until_complete(self._lifespan.stop())
        finally:
            self.close()

    async def _http(self, request: Request) -> Response:
        call = _Call(request.body)
        scope = self._scope("http", self._scheme, request.path, request.headers)
        await self._run(call, scope | {"method": request.method})
        return call.response()

    async def _websocket(self, path: str, headers: Headers) -> Response:
        offered = (
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        )
        call = _Call(websocket=True)
        scope = self._scope(
            "websocket", "wss" if self._scheme == "https" else "ws", path, (*offered, *headers)
        )
        extensions: dict[str, dict[str, Any]] = {"websocket.http.response": {}}
        await self._run(call, scope | {"subprotocols": [], "extensions": extensions})
        return call.response()

    def _scope(self, kind: str, scheme: str, path: str, headers: Headers) -> dict[str, Any]:
        path, _, query = path.partition("?")
        encoded = _encode(headers)
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

    async def _run(self, call: _Call, scope: dict[str, Any]) -> None:
        """Run the app as a server does: whatever it raises is logged there and ends here."""
        try:
            async with asyncio.timeout(self._patience):
                with contextlib.suppress(Exception):
                    await self._app(scope, call.receive, call.send)
        except TimeoutError:
            if call.status is None:
                message = f"no answer to {scope['path']} within {self._patience} s"
                raise TimeoutError(message) from None


class _Call:
    """One connection as the app sees it: what it may receive, and what it has sent."""

    def __init__(self, body: bytes = b"", *, websocket: bool = False) -> None:
        self.status: int | None = None
        self._headers: Headers = ()
        self._body = bytearray()
        self._request: Message | None = (
            {"type": "websocket.connect"}
            if websocket
            else {"type": "http.request", "body": body, "more_body": False}
        )
        self._gone: Message = {"type": "http.disconnect"}
        if websocket:
            self._gone = {"type": "websocket.disconnect", "code": 1001, "reason": ""}
        self._ended = asyncio.Event()

    async def receive(self) -> Message:
        if self._request is not None:
            request, self._request = self._request, None
            return request
        # A disconnect before the end would make the app cut its own response short.
        await self._ended.wait()
        return self._gone

    async def send(self, message: Message) -> None:
        if self._ended.is_set():
            raise OSError("the client has gone")
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
        """Servers answer 500 for an app that failed, or returned, before it started to answer."""
        status = 500 if self.status is None else self.status
        return Response(status, self._headers, bytes(self._body))

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.status = status
        self._headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in headers
        )


class _Lifespan:
    """The app's start-up and shutdown; an app that knows no lifespan does without."""

    def __init__(self, app: App, state: dict[str, Any]) -> None:
        self._app = app
        self._scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._live())
        await self._step("startup")

    async def stop(self) -> None:
        if self._task is not None and not self._task.done():
            await self._step("shutdown")
            await self._task

    async def _live(self) -> None:
        with contextlib.suppress(Exception):
            await self._app(self._scope, self._inbox.get, self._outbox.put)
        await self._outbox.put({"type": "lifespan.ended"})

    async def _step(self, name: str) -> None:
        await self._inbox.put({"type": f"lifespan.{name}"})
        answer = await self._outbox.get()
        if answer["type"] == f"lifespan.{name}.failed":
            raise RuntimeError(f"{name} failed: {answer.get('message', '')}")


def _encode(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
