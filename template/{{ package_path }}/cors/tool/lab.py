# fmt: off
"""`cors lab`: start the service with pages at its local origins, and compare in a real browser.

Three servers run until Ctrl-C: the service, the pages at the allowed local origins and at one other
site, and the table. The table holds the pages in frames. It has them make the requests of the plan,
and compares what the browser did with what the policy says.
"""

import errno
import logging
import re
import socket
import threading
import time
import webbrowser
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from .. import app as app_module
from ..cli import as_text, create_app, examine
from ..findings import ConfigurationError
from ..origin import Origin, Pattern
from ..policy import CORSPolicy
from ..sources import Sources, environments, find_sources
from .lab_plan import (
    ERROR_PATH,
    LAB_PATH,
    SOCKET_PATH,
    Page,
    Planner,
    Watch,
    exposed_headers,
    methods,
)

TABLE_HOST = "127.0.0.1"
# `localhost` has two addresses. Each browser chooses for itself which of them it tries first.
LOCALHOST = ("127.0.0.1", "::1")
# What the lab writes for the `*` of a pattern.
SAMPLE_LABEL = "lab"
# Hosts for the page of another site. The first one that the policy does not allow is taken.
OTHER_HOSTS = ("localhost", "127.0.0.1", "other-site.localhost")
WHY_NO_PORT = {
    errno.EADDRINUSE: "is taken, perhaps by your own development server",
    errno.EACCES: "needs more rights than this process has",
}

HTML = Path(__file__).with_suffix(".html")
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class LabError(Exception):
    """The text says why the lab or a page of it cannot be started; `status` is an exit status."""

    def __init__(self, text: str, status: int = 2) -> None:
        super().__init__(text)
        self.status = status


# --- The command ------------------------------------------------------------------------------


def run_lab(name: str | None, port: int, *, open_browser: bool) -> int:
    """Run the lab for an environment until Ctrl-C, and return the exit status."""
    examined = examine(name, with_app=False)
    if examined.policy is None or examined.refusals:
        print(*as_text(examined), sep="\n")
        return 1
    # The app would warn about the lab's own routes.
    logging.getLogger(app_module.__name__).setLevel(logging.ERROR)
    try:
        with ExitStack() as stack:
            url = start(examined.policy, find_sources(examined.name), port, stack)
            if open_browser:
                webbrowser.open(url)
            while True:
                time.sleep(60)
    except LabError as error:
        print(f"cors lab: {error}")
        return error.status
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0


def start(policy: CORSPolicy, sources: Sources, port: int, stack: ExitStack) -> str:
    """Start everything, print what is served where, and return the URL of the table.

    Leaving `stack` stops it. Raises LabError.
    """
    entries = policy.entries
    local = next(filter(is_local, entries), None)
    if local is None:
        raise LabError(without_local_origin(policy))
    servers = Server(), Server(), Server()
    for server in servers:
        stack.callback(server.stop)
    for_service, for_pages, for_table = servers

    # The service has the host of a page: a cookie of localhost is not sent from 127.0.0.1.
    host = sample_host(local)
    try:
        service = f"http://{host}:{for_service.listen(host, port)}"
    except LabError as error:
        raise LabError(f"the service cannot be started: {error}.") from None
    pages, left_out = listen_for_pages(entries, for_pages)
    table = f"http://{TABLE_HOST}:{for_table.listen(TABLE_HOST)}"

    # The model of a browser gets an app of its own, so that the served one is untouched.
    try:
        plan = Planner(app_with_lab(policy), policy, sources, service).plan(pages)
    except RuntimeError as error:
        # The text is the traceback of what the app's start-up raised.
        last_line = str(error).strip().splitlines()[-1]
        raise LabError(f"the service does not start: {last_line}", 1) from None
    watch = Watch()
    for_service.start(watch.around(app_with_lab(policy)))
    for_pages.start(page_app(service, table))
    for_table.start(table_app(plan | {"left_out": left_out}, watch))

    print(f"  service   {service}")
    for page in pages:
        print(f"  page      {page.origin}  {'allowed origin' if page.allowed else 'another site'}")
    for text in left_out:
        print(f"  left out  {text}")
    print(f"Open {table}/ in a browser. Press Ctrl-C to stop.", flush=True)
    return table


def without_local_origin(policy: CORSPolicy) -> str:
    """Say that no page can be served for an environment, and for which ones it can."""
    others = [
        name
        for name in environments()
        if (other := examine(name, with_app=False).policy) is not None
        and any(map(is_local, other.entries))
    ]
    allowed = ", ".join(policy.allow_origins) or "no other site"
    hint = f"Try --environment {' or '.join(others)}" if others else "No environment allows one"
    return (
        f"{policy.environment} allows {allowed}. The lab can serve pages only at http origins of "
        f"this machine, such as http://localhost:5173. {hint}."
    )


# --- The service ------------------------------------------------------------------------------


def app_with_lab(policy: CORSPolicy) -> Any:
    """Return a new app of the service, with the lab's routes in it. Raises LabError."""
    try:
        app: Any = create_app(policy.environment)
    except ConfigurationError as error:
        raise LabError(str(error), 1) from None
    inner = app
    while not isinstance(router := getattr(inner, "router", None), Router):
        inner = getattr(inner, "app", None)
        if inner is None:
            raise LabError(f"the app is a {type(app).__name__}, which has no router for routes.")
    add_routes(router, policy)
    return app


def add_routes(router: Router, policy: CORSPolicy) -> None:
    """Add the lab's routes, before any catch-all route of the service."""

    async def respond(request: Request) -> Response:
        request.scope["cors_lab"].ran = True
        return Response("lab", headers=dict.fromkeys(exposed_headers(policy), "lab"))

    async def fail(request: Request) -> Response:
        request.scope["cors_lab"].ran = True
        raise RuntimeError("the lab tests the response to an unhandled error")

    async def accept(websocket: WebSocket) -> None:
        websocket.scope["cors_lab"].ran = True
        await websocket.accept()
        await websocket.close()

    for prefix in ("", *policy.public_paths):
        path = prefix.rstrip("/") + LAB_PATH
        router.routes.insert(0, Route(path, respond, methods=methods(policy)))
    router.routes.insert(0, Route(ERROR_PATH, fail))
    router.routes.insert(0, WebSocketRoute(SOCKET_PATH, accept))


# --- The pages --------------------------------------------------------------------------------


def listen_for_pages(
    entries: Sequence[Origin | Pattern], server: "Server"
) -> tuple[list[Page], list[str]]:
    """Listen at the allowed origins and at another site; return the pages and what is left out."""
    pages, left_out = [], []
    for entry in entries:
        any_port = isinstance(entry, Pattern) and entry.kind == "port"
        try:
            if not is_local(entry):
                raise LabError("it is not plain http on this machine")
            port = server.listen(sample_host(entry), 0 if any_port else entry.port or 80)
        except LabError as error:
            left_out.append(f"{entry}: {error}")
        else:
            origin = Origin("http", sample_host(entry), None if port == 80 else port)
            pages.append(Page(str(origin), allowed=True))
    for host in OTHER_HOSTS:
        origin = Origin("http", host, server.listen(host))
        if not any(entry.covers(origin) for entry in entries):
            break
    return [*pages, Page(str(origin), allowed=False)], left_out


def is_local(entry: Origin | Pattern) -> bool:
    """Whether a page can be served there: on this machine, and without a certificate."""
    return entry.is_loopback and entry.is_plain_http


def sample_host(entry: Origin | Pattern) -> str:
    """Return the host of an origin, or one that the pattern covers."""
    return entry.host.replace("*", SAMPLE_LABEL)


def page_app(service: str, table: str) -> Starlette:
    """Return the app for the pages, which make requests to the service in frames of the table."""
    websockets = service.replace("http", "ws", 1)
    html = html_page(f"frame-ancestors {table}; connect-src {service} {websockets}")

    async def page(request: Request) -> Response:
        opened_by_hand = request.headers.get("sec-fetch-dest") == "document"
        return RedirectResponse(table, headers=HEADERS) if opened_by_hand else html

    return Starlette(routes=[Route("/", page)])


def table_app(plan: Mapping[str, Any], watch: Watch) -> Starlette:
    """Return the app for the table; `watch` is the one around the service that the pages call."""
    # A Content Security Policy cannot name an IPv6 address.
    origins = (page["origin"] for page in plan["pages"])
    frames = " ".join("http:" if "[" in origin else origin for origin in origins)
    html = html_page(f"frame-ancestors 'none'; connect-src 'self'; frame-src {frames}")

    async def table(request: Request) -> Response:
        return html

    async def plan_as_json(request: Request) -> Response:
        return JSONResponse(plan, headers=HEADERS)

    async def received(request: Request) -> Response:
        return JSONResponse(asdict(watch.take(request.path_params["cell"])), headers=HEADERS)

    return Starlette(
        routes=[
            Route("/", table),
            Route("/plan.json", plan_as_json),
            Route("/received/{cell}", received),
        ],
        # Another name that leads to this address is another site.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[TABLE_HOST])],
    )


def html_page(security: str) -> HTMLResponse:
    """Return the page, with a Content Security Policy that lets only its own code run."""
    html = HTML.read_text(encoding="utf-8")
    hashes = [
        f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'"
        for code in re.findall(r"<(?:style|script).*?>(.*?)</(?:style|script)>", html, re.DOTALL)
    ]
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {hashes[0]}; script-src {hashes[1]}; {security}"
    )
    return HTMLResponse(html, headers=HEADERS | {"Content-Security-Policy": policy})


# --- The servers ------------------------------------------------------------------------------


class Server:
    """An app that uvicorn serves in a thread, at one or more origins of this machine."""

    def __init__(self) -> None:
        # Several origins may share a socket, as two names of one address do.
        self.sockets: dict[tuple[str, int], socket.socket] = {}
        self.uvicorn: uvicorn.Server | None = None
        self.thread = threading.Thread()

    def listen(self, host: str, port: int = 0) -> int:
        """Listen at every address of a host, and return the port; 0 takes a free one.

        Raises LabError.
        """
        opened: dict[tuple[str, int], socket.socket] = {}
        is_localhost = f".{host}".endswith(".localhost")
        for address in LOCALHOST if is_localhost else (host.strip("[]"),):
            if (address, port) in self.sockets:
                continue
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                listening = socket.create_server((address, port), family=family)
            except OSError as error:
                if is_localhost and ":" in address and error.errno not in WHY_NO_PORT:
                    # Many containers have no IPv6: there, localhost has only its first address.
                    continue
                for each in opened.values():
                    each.close()
                why = WHY_NO_PORT.get(error.errno or 0, f"cannot be used ({error.strerror})")
                raise LabError(f"port {port} {why}") from None
            port = listening.getsockname()[1]
            opened[address, port] = listening
        self.sockets |= opened
        return port

    def start(self, app: ASGIApp) -> None:
        """Serve an app. Raises LabError if its start-up fails."""
        # Silent, because the lab provokes errors and refusals.
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self.uvicorn = uvicorn.Server(config)
        sockets = [*self.sockets.values()]
        self.thread = threading.Thread(target=self.uvicorn.run, args=(sockets,), daemon=True)
        self.thread.start()
        while self.thread.is_alive() and not self.uvicorn.started:
            self.thread.join(0.02)
        if not self.uvicorn.started:
            raise LabError("the service does not start: its start-up failed.", 1)

    def stop(self) -> None:
        """Stop serving, and close the sockets."""
        if self.uvicorn is not None:
            self.uvicorn.should_exit = True
            self.thread.join()
        for each in self.sockets.values():
            each.close()
