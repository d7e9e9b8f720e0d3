"""The application: a FastAPI whose outermost layer is the policy, and its last look at a start."""

import logging
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from .audit import Subject
from .findings import ConfigurationError, Finding, errors_among
from .middleware import StrictCORSMiddleware
from .policy import CORSPolicy
from .rules import audit
from .rules_for_app import APP_RULES
from .sources import find_sources

log = logging.getLogger(__name__)


class CORSFastAPI(FastAPI):
    """FastAPI behind a StrictCORSMiddleware that nothing can be wrapped around.

    `cors` takes the policy, everything else goes to FastAPI. The attributes `cors_policy` and
    `cors` (the policy and the middleware that enforces it) are read-only: a policy that replaced
    them would not be audited.

    What `add_middleware` adds lies inside FastAPI's own error handling. A policy added that way is
    missing on an unhandled 500, and on the responses of middleware that is added later.
    """

    def __init__(self, *, cors: CORSPolicy, **options: Any) -> None:
        """Build the app, and put the policy in front of it."""
        super().__init__(**options)
        self._cors_policy = cors
        self._cors = StrictCORSMiddleware(super().__call__, **cors.middleware_arguments())

    @property
    def cors_policy(self) -> CORSPolicy:
        """The policy that is enforced."""
        return self._cors_policy

    @property
    def cors(self) -> StrictCORSMiddleware:
        """The middleware that enforces it."""
        return self._cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the policy see every request first; it calls FastAPI for what it lets through."""
        if scope["type"] == "lifespan" and (refusal := refusal_to_start(self, self.cors_policy)):
            # A server prints the message and exits. Starlette raises here too: without an
            # exception, its TestClient would wait for ever.
            await receive()
            await send({"type": "lifespan.startup.failed", "message": refusal})
            raise RuntimeError(refusal)
        # FastAPI would do this only further in, and public paths are relative to it.
        if self.root_path:
            scope["root_path"] = self.root_path
        await self._cors(scope, receive, send)


def refusal_to_start(app: FastAPI, policy: CORSPolicy) -> str:
    """Return the text that stops the start of a finished app, empty if no rule refuses it.

    The whole policy is judged again, since an app can be given one that no settings made. Warnings
    on the app are logged; those on the policy were logged when the settings were read.
    """
    findings = with_places([*audit(Subject(policy, app=app))], policy.environment)
    on_the_app = {rule.id for rule in APP_RULES}
    for found in findings:
        if found.severity == "warning" and found.rule in on_the_app:
            log.warning("%s", found)
    refused = errors_among(findings)
    return str(ConfigurationError(refused)) if refused else ""


def with_places(findings: list[Finding], environment: str) -> list[Finding]:
    """Return findings with file and line of their variables, where the policy came from files."""
    if not findings:
        return findings
    try:
        variables = find_sources(environment).variables
    except ConfigurationError:
        return findings
    placed = []
    for found in findings:
        variable = variables.get(found.variable)
        if variable and not found.where and found.value in variable.value:
            found = replace(found, where=variable.where)
        placed.append(found)
    return placed
