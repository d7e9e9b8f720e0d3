"""CORSSettings: environment variables and dotenv files in, a CORSPolicy out, readable errors."""

import json
import logging
import re
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BeforeValidator, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from .checks import Subject
from .findings import ConfigurationError, Finding
from .origin import shown
from .policy import CORSPolicy, strictness_of
from .rules import audit
from .sources import ENCODING, Sources, find_sources

log = logging.getLogger(__name__)

Settings = TypeVar("Settings", bound="CORSSettings")


def split_list(value: object) -> object:
    """Return the items of a comma separated or JSON list; what is no text passes unchanged.

    Raises PydanticCustomError (CORS001) for JSON that is no list of strings, and for an item that
    keeps half of a quote or bracket: somebody meant something else than was read.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith(("[", "{")):
        items = [item.strip() for item in text.split(",") if item.strip()]
        for item in items:
            # An IPv6 address has brackets of its own, in pairs.
            if item.count('"') % 2 or item.count("'") % 2 or item.count("[") != item.count("]"):
                raise not_a_list(f"keeps half of a pair of quotes or brackets in `{item}`")
        return items
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        raise not_a_list("begins like JSON but is none") from None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise not_a_list("is JSON, but no list of strings")
    return [item.strip() for item in items]


def not_a_list(reason: str) -> PydanticCustomError:
    """Return the error for a list variable that is not a list."""
    return PydanticCustomError("CORS001", "{reason}", {"reason": reason})


def whole_number(value: object) -> object:
    """Refuse text that pydantic reads as a number, though it is no count of seconds: 60.0."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
        raise PydanticCustomError("CORS025", "{reason}", {"reason": "is not a whole number"})
    return value


# NoDecode keeps pydantic-settings from insisting on JSON before our validator sees the text.
StringList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]
Seconds = Annotated[int, BeforeValidator(whole_number)]


class CORSSettings(BaseSettings):
    """The variables of the policy. Subclass it to add variables of your own."""

    model_config = SettingsConfigDict(
        # What else stands in a dotenv file is none of our business, and may be a secret.
        extra="ignore",
        env_file_encoding=ENCODING,
        # An error message must not show the value of a variable that may be a secret.
        hide_input_in_errors=True,
    )

    environment: str = "development"
    cors_allowed_origins: StringList = ()
    cors_allow_credentials: bool = False
    cors_allow_methods: StringList = ("GET", "HEAD", "POST")
    cors_allow_headers: StringList = ()
    cors_expose_headers: StringList = ()
    cors_max_age: Seconds = 600
    cors_public_paths: StringList = ()
    cors_guard_writes: bool = False

    @property
    def is_local(self) -> bool:
        """Whether this is a developer's own machine: development or test."""
        return strictness_of(self.environment) == "local"

    @classmethod
    def load(cls, environment: str | None = None, directory: Path | None = None) -> Self:
        """Read and audit the settings of an environment, by default the one that ENVIRONMENT names.

        Raises ConfigurationError, with every error at once, where the rules refuse them. Warnings
        are logged.
        """
        sources = find_sources(environment, directory)
        settings, findings = read_settings(cls, sources)
        refused = [finding for finding in findings if finding.severity == "error"]
        if settings is None or refused:
            raise ConfigurationError(refused)
        for finding in findings:
            log.warning("%s", finding)
        return settings

    def as_policy(self) -> CORSPolicy:
        """Return the policy as it is written, right or wrong."""
        return CORSPolicy(
            environment=self.environment,
            allow_origins=self.cors_allowed_origins,
            allow_credentials=self.cors_allow_credentials,
            allow_methods=self.cors_allow_methods,
            allow_headers=self.cors_allow_headers,
            expose_headers=self.cors_expose_headers,
            max_age=self.cors_max_age,
            public_paths=self.cors_public_paths,
            guard_writes=self.cors_guard_writes,
        )

    def cors_policy(self) -> CORSPolicy:
        """Return the policy, for an application to enforce.

        Raises ConfigurationError where the rules refuse it: settings made in code are judged too.
        """
        policy = self.as_policy()
        refused = [found for found in audit(Subject(policy)) if found.severity == "error"]
        if refused:
            raise ConfigurationError(refused)
        return policy


def read_settings(cls: type[Settings], sources: Sources) -> tuple[Settings | None, list[Finding]]:
    """Read an environment's settings and return them with every finding, errors and warnings.

    The settings are None where a variable could not be read. The variables that could be are
    audited all the same, so that one typo does not hide the next.
    """
    arguments: dict[str, Any] = {"_env_file": sources.files} | policy_texts(sources)
    try:
        settings = cls(**arguments)
    except SettingsError as error:
        return None, [not_json(error, cls, sources)]
    except ValidationError as error:
        findings = [unreadable(details, sources) for details in error.errors()]
        unread = {str(details["loc"][0]) for details in error.errors()}
        defaults = {
            name: field.default
            for name, field in CORSSettings.model_fields.items()
            if name in unread
        }
        readable = CORSSettings(**(arguments | defaults))
        subject = Subject(
            readable.as_policy(), sources, unread=frozenset(name.upper() for name in unread)
        )
        return None, findings + list(audit(subject))
    return settings, list(audit(Subject(settings.as_policy(), sources)))


def policy_texts(sources: Sources) -> dict[str, Any]:
    """Return the text of each variable of the policy, by the name of its field.

    pydantic-settings would read the same files with `${X}` replaced, and of a name that stands in a
    file twice it might take another line. What is enforced is what `sources` shows.
    """
    fields = (name for name in CORSSettings.model_fields if name.upper() in sources.variables)
    texts = {name: sources.variables[name.upper()].value for name in fields}
    return texts | {"environment": sources.environment}


def not_json(error: SettingsError, cls: type[BaseSettings], sources: Sources) -> Finding:
    """Return the finding for a list or an object of your own that is not written as JSON.

    pydantic-settings ends there, before it reads any other variable, and names the field in its
    message alone.
    """
    name = next((name for name in cls.model_fields if f'"{name}"' in str(error)), "")
    variable = sources.variables.get(name.upper())
    return Finding(
        rule="SETTINGS",
        variable=name.upper() or "the settings",
        value="",
        reason="is a list or an object in settings.py, and its text is not JSON",
        fix='write it as JSON, a list as ["a","b"]; or declare it as the lists of '
        "cors/settings.py are, with NoDecode",
        where=variable.where if variable else "",
    )


def unreadable(details: ErrorDetails, sources: Sources) -> Finding:
    """Return the finding for a variable that pydantic could not read.

    The value is shown for the variables of the policy only: any other may hold a secret.
    """
    name = str(details["loc"][0]).upper() if details["loc"] else "the settings"
    variable = sources.variables.get(name)
    where = variable.where if variable else ""
    value = variable.value if variable and name.startswith("CORS_") else ""
    rule, reason, fix = "SETTINGS", f"is refused: {details['msg']}", f"correct {name}"
    if details["type"] == "missing":
        reason = "is required and not set"
        fix = f"set it in .env.{sources.environment}.local or in the process environment"
    elif name == "CORS_MAX_AGE":
        rule, fix = "CORS025", "write a whole number of seconds, such as 7200"
        reason = "is not a whole number of seconds" if value else "is empty"
    elif details["type"] == "CORS001":
        rule, reason = "CORS001", details["ctx"]["reason"]
        value, fix = shown(value), 'write a,b without quotes or JSON: ["a","b"]'
    elif name.startswith("CORS_"):
        rule, fix = "CORS038", "write true or false"
        reason = "is neither true nor false" if value else "is empty"
    return Finding(rule=rule, variable=name, value=value, reason=reason, fix=fix, where=where)
