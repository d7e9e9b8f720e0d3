# fmt: off
"""`cors lab`: start the service with pages at its local origins, and compare in a real browser.

Three servers run until Ctrl-C: the service, the pages at the allowed local origins and at one other
site, and the table. The table holds the pages in frames. It has them make the requests of the plan,
and compares what the browser did with what the policy says.

Every row of the table is one request. A cell is that request from one page, with or without
credentials. The model of a browser sends each cell twice: to the service behind the policy alone,
and to the service as it is. So whatever the service's own middleware and handlers do to the headers
shows.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import threading
import time
import webbrowser
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from .. import app as app_module
from ..app import CORSFastAPI
from ..cli import as_text, create_app, examine, not_created
from ..fetch_standard import SAFE_METHODS, SAFELISTED_METHODS
from ..findings import ConfigurationError, errors_among
from ..middleware import StrictCORSMiddleware
from ..origin import Origin, Pattern
from ..origin_errors import near_miss
from ..policy import (
    ALLOWED_HOSTS,
    CREDENTIALS,
    EXPOSED_HEADERS,
    GUARD_WRITES,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
    CORSPolicy,
)
from ..sources import Sources, environments, find_sources
from .browser import ASGITransport, Browser, Fetch, Outcome, Reason, console_message
from .development_rules import app_routes, with_advice
from .explain_question import VARIABLE_OF

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
    # Its pages call the service at localhost, whatever its hosts are.
    os.environ[ALLOWED_HOSTS] = ""
    examined = examine(name, with_app=False)
    if examined.policy is None or examined.refusals:
        print(*as_text(with_advice(examined)), sep="\n")
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
        app, lacks = app_with_lab(policy)
        plan = Planner(app, policy, sources, service).plan(pages)
    except RuntimeError as error:
        # The text is the traceback of what the app's start-up raised.
        last_line = str(error).strip().splitlines()[-1]
        raise LabError(f"the service does not start: {last_line}", 1) from None
    watch = Watch()
    for_service.start(watch.around(app_with_lab(policy)[0]))
    for_pages.start(page_app(service, table))
    for_table.start(table_app(plan | {"left_out": left_out}, watch))

    print(f"  service   {service}")
    if lacks:
        print(f"  without   {lacks}")
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


def app_with_lab(policy: CORSPolicy) -> tuple[Any, str]:
    """Return a new app of the service, with the lab's routes in it, and what it lacks, if anything.

    Raises LabError.
    """
    app: Any
    try:
        app, lacks = create_app(policy.environment), ""
    except ConfigurationError as error:
        found = not_created(error)
        if errors_among(found):
            raise LabError(str(error), 1) from None
        # The policy needs none of the settings that lack a value here.
        app = CORSFastAPI(cors=policy)
        lacks = f"the service's own routes: create_app {found[-1].reason.partition(';')[0]}"
    inner = app
    while not isinstance(router := getattr(inner, "router", None), Router):
        inner = getattr(inner, "app", None)
        if inner is None:
            raise LabError(f"the app is a {type(app).__name__}, which has no router for routes.")
    add_routes(router, policy)
    return app, lacks


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
    entries: Sequence[Origin | Pattern], server: Server
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
    return entry.is_loopback and entry.scheme == "http"


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


# Where the lab's own routes are: paths that no service has.
LAB_PATH = "/cors-lab"
ERROR_PATH = f"{LAB_PATH}/error"
SOCKET_PATH = f"{LAB_PATH}/socket"

# Enough to see the policy at work. More rows would hide it.
MOST_ROUTES = 4
MOST_OF_A_KIND = 3

OTHER_METHODS = ("DELETE", "PATCH", "PUT", "PURGE")
UNLISTED_HEADER = "X-Not-Listed"
UNEXPOSED_HEADER = "X-Not-Exposed"
# The lab's routes do not set these. Browsers show the last two in any case.
NOT_SET_BY_THE_LAB = frozenset({"*", "content-length", "content-type"})
SAMPLE_VALUES = {"content-type": "application/json", "authorization": "Bearer lab"}


# --- The rows ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One request. `reads` names the response header that the page tries to read.

    `socket` opens a WebSocket: without fetch(), and always with credentials.
    """

    section: str
    label: str
    path: str = LAB_PATH
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    reads: str = ""
    socket: bool = False


def rows(policy: CORSPolicy, app: object) -> Iterator[Row]:
    """Yield all rows for a policy and the app that it protects."""
    for method in methods(policy):
        yield Row("Methods", method, method=method)
    settable = [name for name in policy.allow_headers if name != "*"]
    for name in (*settable[:MOST_OF_A_KIND], UNLISTED_HEADER):
        value = SAMPLE_VALUES.get(name.lower(), "lab")
        yield Row("Request headers", name, headers={name: value})
    for name in exposed_headers(policy):
        yield Row("Responses", f"read {name}", reads=name)
    yield Row("Responses", "server error (500)", ERROR_PATH)
    for prefix in policy.public_paths[:MOST_OF_A_KIND]:
        yield Row("Responses", f"public: {prefix}", prefix.rstrip("/") + LAB_PATH)
    for path in own_paths(app):
        yield Row("Your routes", f"GET {path}", path)
    yield Row("WebSocket", "handshake", SOCKET_PATH, socket=True)


def methods(policy: CORSPolicy) -> list[str]:
    """Return the allowed methods and one that is not; with `*`, several that are not listed."""
    listed = [method for method in policy.allow_methods if method != "*"]
    allowed = [*dict.fromkeys((*sorted(SAFELISTED_METHODS), *listed))]
    others = [method for method in OTHER_METHODS if method not in allowed]
    return [*allowed, *(others if "*" in policy.allow_methods else others[:1])]


def exposed_headers(policy: CORSPolicy) -> list[str]:
    """Return the first response headers that a page may read, and one that is not listed."""
    listed = [name for name in policy.expose_headers if name.lower() not in NOT_SET_BY_THE_LAB]
    return [*listed[:MOST_OF_A_KIND], UNEXPOSED_HEADER]


def own_paths(app: object) -> list[str]:
    """Return the first paths of the service's own GET routes that need no parameter."""
    paths = (
        route.path
        for route in app_routes(app)
        if "GET" in route.methods
        and "{" not in route.path
        # People read the pages of the API documentation. Scripts of other sites do not call them.
        and not route.endpoint.__module__.startswith("fastapi.")
    )
    return [path for path in dict.fromkeys(paths) if LAB_PATH not in path][:MOST_ROUTES]


# --- What reaches the service -----------------------------------------------------------------


@dataclass(slots=True)
class Received:
    """What the service received for one cell: methods in order, and whether a handler ran."""

    requests: list[str] = field(default_factory=list)
    ran: bool = False


class Watch:
    """Notes what reaches an app, by the `cell` in the query of each request."""

    def __init__(self) -> None:
        self.received: dict[str, Received] = {}

    def take(self, cell: str) -> Received:
        """Return what was noted for a cell, and forget it."""
        return self.received.pop(cell, Received())

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return an app that notes every request and passes it on.

        The scope has the note as `cors_lab`, in which the lab's routes write that they ran.
        """

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "lifespan":
                query = parse_qs(scope["query_string"].decode("latin-1"))
                received = self.received.setdefault(query.get("cell", [""])[0], Received())
                received.requests.append(scope.get("method", "WebSocket"))
                scope["cors_lab"] = received
            await app(scope, receive, send)

        return watched


# --- The plan ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """The origin of a page, and whether the policy allows it."""

    origin: str
    allowed: bool


class Verdict(TypedDict):
    """What can be observed of a request; the table compares all of it.

    `readable` is None where the row reads no header, `ran` where the route is not the lab's.
    """

    allowed: bool
    readable: bool | None
    requests: list[str]
    ran: bool | None


class Judged(NamedTuple):
    """A verdict, how a browser comes to it, and what Chromium's console prints where it blocks.

    A WebSocket has no outcome: it is no fetch.
    """

    verdict: Verdict
    outcome: Outcome | None
    console: str


class Planner:
    """Plans the table for an app with the lab's routes, to be served at the origin `service`."""

    def __init__(self, app: ASGIApp, policy: CORSPolicy, sources: Sources, service: str) -> None:
        self.app, self.policy, self.sources, self.service = app, policy, sources, service
        self.watch = Watch()
        arguments = policy.middleware_arguments() | {"describe_refused": None}
        behind_policy = StrictCORSMiddleware(app, **arguments)
        self.by_policy = ASGITransport(self.watch.around(behind_policy), service)
        self.by_service = ASGITransport(self.watch.around(app), service)

    def plan(self, pages: Sequence[Page]) -> dict[str, Any]:
        """Return what the table is drawn from.

        Raises RuntimeError if the app's start-up fails.
        """
        with self.by_service:
            planned = [
                asdict(row) | {"cells": [*self.cells(row, number, pages)]}
                for number, row in enumerate(rows(self.policy, self.app))
            ]
        return {
            "service": self.service,
            "environment": self.policy.environment,
            "pages": [asdict(page) for page in pages],
            "rows": [row for row in planned if row["cells"]],
        }

    def cells(self, row: Row, number: int, pages: Sequence[Page]) -> Iterator[dict[str, Any]]:
        """Yield the cells of a row: its request from each page, with and without credentials.

        One that gets no response in time or leads to another server is left out.
        """
        choices: list[Literal["omit", "include"]] = ["omit", "include"]
        if row.socket:
            choices.remove("omit")
        for at, (page, credentials) in enumerate(product(pages, choices)):
            # The id is in the URL, so that no browser responds from its cache.
            id = f"{number}-{at}"
            path, headers = f"{row.path}?cell={id}", tuple(row.headers.items())
            fetch = Fetch(page.origin, row.method, path, headers, credentials)
            try:
                said = self.judge(row, fetch, id, self.by_policy)
                actual = self.judge(row, fetch, id, self.by_service)
            except TimeoutError:
                continue
            if said.outcome and said.outcome.reason is Reason.REDIRECT_ELSEWHERE:
                continue
            sentence, variable = why(row, page, said, self.policy)
            found = self.sources.variables.get(variable)
            where = found.where if found else f".env.{self.sources.environment}"
            yield {
                "id": id,
                "column": at * (2 if row.socket else 1),
                "origin": page.origin,
                "credentials": credentials,
                "url": self.url(row, fetch),
                "policy": said.verdict,
                "service": actual.verdict,
                "console": actual.console,
                "why": sentence,
                "change": f"`{variable}` in {where}",
            }

    def judge(self, row: Row, fetch: Fetch, id: str, transport: ASGITransport) -> Judged:
        """Return what a browser would make of a request."""
        outcome, readable, console = None, None, ""
        if row.socket:
            status = transport.websocket(fetch.path, (("origin", fetch.origin),)).status
            allowed = status == 101
            if not allowed:
                console = (
                    f"WebSocket connection to '{self.url(row, fetch)}' failed: Error during "
                    f"WebSocket handshake: Unexpected response code: {status}"
                )
        else:
            outcome = Browser(transport, self.service).fetch(fetch)
            allowed, console = outcome.allowed, console_message(outcome) or ""
            if row.reads and allowed:
                readable = row.reads.lower() in outcome.readable_headers
        received = self.watch.take(id)
        verdict = Verdict(
            allowed=allowed,
            readable=readable,
            requests=received.requests,
            ran=received.ran if LAB_PATH in row.path else None,
        )
        return Judged(verdict, outcome, console)

    def url(self, row: Row, fetch: Fetch) -> str:
        """Return the URL that the page calls."""
        service = self.service.replace("http", "ws", 1) if row.socket else self.service
        return service + fetch.path


# --- Why the policy says that -----------------------------------------------------------------


def why(row: Row, page: Page, said: Judged, policy: CORSPolicy) -> tuple[str, str]:
    """Return why the policy allows or blocks a request, and the variable that decides it."""
    if said.outcome and said.outcome.allowed and row.reads:
        if said.verdict["readable"]:
            return f"`{row.reads}` is listed in `{EXPOSED_HEADERS}`.", EXPOSED_HEADERS
        hidden = f"The page gets the response but cannot read `{row.reads}`"
        return f"{hidden}: `{EXPOSED_HEADERS}` does not list it.", EXPOSED_HEADERS
    if said.verdict["allowed"]:
        return why_allowed(page, said.outcome)
    sentence, variable = why_blocked(page, said.outcome, policy)
    method = row.method
    if method in SAFE_METHODS or method not in said.verdict["requests"]:
        return sentence, variable
    if not said.verdict["ran"]:
        sentence += f" The handler did not run: `{GUARD_WRITES}` refuses writes from other sites."
        return sentence, variable
    sentence += f" The {method} ran anyway: CORS hides its response, but not its effect."
    if variable == ORIGINS and not policy.guard_writes:
        return f"{sentence} `{GUARD_WRITES}=true` would refuse it.", GUARD_WRITES
    return sentence, variable


def why_allowed(page: Page, outcome: Outcome | None) -> tuple[str, str]:
    """Return what lets a request through."""
    if not page.allowed:
        return "The path is public: every site may use it without credentials.", PUBLIC_PATHS
    sentence = f"`{page.origin}` is listed in `{ORIGINS}`"
    if outcome is None:
        return f"{sentence}, which also decides who may open a WebSocket.", ORIGINS
    if outcome.preflight_due:
        due = " and ".join(outcome.preflight_due)
        return f"{sentence}, and the preflight allows the request ({due}).", ORIGINS
    return f"{sentence}. This request needs no preflight.", ORIGINS


def why_blocked(page: Page, outcome: Outcome | None, policy: CORSPolicy) -> tuple[str, str]:
    """Return why a request is blocked."""
    if outcome is None or outcome.reason in (None, Reason.ALLOW_ORIGIN_MISSING):
        near = near_miss(page.origin, policy.entries)
        unlisted = f"`{page.origin}` is not listed in `{ORIGINS}`"
        return f"{near.sentence if near else unlisted}.", ORIGINS
    variable = VARIABLE_OF.get(outcome.reason, ORIGINS)
    if outcome.reason is Reason.ALLOW_ORIGIN_WILDCARD:
        sentence = (
            "The path is public, but only for requests without credentials: leave them out, or "
            f"list the origin in `{ORIGINS}`."
        )
    elif variable == CREDENTIALS:
        sentence = (
            f"The page includes credentials, and `{CREDENTIALS}` is false. "
            "Cookies need it to be true; a token in `Authorization` does not."
        )
    elif variable in (METHODS, REQUEST_HEADERS):
        sentence = f"`{variable}` does not list `{outcome.detail}`."
    else:
        sentence = f"{outcome.message}."
    return sentence, variable
