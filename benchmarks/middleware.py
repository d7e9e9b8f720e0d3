"""What the policy costs per request: Starlette's CORSMiddleware and the strict one, side by side.

All contenders run interleaved in one process, in small batches and in changing order, so that
whatever else the machine does hits them alike; every figure is a median over many rounds. "Adds" is
the cost of a request minus that of the app alone. A preflight never reaches FastAPI, so there the
whole answer is compared. Stock gets its origins as a frozenset, which suits it best.

A refusal leaves a trace, which stock does not do. So the limit holds for the other requests, and a
flood with a new origin in each request is compared with one that leaves no trace.

    python benchmarks/middleware.py --package-dir src --package service
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import logging
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import fastapi
import starlette
from starlette.middleware.cors import CORSMiddleware

App = Callable[..., Awaitable[None]]
Scope = MutableMapping[str, Any]

LIMIT = 0.28
FLOOD, FLOOD_LIMIT = 100_000, 1.5
# What a provider allowed and is remembered, over an origin that is listed.
PROVIDED_LIMIT = 2.0
SIZES = (1, 100, 10_000)
PATTERN = r"https://pr-[0-9]+\.acme\.com"

BROWSER_HEADERS = [
    (b"host", b"api.acme.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
    (b"accept", b"application/json"),
    (b"accept-language", b"en-GB,en;q=0.8"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"referer", b"https://app.acme.com/"),
    (b"sec-fetch-site", b"same-site"),
    (b"sec-fetch-mode", b"cors"),
    (b"sec-fetch-dest", b"empty"),
    (b"connection", b"keep-alive"),
]
ALLOWED = (b"origin", b"https://app.acme.com")
OTHER_SITE = (b"origin", b"https://evil.net")
ASKING = [
    (b"access-control-request-method", b"PUT"),
    (b"access-control-request-headers", b"authorization,content-type"),
]


def as_policy(strict_module: Any, arguments: dict[str, Any]) -> Any:
    """Return a middleware's arguments as the policy that a service hands to its app."""
    given = {
        name: tuple(v) if isinstance(v, frozenset | list) else v for name, v in arguments.items()
    }
    given.pop("allow_origin_regex", None)
    policy = importlib.import_module(strict_module.__package__ + ".policy")
    # A service with credentials and without the guard would not start.
    return policy.CORSPolicy(environment="production", guard_writes=True, **given)


def scope(method: str, *headers: tuple[bytes, bytes]) -> Scope:
    """Return the scope of a request as a browser would send it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": "/items",
        "raw_path": b"/items",
        "root_path": "",
        "query_string": b"",
        "client": ("192.0.2.1", 50000),
        "server": ("api.acme.com", 443),
        "headers": [*BROWSER_HEADERS, *headers],
    }


CASES = {
    "no Origin": scope("GET"),
    "allowed": scope("GET", ALLOWED),
    "other site": scope("GET", OTHER_SITE),
    "preflight allowed": scope("OPTIONS", ALLOWED, *ASKING),
    "preflight refused": scope("OPTIONS", OTHER_SITE, *ASKING),
}
REFUSED = ("other site", "preflight refused")


def policy(size: int, pattern: bool) -> dict[str, Any]:
    """Return the keyword arguments of a usual policy with this many origins."""
    others = [f"https://app{i}.acme.com" for i in range(size - 1)]
    return {
        "allow_origins": frozenset([*others, "https://app.acme.com"]),
        "allow_origin_regex": PATTERN if pattern else None,
        "allow_methods": ["GET", "POST", "PUT", "DELETE"],
        "allow_headers": ["Authorization", "Content-Type"],
        "allow_credentials": True,
        "expose_headers": ["X-Total-Count"],
    }


async def bare_app(scope: Scope, receive: Any, send: Any) -> None:
    """Answer as little as an app can."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def add_route(app: fastapi.FastAPI) -> App:
    """Give an app the one route that is called."""

    @app.get("/items")
    async def items() -> dict[str, str]:
        return {}

    return app


async def receive() -> dict[str, Any]:
    """Return an empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    """Take a message as a server would that has nothing else to do."""


async def batch(app: App, scope: Scope, size: int) -> float:
    """Return the microseconds per request of one batch."""
    start = time.perf_counter()
    for _ in range(size):
        await app(scope.copy(), receive, send)  # type: ignore[attr-defined]
    return (time.perf_counter() - start) / size * 1e6


async def measure(apps: dict[str, App], scope: Scope, rounds: int, size: int) -> dict[str, float]:
    """Return the median cost of a request for each app."""
    for app in apps.values():
        await batch(app, scope, size)
    times: dict[str, list[float]] = {name: [] for name in apps}
    order = list(apps)
    for _ in range(rounds):
        order.append(order.pop(0))
        for name in order:
            times[name].append(await batch(apps[name], scope, size))
    return {name: statistics.median(values) for name, values in times.items()}


def row(label: str, case: str, cost: dict[str, float], whole: bool) -> float:
    """Print one line of the table and return its ratio."""
    base = 0.0 if whole else cost["app"]
    stock, strict = cost["stock"] - base, cost["strict"] - base
    ratio = strict / stock
    figures = "".join(f"{cost[name]:9.2f}" for name in ("app", "stock", "strict"))
    print(f"{label:28}{case:19}{figures}{stock:12.2f}{strict:9.2f}{ratio:9.2f}", flush=True)
    return ratio


async def run(strict_module: Any, rounds: int) -> list[float]:
    """Print both tables and return the ratios over the bare app where nothing is refused."""
    print(f"{'µs per request':47}{'app':>9}{'stock':>9}{'strict':>9}", end="")
    print(f"{'stock adds':>12}{'strict':>9}{'ratio':>9}")
    ratios = []
    for pattern in (False, True):
        for count in SIZES:
            arguments = policy(count, pattern)
            apps: dict[str, App] = {
                "app": bare_app,
                "stock": CORSMiddleware(bare_app, **arguments),
                "strict": strict_module.StrictCORSMiddleware(bare_app, **arguments),
            }
            label = f"bare ASGI, {count:,}{' + pattern' if pattern else ''}"
            for case, request in CASES.items():
                cost = await measure(apps, request, rounds, 100)
                ratio = row(label, case, cost, whole=False)
                ratios += [ratio] if case not in REFUSED else []
    for count in (SIZES[0], SIZES[-1]):
        arguments = policy(count, pattern=False)
        stock = fastapi.FastAPI()
        stock.add_middleware(CORSMiddleware, **arguments)
        apps = {
            "app": add_route(fastapi.FastAPI()),
            "stock": add_route(stock),
            "strict": add_route(
                strict_module.CORSFastAPI(cors=as_policy(strict_module, arguments))
            ),
        }
        for case, request in CASES.items():
            cost = await measure(apps, request, rounds, 20)
            row(f"FastAPI, {count:,}", case, cost, whole=case.startswith("preflight"))
    return ratios


async def provided(strict_module: Any, rounds: int) -> float:
    """Print what a request of a tenant costs whose answer is remembered; return the ratio."""

    async def allows(origin: Any) -> bool:
        return True

    listed, unlisted = policy(1, pattern=False), policy(1, pattern=False)
    unlisted["allow_origins"] = frozenset({"https://www.acme.com"})
    apps: dict[str, App] = {
        "app": bare_app,
        "listed": strict_module.StrictCORSMiddleware(bare_app, **listed),
        "tenant": strict_module.StrictCORSMiddleware(bare_app, **unlisted, origin_provider=allows),
    }
    ratios = []
    for case in ("allowed", "preflight allowed"):
        cost = await measure(apps, CASES[case], rounds, 100)
        exact, tenant = cost["listed"] - cost["app"], cost["tenant"] - cost["app"]
        ratios.append(tenant / exact)
        print(f"remembered tenant: {case:28}{exact:9.2f} µs{tenant:9.2f} µs{ratios[-1]:9.2f}")
    return max(ratios)


def flood_of(request: Scope, first: int, last: int) -> list[Scope]:
    """Return a request as other sites send it, each under an origin of its own."""
    headers = [header for header in request["headers"] if header != OTHER_SITE]
    return [
        {**request, "headers": [*headers, (b"origin", b"https://site%d.net" % number)]}
        for number in range(first, last)
    ]


async def flood(strict_module: Any, case: str) -> float:
    """Print what a flood costs with and without the trace of refusals; return the ratio."""
    arguments = as_policy(strict_module, policy(1, pattern=False)).middleware_arguments()
    traced, silent = (strict_module.StrictCORSMiddleware(bare_app, **arguments) for _ in "12")
    silent._trace.refused = lambda *refusal, **more: None
    middleware = strict_module.StrictCORSMiddleware
    is_hidden = middleware._is_hidden
    times: dict[Any, list[float]] = {traced: [], silent: []}
    for first in range(0, FLOOD, 1000):
        for app in times:
            middleware._is_hidden = is_hidden if app is traced else lambda *request: False
            scopes = flood_of(CASES[case], first, first + 1000)
            start = time.process_time()
            for each in scopes:
                await app(each, receive, send)
            times[app].append(time.process_time() - start)
    middleware._is_hidden = is_hidden
    before, after = (sum(times[app]) / FLOOD * 1e6 for app in (silent, traced))
    print(f"flood of {FLOOD:,}: {case:19}{before:9.2f} µs{after:9.2f} µs{after / before:9.2f}")
    return after / before


def main() -> int:
    """Measure, print, and tell by the exit code whether the limit holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    here = Path(__file__).resolve().parents[1] / "tests" / "lib"
    parser.add_argument("--package-dir", type=Path, default=here, help="folder with the package")
    parser.add_argument("--package", default="service", help="name of the package")
    parser.add_argument("--rounds", type=int, default=150, help="batches per figure")
    options = parser.parse_args()
    sys.path.insert(0, str(options.package_dir))
    strict_module = importlib.import_module(f"{options.package}.cors.middleware")

    print(
        f"Python {platform.python_version()}, starlette {starlette.__version__}, "
        f"fastapi {fastapi.__version__}"
    )
    log = logging.getLogger(strict_module.__package__)
    log.handlers, log.propagate = [logging.NullHandler()], False
    gc.disable()
    ratios = asyncio.run(run(strict_module, options.rounds))
    print(f"worst ratio over the bare app: {max(ratios):.2f}, the limit is {LIMIT:.2f}")
    tenant = asyncio.run(provided(strict_module, options.rounds))
    print(f"worst ratio of a tenant: {tenant:.2f}, the limit is {PROVIDED_LIMIT:.2f}")
    floods = [asyncio.run(flood(strict_module, case)) for case in REFUSED]
    print(f"worst ratio of a flood: {max(floods):.2f}, the limit is {FLOOD_LIMIT:.2f}")
    within = max(ratios) <= LIMIT and max(floods) <= FLOOD_LIMIT and tenant <= PROVIDED_LIMIT
    return int(not within)


if __name__ == "__main__":
    sys.exit(main())
