# fmt: off
"""The service under test, and what the dotenv files of each environment promise.

The promise is read here, independently of the code under test. The service is found by what
pyproject.toml serves: nothing here knows its name.
"""

import asyncio
import json
import os
import re
import sys
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from inspect import isclass, isfunction, signature
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from dotenv import dotenv_values
from fastapi import FastAPI, Request, Response, WebSocket
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import RELEASE

ROOT = Path(__file__).resolve().parents[2]

# A path that no service has. The suite's own route at this path lies inside all of the service's
# middleware, and can give any response that a test needs.
PROBE = "/cors-suite"
# What tests write for the service's own origin. Each service puts one of its hosts there.
OWN_ORIGIN = "https://service.acme-api.net"
OWN_HOST = OWN_ORIGIN.removeprefix("https://")
OTHER_SITE = "https://evil.net"
# Where the service has a provider, the suite's own answers for it. It knows this origin alone.
TENANT = "https://tenant.acme-tenants.net"

# Names of the Fetch Standard, as a copy: the one in cors/ is under test.
SAFELISTED_METHODS = ("GET", "HEAD", "POST")
SAFELISTED_RESPONSE_HEADERS = {
    *("cache-control", "content-language", "content-length", "content-type"),
    *("expires", "last-modified", "pragma"),
}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PURGE"]

# As many origins show every mistake of a comparison. Each costs a thousand requests.
MOST_ORIGINS = 4

# Seconds that a route of yours has to start its response, and then to end it. Only the headers
# matter here, and a stream of events never ends.
START_TIMEOUT, END_TIMEOUT = 3.0, 0.25


# --- What the dotenv files promise ------------------------------------------------------------


def environments() -> list[str]:
    """Return the names of the environments that have a dotenv file."""
    names = (path.name.removeprefix(".env.") for path in ROOT.glob(".env.*"))
    # Other characters mean a .local file, an editor's copy, or the .rej file of an update.
    return sorted(n for n in names if n != "example" and re.fullmatch("[a-z0-9][a-z0-9_-]*", n))


def items(text: str | None) -> tuple[str, ...]:
    """Return the items of a list that is written with commas or as JSON."""
    text = (text or "").strip()
    found = json.loads(text) if text.startswith("[") else text.split(",")
    return tuple(item.strip() for item in found if item.strip())


def split(origin: str) -> tuple[str, str, str]:
    """Return scheme, host and port. The port is empty or begins with its colon."""
    scheme, _, authority = origin.partition("://")
    host, bracket, port = authority.partition("]")
    if not bracket:
        host, colon, port = authority.partition(":")
        return scheme, host, colon + port
    return scheme, host + bracket, port


def sample(listed: str) -> str:
    """Return an origin that a pattern matches. An exact origin is its own sample."""
    return listed.replace(":*", ":4711").replace("*", "pr-12")


def a_few(origins: Sequence[str]) -> Sequence[str]:
    """Return at most MOST_ORIGINS of the origins, the first and the last among them."""
    return [*origins[: MOST_ORIGINS - 1], *origins[MOST_ORIGINS - 1 :][-1:]]


def matches(listed: str, origin: str) -> bool:
    """Whether an entry of the list, exact or with one *, allows this origin."""
    if listed.endswith(":*"):
        # Without a port, a browser means the default port of the scheme.
        port = "(:[1-9][0-9]{0,4})?"
        return re.fullmatch(re.escape(listed.removesuffix(":*")) + port, origin) is not None
    if "*" not in listed:
        return listed == origin
    before, after = map(re.escape, listed.split("*"))
    label = split(origin)[1].partition(".")[0]
    return re.fullmatch(f"{before}[a-z0-9_-]+{after}", origin) is not None and label == label.strip(
        "-"
    )


@dataclass(frozen=True)
class Expected:
    """What the dotenv files of an environment promise. `listed` holds origins and patterns."""

    environment: str
    listed: tuple[str, ...]
    credentials: bool
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age: int
    public_paths: tuple[str, ...]
    guard_writes: bool
    exempt_paths: tuple[str, ...]
    hosts: tuple[str, ...]
    waivers: tuple[str, ...]

    @property
    def origins(self) -> tuple[str, ...]:
        """Who may call: every exact origin, and one sample of each pattern."""
        return tuple(dict.fromkeys(map(sample, self.listed)))

    @property
    def is_local(self) -> bool:
        """Whether it is an environment of a developer's own machine."""
        return self.environment in ("development", "test")

    @property
    def own_host(self) -> str:
        """A host name under which the service answers."""
        names = [sample(host) for host in self.hosts if re.search("[a-z]", host)]
        return "testserver" if self.is_local or not names else names[0]

    @property
    def credentials_mode(self) -> str:
        """The credentials mode that a front end of this service uses."""
        return "include" if self.credentials else "omit"

    def allows(self, origin: str) -> bool:
        """Whether exactly this text may call."""
        return any(matches(listed, origin) for listed in self.listed)

    def is_public(self, path: str) -> bool:
        """Whether every site may call this path."""
        return any(f"{path}/".startswith(prefix.rstrip("/") + "/") for prefix in self.public_paths)

    @property
    def public_probes(self) -> list[str]:
        """The path of the suite's own route below each public path."""
        return [prefix.rstrip("/") + PROBE for prefix in self.public_paths]


def expected(environment: str) -> Expected:
    """Read what the dotenv files of an environment promise. The .local file comes last and wins."""
    values: dict[str, str | None] = {}
    for suffix in ("", ".local"):
        file = ROOT / f".env.{environment}{suffix}"
        # Reading a FIFO waits for another process. The service refuses it.
        if not file.is_file():
            continue
        # Without interpolation: Docker and Kubernetes replace no ${NAME} either.
        found = dotenv_values(file, encoding="utf-8-sig", interpolate=False)
        values |= {name.upper(): value for name, value in found.items()}

    def switch(name: str) -> bool:
        return (values.get(name) or "false").strip().lower() in ("true", "1", "yes", "on", "t", "y")

    methods = values.get("CORS_ALLOW_METHODS")
    return Expected(
        environment=environment,
        listed=items(values.get("CORS_ALLOWED_ORIGINS")),
        credentials=switch("CORS_ALLOW_CREDENTIALS"),
        methods=SAFELISTED_METHODS if methods is None else items(methods),
        headers=items(values.get("CORS_ALLOW_HEADERS")),
        exposed=items(values.get("CORS_EXPOSE_HEADERS")),
        max_age=int(values.get("CORS_MAX_AGE") or "600"),
        public_paths=items(values.get("CORS_PUBLIC_PATHS")),
        guard_writes=switch("CORS_GUARD_WRITES"),
        exempt_paths=items(values.get("CORS_GUARD_EXEMPT_PATHS")),
        hosts=items(values.get("CORS_ALLOWED_HOSTS")),
        waivers=items(values.get("CORS_WAIVERS")),
    )


# --- Finding and creating the app -------------------------------------------------------------


def entrypoint() -> str:
    """Return `[tool.fastapi] entrypoint`; nothing where pyproject.toml does not say it."""
    file = ROOT / "pyproject.toml"
    pyproject = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return str(pyproject.get("tool", {}).get("fastapi", {}).get("entrypoint", ""))


@cache
def served() -> str:
    """Return what is served: `[tool.fastapi] entrypoint`, or else `<package>.main:app`."""
    return entrypoint() or f"{package()}.main:app"


def main_module() -> str:
    """Return the module of what is served, such as `<package>.main`."""
    return served().partition(":")[0]


@cache
def package() -> str:
    """Return the service's package: the one that has the policy, or that of what is served.

    Makes it importable, where nothing that the service is tested with does.
    """
    places = [
        path for folder in ("src/*", "*") for path in ROOT.glob(f"{folder}/cors/middleware.py")
    ]
    found = {path.parents[1].name: path.parents[2] for path in places}
    top = entrypoint().partition(":")[0].partition(".")[0]
    name = top if top in found or not found else next(iter(found))
    if name in found and (folder := str(found[name])) not in sys.path:
        sys.path.append(folder)
    return name


def package_module(name: str) -> Any:
    """Import a module of the service's package, such as `cors.findings`."""
    return import_module(f"{package()}.{name}")


OTHER_RELEASE = (
    f"The tests in tests/cors are of release {RELEASE}, and the code in cors/ is of another: an "
    "update did not reach it. Updates write src/<package_name>/cors, with the package_name of the "
    "recorded answers. Move the package there, or record its new name: "
    "uvx copier update --defaults --data package_name=…"
)

try:
    browser = package_module("cors.tool.browser")
    asgi = package_module("cors.tool.browser")
except ModuleNotFoundError:
    # Without a traceback through pytest, which would hide the reason. 4: no test could run.
    print(OTHER_RELEASE, file=sys.stderr)
    raise SystemExit(4) from None


@contextmanager
def only_dotenv() -> Iterator[None]:
    """Hide the CORS_ variables of whoever runs the tests: the dotenv files are under test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CORS_")}
    with patch.dict(os.environ, kept, clear=True):
        yield


def create_app(environment: str) -> FastAPI:
    """Return a new application for an environment, or fail with the findings of the audit."""
    findings = package_module("cors.findings")
    try:
        with only_dotenv(), patch.dict(os.environ, {"ENVIRONMENT": environment}):
            settings = settings_class().load(environment, ROOT)
            app = make_app(settings)
    except findings.ConfigurationError as error:
        pytest.fail(str(error), pytrace=False)
    assert isinstance(app, FastAPI), (
        f"create_app returned {type(app).__name__}: return the CORSFastAPI itself, and add "
        "middleware with app.add_middleware"
    )
    return app


def settings_class() -> Any:
    """Return the class that reads the policy: the service's `Settings`, or CORSSettings."""
    own = None
    if find_spec(f"{package()}.settings"):
        own = getattr(package_module("settings"), "Settings", None)
    of_the_policy = package_module("cors.settings").CORSSettings
    return own if isclass(own) and issubclass(own, of_the_policy) else of_the_policy


def make_app(settings: Any) -> Any:
    """Return a new app for settings, as `create_app` or what is served makes it."""
    main, name = import_module(main_module()), served().partition(":")[2] or "app"
    create = getattr(main, "create_app", None)
    if create is None and find_spec(f"{package()}.main"):
        create = getattr(package_module("main"), "create_app", None)
    if settings_class() is not package_module("cors.settings").CORSSettings and create:
        return create(settings)
    # A service that moved in: its factory takes what it always took, and ENVIRONMENT decides.
    for factory in (create, getattr(main, name)):
        if isfunction(factory) and takes_nothing(factory):
            return factory()
    return with_policy(getattr(main, name), settings.cors_policy())


def takes_nothing(function: Any) -> bool:
    """Whether a function can be called without arguments."""
    try:
        signature(function).bind()
    except TypeError:
        return False
    return True


def with_policy(app: Any, policy: Any) -> Any:
    """Return an app with the routes and middleware of another, which enforces this policy.

    Where an app is made at the top of a module, there is one, for the environment that came first.
    """
    make = package_module("cors.app").CORSFastAPI
    if not isinstance(app, make):
        return app
    cors = app.cors
    provider = {"origin_provider": cors.origin_provider}
    new = make(cors=policy, provider_credentials=cors.provider_credentials, **provider)
    kept = {name: value for name, value in vars(new).items() if name in ("_cors", "_cors_policy")}
    vars(new).update(vars(app) | kept)
    new.router = copy(app.router)
    new.router.routes = [*app.router.routes]
    new.user_middleware, new.middleware_stack = [*app.user_middleware], None
    return new


def refuse_broken_environment() -> None:
    """Stop pytest with the findings if the service does not start, before a test imports it."""
    findings = package_module("cors.findings")
    try:
        import_module(main_module())
    except findings.ConfigurationError as error:
        hint = "For the tests, set what your own settings require in tests/conftest.py."
        pytest.exit(f"{error}\n{hint}" if "is required" in str(error) else str(error), returncode=1)


# --- The service ------------------------------------------------------------------------------


async def knows_one_tenant(origin: object) -> bool:
    """Stand for the service's own provider, whose database tests may not have."""
    return str(origin) == TENANT


class Checkpoint:
    """Middleware just inside the policy. It records what arrives, and can end it there."""

    def __init__(self, app: ASGIApp, service: "Service") -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        self.service.passed.append(f"{scope.get('method', 'WEBSOCKET')} {scope['path']}")
        if self.service.is_dry_run:
            return
        is_probe = PROBE in scope["path"] or scope["path"] in self.service.expected.exempt_paths
        in_front = self.service.is_probe_in_front and is_probe
        async with asyncio.timeout(None) as limit:

            async def send_in_time(message: Message) -> None:
                if message["type"] == "http.response.start":
                    limit.reschedule(asyncio.get_running_loop().time() + END_TIMEOUT)
                await send(message)

            await (self.service.probes if in_front else self.app)(scope, receive, send_in_time)


class Service:
    """The service in one environment, with the suite's own routes in it."""

    # How many requests any service was asked to decide on. conftest.py prints the sum.
    decisions: ClassVar[int] = 0

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self.expected: Expected = expected(environment)
        self.app = create_app(environment)
        self.own_routes = tuple(package_module("cors.tool.development_rules").app_routes(self.app))
        cors = getattr(self.app, "cors", None)
        self.has_provider = getattr(cors, "origin_provider", None) is not None
        if self.has_provider:
            self.provide(knows_one_tenant)
        # Mounted apps without routes to look at, such as static files.
        mounts = [r.path for r in self.app.routes if isinstance(r, Mount) and not r.routes]
        self.mounted_paths = [f"{mount}{PROBE}" for mount in mounts]
        # What reached the suite's own routes, and what got past the policy at all.
        self.handled: list[str] = []
        self.passed: list[str] = []
        self.is_dry_run = False
        paths = dict.fromkeys([PROBE, *self.expected.public_probes])
        self.probes = Router([route for path in paths for route in self.probe(path)])
        # In the place of your login callbacks, so that the suite calls none of them.
        for path in self.expected.exempt_paths:
            respond, _ = self.probe(path)
            self.probes.routes.append(Route(path, respond.endpoint, methods=["POST"]))
        # In front of yours, one of which may take every path there is.
        self.app.router.routes[:0] = self.probes.routes
        self.app.add_middleware(Checkpoint, service=self)
        self.own_origin = f"https://{self.expected.own_host}"
        self.transport = asgi.ASGITransport(self.app, self.own_origin, START_TIMEOUT)
        # Your middleware may answer every request by itself, for example because a login is
        # missing. Then the suite's own routes have to lie in front of it.
        self.is_probe_in_front = False
        self.send("GET", PROBE)
        self.is_probe_in_front = not self.handled

    def probe(self, path: str) -> list[BaseRoute]:
        """Return a route at this path that gives any response, and a WebSocket below it."""

        async def respond(request: Request) -> Response:
            self.handled.append(request.method)
            if request.query_params.get("raise"):
                raise RuntimeError("raised on purpose: the suite looks at the response to a crash")
            response = Response("probe", int(request.query_params.get("status", "200")))
            for name in (*self.expected.exposed, "X-Not-Exposed"):
                if name != "*" and name.lower() not in ("content-length", "content-type"):
                    response.headers[name] = "1"
            if request.query_params.get("grant"):
                response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
                response.headers["Access-Control-Allow-Credentials"] = "true"
                # A server may strip the blank.
                response.headers[" Access-Control-Allow-Origin"] = request.headers["Origin"]
            for value in request.query_params.getlist("vary"):
                response.headers.append("Vary", value)
            return response

        async def accept(websocket: WebSocket) -> None:
            self.handled.append("WEBSOCKET")
            await websocket.accept()
            await websocket.close()

        return [
            Route(path, respond, methods=EVERY_METHOD),
            WebSocketRoute(f"{path}/socket", accept),
        ]

    @cached_property
    def own_paths(self) -> list[str]:
        """The paths of the service's own GET routes, with every parameter filled in."""
        paths = [filled(route.path) for route in self.own_routes if "GET" in route.methods]
        return [path for path in dict.fromkeys(paths + self.mounted_paths) if self.responds(path)]

    @property
    def own_websockets(self) -> list[str]:
        """The paths of the service's own WebSockets, with every parameter filled in."""
        return [filled(route.path) for route in self.own_routes if not route.methods]

    def responds(self, path: str) -> bool:
        """Whether GET gets a response in time. One that waits for an event cannot be judged."""
        try:
            self.send("GET", path)
        except TimeoutError:
            message = f"GET {path} is not tested: no response within {START_TIMEOUT} s"
            warnings.warn(message, stacklevel=2)
            return False
        return True

    @contextmanager
    def dry_run(self) -> Iterator[list[str]]:
        """Yield what gets past the policy meanwhile. None of the service's own code runs."""
        self.passed.clear()
        self.is_dry_run = True
        try:
            yield self.passed
        finally:
            self.is_dry_run = False

    def provide(self, provider: Any, **options: Any) -> None:
        """Let the app ask this provider from now on."""
        make = package_module("cors.provider").OriginProvider
        self.app.cors.origin_provider = make(provider, **options)  # type: ignore[attr-defined]

    def own(self, text: str) -> str:
        """Return what a test has written with this service's own host in it."""
        return text.replace(OWN_HOST, self.expected.own_host)

    def fetch(self, origin: str, method: str = "GET", path: str = PROBE, **options: Any) -> Any:
        """Fetch as a browser does for a page of this origin."""
        Service.decisions += 1
        page = browser.Browser(self.transport, self.own_origin, cookie="session=stolen")
        return page.fetch(browser.Fetch(self.own(origin), method, path, **options))

    def send(
        self, method: str, path: str, headers: dict[str, str] | list[tuple[str, str]] | None = None
    ) -> Any:
        """Send one raw request, which no browser has to agree to."""
        Service.decisions += 1
        pairs = headers.items() if isinstance(headers, dict) else headers or ()
        lines = tuple((name, self.own(value)) for name, value in pairs)
        return self.transport(browser.Request(method, path, lines))

    def preflight(self, origin: str, method: str, path: str = PROBE, headers: str = "") -> Any:
        """Send one raw preflight."""
        asked = {"Origin": origin, "Access-Control-Request-Method": method}
        if headers:
            asked["Access-Control-Request-Headers"] = headers
        return self.send("OPTIONS", path, asked)

    def opens_websocket(self, path: str, *origins: str, **headers: str) -> bool:
        """Whether a WebSocket handshake with these Origin lines is accepted.

        `headers` are others, with `_` in their names for the hyphen.
        """
        Service.decisions += 1
        lines = [(name.replace("_", "-"), self.own(value)) for name, value in headers.items()]
        lines += [("origin", self.own(origin)) for origin in origins]
        return bool(self.transport.websocket(path, tuple(lines)).status == 101)

    def blocked(self, origin: str, method: str, path: str, why: str) -> str:
        """Return the sentence for a request that is blocked although it is allowed."""
        return f"{self.environment}: {origin} may not {method} {path}: {why}"


def filled(path: str) -> str:
    """Return a route's path with a 1 in the place of each parameter."""
    return re.sub(r"\{.*?\}", "1", path)


def report(found: list[str], fix: str) -> str:
    """Return the message of a failure: what was found, of very much the beginning; what to do."""
    more = [f"and {len(found) - 10} more"] if len(found) > 10 else []
    return "\n".join([*found[:10], *more, fix])


def cors_headers(response: Any) -> dict[str, str]:
    """Return the Access-Control-* headers of a response, names in lower case and stripped."""
    pairs = ((name.strip().lower(), value) for name, value in response.headers)
    return {name: value for name, value in pairs if name.startswith("access-control-")}


def header_lines(response: Any, name: str) -> list[str]:
    """Return the value of every line of a response header."""
    return [value for key, value in response.headers if key.lower() == name]
