"""The checks that need the application: its middleware, its routes, its cookies."""

import ast
import inspect
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

from fastapi.security import OAuth2, OpenIdConnect
from fastapi.security.http import HTTPBase
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Host, Mount

from .app_routes import AppRoute, app_routes, included
from .checks import METHODS, REQUEST_HEADERS, Fault, Subject
from .middleware import CORSFastAPI
from .sites import registrable_domain

# GET, HEAD and POST pass a preflight's method check unlisted (Fetch, "CORS-preflight fetch").
SAFELISTED_METHODS = frozenset({"GET", "HEAD", "POST"})


def policy_not_outermost(subject: Subject) -> Iterator[Fault]:
    """Find a policy that others wrap, or that has a second one beside it."""
    app = subject.app
    if app is None:
        return
    if not isinstance(app, CORSFastAPI):
        yield Fault(
            "app",
            type(app).__name__,
            "is no CORSFastAPI, so that its outermost layer is not the policy",
            "create it as CORSFastAPI(cors=settings.cors_policy()) and add middleware with "
            "app.add_middleware instead of wrapping it",
        )
    elif type(app).__call__ is not CORSFastAPI.__call__:
        yield Fault(
            "app",
            type(app).__name__,
            "has a __call__ of its own, which can step around the policy",
            "remove it and add a middleware with app.add_middleware",
        )
    for place in second_policies(app, "app"):
        reason = "answers with a CORS policy of its own, which nobody audits"
        yield Fault(place, "", reason, "remove it; the app's own policy answers for everything")


def second_policies(app: Any, name: str) -> Iterator[str]:
    """Yield where a CORSMiddleware was added to the app or to something in it."""
    for middleware in getattr(app, "user_middleware", ()):
        if inspect.isclass(middleware.cls) and issubclass(middleware.cls, CORSMiddleware):
            yield f"{name}.add_middleware({middleware.cls.__name__})"
    for route in included(getattr(app, "routes", None) or ()):
        place = route_name(route, name)
        # What a route or a mount calls may be wrapped several times.
        inner = getattr(route, "app", None)
        while inner is not None and inner is not app:
            if isinstance(inner, CORSMiddleware | CORSFastAPI):
                yield f"{place[:-1]}, {type(inner).__name__})"
            if isinstance(route, Mount | Host) and hasattr(inner, "routes"):
                yield from second_policies(inner, place)
                break
            inner = getattr(inner, "app", None)


def route_name(route: Any, name: str) -> str:
    """Return how a route got into an app, as in `app.mount('/files')`."""
    if isinstance(route, Mount):
        return f"{name}.mount({route.path!r})"
    if isinstance(route, Host):
        return f"{name}.host({route.host!r})"
    return f"{name}.route({getattr(route, 'path', '')!r})"


def bearer_without_authorization(subject: Subject) -> Iterator[Fault]:
    """Find routes that want a bearer token which no front end could send."""
    policy = subject.policy
    allowed = {header.lower() for header in policy.allow_headers}
    if "authorization" in allowed or not (policy.allow_origins or policy.public_paths):
        return
    if any(uses_bearer_tokens(route.dependant) for route in app_routes(subject.app)):
        reason = "lacks Authorization, which the routes that take a bearer token need"
        listed = ",".join((*policy.allow_headers, "Authorization"))
        yield Fault(REQUEST_HEADERS, ",".join(policy.allow_headers), reason, f"write {listed}")


def uses_bearer_tokens(dependant: Any) -> bool:
    """Whether a route depends, directly or not, on a security scheme that Authorization carries."""
    # Not from the OpenAPI document: FastAPI keeps the first it makes, and routes may be added yet.
    dependencies = getattr(dependant, "dependencies", ())
    return any(
        isinstance(dependency.call, HTTPBase | OAuth2 | OpenIdConnect)
        or uses_bearer_tokens(dependency)
        for dependency in dependencies
    )


def methods_and_routes_disagree(subject: Subject) -> Iterator[Fault]:
    """Find methods that are answered but not allowed, or allowed but not answered."""
    policy = subject.policy
    if subject.app is None or not (policy.allow_origins or policy.public_paths):
        return
    if "*" in policy.allow_methods:
        return
    routes = [route for route in app_routes(subject.app) if not route.is_websocket]
    used = frozenset[str]().union(*(route.methods for route in routes))
    for method in sorted(used - SAFELISTED_METHODS - {"OPTIONS"} - set(policy.allow_methods)):
        example = next(route.path for route in routes if method in route.methods)
        reason = f"is answered by {example}, but no front end may use it"
        yield Fault(METHODS, method, reason, f"add {method}, or remove the route")
    for method in policy.allow_methods:
        if method not in used | {"HEAD", "OPTIONS"}:
            reason = "is allowed, but no route answers it"
            yield Fault(METHODS, method, reason, f"remove {method}")


def cookie_never_sent(subject: Subject) -> Iterator[Fault]:
    """Find cookies that a browser would keep to itself when a front end of another site calls.

    Which site the service is on is not known here. But where the front ends are of two sites, one
    of them is another one; and SameSite=None without Secure is refused everywhere.
    """
    if subject.app is None or not subject.policy.allow_credentials:
        return
    sites = {
        registrable_domain(entry.host) for _, entry in subject.origins if not entry.is_loopback
    }
    for place, samesite, secure in cookies_set(subject.app):
        if samesite == "none" and not secure:
            reason = "sets a cookie with SameSite=None but without Secure, which browsers refuse"
            yield Fault(place, "", reason, "add secure=True")
        elif samesite in ("lax", "strict") and len(sites) > 1:
            listed = " and ".join(sorted(sites))
            reason = (
                f"sets a cookie with SameSite={samesite.title()}, which a browser never sends "
                f"from another site, and the front ends are of {listed}"
            )
            yield Fault(place, "", reason, 'write samesite="none", secure=True')


def cookies_set(app: Any) -> Iterator[tuple[str, str, bool]]:
    """Yield where a cookie is set, its SameSite in lower case, and whether it is Secure.

    A cookie whose attributes are computed cannot be judged by reading, and is left out.
    """
    for middleware in getattr(app, "user_middleware", ()):
        # By its name, because importing it needs a package that only its users have.
        if getattr(middleware.cls, "__name__", "") == "SessionMiddleware":
            samesite = middleware.kwargs.get("same_site", "lax")
            yield "SessionMiddleware", samesite, bool(middleware.kwargs.get("https_only", False))
    for route in app_routes(app):
        yield from cookies_in(route)


def cookies_in(route: AppRoute) -> Iterator[tuple[str, str, bool]]:
    """Yield what a route's own code says in its calls of `set_cookie`."""
    code = getattr(route.endpoint, "__code__", None)
    # Reading source is slow: only where the compiled code mentions the method at all.
    if code is None or "set_cookie" not in code.co_names:
        return
    try:
        tree = ast.parse(dedent(inspect.getsource(route.endpoint)))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if not isinstance(called, ast.Attribute) or called.attr != "set_cookie":
            continue
        assert isinstance(node, ast.Call)
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        # Starlette's defaults are SameSite=Lax and no Secure.
        samesite = given.get("samesite", ast.Constant("lax"))
        secure = given.get("secure", ast.Constant(False))
        if None in given or not isinstance(samesite, ast.Constant):
            continue
        if isinstance(secure, ast.Constant):
            yield route.path, str(samesite.value or "lax").lower(), bool(secure.value)
