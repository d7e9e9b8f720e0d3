"""Every route of an application, however it was included or mounted."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.routing import BaseRoute, Host, Mount, Route, WebSocketRoute


@dataclass(frozen=True, slots=True)
class AppRoute:
    """One path of an application. `methods` is empty for a WebSocket.

    `dependant` is what FastAPI knows of the parameters and dependencies; None for Starlette's own.
    """

    path: str
    methods: frozenset[str]
    endpoint: Callable[..., Any]
    dependant: Any = None

    @property
    def is_websocket(self) -> bool:
        """Whether the path takes WebSocket handshakes instead of requests."""
        return not self.methods


def app_routes(app: object) -> Iterator[AppRoute]:
    """Yield the routes of an application and of everything mounted in it.

    What is mounted without routes of its own, such as static files, cannot be looked into; what
    something wraps can.
    """
    while not hasattr(app, "routes") and hasattr(app, "app"):
        app = app.app
    yield from walk(getattr(app, "routes", None) or (), "")


def walk(routes: Iterable[BaseRoute], prefix: str) -> Iterator[AppRoute]:
    """Yield the routes below a path prefix."""
    for route in included(routes):
        if isinstance(route, Mount):
            yield from walk(route.routes or (), prefix + route.path)
        elif isinstance(route, Host):
            yield from walk(route.routes or (), prefix)
        elif isinstance(route, WebSocketRoute):
            yield app_route(route, prefix, frozenset())
        elif isinstance(route, Route) or hasattr(route, "endpoint"):
            # A route without a list of methods leaves them to its endpoint: GET at least.
            yield app_route(route, prefix, frozenset(getattr(route, "methods", None) or {"GET"}))


def included(routes: Iterable[Any]) -> Iterator[Any]:
    """Yield routes, and in the place of an included router the routes in it."""
    for route in routes:
        # FastAPI keeps an included router as one route; older releases copied its routes.
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
        else:
            yield from included(context.starlette_route or context for context in contexts())


def app_route(route: Any, prefix: str, methods: frozenset[str]) -> AppRoute:
    """Return what is known of a route of Starlette's or FastAPI's."""
    dependant = getattr(route, "dependant", None)
    return AppRoute(prefix + route.path, methods, route.endpoint, dependant)
