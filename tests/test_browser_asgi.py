"""The ASGI transport calls an app as a server does, and failures look as under a server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from service.cors.tool.browser import ASGITransport, Browser, Fetch, Request, Response
from starlette.types import ASGIApp, Message, Receive, Send

API = "https://api.acme.com"
Scope = Any
RawHeaders = list[tuple[bytes, bytes]]


class Recorder:
    """Remembers its last call, and responds with fixed headers."""

    def __init__(self, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        self.headers = headers
        self.status = status
        self.scope: Scope = None
        self.received: list[Message] = []
        self.count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.received.append(await receive())
        self.count += 1
        await answer(send, self.status, *self.headers)


async def answer(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


def test_a_request_arrives_as_from_a_server() -> None:
    app = Recorder()
    request = Request("PUT", "/a%20b/%C3%A9?x=%20&y=1", (("X-Test", "1"),), b"{}")
    ASGITransport(app, "https://api.acme.com:8443")(request)

    assert app.scope["type"] == "http"
    assert app.scope["method"] == "PUT"
    assert app.scope["scheme"] == "https"
    assert app.scope["path"] == "/a b/\xe9"
    assert app.scope["raw_path"] == b"/a%20b/%C3%A9"
    assert app.scope["query_string"] == b"x=%20&y=1"
    assert app.scope["server"] == ("api.acme.com", 8443)
    assert app.scope["headers"] == [(b"host", b"api.acme.com:8443"), (b"x-test", b"1")]
    assert app.received == [{"type": "http.request", "body": b"{}", "more_body": False}]


@pytest.mark.parametrize(("origin", "port"), [("http://acme.com", 80), ("https://acme.com", 443)])
def test_port_follows_from_the_scheme(origin: str, port: int) -> None:
    app = Recorder()
    ASGITransport(app, origin)(Request("GET", "/"))
    assert app.scope["server"] == ("acme.com", port)


def test_headers_pass_unchanged_both_ways() -> None:
    odd = "".join(map(chr, range(256)))
    raw = odd.encode("latin-1")
    app = Recorder((b"X-Twice", b"1"), (b"x-odd", raw), (b"X-Twice", b"2"))
    sent = (("Origin", "https://a\r\nX: y"), ("origin", "\0null"), ("X-Odd", odd), ("x-b", " b "))
    response = ASGITransport(app)(Request("GET", "/", sent))

    assert app.scope["headers"][1:] == [
        *((b"origin", b"https://a\r\nX: y"), (b"origin", b"\0null")),
        *((b"x-odd", raw), (b"x-b", b" b ")),
    ]
    assert response == Response(200, (("X-Twice", "1"), ("x-odd", odd), ("X-Twice", "2")), b"hello")


def test_a_request_can_have_its_own_host() -> None:
    app = Recorder()
    ASGITransport(app, API)(Request("GET", "/", (("Host", "evil.net"),)))
    assert app.scope["headers"] == [(b"host", b"evil.net")]


async def fails_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    raise LookupError


async def fails_with_a_500(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, 500, (b"x-from", b"app"))
    raise LookupError


async def fails_half_way(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": [(b"x-from", b"app")]})
    await send({"type": "http.response.body", "body": b"he", "more_body": True})
    raise LookupError


async def times_out_itself(scope: Scope, receive: Receive, send: Send) -> None:
    raise TimeoutError


async def says_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def has_no_headers(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})


APP = (("x-from", "app"),)
FAILURES = [
    pytest.param(fails_at_once, Response(500), id="an exception before a response is a bare 500"),
    pytest.param(fails_with_a_500, Response(500, APP, b"hello"), id="an app's own 500 counts"),
    pytest.param(fails_half_way, Response(201, APP, b"he"), id="a started response counts"),
    pytest.param(times_out_itself, Response(500), id="a TimeoutError of the app is a 500"),
    pytest.param(says_nothing, Response(500), id="no response is a bare 500"),
    pytest.param(has_no_headers, Response(204), id="headers and body are optional"),
]


@pytest.mark.parametrize(("app", "response"), FAILURES)
def test_a_failing_app_responds_as_under_a_server(app: ASGIApp, response: Response) -> None:
    assert ASGITransport(app)(Request("GET", "/")) == response


def test_fastapi_runs_to_the_end() -> None:
    app = FastAPI()
    done: list[str] = []

    @app.post("/items")
    def create(item: dict[str, int], tasks: BackgroundTasks) -> dict[str, int]:
        tasks.add_task(done.append, "task")
        return item

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for chunk in (b"a", b"b", b"c"):
                yield chunk
                await asyncio.sleep(0.001)

        return StreamingResponse(chunks())

    @app.get("/boom")
    def boom() -> None:
        raise LookupError

    transport = ASGITransport(app, API)
    json = (("Content-Type", "application/json"),)
    assert transport(Request("POST", "/items", json, b'{"a": 1}')).body == b'{"a":1}'
    assert done == ["task"]
    assert transport(Request("GET", "/stream")).body == b"abc"
    assert transport(Request("GET", "/boom")).status == 500
    assert transport(Request("GET", "/nowhere")).status == 404
    slash = Browser(transport, API).fetch(Fetch(API, path="/stream/"))
    assert slash.url == f"{API}/stream", "a redirect by the app stays with the service"
    assert slash.response is not None
    assert slash.response.body == b"abc"


async def streams_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-from", b"app")]})
    while True:
        await send({"type": "http.response.body", "body": b"x", "more_body": True})


async def waits_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


def test_patience_ends() -> None:
    response = ASGITransport(streams_for_ever, patience=0.05)(Request("GET", "/"))
    assert response.status == 200
    assert response.headers == APP
    with pytest.raises(TimeoutError, match="no response to /x within"):
        ASGITransport(waits_for_ever, patience=0.05)(Request("GET", "/x"))


def test_the_client_disconnects_after_the_response() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        gone = asyncio.ensure_future(receive())
        await asyncio.sleep(0.001)
        seen.append(f"gone before the response: {gone.done()}")
        await answer(send, 200)
        seen.append(str((await gone)["type"]))
        with pytest.raises(OSError, match="disconnected"):
            await send({"type": "http.response.body", "body": b"more"})

    assert ASGITransport(app)(Request("GET", "/")).body == b"hello"
    assert seen == ["gone before the response: False", "http.disconnect"]


def test_all_requests_share_one_event_loop() -> None:
    loops = set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        loops.add(asyncio.get_running_loop())
        await answer(send, 200)

    transport = ASGITransport(app)
    for _ in range(2000):
        assert transport(Request("GET", "/")).status == 200
    assert len(loops) == 1
    transport.close()
    assert all(loop.is_closed() for loop in loops)


def test_close_cancels_what_the_app_left_behind() -> None:
    ends: list[str] = []

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        app.task = asyncio.create_task(linger())  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        await answer(send, 200)

    transport = ASGITransport(app)
    transport(Request("GET", "/"))
    assert ends == []
    transport.close()
    assert ends == ["cancelled"]


def test_an_unused_transport_closes_its_loop() -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    forgotten: list[ASGITransport] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        loops.append(asyncio.get_running_loop())
        if len(loops) == 2:
            forgotten.clear()
            gc.collect()
        await answer(send, 200)

    forgotten.append(ASGITransport(app))
    forgotten[0](Request("GET", "/"))
    assert ASGITransport(app)(Request("GET", "/")).status == 200
    assert loops[0].is_closed()


# --- Lifespan ------------------------------------------------------------------------------------


def test_lifespan_runs_in_a_with_block_only() -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        events.append("up")
        yield {"database": "open"}
        await asyncio.sleep(0)
        events.append("down")

    app = FastAPI(lifespan=lifespan)

    @app.get("/state")
    def state() -> JSONResponse:
        return JSONResponse(events)

    assert ASGITransport(app)(Request("GET", "/state")).body == b"[]"
    with ASGITransport(app) as transport:
        assert transport(Request("GET", "/state")).body == b'["up"]'
    assert events == ["up", "down"]


def test_state_of_the_lifespan_reaches_requests() -> None:
    scopes = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["database"] = "open"
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            scopes.append(dict(scope["state"]))
            scope["state"]["leak"] = True
            await answer(send, 200)

    with ASGITransport(app) as transport:
        transport(Request("GET", "/"))
        transport(Request("GET", "/"))
    assert scopes == [{"database": "open"}] * 2


async def starts_badly(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
    raise LookupError


async def stops_badly(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "still open"})


@pytest.mark.parametrize(
    ("app", "why"),
    [(starts_badly, "startup failed: no database"), (stops_badly, "shutdown failed: still open")],
)
def test_a_failing_lifespan_raises_an_error(app: ASGIApp, why: str) -> None:
    with pytest.raises(RuntimeError, match=why), ASGITransport(app):
        pass


def test_an_app_may_have_no_lifespan() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await answer(send, 200)

    with ASGITransport(app) as transport:
        assert transport(Request("GET", "/")).status == 200


# --- WebSocket -----------------------------------------------------------------------------------


def chat() -> FastAPI:
    app = FastAPI()

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept(headers=[(b"x-origin", socket.headers["origin"].encode())])
        while True:
            await socket.send_text(await socket.receive_text())

    @app.websocket("/feed")
    async def feed(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.send_text("x")

    @app.websocket("/closed")
    async def closed(socket: WebSocket) -> None:
        await socket.close(1008)

    @app.websocket("/teapot")
    async def teapot(socket: WebSocket) -> None:
        await socket.send_denial_response(JSONResponse({}, 418, {"x-from": "app"}))

    @app.websocket("/boom")
    async def boom(socket: WebSocket) -> None:
        raise LookupError

    @app.websocket("/silent")
    async def silent(socket: WebSocket) -> None:
        return

    return app


HANDSHAKES = [
    ("/echo", 101, "an accepted handshake is 101"),
    ("/feed", 101, "a socket that only sends is closed too"),
    ("/closed", 403, "a close before the accept is a 403"),
    ("/teapot", 418, "a refusal may be a response"),
    ("/boom", 500, "an exception before the accept is a 500"),
    ("/silent", 500, "neither accept nor close is a 500"),
    ("/nowhere", 403, "an unknown path is a 403"),
]


@pytest.mark.parametrize(("path", "status"), [pytest.param(*h[:2], id=h[2]) for h in HANDSHAKES])
def test_websocket_handshake(path: str, status: int) -> None:
    response = ASGITransport(chat(), API).websocket(path, (("Origin", "https://app.acme.com"),))
    assert response.status == status
    if path == "/echo":
        assert response.headers == (("x-origin", "https://app.acme.com"),)
    if path == "/teapot":
        assert ("x-from", "app") in response.headers
        assert response.body == b"{}"


@pytest.mark.parametrize(("origin", "scheme"), [(API, "wss"), ("http://localhost:8000", "ws")])
def test_websocket_scope(origin: str, scheme: str) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept"})
        scopes.append((await receive())["type"])

    ASGITransport(app, origin).websocket("/ws?a=1", (("Origin", "null"),))
    scope, disconnect = scopes
    headers = dict(scope["headers"])
    assert scope["type"] == "websocket"
    assert scope["scheme"] == scheme
    assert (scope["path"], scope["query_string"]) == ("/ws", b"a=1")
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert headers[b"host"] == origin.partition("//")[2].encode()
    assert headers[b"origin"] == b"null"
    assert headers[b"upgrade"] == b"websocket"
    assert disconnect == "websocket.disconnect"
