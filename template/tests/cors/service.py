"""The service under test, found by what pyproject.toml serves: nothing here knows its name."""

import asyncio
import os
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from importlib import import_module
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from fastapi import FastAPI, Request, Response, WebSocket
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .expected import ROOT, Expected, expected

# A path that no service has. What is served there lies inside all of the service's middleware.
PROBE = "/cors-suite"
OWN_ORIGIN = "https://service.acme-api.net"
EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PURGE"]
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

# A route of yours has this long to begin its answer, and then this long to end it: what matters
# here are its headers, and a stream of events has no end.
PATIENCE, REST = 3.0, 0.25


@cache
def served() -> str:
    """Return what `[tool.fastapi] entrypoint` serves, such as `orders_api.main:app`."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(pyproject["tool"]["fastapi"]["entrypoint"])


def entrypoint() -> str:
    """Return the module of what is served, such as `orders_api.main`."""
    return served().partition(":")[0]


def package_module(name: str) -> Any:
    """Import a module of the service's package, such as `cors.tool.browser`."""
    return import_module(f"{entrypoint().rpartition('.')[0]}.{name}")


browser = package_module("cors.tool.browser")
asgi = package_module("cors.tool.asgi_transport")


@contextmanager
def only_dotenv() -> Iterator[None]:
    """Hide the variables of whoever runs the tests: the dotenv files are what is judged."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CORS_")}
    with patch.dict(os.environ, kept, clear=True):
        yield


def create_app(environment: str) -> FastAPI:
    """Return a new application for an environment, or fail with what the audit says."""
    settings_module = package_module("cors.findings")
    try:
        with only_dotenv(), patch.dict(os.environ, {"ENVIRONMENT": environment}):
            settings = package_module("settings").Settings.load(environment, ROOT)
            app = import_module(entrypoint()).create_app(settings)
    except settings_module.ConfigurationError as error:
        pytest.fail(str(error), pytrace=False)
    assert isinstance(app, FastAPI), f"create_app returns no FastAPI but {type(app).__name__}"
    return app


def refuse_broken_environment() -> None:
    """Stop pytest with the findings, before anything imports a service that does not start."""
    findings = package_module("cors.findings")
    try:
        import_module(entrypoint())
    except findings.ConfigurationError as error:
        pytest.exit(str(error), returncode=1)


class Doorkeeper:
    """Stands between the policy and your middleware: notes what passes, lets it in on demand."""

    def __init__(self, app: ASGIApp, service: "Service") -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        self.service.passed.append(f"{scope.get('method', 'WEBSOCKET')} {scope['path']}")
        if self.service.is_closed:
            return
        in_front = self.service.is_probe_in_front and PROBE in scope["path"]
        async with asyncio.timeout(None) as limit:

            async def hurry(message: Message) -> None:
                if message["type"] == "http.response.start":
                    limit.reschedule(asyncio.get_running_loop().time() + REST)
                await send(message)

            await (self.service.probes if in_front else self.app)(scope, receive, hurry)


class Service:
    """One environment's service with a probe in it, and what its dotenv file promises."""

    # How often any service was asked; conftest.py puts the sum under the results.
    decisions: ClassVar[int] = 0

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self.expected: Expected = expected(environment)
        self.app = create_app(environment)
        self.own_routes = tuple(package_module("cors.app").app_routes(self.app))
        mounts = [r.path for r in self.app.routes if isinstance(r, Mount) and not r.routes]
        # Paths in what is mounted without routes to look at.
        self.mounted_paths = [f"{mount}{PROBE}" for mount in mounts]
        # What got as far as the probe, and what got past the policy at all.
        self.handled: list[str] = []
        self.passed: list[str] = []
        self.is_closed = False
        prefixes = dict.fromkeys(prefix.rstrip("/") for prefix in self.expected.public_paths)
        self.probes = Router(
            [route for prefix in {"": None, **prefixes} for route in self.probe(prefix)]
        )
        # In front of yours, one of which may take every path there is.
        self.app.router.routes[:0] = self.probes.routes
        self.app.add_middleware(Doorkeeper, service=self)
        self.transport = asgi.ASGITransport(self.app, OWN_ORIGIN, PATIENCE)
        # Where middleware of yours turns strangers away, who have no login, say.
        self.is_probe_in_front = False
        self.send("GET", PROBE, {})
        self.is_probe_in_front = not self.handled

    def probe(self, prefix: str) -> list[BaseRoute]:
        """Return, below a prefix, a route that can answer anything, and a WebSocket."""

        async def answer(request: Request) -> Response:
            self.handled.append(request.method)
            if request.query_params.get("raise"):
                raise RuntimeError("the suite wants to see how a crash is answered")
            response = Response("probe", int(request.query_params.get("status", "200")))
            for name in (*self.expected.exposed, "X-Not-Exposed"):
                if name != "*" and name.lower() not in ("content-length", "content-type"):
                    response.headers[name] = "1"
            if request.query_params.get("grant"):
                response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
                response.headers["Access-Control-Allow-Credentials"] = "true"
            for value in request.query_params.getlist("vary"):
                response.headers.append("Vary", value)
            return response

        async def accept(websocket: WebSocket) -> None:
            self.handled.append("WEBSOCKET")
            await websocket.accept()
            await websocket.close()

        return [
            Route(f"{prefix}{PROBE}", answer, methods=EVERY_METHOD),
            WebSocketRoute(f"{prefix}{PROBE}/socket", accept),
        ]

    @cached_property
    def own_paths(self) -> list[str]:
        """The paths of the service's own GET routes, with every parameter filled in."""
        paths = [filled(route.path) for route in self.own_routes if "GET" in route.methods]
        paths += self.mounted_paths
        return [path for path in dict.fromkeys(paths) if self.is_answered(path)]

    def is_answered(self, path: str) -> bool:
        """Whether a GET is answered at all; who waits for an event, say, cannot be judged."""
        try:
            self.send("GET", path, {})
        except TimeoutError:
            warnings.warn(f"GET {path} is not judged: no answer in {PATIENCE} s", stacklevel=2)
            return False
        return True

    @contextmanager
    def closed(self) -> Iterator[list[str]]:
        """Yield what gets past the policy meanwhile, where it ends: nothing of yours runs."""
        self.passed.clear()
        self.is_closed = True
        try:
            yield self.passed
        finally:
            self.is_closed = False

    def fetch(self, origin: str, method: str = "GET", path: str = PROBE, **options: Any) -> Any:
        """Fetch as a browser's page of this origin does."""
        cookie = options.pop("cookie", "session=stolen")
        Service.decisions += 1
        page = browser.Browser(self.transport, OWN_ORIGIN, cookie=cookie)
        return page.fetch(browser.Fetch(origin, method, path, **options))

    def send(self, method: str, path: str, headers: dict[str, str] | list[tuple[str, str]]) -> Any:
        """Send one raw request, as no browser has to agree to."""
        Service.decisions += 1
        pairs = tuple(headers.items() if isinstance(headers, dict) else headers)
        return self.transport(browser.Request(method, path, pairs))

    def preflight(self, origin: str, method: str, path: str = PROBE, headers: str = "") -> Any:
        """Send one raw preflight."""
        asked = {"Origin": origin, "Access-Control-Request-Method": method}
        if headers:
            asked["Access-Control-Request-Headers"] = headers
        return self.send("OPTIONS", path, asked)

    def opens(self, path: str, *origins: str) -> bool:
        """Shake hands for a WebSocket with these Origin lines, and tell whether it is accepted."""
        Service.decisions += 1
        lines = tuple(("origin", origin) for origin in origins)
        return bool(self.transport.websocket(path, lines).status == 101)

    def said(self, origin: str, method: str, path: str, what: str) -> str:
        """Return a failure as a sentence."""
        return f"{self.environment}: {origin} may not {method} {path}: {what}"


def filled(path: str) -> str:
    """Return a route's path with something in the place of each parameter."""
    parts = path.split("{")
    return parts[0] + "".join("1" + part.partition("}")[2] for part in parts[1:])


def sentences(found: list[str]) -> str:
    """Return what a failure says of all that was found; of very much, the beginning."""
    more = [f"and {len(found) - 10} more"] if len(found) > 10 else []
    return "\n".join([*found[:10], *more])


def granted(response: Any) -> dict[str, str]:
    """Return the Access-Control-* headers of a response, names in lower case."""
    pairs = ((name.lower(), value) for name, value in response.headers)
    return {name: value for name, value in pairs if name.startswith("access-control-")}


def header(response: Any, name: str) -> list[str]:
    """Return every line of a response header."""
    return [value for key, value in response.headers if key.lower() == name]
