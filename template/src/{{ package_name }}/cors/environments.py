"""One environment as the commands see it: its settings, its findings, and the app it makes."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ..settings import Settings
from .answers import read_answers
from .checks import Subject
from .findings import ConfigurationError, Finding
from .middleware import CORSFastAPI
from .rules import audit
from .settings import read_settings
from .sources import Sources, environments, find_sources
from .version_control import unkept

# Errors of `cors check` that do not keep a service from starting: the app could not be made here,
# for example without its database; or git does not have the file.
NO_APP = "APP"
NOT_AT_START = frozenset({NO_APP, "CORS042"})

# The message of a driver that cannot connect shows the URL with its password.
USER_INFO = re.compile(r"://[^\s@]*@")


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment with all that is to be said about it.

    `settings` and `app` are None where an error kept them from being made.
    """

    name: str
    findings: tuple[Finding, ...]
    settings: Settings | None = None
    app: object | None = None

    @property
    def has_errors(self) -> bool:
        """Whether `cors check` fails."""
        return any(finding.severity == "error" for finding in self.findings)

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """Why the service does not start; nothing where it does."""
        return tuple(
            finding
            for finding in self.findings
            if finding.severity == "error" and finding.rule not in NOT_AT_START
        )


def named(directory: Path | None = None) -> list[str]:
    """Return the names of all environments that have a dotenv file."""
    return environments(directory or Path.cwd())


def examine(
    name: str | None = None, directory: Path | None = None, *, with_app: bool = True
) -> Environment:
    """Read and audit an environment, by default the one that ENVIRONMENT names.

    `with_app` also creates the application, for the rules that look at its routes and middleware.
    """
    try:
        sources = find_sources(name, directory)
        settings, findings = read_settings(Settings, sources)
    except ConfigurationError as error:
        return Environment(name or os.environ.get("ENVIRONMENT", "development"), error.findings)
    if settings is None or any(finding.severity == "error" for finding in findings):
        return Environment(sources.environment, tuple(findings), settings)
    answers = read_answers(sources.directory)
    subject = Subject(
        settings.as_policy(),
        sources,
        answers=answers,
        unkept=unkept(rendered_files(sources, answers), sources.directory),
    )
    environment = Environment(sources.environment, tuple(audit(subject)), settings)
    return with_its_app(environment, settings, subject) if with_app else environment


def rendered_files(sources: Sources, answers: Mapping[str, Any]) -> list[Path]:
    """Return the files of an environment that updates of the template write."""
    rendered = ("development", *answers.get("environments", ())) if answers else ()
    own = f".env.{sources.environment}"
    return [file for file in sources.files if file.name == own and sources.environment in rendered]


def with_its_app(environment: Environment, settings: Settings, subject: Subject) -> Environment:
    """Return the environment with its app, and with the findings that the app adds."""
    try:
        app = create_app(settings)
        entrypoint = served()
    except ConfigurationError as error:
        return Environment(environment.name, environment.findings + error.findings, settings)
    except Exception as error:
        finding = Finding(
            rule=NO_APP,
            variable="create_app",
            value="",
            reason=f"raised {type(error).__name__}: {USER_INFO.sub('://***@', str(error))}",
            fix="make it work without the services it connects to, or check with --no-app",
        )
        return Environment(environment.name, (*environment.findings, finding), settings)
    findings = [*audit(replace(subject, app=app))]
    if entrypoint is not app:
        findings += audit(replace(subject, app=entrypoint))
    if isinstance(app, CORSFastAPI) and app.cors_policy != subject.policy:
        findings += audit(Subject(app.cors_policy, app=app))
    return Environment(environment.name, tuple(dict.fromkeys(findings)), settings, app)


def create_app(settings: Settings) -> object:
    """Create the app for these settings; what is served, if something wraps that."""
    # The module makes an app of its own when it is imported, for the environment of the process.
    before = os.environ.get("ENVIRONMENT")
    os.environ["ENVIRONMENT"] = settings.environment
    try:
        main = import_module("..main", __package__)
        app = served()
    finally:
        if before is None:
            del os.environ["ENVIRONMENT"]
        else:
            os.environ["ENVIRONMENT"] = before
    if not isinstance(app, CORSFastAPI):
        return app
    created: object = main.create_app(settings)
    return created


def served() -> object:
    """Return what `[tool.fastapi] entrypoint` in pyproject.toml serves of this package.

    Without one, that is main.app.

    It is made once in a process, for the environment in which it is first asked for.
    """
    try:
        pyproject = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
        module, _, name = pyproject["tool"]["fastapi"]["entrypoint"].partition(":")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        module, name = "", ""
    if module.partition(".")[0] != (__package__ or "").partition(".")[0]:
        module, name = "..main", "app"
    app: object = getattr(import_module(module, __package__), name or "app")
    return app
