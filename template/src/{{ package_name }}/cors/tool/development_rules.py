"""Rules for `cors check` in a checkout and for the test suite; a service that starts skips them.

They read source code, the recorded answers, and what git has.
"""

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from textwrap import dedent
from typing import Any

import yaml

from ..app import APP_RULES, AppRoute, app_routes
from ..audit import (
    CREDENTIALS,
    EXPOSED_HEADERS,
    MAX_AGE,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
    Fault,
    RuleBook,
    Subject,
)
from ..origin import registrable_domain
from ..rules import RULES
from ..sources import read_list

BOOK = RuleBook()

# --- Cookies ----------------------------------------------------------------------------------


@BOOK.rule("CORS036", "W W E")
def cookie_never_sent(subject: Subject) -> Iterator[Fault]:
    """A cookie that could never be sent cross-site.

    From another site, browsers send a cookie only with SameSite=None, and they accept that only
    together with Secure.

    bad: response.set_cookie("session", value, samesite="lax")
    good: response.set_cookie("session", value, samesite="none", secure=True)
    """
    # Which site the service is on is not known here.
    # But where the front ends are of two sites, one of them is another site; and
    # SameSite=None without Secure is refused everywhere.
    if subject.app is None or not subject.policy.allow_credentials:
        return
    sites = {registrable_domain(site.host) for _, site in subject.sites if not site.is_loopback}
    for place, samesite, secure in cookies_set(subject.app):
        if samesite == "none" and not secure:
            reason = "sets a cookie with SameSite=None but without Secure, which browsers refuse"
            yield Fault(place, "", reason, "add secure=True")
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


# --- Recorded answers -------------------------------------------------------------------------

UPDATE = "uvx copier update --defaults --data"
ANSWERS_FILE = ".copier-answers.yml"

# The questions whose answer is in the dotenv file of every environment.
SHARED_QUESTIONS = {
    METHODS: "allow_methods",
    REQUEST_HEADERS: "request_headers",
    EXPOSED_HEADERS: "exposed_headers",
    MAX_AGE: "preflight_max_age",
    PUBLIC_PATHS: "public_paths",
}


def read_answers(directory: Path) -> Mapping[str, Any]:
    """Return the recorded answers; none where the file is missing or is no mapping."""
    try:
        answers = yaml.safe_load((directory / ANSWERS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return answers if isinstance(answers, dict) else {}


@BOOK.rule("CORS037", "W W W")
def answers_disagree(subject: Subject) -> Iterator[Fault]:
    """The dotenv file and the recorded answers disagree.

    The next update compares with the recorded answer. It would change this line, or conflict
    with it.

    bad: CORS_MAX_AGE=60 while .copier-answers.yml says preflight_max_age: 7200
    good: uvx copier update --defaults --data preflight_max_age=60
    """
    answers = read_answers(subject.sources.directory) if subject.sources else {}
    environment = subject.policy.environment
    for variable, question in ({ORIGINS: f"{environment}_origins"} | SHARED_QUESTIONS).items():
        found, answer = subject.variables.get(variable), answers.get(question)
        if found is None or answer is None or not found.where.startswith(f".env.{environment}:"):
            continue
        if items(found.value) != items(str(answer)):
            reason = f"is not the recorded answer to {question}, {str(answer)!r}"
            recorded = quote(f"{question}={','.join(items(found.value))}")
            yield Fault(variable, found.value, reason, f"record it with {UPDATE} {recorded}")
    yield from credentials_disagree(subject, answers)


def items(text: str) -> list[str]:
    """Return the items of a list; JSON and blanks make no difference."""
    try:
        return read_list(text)
    except ValueError:
        return [text]


def credentials_disagree(subject: Subject, answers: Mapping[str, Any]) -> Iterator[Fault]:
    """Find that cookies are allowed where the answer says they are not used, or the reverse."""
    answer, found = answers.get("credentials"), subject.variables.get(CREDENTIALS)
    allowed = subject.policy.allow_credentials
    if answer is None or found is None or allowed == (answer in ("cookies", "both")):
        return
    bearer = answer in ("bearer", "both")
    recorded = {(True, True): "both", (True, False): "cookies", (False, True): "bearer"}
    reason = f"is not what the recorded answer to credentials, {answer!r}, says"
    fix = f"record it with {UPDATE} credentials={recorded.get((allowed, bearer), 'none')}"
    yield Fault(CREDENTIALS, found.value, reason, fix)


IS_URL = re.compile(r"(?!(git\+)?file:)[\w.@+-]{2,}:")
# A long name without a password is an access token.
HAS_PASSWORD = re.compile(r"https?://([^/@]*:[^/@]+|[^/@]{20,})@")


@BOOK.rule("CORS045", "W - -")
def template_out_of_reach(subject: Subject) -> Iterator[Fault]:
    """The recorded address of the template is a path, or holds a password.

    Updates come from this address. A path exists on one machine only, so neither your colleagues
    nor the weekly job can update the service. A password is read by all who read the repository.

    bad: _src_path: ../template in .copier-answers.yml
    good: _src_path: https://git.acme.com/template.git
    """
    answers = read_answers(subject.sources.directory) if subject.sources else {}
    address = str(answers.get("_src_path", ""))
    edit = f"{ANSWERS_FILE} && rm {ANSWERS_FILE}.bak"
    if address and not IS_URL.match(address):
        reason = "is a path on one machine, so nobody else can update this service"
        url = "https://git.acme.com/template.git"
        fix = f"record the URL: sed -i.bak 's|^_src_path:.*|_src_path: {url}|' {edit}"
        yield Fault("_src_path", address, reason, fix, ANSWERS_FILE)
    elif HAS_PASSWORD.search(address):
        reason = "holds a password, which all who read the repository can read"
        fix = f"revoke it, then run: sed -i.bak '/^_src_path:/s|//[^/@]*@|//|' {edit}"
        shown = re.sub("//[^/@]*@", "//***@", address)
        yield Fault("_src_path", shown, reason, fix, ANSWERS_FILE)


# --- Git --------------------------------------------------------------------------------------


@BOOK.rule("CORS042", "E E E")
def file_not_in_git(subject: Subject) -> Iterator[Fault]:
    """A dotenv file that git does not have.

    A template update overwrites a dotenv file that git ignores, and nothing brings your lines
    back. A file that is not added yet is only a warning. The service starts all the same.

    bad: .env* in an ignore file
    good: !.env.production as the last line of .gitignore
    """
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
    answers = read_answers(subject.sources.directory) if subject.sources else {}
    rendered = ("development", *answers.get("environments", ())) if answers else ()
    for file in subject.files:
        environment = subject.policy.environment
        if file.path.name == f".env.{environment}" and environment in rendered:
            yield file.path


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


ALL_RULES = tuple(sorted([*RULES, *APP_RULES, *BOOK], key=lambda rule: rule.id))
