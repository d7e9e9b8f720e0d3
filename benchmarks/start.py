"""What a start costs, against the same service with Starlette's CORSMiddleware.

    python benchmarks/start.py [--rounds 40]

Both services have the routes of examples/spa-cookies.yml and read .env.production. One has the
policy of the template, the other has CORSMiddleware and a plain pydantic-settings class. Each round
starts both in new processes, which import the application and run its lifespan. The figures are
medians of processor time in milliseconds; Python's own start is left out.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from copier import run_copy

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 1.10

STOCK_SETTINGS = """
from typing import Literal, TypedDict

from pydantic_settings import BaseSettings, SettingsConfigDict


class CookieAttributes(TypedDict):
    httponly: bool
    secure: bool
    samesite: Literal["lax", "strict", "none"]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env.production", extra="ignore")
    cors_allowed_origins: str = ""
    cors_allow_credentials: bool = False
    cors_allow_methods: str = ""
    cors_allow_headers: str = ""
    cors_expose_headers: str = ""
    cors_max_age: int = 600

    @property
    def session_cookie(self) -> CookieAttributes:
        return {"httponly": True, "secure": True, "samesite": "none"}
"""
STOCK_MAIN = """
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from .routes import router
from .settings import Settings

settings = Settings()
app = FastAPI(title="service")
app.add_middleware(
    CORSMiddleware,
    allow_origins=settings.cors_allowed_origins.split(","),
    allow_credentials=settings.cors_allow_credentials,
    allow_methods=settings.cors_allow_methods.split(","),
    allow_headers=settings.cors_allow_headers.split(","),
    expose_headers=settings.cors_expose_headers.split(","),
    max_age=settings.cors_max_age,
)
app.state.settings = settings
app.include_router(router)
"""
START = """
import time
begun = time.process_time()
import asyncio
from orders_api.main import app

async def lifespan():
    inbox, outbox = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], []

    async def receive():
        return inbox.pop(0)

    async def send(message):
        outbox.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    assert outbox[0] == "lifespan.startup.complete", outbox

asyncio.run(lifespan())
print((time.process_time() - begun) * 1000)
"""


def make_services(folder: Path) -> dict[str, Path]:
    """Render the service, and make its twin with Starlette's middleware."""
    answers = yaml.safe_load((ROOT / "examples" / "spa-cookies.yml").read_text())
    strict, stock = folder / "strict", folder / "stock"
    run_copy(str(ROOT), strict, data=answers, defaults=True, quiet=True, vcs_ref="HEAD")
    shutil.copytree(strict, stock)
    package = stock / "src" / "orders_api"
    shutil.rmtree(package / "cors")
    (package / "settings.py").write_text(STOCK_SETTINGS)
    (package / "main.py").write_text(STOCK_MAIN)
    return {"stock": stock, "strict": strict}


def start(service: Path) -> float:
    """Start a service in a new process; return the milliseconds of processor time it took."""
    environment = {**os.environ, "ENVIRONMENT": "production", "PYTHONPATH": "src"}
    result = subprocess.run(
        [sys.executable, "-c", START],
        cwd=service,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(result.stdout)


def main() -> int:
    """Measure, print, and tell by the exit status whether the limit holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=40, help="starts of each service")
    rounds = parser.parse_args().rounds
    # Says only that this folder has uncommitted changes.
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as name:
        services = make_services(Path(name))
        for service in services.values():
            start(service)
        costs = {each: [start(services[each])] for each in services}
        for _ in range(rounds - 1):
            for each, service in services.items():
                costs[each].append(start(service))
    medians = {each: statistics.median(found) for each, found in costs.items()}
    ratio = medians["strict"] / medians["stock"]
    print(
        f"import and lifespan, ms of processor time, median of {rounds}: "
        f"Starlette's {medians['stock']:.0f}, this one {medians['strict']:.0f}, ratio {ratio:.2f} "
        f"(limit {LIMIT:.2f})"
    )
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
