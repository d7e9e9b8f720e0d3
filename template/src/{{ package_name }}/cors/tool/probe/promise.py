"""What an environment promises: its policy, and what the middleware answers under it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from starlette.responses import PlainTextResponse

from ...cli import examine
from ...middleware import StrictCORSMiddleware
from ...policy import CORSPolicy
from ...rules_for_app import AppRoute, app_routes
from ...sources import environments
from ..browser import Request, Response
from ..browser.asgi import ASGITransport

# Findings about this machine rather than about the policy: a secret that only the deployment has.
NOT_OF_THE_POLICY = ("SETTINGS", "APP")
MOST_DEFAULT_PATHS = 2


class PromiseError(ValueError):
    """There is no policy to compare with; the message says why."""


class Promise:
    """A policy with the answers that it gives. Call it with a request, as it came to the service.

    The answers come from the middleware that the service runs, so that both follow one reading of
    the policy; whether a browser is content with them is judged by the browser model.
    """

    def __init__(self, policy: CORSPolicy, routes: tuple[AppRoute, ...] = ()) -> None:
        self.policy = policy
        self.routes = routes
        inner = PlainTextResponse("")
        self._answer = ASGITransport(StrictCORSMiddleware(inner, **policy.middleware_arguments()))

    @classmethod
    def read(cls, name: str | None, directory: Path | None = None) -> Self:
        """Read the policy of an environment. Raises PromiseError where there is none to go by."""
        name = name or os.environ.get("ENVIRONMENT", "").strip()
        if not name:
            listed = ", ".join(environments(directory)) or "none here"
            raise PromiseError(
                "Whose policy should the service keep? Name it with --environment, or set "
                f"ENVIRONMENT (there are: {listed})."
            )
        examined = examine(name, directory)
        refused = [
            finding
            for finding in examined.findings
            if finding.severity == "error" and finding.rule not in NOT_OF_THE_POLICY
        ]
        if refused or examined.policy is None:
            lines = "\n".join(f"  {finding}" for finding in refused)
            raise PromiseError(f"There is no policy of {name} to compare with.\n{lines}")
        routes = () if examined.app is None else tuple(app_routes(examined.app))
        return cls(examined.policy, routes)

    def __call__(self, request: Request) -> Response:
        return self._answer(request)

    @property
    def own_paths(self) -> Iterator[str]:
        """The paths without parameters that the service itself answers GET on."""
        for route in self.routes:
            is_own = not route.endpoint.__module__.startswith(("fastapi.", "starlette."))
            if is_own and "GET" in route.methods and "{" not in route.path:
                yield route.path

    def default_paths(self) -> tuple[str, ...]:
        """What to ask where nobody said: a few of the service's own paths, of different routers."""
        found: dict[str, str] = {}
        for path in self.own_paths:
            found.setdefault(path.split("/")[1], path)
        return tuple(found.values())[:MOST_DEFAULT_PATHS] or ("/",)
