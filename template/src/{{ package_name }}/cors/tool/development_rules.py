# fmt: off
"""Rules for `cors check` in a checkout and for the test suite; a service that starts skips them.

They read source code, routes and the waivers. Those on updates are in `update_rules`.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from textwrap import dedent
from typing import Any, NamedTuple

from fastapi.params import Form
from starlette.routing import Mount, WebSocketRoute, compile_path
from starlette.staticfiles import StaticFiles

from ..app import APP_RULES, has_provider, others_may_call, routes_in
from ..audit import (
    CREDENTIALS,
    GUARD_EXEMPT_PATHS,
    GUARD_WRITES,
    METHODS,
    ORIGINS,
    WAIVERS,
    Fault,
    RuleBook,
    Subject,
    findings_of,
)
from ..cli import Environment, examine
from ..fetch_standard import SAFELISTED_METHODS
from ..findings import ConfigurationError
from ..rules import RULES
from ..sources import PROCESS, DotenvFile, find_sources
from ..waivers import Waiver
from .browser import registrable_domain
from .update_rules import UPDATE_RULES, change, copier, find_answers, recorded_answers

BOOK = RuleBook()


class AppRoute(NamedTuple):
    """One path of an application. `methods` is empty for a WebSocket.

    `dependant` is what FastAPI knows of parameters and dependencies; None for Starlette's routes.
    """

    path: str
    methods: frozenset[str]
    endpoint: Callable[..., Any]
    dependant: Any


def app_routes(app: object) -> Iterator[AppRoute]:
    """Yield the routes of an application and of everything mounted in it."""
    for path, route in routes_in(app):
        # A route without a list of methods leaves them to its endpoint: GET at least.
        methods = frozenset(getattr(route, "methods", None) or {"GET"})
        if isinstance(route, WebSocketRoute):
            methods = frozenset()
        yield AppRoute(path, methods, route.endpoint, getattr(route, "dependant", None))


# --- Credentials ------------------------------------------------------------------------------


@BOOK.rule("CORS028", "W W W", waivable=True)
def credentials_without_origins(subject: Subject) -> Iterator[Fault]:
    """Credentials that nobody can use."""
    app, policy = subject.app, subject.policy
    # A provider may allow origins that no list has.
    gets_them = policy.allow_origins or (has_provider(app) and app.cors.provider_credentials)
    if app is not None and policy.allow_credentials and not gets_them:
        reason = "allows credentials, but no origin gets them"
        yield Fault(CREDENTIALS, "true", reason, f"write false, or list the origins in {ORIGINS}")


# --- Cookies ----------------------------------------------------------------------------------


@BOOK.rule("CORS036", "W W E", waivable=True)
def cookie_never_sent(subject: Subject) -> Iterator[Fault]:
    """A cookie that could never be sent cross-site."""
    # Which site the service is on is not known here.
    # But where the front ends are of two sites, one of them is another site; and
    # SameSite=None without Secure is refused everywhere.
    if subject.app is None or not subject.policy.allow_credentials:
        return
    sites = {registrable_domain(site.host) for _, site in subject.sites if not site.is_loopback}
    for place, samesite, secure in cookies_set(subject.app):
        if samesite == "none" and not secure:
            reason = "sets a cookie with SameSite=None but without Secure, which browsers refuse"
            yield Fault(place, "", reason, "add secure=True", is_final=True)
        elif samesite in ("lax", "strict") and len(sites) > 1:
            reason = (
                f"sets a cookie with SameSite={samesite.title()}, which a browser never sends from "
                f"another site, and the front ends are of {' and '.join(sorted(sites))}"
            )
            yield Fault(place, "", reason, 'write samesite="none", secure=True')


def cookies_set(app: Any) -> Iterator[tuple[str, str, bool]]:
    """Yield where a cookie is set, its SameSite in lower case, and whether it is Secure.

    A cookie whose attributes are computed cannot be judged by reading, and is left out.
    """
    for middleware in getattr(app, "user_middleware", ()):
        # By its name: importing it needs a package that only its users have.
        if getattr(middleware.cls, "__name__", "") == "SessionMiddleware":
            samesite = middleware.kwargs.get("same_site", "lax")
            yield "SessionMiddleware", samesite, bool(middleware.kwargs.get("https_only", False))
    for route in app_routes(app):
        yield from cookies_in(route)


def cookies_in(route: AppRoute) -> Iterator[tuple[str, str, bool]]:
    """Yield what a route's own code says in its calls of `set_cookie`."""
    for node, _ in calls_of("set_cookie", route.endpoint):
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        # Starlette's defaults are SameSite=Lax and no Secure.
        samesite = given.get("samesite", ast.Constant("lax"))
        secure = given.get("secure", ast.Constant(False))
        if None in given or not isinstance(samesite, ast.Constant):
            continue
        if isinstance(secure, ast.Constant):
            yield route.path, str(samesite.value or "lax").lower(), bool(secure.value)


def calls_of(method: str, endpoint: Any) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Yield the calls of a method in a function's own code, each with what it is called on."""
    code = getattr(endpoint, "__code__", None)
    # Reading source is slow: only where the compiled code mentions the method at all.
    if code is None or method not in code.co_names:
        return
    try:
        tree = ast.parse(dedent(inspect.getsource(endpoint)))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr == method:
            assert isinstance(node, ast.Call)
            yield node, called.value


# --- Paths that are exempt from the write guard -----------------------------------------------


@BOOK.rule("CORS050", "W E E")
def exempt_path_without_route(subject: Subject) -> Iterator[Fault]:
    """An exempt path that is no POST route."""
    if subject.app is None:
        return
    for path in subject.policy.guard_exempt_paths:
        if not is_in_a_mount(path, subject.app) and not post_routes(path, subject.app):
            reason = "is exempt from the write guard, but the app has no POST route there"
            other = other_slash(path)
            fix = f"add the route to the app, or remove {path}"
            if post_routes(other, subject.app):
                fix = f"write {other}, as the route is written"
            yield Fault(GUARD_EXEMPT_PATHS, path, reason, fix)


def post_routes(path: str, app: object) -> list[AppRoute]:
    """Return the routes of the app that take a POST to this path."""
    found = (route for route in app_routes(app) if "POST" in route.methods)
    return [route for route in found if compile_path(route.path)[0].match(path)]


def other_slash(path: str) -> str:
    """Return the path without its final slash, or with one."""
    return path.removesuffix("/") if path.endswith("/") else f"{path}/"


def is_in_a_mount(path: str, app: Any) -> bool:
    """Whether a mounted app takes this path that has no routes to look at."""
    routes = getattr(app, "routes", None) or ()
    mounts = (each for each in routes if isinstance(each, Mount) and not each.routes)
    # Files take no POST.
    takers = (each for each in mounts if not isinstance(each.app, StaticFiles))
    return any(path.startswith(f"{mount.path}/") for mount in takers)


@BOOK.rule("CORS051", "W W W")
def exempt_route_reads_json(subject: Subject) -> Iterator[Fault]:
    """An exempt path whose route reads JSON."""
    for path in subject.policy.guard_exempt_paths:
        if any(reads_json(route) for route in post_routes(path, subject.app)):
            reason = "is exempt from the write guard for forms, but its route reads JSON"
            fix = "read the form with request.form() or Form(), or remove the path"
            yield Fault(GUARD_EXEMPT_PATHS, path, reason, fix)


def reads_json(route: AppRoute) -> bool:
    """Whether a route takes a body that is no form, or reads the request's body as JSON."""
    if any(not isinstance(each.field_info, Form) for each in body_of(route.dependant)):
        return True
    parameters = inspect.signature(route.endpoint).parameters
    read = (owner for _, owner in calls_of("json", route.endpoint))
    return any(isinstance(each, ast.Name) and each.id in parameters for each in read)


def body_of(dependant: Any) -> Iterator[Any]:
    """Yield the parameters that a route and its dependencies read from the body."""
    yield from getattr(dependant, "body_params", ())
    for dependency in getattr(dependant, "dependencies", ()):
        yield from body_of(dependency)


@BOOK.rule("CORS052", "W W W")
def exempt_without_guard(subject: Subject) -> Iterator[Fault]:
    """An exempt path without the write guard."""
    policy = subject.policy
    if policy.guard_exempt_paths and not (policy.guard_writes or policy.report_writes):
        reason = f"has no effect, because {GUARD_WRITES} is not true"
        paths = ",".join(policy.guard_exempt_paths)
        yield Fault(GUARD_EXEMPT_PATHS, paths, reason, f"set {GUARD_WRITES}=true, or remove it")


# --- Methods and routes -----------------------------------------------------------------------


@BOOK.rule("CORS035", "W W W", waivable=True)
def methods_and_routes_disagree(subject: Subject) -> Iterator[Fault]:
    """Methods and routes disagree."""
    policy = subject.policy
    if subject.app is None or not others_may_call(subject):
        return
    routes = [route for route in app_routes(subject.app) if route.methods]
    # What wraps an app may hide its routes.
    if "*" in policy.allow_methods or not routes:
        return
    used = frozenset[str]().union(*(route.methods for route in routes)) | {"HEAD", "OPTIONS"}
    kept = [method for method in policy.allow_methods if method in used]
    missing = sorted(used - SAFELISTED_METHODS - {"OPTIONS", *policy.allow_methods})
    for method in missing:
        example = next(route.path for route in routes if method in route.methods)
        reason = f"is answered by {example}, but no front end may use it"
        fix = f"{change(subject, METHODS, [*kept, *missing])}, or remove the route"
        yield Fault(METHODS, method, reason, fix)
    if unused := [method for method in policy.allow_methods if method not in used]:
        reason = "is allowed, but no route answers it"
        if len(unused) > 1:
            reason = "are allowed, but no route answers them"
        yield Fault(METHODS, ",".join(unused), reason, change(subject, METHODS, [*kept, *missing]))


# --- Waivers ----------------------------------------------------------------------------------

# Longer than a year, nobody remembers why. A day more, for leap years.
LONGEST_WAIVER = 366
DAYS_OF_NOTICE = 30


@BOOK.rule("CORS054", "E E E")
def waiver_over(subject: Subject) -> Iterator[Fault]:
    """A waiver that is over, or soon will be."""
    for waiver in subject.waivers:
        fix = f"follow the fix of {waiver.rule} and remove the waiver, or have a new day reviewed"
        if waiver.days_left < 0:
            yield Fault(WAIVERS, written(waiver), "is over", fix)
        elif waiver.days_left <= DAYS_OF_NOTICE:
            reason = f"is over after {waiver.until}"
            yield Fault(WAIVERS, written(waiver), reason, fix, severity="warning")


@BOOK.rule("CORS055", "E E E")
def groundless_waiver(subject: Subject) -> Iterator[Fault]:
    """A waiver that nothing needs, or that nobody can review."""
    comments = comments_above(subject, WAIVERS)
    for waiver in subject.waivers:
        if fault := fault_of(waiver, subject):
            yield Fault(WAIVERS, written(waiver), *fault)
        elif comments is not None and not re.search(rf"(?m)^# *{waiver.rule}\W+\w", comments):
            reason = f"has no comment above it that begins with {waiver.rule} and says why"
            fix = f"write a line `# {waiver.rule}: why, and who knows` above {WAIVERS}"
            yield Fault(WAIVERS, written(waiver), reason, fix)


def fault_of(waiver: Waiver, subject: Subject) -> tuple[str, str] | None:
    """Return why a waiver is for nothing or for too long, and the fix; None where it is not."""
    rule = next((each for each in ALL_RULES if each.id == waiver.rule), None)
    if rule is None or not rule.waivable:
        why = "cannot be waived" if rule else "does not exist"
        return f"is for nothing: {waiver.rule} {why}", "remove it and follow the fix of the finding"
    if waiver.days_left > LONGEST_WAIVER:
        return "is longer than 12 months", "write a day within a year"
    found = [each for each in findings_of(subject, [rule]) if waiver.is_for(each)]
    # Of a policy made in code, the rules on files cannot be asked.
    needs_app = rule in APP_RULES or rule in BOOK
    is_asked = subject.sources is not None and not (needs_app and subject.app is None)
    # Of one that is over, CORS054 says all there is to do.
    if not found and waiver.days_left >= 0 and is_asked:
        return f"is for a finding of {waiver.rule} that is not there", "remove it"
    if found and not found[0].until and waiver.days_left >= 0:
        return "is for a finding that no waiver accepts", "remove it and follow the finding's fix"
    return None


def written(waiver: Waiver) -> str:
    """Return a waiver as it is written."""
    return f"{waiver.rule}:{waiver.until}:{waiver.value}"


def comments_above(subject: Subject, name: str) -> str | None:
    """Return the comment lines right above the line in force; None where it is in no file."""
    variable = subject.variables.get(name)
    if variable is None or variable.where == PROCESS:
        return None
    file_name, _, line = variable.where.rpartition(":")
    file = next(each for each in subject.files if each.path.name == file_name)
    return "\n".join(reversed([*comment_block(file, int(line) - 1)]))


def comment_block(file: DotenvFile, number: int) -> Iterator[str]:
    """Yield the comment lines of a file upwards from a line, which is counted from 1."""
    for line in reversed(file.text.split("\n")[:number]):
        if not line.startswith("#"):
            return
        yield line


# --- cors check -------------------------------------------------------------------------------

ALL_RULES = tuple(sorted([*RULES, *APP_RULES, *UPDATE_RULES, *BOOK], key=lambda rule: rule.id))


def check(name: str | None = None, *, with_app: bool = True) -> Environment:
    """Examine an environment by all rules.

    A fix that changes a recorded answer says how to record the change. Otherwise whoever follows
    it would get CORS037 next.
    """
    found = examine(name, with_app=with_app, rules=ALL_RULES)
    try:
        sources = find_sources(found.name)
    except ConfigurationError:
        return found
    questions, (file, _) = recorded_answers(sources), find_answers(sources)
    findings = []
    for each in found.findings:
        if each.variable in questions and "copier update" not in each.fix and not each.until:
            question, _ = questions.pop(each.variable)
            record = f"{copier('update', file, '--data')} {question}=…"
            fix = f"{each.fix}; then record the line with {record}"
            each = replace(each, fix=fix)
        findings.append(each)
    return replace(found, findings=tuple(findings))


def said_once(examined: Iterable[Environment]) -> Iterator[Environment]:
    """Yield the environments; what is said of the routes of one is not repeated for the next."""
    said: set[tuple[str, str]] = set()
    for each in examined:
        new = [f for f in each.findings if f.rule != "CORS035" or (f.value, f.fix) not in said]
        said |= {(f.value, f.fix) for f in new if f.rule == "CORS035"}
        yield replace(each, findings=tuple(new))
