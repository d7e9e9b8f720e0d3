"""The service, the pages of every origin, and a proxy, for an engine that has no other network.

One page server answers TLS and plain HTTP on one port. Chromium is told where each host name is;
Firefox and WebKit ask the proxy, which sends everything that is not for the service to the pages.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread
from urllib.parse import urlsplit

import trustme
import uvicorn
from real_browser import SERVICE, PageHandler, PageServer, service_config
from starlette.types import ASGIApp

SERVICE_HOST = str(urlsplit(SERVICE).hostname)

# A page that asks for scripts, for an engine that cannot be told to run one. It asks a host of its
# own, so that a page of the service can do so too.
DRIVER = "https://driver.acme-pages.net/"
POLLING_PAGE = """<!doctype html><title>A page</title><link rel=icon href=data:,><body><script>
const tell = (path, body) => fetch("DRIVER" + path, {method: "POST", body});
(async () => {
  for (;;) {
    const [order, text] = await (await tell("next", self.origin)).json();
    if (order === "open") return location.href = text;
    if (order === "run") tell("result", JSON.stringify(await (0, eval)(text)) ?? "null");
  }
})();
</script>""".replace("DRIVER", DRIVER)


class Polls:
    """Orders on their way to a page, and what comes back."""

    def __init__(self) -> None:
        self.orders: Queue[tuple[str, str]] = Queue()
        self.results: Queue[str] = Queue()
        self.pages: Queue[str] = Queue()

    def next(self, origin: str) -> tuple[str, str]:
        """Return what the page of this origin shall do: `open` a URL, `run` a script, or `wait`."""
        self.pages.put(origin)
        try:
            return self.orders.get(timeout=2)
        except Empty:
            return "wait", ""


class Pages(PageServer):
    """The page server, with answers for pages that ask for scripts."""

    def __init__(self, tls: ssl.SSLContext, polls: Polls) -> None:
        super().__init__(tls)
        self.RequestHandlerClass = PollHandler
        self.polls = polls


class PollHandler(PageHandler):
    """Responds to GET with a page that asks for scripts, and to POST as the driver."""

    server: Pages

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        """Send the page."""
        self.reply("text/html", POLLING_PAGE)

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        """Hand out a script, or take the result of one."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        polls = self.server.polls
        # A page that is left does not wait for its script.
        with suppress(ConnectionError, ssl.SSLError):
            if self.path == "/next":
                self.reply("application/json", json.dumps(polls.next(body)))
            else:
                polls.results.put(body)
                self.reply("text/plain", "")

    def reply(self, kind: str, text: str) -> None:
        """Send a text that every page may read."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


@dataclass(frozen=True)
class Servers:
    """Where the servers listen on 127.0.0.1."""

    service: int
    pages: int
    proxy: int
    polls: Polls


@contextmanager
def serving(app: ASGIApp) -> Iterator[Servers]:
    """Start the service with this app, the pages and the proxy, in threads of their own."""
    certificate = trustme.CA().issue_cert(SERVICE_HOST)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    polls = Polls()
    pages = Pages(tls, polls)
    Thread(target=pages.serve_forever, daemon=True).start()

    service, proxy = listening(), listening()
    found = Servers(port_of(service), pages.server_port, port_of(proxy), polls)
    server = uvicorn.Server(service_config(app, certificate))  # type: ignore[arg-type]

    async def run() -> None:
        async with await asyncio.start_server(Proxy(found).serve, sock=proxy):
            await server.serve([service])

    thread = Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        # Without force it would wait for the WebSockets that pages keep open.
        server.should_exit = server.force_exit = True
        pages.shutdown()
        pages.server_close()
        thread.join(timeout=10)


def listening() -> socket.socket:
    """Return a socket with a free port."""
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    return found


def port_of(listener: socket.socket) -> int:
    """Return the port of a socket."""
    port: int = listener.getsockname()[1]
    return port


class Proxy:
    """An HTTP proxy to which every host name is on this machine."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect one client with the server that it asks for."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.decode("latin-1").split(" ", 2)
            is_tunnel = method == "CONNECT"
            host = target if is_tunnel else urlsplit(target).netloc
            to_service = host in (SERVICE_HOST, f"{SERVICE_HOST}:443")
            port = self._servers.service if to_service else self._servers.pages
            answers, server = await asyncio.open_connection("127.0.0.1", port)
            if is_tunnel:
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                server.write(head)
            await asyncio.gather(copy(reader, server), copy(answers, writer))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on bytes until one side closes."""
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
