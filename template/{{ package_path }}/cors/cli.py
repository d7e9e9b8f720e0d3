# fmt: off
"""The `cors` command: `check` is here, so that an image can judge itself; the rest is in `tool`."""

import argparse
import inspect
import os
import re
import shutil
import sys
import textwrap
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from .app import APP_RULES, CORSFastAPI, has_provider
from .findings import ConfigurationError, Finding, counted, errors_among
from .policy import CORSPolicy
from .rules import RULES, Rule, Subject, findings_of
from .settings import NOT_SET, CORSSettings, read_settings
from .sources import environments, find_sources

PACKAGE = __name__.partition(".")[0]
DEVELOPMENT_COMMANDS = ("show", "rules", "explain", "probe", "lab")

# Errors of `cors check` that do not keep a service from starting: the app could not be made here,
# for example without its database; git does not have a file; an update did not arrive; no route is
# at an exempt path; a waiver is over or groundless; a cookie is never sent.
NO_APP = "APP"
NOT_AT_START = frozenset({NO_APP, "CORS036", "CORS042", "CORS046", "CORS050", "CORS054", "CORS055"})

# The message of a driver that cannot connect shows the URL with its password.
USER_INFO = re.compile(r"://[^\s@]*@")


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment with everything that is to be said about it.

    `policy` and `app` are None where an error kept them from being made.
    """

    name: str
    findings: tuple[Finding, ...]
    policy: CORSPolicy | None = None
    app: object | None = None

    @property
    def refusals(self) -> list[Finding]:
        """Why the service does not start; empty where it does."""
        errors = (each for each in errors_among(self.findings) if not is_report_mode(each))
        # Nothing judges what wraps the app when it starts.
        late = NOT_AT_START if isinstance(self.app, CORSFastAPI) else NOT_AT_START | {"CORS034"}
        return [each for each in errors if each.rule not in late]

    @property
    def verdict(self) -> str:
        """What the findings mean for the service, in a sentence."""
        number = Counter(each.severity for each in self.findings)
        warnings = counted(number["warning"], "warning")
        if number["accepted"]:
            warnings += f", {counted(number['accepted'], 'accepted finding')}"
        if not self.findings:
            return f"{self.name}: no findings."
        no_app = [each.severity for each in self.findings if each.rule == NO_APP]
        starts = "the policy is accepted" if no_app else "the service starts"
        if not number["error"]:
            return f"{self.name}: {starts}, with {warnings}."
        what = f"{starts}, but the check fails"
        if self.refusals or "error" in no_app:
            what = "the service does not start"
        return f"{self.name}: {what} ({counted(number['error'], 'error')}, {warnings})."


def examine(
    name: str | None = None,
    directory: Path | None = None,
    *,
    with_app: bool = True,
    rules: Sequence[Rule] = (*RULES, *APP_RULES),
) -> Environment:
    """Read and audit an environment, by default the one that ENVIRONMENT names.

    `with_app` also creates the application, for the rules that look at routes and middleware.
    """
    try:
        sources = find_sources(name, directory)
    except ConfigurationError as error:
        return Environment(name or os.environ.get("ENVIRONMENT", "development"), error.findings)
    with suppress(Exception, ConfigurationError):
        # So that CORS030 knows the variables that the owner's settings declare.
        import_module(f"{PACKAGE}.settings")
    settings, findings = read_settings(CORSSettings, sources)
    policy = settings.as_policy() if settings else None
    if policy is None:
        return Environment(sources.environment, tuple(findings))
    subjects, problems, app = [Subject(policy, sources)], list[Finding](), None
    # An app with a policy that is refused cannot be made.
    if with_app and not errors_among(findings):
        try:
            app = create_app(sources.environment)
            # Not by equality: a router, which may be served by mistake, has no hash.
            apps = [app] if app is served() else [app, served()]
            subjects = [Subject(policy, sources, each) for each in apps]
            if isinstance(app, CORSFastAPI) and app.cors_policy != policy:
                # Without a factory there is one app, for the environment that asked first.
                made_for = app.cors_policy.environment
                if app is not served() or made_for == sources.environment:
                    subjects.append(Subject(app.cors_policy, app=app))
        except (Exception, ConfigurationError) as error:
            problems += not_created(error)
    found = [each for subject in subjects for each in findings_of(subject, rules)]
    if policy.allow_credentials and policy.strictness != "local":
        # The service starts with a warning, so that its team can read the log, but not for good.
        warned = [each for each in found if is_report_mode(each)]
        found = [replace(each, severity="error") if each in warned else each for each in found]
    return Environment(sources.environment, tuple(dict.fromkeys(found + problems)), policy, app)


def is_report_mode(found: Finding) -> bool:
    """Whether the finding is about CORS_GUARD_WRITES=report, and no waiver accepts it."""
    return (found.rule, found.value, found.until) == ("CORS040", "report", "")


def not_created(error: BaseException) -> list[Finding]:
    """Return why an app cannot be created. A setting without a value here is only a warning."""
    refused = error.findings if isinstance(error, ConfigurationError) else ()
    missing = [each.variable for each in refused if each.reason == NOT_SET]
    others = [each for each in refused if each.reason != NOT_SET]
    if refused and not missing:
        return others
    # The lines below the first one show values, if pydantic wrote them.
    text = USER_INFO.sub("://***@", str(error).partition("\n")[0])
    reason = f"raised {type(error).__name__}: {text}"
    fix = "make it work without the services it connects to, or check with --no-app"
    if missing:
        reason = f"needs {', '.join(missing)}; not checked: routes, cookies and middleware"
        fix = "set it in the process environment or in a .local file, or check with --no-app"
    found = Finding(rule=NO_APP, variable="create_app", value="", reason=reason, fix=fix)
    return [*others, replace(found, severity="warning") if missing else found]


def entrypoint() -> tuple[str, str]:
    """Return module and name of what is served: `[tool.fastapi] entrypoint`, or main.app.

    It may lie outside of the package, but the pyproject.toml of another project does not count.
    """
    try:
        pyproject = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
        module, _, name = pyproject["tool"]["fastapi"]["entrypoint"].partition(":")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        module, name = "", ""
    is_ours = any(Path(folder, PACKAGE, "cors").is_dir() for folder in ("src", ""))
    if not module or (module.partition(".")[0] != PACKAGE and not is_ours):
        module, name = f"{PACKAGE}.main", "app"
    return module, name or "app"


def served() -> object:
    """Return what a server serves. It is made once, for the environment that asks first."""
    module, name = entrypoint()
    if (folder := os.getcwd()) not in sys.path:
        # As servers do: what wraps the app may lie beside pyproject.toml.
        sys.path.append(folder)
    app: object = getattr(import_module(module), name)
    return app() if inspect.isfunction(app) else app


def create_app(environment: str) -> object:
    """Create the app for an environment; return what is served if something wraps the app."""
    before = os.environ.get("ENVIRONMENT")
    # Importing the service makes an app, too.
    os.environ["ENVIRONMENT"] = environment
    try:
        app = served()
        factory = find_factory()
        return factory() if factory and isinstance(app, CORSFastAPI) else app
    finally:
        if before is None:
            del os.environ["ENVIRONMENT"]
        else:
            os.environ["ENVIRONMENT"] = before


def find_factory() -> Callable[..., object] | None:
    """Return the `create_app` beside what is served; None where there is none for no arguments."""
    for name in (entrypoint()[0], f"{PACKAGE}.main"):
        module = import_module(name) if find_spec(name) else None
        factory: Callable[..., object] | None = getattr(module, "create_app", None)
        if factory:
            try:
                inspect.signature(factory).bind()
            except TypeError:
                return None
            return factory
    return None


def as_text(environment: Environment) -> Iterator[str]:
    """Yield a line for each finding, wrapped on a terminal, and a sentence on what they mean."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000_000
    wrapper = textwrap.TextWrapper(width, "  ", "    ")
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    for found in environment.findings:
        yield wrapper.fill(str(found))
    yield environment.verdict
    if has_provider(environment.app):
        text = "origin_provider decides about https origins on no list; its answers are not checked"
        yield f"{environment.name}: {text}."


def app(prog_name: str = "cors") -> None:
    """Run the command and exit with its status."""
    if find_spec(f"{__package__}.tool") and find_spec("typer"):
        import_module(f"{__package__}.tool.cli").app(prog_name=prog_name)
    parser = argparse.ArgumentParser(prog_name, description="Check the policy of a service.")
    if sys.argv[1:] and sys.argv[1] in DEVELOPMENT_COMMANDS:
        command = f"{prog_name} {sys.argv[1]}"
        where = "run it in a checkout of the service, after `uv sync`"
        parser.exit(2, f"`{command}` is a development tool and not installed here: {where}.\n")
    commands = parser.add_subparsers(required=True, metavar="check")
    checking = commands.add_parser("check", help="check the policy of an environment")
    checking.add_argument("--environment", "-e", metavar="NAME", help="the NAME of .env.NAME")
    checking.add_argument("--all", action="store_true", help="check every environment")
    checking.add_argument("--app", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args()
    names = environments() if given.all else [given.environment]
    if not names:
        parser.error("there is no .env.NAME file in the working directory")
    examined = [examine(name, with_app=given.app) for name in names]
    print(*(line for each in examined for line in as_text(each)), sep="\n")
    raise SystemExit(any(errors_among(each.findings) for each in examined))
