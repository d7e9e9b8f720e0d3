"""What the middleware tests share: the module under test, and a client that speaks raw ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# The one place that says where the middleware under test comes from.
from service.cors import middleware as middleware

CORSFastAPI = middleware.CORSFastAPI
StrictCORSMiddleware = middleware.StrictCORSMiddleware

APP = "https://app.acme.com"
STRANGER = "https://evil.net"

HeaderList = list[tuple[bytes, bytes]]


@dataclass
class Answer:
    """What came back, as raw as ASGI has it."""

    messages: list[dict[str, Any]]

    @property
    def start(self) -> dict[str, Any]:
        """Return the message that carries status and headers."""
        return next(m for m in self.messages if m["type"].endswith("response.start"))

    @property
    def status(self) -> int:
        """Return the status code."""
        return int(self.start["status"])

    @property
    def body(self) -> bytes:
        """Return the whole body."""
        return b"".join(m.get("body", b"") for m in self.messages)

    def all(self, name: str) -> list[str]:
        """Return the value of every line of a header."""
        wanted = name.lower().encode()
        return [v.decode("latin-1") for k, v in self.start["headers"] if k.lower() == wanted]

    def one(self, name: str) -> str | None:
        """Return the value of a header that may occur once at most."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} occurs {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def cors(self) -> dict[str, str]:
        """Return the Access-Control-* headers, each of which may occur once at most."""
        names = [k.decode().lower() for k, _ in self.start["headers"]]
        names = [name for name in names if name.startswith("access-control-")]
        return {name.removeprefix("access-control-"): self.one(name) or "" for name in names}


def header_list(headers: dict[str, str] | Iterable[tuple[Any, Any]]) -> HeaderList:
    """Return headers given in any handy form as ASGI wants them."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [
        tuple(x if isinstance(x, bytes) else x.encode("latin-1") for x in pair)  # type: ignore[misc]
        for pair in pairs
    ]


def send_scope(app: Any, scope: dict[str, Any], incoming: Iterable[dict[str, Any]] = ()) -> Answer:
    """Call an ASGI app once and collect what it sends."""
    queue = list(incoming)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not queue:
            await asyncio.Event().wait()
        return queue.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return Answer(sent)


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200, or accept a WebSocket."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def http_scope(
    method: str = "GET",
    path: str = "/",
    headers: dict[str, str] | Iterable[tuple[Any, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return the scope of an HTTP request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": header_list(headers),
        "client": ("192.0.2.1", 50000),
        "server": ("api.acme.com", 443),
        **more,
    }


def request(
    app: Any,
    method: str = "GET",
    path: str = "/",
    headers: dict[str, str] | Iterable[tuple[Any, Any]] = (),
    **more: Any,
) -> Answer:
    """Send one HTTP request without a body."""
    scope = http_scope(method, path, headers, **more)
    return send_scope(app, scope, [{"type": "http.request", "body": b"", "more_body": False}])


def preflight(
    app: Any,
    origin: str = APP,
    method: str = "PUT",
    requested: str | None = None,
    path: str = "/",
    **more: Any,
) -> Answer:
    """Send a preflight as a browser does."""
    headers = {"origin": origin, "access-control-request-method": method}
    if requested is not None:
        headers["access-control-request-headers"] = requested
    return request(app, "OPTIONS", path, headers, **more)


def handshake(
    app: Any,
    headers: dict[str, str] | Iterable[tuple[Any, Any]] = (),
    path: str = "/",
    **more: Any,
) -> Answer:
    """Open a WebSocket, and hang up at once where it is accepted."""
    scope = http_scope("GET", path, headers, **{"scheme": "wss", **more})
    scope["type"] = "websocket"
    scope["subprotocols"] = []
    del scope["method"]
    return send_scope(app, scope, [{"type": "websocket.connect"}, {"type": "websocket.disconnect"}])
