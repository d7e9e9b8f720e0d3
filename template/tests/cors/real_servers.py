"""What a real browser talks to in these tests: a server for its pages, and one for the service.

The key of their certificate is made anew each time; the browser is told not to look at it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import trustme
import uvicorn

# Answered here and not by the service: what any page may call, what none may read, and a page.
OPEN, CLOSED, OWN_PAGE = "/cors-control/open", "/cors-control/closed", "/cors-control/page"
EMPTY_PAGE = b"<!doctype html><title>A page</title><link rel=icon href=data:,><body>A page</body>"

HTML = (b"content-type", b"text/html")
GRANT_ALL = [(b"access-control-allow-origin", b"*"), (b"access-control-allow-methods", b"*"), HTML]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Wire:
    """Stands before the service: writes down what arrives, and answers the controls itself."""

    def __init__(self) -> None:
        self.app: App | None = None
        self._arrived: dict[str, list[str]] = {}

    def arrived(self, path: str) -> tuple[str, ...]:
        """Return the methods that arrived for a path with its query, in order."""
        return tuple(self._arrived.get(path, ()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the service answer."""
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
    """Answers every request with the same empty page."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(EMPTY_PAGE)))
        self.end_headers()
        self.wfile.write(EMPTY_PAGE)

    def log_message(self, *_: object) -> None:
        """Say nothing: the output belongs to the tests."""


class PageServer(ThreadingHTTPServer):
    """Answers TLS and plain on one port, so that any origin can be mapped to it."""

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
        """Say nothing: browsers open connections in advance, and drop them."""


async def serve(wire: Wire, name: str, stack: AsyncExitStack) -> tuple[int, int]:
    """Start both servers until the stack closes; return the ports of the service and the pages."""
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
    """Return what uvicorn needs; the certificate is in a file only as long as it is read."""
    with tempfile.TemporaryDirectory() as directory:
        key = Path(directory, "key.pem")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(key))
        config = uvicorn.Config(
            wire,
            # Takes any method; the faster one answers 400 to those that it does not know.
            http="h11",
            # As for all other tests here, which must not need the service's database.
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            # The model knows only the headers that come from the service.
            server_header=False,
            date_header=False,
            ssl_certfile=key,
        )
        config.load()
    return config
