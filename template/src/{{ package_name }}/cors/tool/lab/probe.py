"""The lab's own routes in the service, and a note of what reached it: the browser cannot know."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from ...policy import CORSPolicy
from .rows import CRASH, PROBE, SOCKET, exposed_headers, methods

Handler = Callable[[Request], Awaitable[Response]]


class Seen(TypedDict):
    """What reached the service for one cell: the methods in order, and whether a handler ran."""

    requests: list[str]
    ran: bool


class Watch:
    """Notes what reaches an app, by the `cell` in the query of each request."""

    def __init__(self) -> None:
        self.seen: defaultdict[str, Seen] = defaultdict(lambda: Seen(requests=[], ran=False))

    def take(self, cell: str) -> Seen:
        """Return what was noted for a cell, and forget it."""
        return self.seen.pop(cell, Seen(requests=[], ran=False))

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the app with a note of every request in front of it."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "lifespan" and (cell := cell_of(scope)):
                self.seen[cell]["requests"].append(scope.get("method", "WebSocket"))
            await app(scope, receive, send)

        return watched

    def note_handler(self, scope: Scope) -> None:
        """Note that the handler behind the policy ran."""
        if cell := cell_of(scope):
            self.seen[cell]["ran"] = True


def cell_of(scope: Scope) -> str:
    """Return which cell of the table a request belongs to."""
    query: bytes = scope["query_string"]
    return parse_qs(query.decode("latin-1")).get("cell", [""])[0]


def router_of(app: Any) -> Router | None:
    """Return the router of an application, however often that is wrapped."""
    while not isinstance(getattr(app, "router", None), Router):
        app = getattr(app, "app", None)
        if app is None:
            return None
    router: Router = app.router
    return router


def add_probe(router: Router, policy: CORSPolicy, watch: Watch) -> None:
    """Add the lab's routes, in front so that no catch-all route of the service gets them."""

    async def answer(request: Request) -> Response:
        watch.note_handler(request.scope)
        return Response("lab", headers=dict.fromkeys(exposed_headers(policy), "lab"))

    async def crash(request: Request) -> Response:
        watch.note_handler(request.scope)
        raise RuntimeError("the lab wants to see how a crash is answered")

    async def accept(websocket: WebSocket) -> None:
        watch.note_handler(websocket.scope)
        await websocket.accept()
        await websocket.close()

    for prefix in ("", *policy.public_paths):
        path = prefix.rstrip("/") + PROBE
        router.routes.insert(0, Route(path, answer, methods=[*methods(policy)]))
    router.routes.insert(0, Route(CRASH, crash))
    router.routes.insert(0, WebSocketRoute(SOCKET, accept))
