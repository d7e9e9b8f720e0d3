"""The service under test, found by what pyproject.toml serves: nothing here knows its name."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any
from unittest.mock import patch

import pytest
from fastapi import FastAPI, Request, Response, WebSocket

from .expected import ROOT, Expected, expected

# A path that no service has. What is served there lies inside all of the service's middleware.
PROBE = "/cors-suite"
EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PURGE"]


@cache
def entrypoint() -> str:
    """Return the module that `[tool.fastapi] entrypoint` names, such as `orders_api.main`."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(pyproject["tool"]["fastapi"]["entrypoint"]).partition(":")[0]


def package_module(name: str) -> Any:
    """Import a module of the service's package, such as `cors.browser`."""
    return import_module(f"{entrypoint().rpartition('.')[0]}.{name}")


browser = package_module("cors.browser")
asgi = package_module("cors.browser.asgi")


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
    return app  # type: ignore[no-any-return]


def refuse_broken_environment() -> None:
    """Stop pytest with the findings, before anything imports a service that does not start."""
    findings = package_module("cors.findings")
    try:
        import_module(entrypoint())
    except findings.ConfigurationError as error:
        pytest.exit(str(error), returncode=1)


class Service:
    """One environment's service with a probe in it, and what its dotenv file promises."""

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self.expected: Expected = expected(environment)
        self.app = create_app(environment)
        self.own_routes = tuple(package_module("cors.app_routes").app_routes(self.app))
        self.handled: list[str] = []
        for prefix in ("", *self.expected.public_paths):
            self.add_probe(prefix.rstrip("/"))
        self.transport = asgi.ASGITransport(self.app, "https://service.acme-api.net")

    def add_probe(self, prefix: str) -> None:
        """Serve, below a prefix, a route that can answer anything, and a WebSocket."""

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
            return response

        async def accept(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close()

        self.app.router.add_route(f"{prefix}{PROBE}", answer, methods=EVERY_METHOD)
        self.app.router.add_websocket_route(f"{prefix}{PROBE}/socket", accept)

    @property
    def own_paths(self) -> list[str]:
        """The paths of the service's own GET routes, with every parameter filled in."""
        return [filled(route.path) for route in self.own_routes if "GET" in route.methods]

    def fetch(self, origin: str, method: str = "GET", path: str = PROBE, **options: Any) -> Any:
        """Fetch as a browser's page of this origin does."""
        cookie = options.pop("cookie", "session=stolen")
        page = browser.Browser(self.transport, "https://service.acme-api.net", cookie=cookie)
        return page.fetch(browser.Fetch(origin, method, path, **options))

    def send(self, method: str, path: str, headers: dict[str, str] | list[tuple[str, str]]) -> Any:
        """Send one raw request, as no browser has to agree to."""
        pairs = tuple(headers.items() if isinstance(headers, dict) else headers)
        return self.transport(browser.Request(method, path, pairs))

    def preflight(self, origin: str, method: str, path: str = PROBE, headers: str = "") -> Any:
        """Send one raw preflight."""
        asked = {"Origin": origin, "Access-Control-Request-Method": method}
        if headers:
            asked["Access-Control-Request-Headers"] = headers
        return self.send("OPTIONS", path, asked)

    def said(self, origin: str, method: str, path: str, what: str) -> str:
        """Return a failure as a sentence."""
        return f"{self.environment}: {origin} may not {method} {path}: {what}"


def filled(path: str) -> str:
    """Return a route's path with something in the place of each parameter."""
    parts = path.split("{")
    return parts[0] + "".join("1" + part.partition("}")[2] for part in parts[1:])


def granted(response: Any) -> dict[str, str]:
    """Return the Access-Control-* headers of a response, names in lower case."""
    pairs = ((name.lower(), value) for name, value in response.headers)
    return {name: value for name, value in pairs if name.startswith("access-control-")}


def header(response: Any, name: str) -> list[str]:
    """Return every line of a response header."""
    return [value for key, value in response.headers if key.lower() == name]
