"""The server of the lab's pages, and how it and the service are run: in threads, until told."""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .probe import Watch

FILES = Path(__file__).with_name("page")
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NOTHING_ELSE = "default-src 'none'; base-uri 'none'; form-action 'none'"


def pages_app(plan: Mapping[str, Any], watch: Watch) -> Starlette:
    """Return the app that serves the table at the lab's own origin, and the runner at the others.

    `watch` is the one in front of the service that the pages call.
    """
    lab, service = str(plan["lab"]), str(plan["service"])
    frames = " ".join(source(origin["origin"]) for origin in plan["origins"])
    policies = {
        "table.html": f"{NOTHING_ELSE}; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src 'self'; frame-src {frames}; frame-ancestors 'none'",
        "runner.html": f"{NOTHING_ELSE}; script-src 'self'; frame-ancestors {lab}; "
        f"connect-src {service} {service.replace('http', 'ws', 1)}",
    }

    def own(request: Request) -> bool:
        return f"http://{request.headers.get('host')}" == lab

    async def page(request: Request) -> Response:
        name = "table.html" if own(request) else "runner.html"
        return file(name, {"Content-Security-Policy": policies[name]})

    async def static(request: Request) -> Response:
        return file(request.url.path[1:], {})

    async def the_plan(request: Request) -> Response:
        return JSONResponse(plan, headers=HEADERS) if own(request) else elsewhere()

    async def seen(request: Request) -> Response:
        if not own(request):
            return elsewhere()
        return JSONResponse(watch.take(request.path_params["cell"]), headers=HEADERS)

    def elsewhere() -> Response:
        return PlainTextResponse(f"Look at {lab}/", 404, headers=HEADERS)

    files = [path.name for path in FILES.iterdir() if path.suffix != ".html"]
    return Starlette(
        routes=[
            Route("/", page),
            Route("/plan.json", the_plan),
            Route("/seen/{cell}", seen),
            *(Route(f"/{name}", static) for name in files),
        ]
    )


def source(origin: str) -> str:
    """Return an origin as a Content Security Policy writes it, which cannot name IPv6 addresses."""
    return "http:" if "[" in origin else origin


def file(name: str, headers: Mapping[str, str]) -> Response:
    """Return one of the files in `page/`."""
    path = FILES / name
    return Response(
        path.read_bytes(), media_type=TYPES[path.suffix], headers={**HEADERS, **headers}
    )


class Served:
    """An app that is served by uvicorn in a thread of its own."""

    def __init__(self, app: ASGIApp, sockets: Iterable[socket]) -> None:
        # Silent, because crashes and refusals are what the lab is there to provoke.
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=self.server.run, args=([*sockets],), daemon=True, name="cors lab"
        )

    def start(self) -> bool:
        """Start it, and return whether it serves."""
        self.thread.start()
        while self.thread.is_alive() and not self.server.started:
            self.thread.join(0.02)
        started: bool = self.server.started
        return started

    def end(self) -> None:
        """Tell it to stop; `wait` for that."""
        self.server.should_exit = True

    def wait(self) -> None:
        """Wait until it has stopped."""
        self.thread.join()
