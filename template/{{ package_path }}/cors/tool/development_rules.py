# fmt: off
"""Rules for `cors check` in a checkout and for the test suite; a service that starts skips them.

They read source code, routes and the waivers, and find what is needless. And they say whether
updates reach this service and lose nothing: the recorded answers, the address of the template, what
git has, and where the code is. `with_advice` says more of a fix than a start does.
"""

import ast
import inspect
import re
import subprocess
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from shlex import quote, split
from textwrap import dedent
from typing import Any, NamedTuple

import yaml
from fastapi.params import Form
from starlette.routing import Mount, WebSocketRoute, compile_path
from starlette.staticfiles import StaticFiles

from .. import RELEASE, findings
from ..app import APP_RULES, has_provider, others_may_call, routes_in
from ..cli import NO_APP, Environment, entrypoint, examine
from ..fetch_standard import SAFELISTED_METHODS
from ..findings import ConfigurationError, Finding, Waiver, errors_among, shown
from ..origin import Origin, exact
from ..origin_errors import OriginError
from ..policy import (
    ALLOWED_HOSTS,
    CREDENTIALS,
    EXPOSED_HEADERS,
    GUARD_EXEMPT_PATHS,
    GUARD_WRITES,
    MAX_AGE,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
    WAIVERS,
    strictness_of,
)
from ..rules import (
    CHROMIUM_MAX_AGE,
    LONGEST_MAX_AGE,
    MALFORMED,
    OF_POLICY,
    RULES,
    Fault,
    Rule,
    RuleBook,
    Subject,
    findings_of,
)
from ..sources import (
    PROCESS,
    DotenvFile,
    Sources,
    environments,
    find_sources,
    process_variable,
    read_list,
    trusts_proxy,
)
from .browser import registrable_domain
from .cors_check import METHOD_OVERRIDE_HEADERS, SAFELISTED_RESPONSE_HEADERS

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


@BOOK.rule("CORS020", "W W W", waivable=True)
def method_override(subject: Subject) -> Iterator[Fault]:
    """A header that overrides the method."""
    for header in subject.policy.allow_headers:
        if header.lower() in METHOD_OVERRIDE_HEADERS:
            reason = "lets a POST act as a method that was not allowed"
            fix = f"remove it and list the method in {METHODS}"
            yield Fault(REQUEST_HEADERS, header, reason, fix)


# --- What does no harm, and is not needed -------------------------------------------------------


@BOOK.rule("CORS029", "W W W")
def duplicate_origin(subject: Subject) -> Iterator[Fault]:
    """A duplicate origin."""
    seen: set[str] = set()
    patterns = [pattern for _, pattern in subject.patterns]
    for text, entry in subject.entries:
        if text in seen:
            yield Fault(ORIGINS, text, "is listed twice", "remove one of the two")
        seen.add(text)
        for pattern in patterns:
            if isinstance(entry, Origin) and pattern.covers(entry):
                reason = f"is covered by {pattern} already"
                yield Fault(ORIGINS, text, reason, f"remove it, or better, remove {pattern}")


@BOOK.rule("CORS024", "W W W")
def needless_exposed_header(subject: Subject) -> Iterator[Fault]:
    """A response header that is readable anyway."""
    for header in subject.policy.expose_headers:
        if header.lower() in SAFELISTED_RESPONSE_HEADERS:
            yield Fault(EXPOSED_HEADERS, header, "is readable without it", f"remove {header}")


@BOOK.rule("CORS061", "W W W")
def exposed_header_of_the_policy(subject: Subject) -> Iterator[Fault]:
    """An exposed header of the policy itself."""
    for header in subject.policy.expose_headers:
        if header.lower().startswith("access-control-"):
            reason = "is for the browser, and no script needs to read it"
            yield Fault(EXPOSED_HEADERS, header, reason, f"remove {header}")


@BOOK.rule("CORS026", "W W W", waivable=True)
def max_age_above_limit(subject: Subject) -> Iterator[Fault]:
    """A maximum age above Chromium's limit."""
    if CHROMIUM_MAX_AGE < subject.policy.max_age <= LONGEST_MAX_AGE:
        reason = f"is more than the {CHROMIUM_MAX_AGE} seconds that Chromium keeps"
        yield Fault(MAX_AGE, str(subject.policy.max_age), reason, f"write {CHROMIUM_MAX_AGE}")


# --- The environment --------------------------------------------------------------------------


@BOOK.rule("CORS060", "W W W")
def environment_in_doubt(subject: Subject) -> Iterator[Fault]:
    """Something else contradicts ENVIRONMENT."""
    given = process_variable("ENVIRONMENT")
    # Of an environment that this process does not serve, its variables say nothing.
    if subject.policy.environment != (given or "development").strip():
        return
    other = subject.variables.get("FASTAPI_ENV")
    if other and other.value and strictness_of(other.value) != subject.policy.strictness:
        reason = f"contradicts ENVIRONMENT, which is {given or 'not set (development is used)'}"
        yield Fault(other.name, other.value, reason, "set both alike, or unset it", other.where)
    if given is None and trusts_proxy():
        reason = "is not set, so the policy is development's, though the server trusts a proxy"
        yield Fault("ENVIRONMENT", "", reason, "set it, to development if that is meant", PROCESS)


# --- Waivers ----------------------------------------------------------------------------------

# Longer than a year, nobody remembers why. A day more, for leap years.
LONGEST_WAIVER = 366
DAYS_OF_NOTICE = 30
# The rules that can be waived and find nothing without an app.
ON_THE_APP = frozenset({"CORS027", "CORS028", "CORS035", "CORS036"})


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
    has_app = subject.app is not None or rule.id not in ON_THE_APP
    is_asked = subject.sources is not None and has_app
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


# --- Recorded answers -------------------------------------------------------------------------

ANSWERS_FILE = ".copier-answers.yml"
# Every service is asked this question, and no other template has it.
OWN_QUESTION = "development_origins"

# The questions whose answer is in the dotenv file of every environment.
SHARED_QUESTIONS = {
    METHODS: "allow_methods",
    REQUEST_HEADERS: "request_headers",
    EXPOSED_HEADERS: "exposed_headers",
    MAX_AGE: "preflight_max_age",
    PUBLIC_PATHS: "public_paths",
    GUARD_EXEMPT_PATHS: "guard_exempt_paths",
}


def find_answers(sources: Sources | None) -> tuple[str, Mapping[str, Any]]:
    """Return the name of the file with the recorded answers, and the answers.

    With `copier copy -a` it has another name than usual, and beside it there may be the answers to
    another template. The answers are empty where there are none of ours.
    """
    paths = sorted(sources.directory.glob(".copier-answers*.y*ml")) if sources else []
    found = {path.name: read_yaml(path) for path in paths}
    named = [name for name in found if OWN_QUESTION in found[name]] or [ANSWERS_FILE]
    return named[0], found.get(named[0], {})


def read_yaml(path: Path) -> Mapping[str, Any]:
    """Return the mapping in a YAML file; an empty one where it holds none."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def copier(command: str, file: str, *options: str) -> str:
    """Return a command line of Copier, with `-a` where the answers are in another file."""
    options = options if file == ANSWERS_FILE else ("-a", file, *options)
    return " ".join(["uvx copier", command, "--defaults", *map(quote, options)])


def update_with(file: str, question: str, answer: str) -> str:
    """Return the command that records an answer."""
    return copier("update", file, "--data", f"{question}={answer}")


def recorded_answers(sources: Sources | None) -> dict[str, tuple[str, str]]:
    """Return the question and the recorded answer of each variable that has both.

    Leaves out variables whose line in force is in no file of the template.
    """
    if sources is None:
        return {}
    (_, answers), file = find_answers(sources), f".env.{sources.environment}"
    questions = {ORIGINS: f"{sources.environment}_origins"} | SHARED_QUESTIONS
    places = {name: each.where.partition(":")[0] for name, each in sources.variables.items()}
    return {
        variable: (question, str(answers[question]))
        for variable, question in questions.items()
        if answers.get(question) is not None and places.get(variable, file) == file
    }


def change(subject: Subject, variable: str, listed: list[str]) -> str:
    """Return how to give a list variable these items, as an instruction.

    A line that says what the recorded answer says is changed in all files by one command.
    """
    text, recorded = ",".join(listed), recorded_answers(subject.sources).get(variable)
    written = subject.variables.get(variable)
    if recorded and written and items(recorded[1]) == items(written.value):
        file, _ = find_answers(subject.sources)
        return f"commit, then run {update_with(file, recorded[0], text)}"
    return f"write {variable}={text}"


@BOOK.rule("CORS037", "W W W")
def answers_disagree(subject: Subject) -> Iterator[Fault]:
    """The dotenv file and the recorded answers disagree."""
    file, answers = find_answers(subject.sources)
    for variable, (question, answer) in recorded_answers(subject.sources).items():
        text = subject.variables[variable].value if variable in subject.variables else answer
        # A line that a rule refuses is not recorded: the question would refuse it too.
        if items(text) == items(answer) or is_refused(subject, variable):
            continue
        reason = f"is not the recorded answer to {question}, {answer!r}"
        recorded = update_with(file, question, ",".join(items(text)))
        yield Fault(variable, text, reason, f"record it with {recorded}")
    yield from credentials_disagree(subject, file, answers)


def is_refused(subject: Subject, variable: str) -> bool:
    """Whether a rule refuses what is written for a variable."""
    return any(each.variable == variable for each in errors_among([*findings_of(subject, RULES)]))


def items(text: str) -> list[str]:
    """Return the items of a list; JSON and blanks make no difference."""
    try:
        return read_list(text)
    except ValueError:
        return [text]


def credentials_disagree(
    subject: Subject, file: str, answers: Mapping[str, Any]
) -> Iterator[Fault]:
    """Find that the answer says another use of cookies or bearer tokens than is allowed."""
    answer, found = answers.get("credentials"), subject.variables.get(CREDENTIALS)
    cookies, bearer = answer in ("cookies", "both"), answer in ("bearer", "both")
    allowed = subject.policy.allow_credentials
    # One answer is for all environments. One that nobody may call has no use for cookies yet.
    is_used = allowed or bool(subject.policy.allow_origins)
    if answer is not None and found is not None and allowed != cookies and is_used:
        recorded = {(True, True): "both", (True, False): "cookies", (False, True): "bearer"}
        reason = f"is not what the recorded answer to credentials, {answer!r}, says"
        update = update_with(file, "credentials", recorded.get((allowed, bearer), "none"))
        yield Fault(CREDENTIALS, found.value, reason, f"record it with {update}")
    headers = subject.policy.allow_headers
    if bearer and "authorization" not in map(str.lower, headers):
        reason = (
            "does not list Authorization, the header of the bearer tokens that the recorded answer "
            f"to credentials, {answer!r}, names: a browser blocks every request that has it"
        )
        fix = update_with(file, "request_headers", ",".join(["Authorization", *headers]))
        yield Fault(REQUEST_HEADERS, ",".join(headers), reason, f"allow it with {fix}")


IS_URL = re.compile(r"(?!(git\+)?file:)[\w.@+-]{2,}:")
# A long name without a password is an access token.
HAS_PASSWORD = re.compile(r"https?://([^/@]*:[^/@]+|[^/@]{20,})@")


@BOOK.rule("CORS045", "W - -")
def template_out_of_reach(subject: Subject) -> Iterator[Fault]:
    """The recorded address of the template is a path, or holds a password."""
    file, answers = find_answers(subject.sources)
    address = str(answers.get("_src_path", ""))
    edit = f"{file} && rm {file}.bak"
    if address and not IS_URL.match(address):
        reason = "is a path on one machine, so nobody else can update this service"
        url = "https://git.acme.com/template.git"
        fix = f"record the URL: sed -i.bak 's|^_src_path:.*|_src_path: {url}|' {edit}"
        yield Fault("_src_path", address, reason, fix, file)
    elif HAS_PASSWORD.search(address):
        reason = "holds a password, which all who read the repository can read"
        fix = f"revoke it, then run: sed -i.bak '/^_src_path:/s|//[^/@]*@|//|' {edit}"
        shown = re.sub("//[^/@]*@", "//***@", address)
        yield Fault("_src_path", shown, reason, fix, file)


# --- What other programs read of a dotenv file -------------------------------------------------

# A line that python-dotenv, a shell, Docker, systemd and Kubernetes read alike. In an assignment, a
# shell expands a ~ at the beginning and after a colon.
PLAIN_LINE = re.compile(r"[A-Za-z_]\w*=(?!~)((?!:~)[\w.,:/@%+=!*?\[\]{}^#~-])*")
# What is read otherwise of a line that is not plain. The first pattern that fits counts.
READ_OTHERWISE: Mapping[str, str] = {
    r"export\s": "begins with export, which only python-dotenv and a shell read",
    r"[^=]*\s=": "has a blank before the =, which only python-dotenv and systemd allow",
    r"""[^=]*=\s*(".*"|'.*')\s*$""": "is in quotes, which Kubernetes adds to the value",
    r"[^=]*=(.*\s)?#": "has a comment after the value, which Docker and others add to it",
    r"""[^=]*=.*["'\\]""": "has quotes or a \\, which a shell takes out",
    r"[^=]*=.*\s": "has a blank in its value, where a shell begins a command",
    "": "has a character in its value that means something to a shell",
}


@BOOK.rule("CORS059", "W W W", waivable=True)
def line_read_otherwise(subject: Subject) -> Iterator[Fault]:
    """A line that not every reader of dotenv files reads alike."""
    for file in subject.files:
        yield from bytes_read_otherwise(file.path)
        lines = ["", *file.text.split("\n")]
        bindings = (each for each in file.bindings if each.key is not None)
        rows = [*zip(file.variables, bindings, strict=True)]
        last = max((n for n, row in enumerate(rows, 1) if row[0].name in OF_POLICY), default=0)
        for variable, binding in rows[:last]:
            line = binding.original.string.lstrip().rstrip("\n")
            above = lines[int(variable.where.rpartition(":")[2]) - 1]
            if variable.name not in OF_POLICY:
                reason = is_open(line) and "leaves a quote open or ends in \\, so a shell reads on"
                fix = "put the value in quotes"
            elif above.startswith("#") and above.endswith("\\"):
                reason = (
                    "is below a comment that ends in \\, which older releases of systemd continue"
                )
                fix = "remove the \\"
            else:
                reason = not PLAIN_LINE.fullmatch(line) and read_otherwise(line)
                fix = plain_form(f"{binding.key}", variable.value)
            if reason:
                yield Fault(variable.name, "", reason, fix, variable.where)


def bytes_read_otherwise(file: Path) -> Iterator[Fault]:
    """Find what an editor adds to a file and a shell takes for a part of its lines."""
    data = file.read_bytes()
    if data.startswith(BOM_UTF8):
        reason = "begins with a byte order mark, which a shell and systemd read as text"
        yield Fault(file.name, "", reason, "save it as UTF-8 without a byte order mark")
    if b"\r" in data:
        reason = "has the line endings of Windows, of which a shell adds one half to each value"
        yield Fault(file.name, "", reason, "save it with the line endings of Unix, LF")


def is_open(line: str) -> bool:
    """Whether a shell reads on after this line."""
    try:
        split(line, comments=True)
    except ValueError:
        return True
    return False


def read_otherwise(line: str) -> str:
    """Return what is read otherwise of a line; of a $, CORS043 says more."""
    found = (text for form, text in READ_OTHERWISE.items() if re.match(form, line))
    return "" if "$" in line else next(found)


def plain_form(name: str, value: str) -> str:
    """Return how to write a value so that all read it alike, as an instruction."""
    plain = ",".join(items(value))
    if PLAIN_LINE.fullmatch(f"{name}={plain}") and items(plain) == items(value):
        return f"write {name}={shown(plain) if '@' in plain else plain}"
    return "choose another value, because no quotes are read alike by all"


# --- Git --------------------------------------------------------------------------------------


@BOOK.rule("CORS042", "E E E")
def file_not_in_git(subject: Subject) -> Iterator[Fault]:
    """A dotenv file that git does not have."""
    for file in rendered_files(subject):
        mark = git_mark(file)
        add = f"git add {file.name} && git commit"
        if mark == "!!":
            reason = "is ignored by git, so a template update overwrites your lines for good"
            fix = f"add !{file.name} as the last line of .gitignore, then run: {add}"
            yield Fault(file.name, "", reason, fix)
        elif mark == "??":
            yield Fault(file.name, "", "is not in git yet", f"run: {add}", severity="warning")


def rendered_files(subject: Subject) -> Iterator[Path]:
    """Yield the files of an environment that updates of the template write."""
    environment = subject.policy.environment
    for file in subject.files:
        rendered = rendered_environments(find_answers(subject.sources)[1])
        if file.path.name == f".env.{environment}" and environment in rendered:
            yield file.path


def rendered_environments(answers: Mapping[str, Any]) -> list[str]:
    """Return the environments whose dotenv file updates write; none without recorded answers."""
    return ["development", *answers.get("environments", ())] if answers else []


def git_mark(file: Path) -> str:
    """Return `!!` for a file that git ignores, `??` for one that is not added, else nothing.

    Also nothing without git, outside of a repository, and in a folder that is ignored as a whole.
    """
    status = ("status", "--porcelain", "--ignored", "--untracked-files=all", "--", file.name)
    mark = git(file.parent, *status).stdout[:2]
    ignored_folder = mark == "!!" and not git(file.parent, "check-ignore", "-q", ".").returncode
    return "" if ignored_folder else mark


def git(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git; where there is none, it fails."""
    command = ["git", *arguments]
    try:
        return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except OSError:
        return subprocess.CompletedProcess(command, returncode=127, stdout="", stderr="")


# --- Whether updates arrive -------------------------------------------------------------------

CORS_FOLDER = Path(__file__).resolve().parents[1]
SUITE = Path("tests", "cors", "__init__.py")
# What GitHub and GitLab read, at the top of a repository only.
PIPELINES = {"github": ".github/workflows", "gitlab": ".gitlab-ci.yml"}


@BOOK.rule("CORS046", "W W W")
def update_does_not_arrive(subject: Subject) -> Iterator[Fault]:
    """Updates of the template do not reach this service."""
    file, answers = find_answers(subject.sources)
    if subject.sources is None or not answers:
        return
    directory = subject.sources.directory.resolve()
    if CORS_FOLDER.is_relative_to(directory):
        yield from code_elsewhere(subject, directory, file, answers)
    if is_first(subject):
        yield from unread_pipelines(directory, str(answers.get("forge", "none")))


def code_elsewhere(
    subject: Subject, directory: Path, file: str, answers: Mapping[str, Any]
) -> Iterator[Fault]:
    """Find code that is not where updates write, or of another release than its tests."""
    # Only a service that moved in records where its package is.
    name, path = str(answers.get("package_name", "")), answers.get("package_path")
    package, written = CORS_FOLDER.parent, directory / str(path or f"src/{name}")
    here, there = place(package, directory), place(written, directory)
    folder = there.partition("/")[0]
    only = ("--overwrite", "--vcs-ref=:current:", "--exclude=*", f"--exclude=!{folder}")
    take = (
        f"run {copier('recopy', file, *only)} && rm -r {here}/cors && mv {there}/cors {here} && "
        f"rm -r {there}"
    )
    # At the same release, so that nothing else changes.
    record = f"package_path={here}" if path else f"package_name={package.name}"
    rename = copier("update", file, "--vcs-ref=:current:", "--data", record)
    suite = release_of(directory / SUITE)
    is_renamed = path is not None or package.parent == written.parent
    if suite not in ("", RELEASE):
        reason = f"is of release {RELEASE}, and its tests in tests/cors of {suite}"
        fix = "undo the update and repeat it from a clean work tree"
        if name and package != written:
            fix = f"{take}; then commit, and run {rename}" if is_renamed else take
        yield Fault(f"{here}/cors", "", reason, fix, severity="error")
    elif name and package != written and is_first(subject):
        reason = "is not where updates write, so no fix arrives"
        fix = f"before the next update, run {rename}"
        if not is_renamed:
            fix = f"move {here} to {there}; or after each update, {take}"
        yield Fault(f"{here}/cors", "", reason, fix)


def place(path: Path, directory: Path) -> str:
    """Return a path as messages name it: seen from the folder of the service."""
    return path.relative_to(directory).as_posix() if path.is_relative_to(directory) else str(path)


def is_first(subject: Subject) -> bool:
    """Whether to say here what concerns the whole service, so that `--all` says it once."""
    directory = subject.sources.directory if subject.sources else None
    return subject.policy.environment in environments(directory)[:1]


def release_of(suite: Path) -> str:
    """Return the release that a test suite is of; nothing where it does not say."""
    text = suite.read_text(encoding="utf-8") if suite.is_file() else ""
    return "".join(re.findall(r'(?m)^RELEASE = "(.*)"$', text)[:1])


def unread_pipelines(directory: Path, forge: str) -> Iterator[Fault]:
    """Find pipelines of a service in a subfolder that no pipeline at the top speaks of."""
    top = git(directory, "rev-parse", "--show-toplevel").stdout.strip()
    name = PIPELINES.get(forge, "")
    if not name or not top or Path(top) == directory:
        return
    inside = place(directory, Path(top))
    read = [Path(top, name), *Path(top, name).glob("*.y*ml")]
    if any(inside in path.read_text(encoding="utf-8") for path in read if path.is_file()):
        return
    reason = f"is read by no one, because the top of the repository is {top}"
    fix = f"copy it to {name} there, and let its jobs work in {inside}"
    yield Fault(f"{inside}/{name}", "", reason, fix)


@BOOK.rule("CORS047", "W W W")
def environment_without_file(subject: Subject) -> Iterator[Fault]:
    """An environment whose dotenv file is missing or has another name."""
    file, answers = find_answers(subject.sources)
    directory = subject.sources.directory if subject.sources else None
    rendered, found = rendered_environments(answers), environments(directory)
    # Development is no answer: every service has it.
    answered = rendered[1:]
    environment = subject.policy.environment
    for missing in (name for name in rendered if name not in found):
        own = [name for name in found if name not in rendered]
        near = [name for name in own if missing.startswith(name) or alike(name, [missing])]
        if environment in near:
            judged = subject.policy.strictness
            reason = f"is judged as {judged}, and updates write .env.{missing}, which is not here"
            fix = f"rename it to .env.{missing}, with ENVIRONMENT={missing} in it"
            yield Fault(f".env.{environment}", "", reason, fix)
        elif not near and (environment == missing or is_first(subject)):
            only = ("--vcs-ref=:current:", "--skip=*", "--exclude=*", f"--exclude=!.env.{missing}")
            fix = (
                f"bring it back with {copier('recopy', file, *only)}, keep it in git, and make the "
                f"variables of {missing} from it"
            )
            if missing in answered:
                kept = ", ".join(name for name in answered if name != missing)
                give_up = update_with(file, "environments", f"[{kept}]")
                fix += f"; or give the environment up with {give_up}"
            yield Fault(f".env.{missing}", "", "is not here, so no update reaches it", fix)


def alike(name: str, names: Iterable[str]) -> list[str]:
    """Return the one of the names that is spelt most like a name, if one is."""
    return get_close_matches(name, names, n=1)


@BOOK.rule("CORS048", "W W W")
def answer_without_question(subject: Subject) -> Iterator[Fault]:
    """An answer to a question that the template does not ask."""
    file, answers = find_answers(subject.sources)
    for name in answers.get("_not_asked", ()) if is_first(subject) else ():
        (meant,) = alike(name, answers) or ("question",)
        reason = "is not a question of the template, so the last update dropped the answer"
        yield Fault(name, "", reason, f"repeat it with {update_with(file, meant, '…')}")


# Found by `suggestion`: it is no fault, so no finding.
BOOK.append(Rule("CORS057", "- S S", "The hosts of a deployed service are not listed"))

ALL_RULES = tuple(sorted([*RULES, *APP_RULES, *BOOK], key=lambda rule: rule.id))


# --- Advice -----------------------------------------------------------------------------------

# What app shells call themselves where the platform leaves them no scheme of their own.
SHELLS = {
    "localhost": "a Capacitor app on Android, set its server.hostname to a name of your own and "
    "list that",
    "tauri.localhost": "a Tauri app on Windows or Android, let it call with Tauri's HTTP plugin",
}
# [] turns off a policy of its own.
SOCKETIO = (
    "serve the CORSFastAPI, create sio with cors_allowed_origins=[], and in it write "
    "app.mount('/socket.io', socketio.ASGIApp(sio, socketio_path=None))"
)


def with_advice(examined: Environment) -> Environment:
    """Return an environment whose findings say all that a developer needs; a start says less."""
    if examined.policy is None:
        return examined
    subject = Subject(examined.policy, app=examined.app)
    return replace(examined, findings=tuple(advised(each, subject) for each in examined.findings))


def advised(found: Finding, subject: Subject) -> Finding:
    """Return the finding with all that a developer needs for its fix."""
    advice = ADVICE.get(found.rule)
    return replace(found, fix=advice(found, subject)) if advice else found


def fix_of_malformed(found: Finding, subject: Subject) -> str:
    """Judge what was probably meant, so that writing it does not lead to the next finding."""
    errors = (entry for _, entry in subject.entries if isinstance(entry, OriginError))
    error = next((each for each in errors if each.value == found.value), None)
    # Another fix is that of a waiver that is over.
    if error is None or not error.suggestion or error.fix != found.fix:
        return found.fix
    meant = error.suggestion.split(",")
    if all(text in subject.policy.allow_origins for text in meant):
        return f"remove it; {error.suggestion} is listed already"
    for text, pattern in subject.patterns:
        if any(map(pattern.covers, meant)):
            return f"remove it, or better, remove {text}"
    amended = Subject(replace(subject.policy, allow_origins=tuple(meant)))
    after = findings_of(amended, RULES)
    refused = (each for each in after if each.value in meant and not each.until)
    return next((advised(each, amended).fix for each in refused), found.fix)


def fix_of_shell(found: Finding, subject: Subject) -> str:
    """Say what to do if a loopback address is an app shell's own."""
    site = exact(found.value)
    if site is None or site.port is not None or site.host not in SHELLS:
        return found.fix
    return f"{found.fix}; if it is {SHELLS[site.host]}"


def fix_with_waiver(found: Finding, subject: Subject) -> str:
    """Propose a waiver where the pattern is refused and has none."""
    if found.severity != "error" or found.value in [each.value for each in subject.waivers]:
        return found.fix
    waiver = proposed(found.rule, found.value)
    door = f"add {waiver} to {WAIVERS}" if subject.policy.waivers else f"write {WAIVERS}={waiver}"
    return (
        f"{found.fix.partition(',')[0]}, or accept it for three months after a review: {door}, "
        f"below a comment that begins with {found.rule} and says why"
    )


def proposed(rule: str, value: str) -> str:
    """Return a waiver for three months from now, as CORS_WAIVERS writes it."""
    return f"{rule}:{findings.today() + timedelta(days=90)}:{value}"


def fix_of_private_network(found: Finding, subject: Subject) -> str:
    """Say what browsers do instead of asking for the header of Starlette's argument."""
    if not found.variable.startswith("CORS_ALLOW_PRIVATE_NETWORK"):
        return found.fix
    return (
        f"{found.fix}: before a page of the internet reaches a private address, the browser asks "
        "its user, and no header of a service changes that"
    )


def fix_of_wrapper(found: Finding, subject: Subject) -> str:
    """Say how to serve Socket.IO from within the app that it wraps."""
    kind = type(subject.app)
    is_socketio = kind.__module__.startswith("socketio.") and found.value == kind.__name__
    return SOCKETIO if is_socketio else found.fix


def fix_of_entrypoint(found: Finding, subject: Subject) -> str:
    """Say where pyproject.toml names the app, if it names another one."""
    module, name = entrypoint()
    names = (module, module.partition(".")[0])
    no_module = tuple(f"raised ModuleNotFoundError: No module named {each!r}" for each in names)
    no_app = f"raised AttributeError: module {module!r} has no attribute {name!r}"
    if found.reason.startswith(no_module):
        return 'write where your app is into pyproject.toml: [tool.fastapi] entrypoint = "main:app"'
    if found.reason.startswith(no_app):
        return f'write the name of your app into pyproject.toml: entrypoint = "{module}:app"'
    return found.fix


# By rule. Each takes a finding and what was judged, and returns the fix.
ADVICE: Mapping[str, Callable[[Finding, Subject], str]] = {
    **dict.fromkeys(MALFORMED, fix_of_malformed),
    "CORS011": fix_of_shell,
    "CORS012": fix_with_waiver,
    "CORS030": fix_of_private_network,
    "CORS034": fix_of_wrapper,
    NO_APP: fix_of_entrypoint,
}


# --- cors check -------------------------------------------------------------------------------


def check(name: str | None = None, *, with_app: bool = True) -> Environment:
    """Examine an environment by all rules.

    A fix that changes a recorded answer says how to record the change. Otherwise whoever follows
    it would get CORS037 next.
    """
    found = with_advice(examine(name, with_app=with_app, rules=ALL_RULES))
    try:
        sources = find_sources(found.name)
    except ConfigurationError:
        return found
    questions, (file, _) = recorded_answers(sources), find_answers(sources)
    said = []
    for each in found.findings:
        # CORS059 writes the same values in another form.
        is_other = each.rule != "CORS059" and "copier update" not in each.fix
        if each.variable in questions and is_other and not each.until:
            question, _ = questions.pop(each.variable)
            record = f"{copier('update', file, '--data')} {question}=…"
            fix = f"{each.fix}; then record the line with {record}"
            each = replace(each, fix=fix)
        said.append(each)
    return replace(found, findings=tuple(said))


def said_once(examined: Iterable[Environment]) -> Iterator[Environment]:
    """Yield the environments; what is said of the routes of one is not repeated for the next."""
    said: set[tuple[str, str]] = set()
    for each in examined:
        new = [f for f in each.findings if f.rule != "CORS035" or (f.value, f.fix) not in said]
        said |= {(f.value, f.fix) for f in new if f.rule == "CORS035"}
        yield replace(each, findings=tuple(new))


def suggestion(examined: Iterable[Environment]) -> str:
    """Return what CORS057 suggests for all deployed environments at once, "" for nothing."""
    read = [each.name for each in examined if each.policy and each.policy.strictness != "local"]
    names = [name for name in read if ALLOWED_HOSTS not in find_sources(name).variables]
    if not names:
        return ""
    return (
        f"CORS057 suggestion for {', '.join(names)}: list the host names of the service in "
        f"{ALLOWED_HOSTS}. Until then it answers under any. To leave it so, write {ALLOWED_HOSTS}=."
    )
