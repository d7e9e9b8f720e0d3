# fmt: off
"""The application: a FastAPI whose outermost layer is the policy, and rules on a finished app."""

import inspect
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeGuard

from fastapi import FastAPI
from fastapi.security import OAuth2, OpenIdConnect
from fastapi.security.http import HTTPBase
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from .findings import ConfigurationError, Finding, errors_among
from .middleware import StrictCORSMiddleware
from .policy import ORIGINS, PUBLIC_PATHS, REQUEST_HEADERS, CORSPolicy
from .provider import Ask, OriginProvider
from .refusals import OnRefusal
from .rules import RULES, Fault, RuleBook, Subject, findings_of
from .sources import find_sources

log = logging.getLogger(__name__)


class CORSFastAPI(FastAPI):
    """FastAPI with the CORS middleware outside of all that `add_middleware` adds.

    `cors` takes the policy, `on_refusal` a function that is called with each `Refusal`, as for
    metrics, `origin_provider` an async function that decides about https origins on no list, and
    everything else goes to FastAPI. The attributes `cors_policy` and `cors` are read-only: a policy
    that replaced them would not be audited.

    What `add_middleware` adds lies inside FastAPI's own error handling. A policy added that way is
    missing on an unhandled 500, and on the responses of middleware that is added later.
    """

    def __init__(
        self,
        *,
        cors: CORSPolicy,
        on_refusal: OnRefusal | None = None,
        origin_provider: OriginProvider | Ask | None = None,
        provider_credentials: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        # "" where no rule refuses the start, None as long as nobody has asked.
        self._refusal: str | None = None
        self._cors_policy = cors
        self._cors = StrictCORSMiddleware(
            super().__call__,
            **cors.middleware_arguments(),
            on_refusal=on_refusal,
            origin_provider=origin_provider,
            provider_credentials=provider_credentials,
        )

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
        if self._refusal != "" and await self._refuses(scope, receive, send):
            return
        # FastAPI would do this only further in, and public paths are relative to it.
        if self.root_path:
            scope["root_path"] = self.root_path
        await self._cors(scope, receive, send)

    async def _refuses(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Tell whether the rules refuse the app, and refuse its start, or any request without one.

        Some servers never run the lifespan, and some go on after it fails.
        """
        is_start = scope["type"] == "lifespan"
        if self._refusal is None:
            self._refusal = refusal_to_start(self, self.cors_policy)
            if self._refusal and not is_start:
                log.error("Every request gets 503. %s", " ".join(self._refusal.split()))
        if self._refusal and is_start:
            # A server prints the message and exits. Starlette raises here too: without an
            # exception, its TestClient would wait for ever.
            await receive()
            await send({"type": "lifespan.startup.failed", "message": self._refusal})
            raise RuntimeError(self._refusal)
        if self._refusal:
            text = PlainTextResponse("Service Unavailable", 503)
            await (text if scope["type"] == "http" else WebSocketClose(1011))(scope, receive, send)
        return self._refusal != ""


def refusal_to_start(app: FastAPI, policy: CORSPolicy) -> str:
    """Return the text that stops the start of a finished app, empty if no rule refuses it.

    The whole policy is judged again, since an app can be given one that no settings made. Warnings
    on the app are logged; those on the policy were logged when the settings were read.
    """
    subject = Subject(policy, app=app)
    findings = with_places([*findings_of(subject, (*RULES, *APP_RULES))], policy.environment)
    on_the_app = {rule.id for rule in APP_RULES}
    for found in findings:
        if found.severity == "warning" and found.rule in on_the_app:
            log.warning("%s", found)
    refused = errors_among(findings)
    return str(ConfigurationError(refused)) if refused else ""


def with_places(findings: list[Finding], environment: str) -> list[Finding]:
    """Return findings with file and line of their variables, where the policy came from files."""
    try:
        variables = find_sources(environment).variables if findings else {}
    except ConfigurationError:
        return findings
    placed = []
    for found in findings:
        variable = variables.get(found.variable)
        if variable and not found.where and found.value in variable.value:
            found = replace(found, where=variable.where)
        placed.append(found)
    return placed


APP_RULES = RuleBook()


@APP_RULES.rule("CORS034", "E E E")
def policy_not_outermost(subject: Subject) -> Iterator[Fault]:
    """Two policies, or one that is not outermost."""
    app = subject.app
    if app is None:
        return
    name = type(app).__name__
    if not isinstance(app, CORSFastAPI):
        fix = "create it as CORSFastAPI(cors=settings.cors_policy()) and add middleware with "
        fix += "app.add_middleware instead of wrapping it"
        reason = "is not a CORSFastAPI, so the policy is not its outermost layer"
        yield Fault("app", name, reason, fix)
    elif type(app).__call__ is not CORSFastAPI.__call__:
        reason = "has a __call__ of its own, which can step around the policy"
        fix = "remove it and add a middleware with app.add_middleware"
        yield Fault("app", name, reason, fix)
    for place, path in second_policies(app, "app", ""):
        reason = "answers with a CORS policy of its own, which nobody audits"
        fix = f"remove it, and write instead what is missing: more origins into {ORIGINS}"
        if path and path not in subject.policy.public_paths:
            public = ",".join((*subject.policy.public_paths, path))
            fix += f"; {PUBLIC_PATHS}={public} if every site may read what is below {path}"
        yield Fault(place, "", reason, f"{fix}; origin_provider= in CORSFastAPI(…) for tenants")


def second_policies(app: Any, name: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield where a CORSMiddleware was added to the app or to something in it, with its path."""
    for middleware in getattr(app, "user_middleware", ()):
        if inspect.isclass(middleware.cls) and issubclass(middleware.cls, CORSMiddleware):
            yield f"{name}.add_middleware({middleware.cls.__name__})", path
    for route in included(getattr(app, "routes", None) or ()):
        place, below = route_name(route, name), path + getattr(route, "path", "")
        # What a route or a mount calls may be wrapped several times.
        inner = getattr(route, "app", None)
        while inner is not None and inner is not app:
            if isinstance(inner, CORSMiddleware | CORSFastAPI):
                yield f"{place[:-1]}, {type(inner).__name__})", below
            if isinstance(route, Mount | Host) and hasattr(inner, "routes"):
                yield from second_policies(inner, place, below)
                break
            inner = getattr(inner, "app", None)


def route_name(route: Any, name: str) -> str:
    """Return how a route got into an app, as in `app.mount('/files')`."""
    if isinstance(route, Mount):
        return f"{name}.mount({route.path!r})"
    if isinstance(route, Host):
        return f"{name}.host({route.host!r})"
    return f"{name}.route({getattr(route, 'path', '')!r})"


@APP_RULES.rule("CORS027", "W E E", waivable=True)
def authorization_not_allowed(subject: Subject) -> Iterator[Fault]:
    """Routes that read Authorization, which is not allowed."""
    policy = subject.policy
    allowed = {header.lower() for header in policy.allow_headers}
    if "authorization" in allowed or not others_may_call(subject):
        return
    routes = (route for _, route in routes_in(subject.app))
    if any(reads_authorization(getattr(route, "dependant", None)) for route in routes):
        reason = "lacks Authorization, which routes of this app read"
        listed = ",".join((*policy.allow_headers, "Authorization"))
        yield Fault(REQUEST_HEADERS, ",".join(policy.allow_headers), reason, f"write {listed}")


@APP_RULES.rule("CORS056", "W W W")
def provider_with_credentials(subject: Subject) -> Iterator[Fault]:
    """A provider whose origins get credentials."""
    if has_provider(subject.app) and subject.app.cors.provider_credentials:
        reason = "is set: each tenant's page then acts as the user in every tenant"
        fix = "remove it, and let the pages of tenants send a token in Authorization"
        yield Fault("provider_credentials", "True", reason, fix)


def has_provider(app: Any) -> TypeGuard[CORSFastAPI]:
    """Whether the app asks a provider about origins that no list has."""
    return isinstance(app, CORSFastAPI) and app.cors.origin_provider is not None


def others_may_call(subject: Subject) -> bool:
    """Whether any other site may call: listed, on a public path, or allowed by a provider."""
    policy = subject.policy
    return bool(policy.allow_origins or policy.public_paths or has_provider(subject.app))


def reads_authorization(dependant: Any) -> bool:
    """Whether a route depends, directly or not, on a security scheme that uses Authorization."""
    # Not from the OpenAPI document: FastAPI keeps the first it makes, and routes may be added yet.
    return any(
        isinstance(dependency.call, HTTPBase | OAuth2 | OpenIdConnect)
        or reads_authorization(dependency)
        for dependency in getattr(dependant, "dependencies", ())
    )


def routes_in(app: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and route for an application and for everything mounted in it.

    What is mounted without routes, such as static files, cannot be looked into. What something
    wraps can.
    """
    while not hasattr(app, "routes") and hasattr(app, "app"):
        app = app.app
    for route in included(getattr(app, "routes", None) or ()):
        if isinstance(route, Mount | Host):
            # A Host has no path of its own.
            yield from routes_in(route, prefix + getattr(route, "path", ""))
        elif hasattr(route, "endpoint"):
            yield prefix + route.path, route


def included(routes: Iterable[Any]) -> Iterator[Any]:
    """Yield routes, and in the place of an included router the routes in it."""
    for route in routes:
        # FastAPI keeps an included router as one route; older releases copied its routes.
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
        else:
            yield from included(context.starlette_route or context for context in contexts())
