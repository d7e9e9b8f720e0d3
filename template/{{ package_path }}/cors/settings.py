# fmt: off
"""CORSSettings: variables and dotenv files in, a CORSPolicy out, readable errors."""

import logging
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BeforeValidator, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from .findings import ConfigurationError, Finding, errors_among, read_waivers
from .policy import FIELDS, GUARD_WRITES, CORSPolicy, strictness_of
from .rules import RULES, Subject, findings_of
from .sources import ENCODING, Sources, find_sources, read_list

log = logging.getLogger(__name__)

NOT_SET = "is required and not set"

Settings = TypeVar("Settings", bound="CORSSettings")


def split_list(value: object) -> object:
    """Return the items of a list that is written as text; anything else passes unchanged."""
    return read_list(value) if isinstance(value, str) else value


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
        # The other variables of a dotenv file are not ours to judge, and may be secrets.
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
    cors_guard_writes: bool | Literal["report"] = False
    cors_guard_exempt_paths: StringList = ()
    cors_allowed_hosts: StringList = ()
    cors_waivers: StringList = ()

    # The policy that `load` has audited.
    _audited: CORSPolicy | None = PrivateAttr(default=None)

    @property
    def is_local(self) -> bool:
        """Whether this is a developer's own machine: development or test."""
        return strictness_of(self.environment) == "local"

    @classmethod
    def load(cls, environment: str | None = None, directory: Path | None = None) -> Self:
        """Read and audit the settings of an environment, by default the one that ENVIRONMENT names.

        Logs warnings. Raises ConfigurationError, with every error at once, where a rule refuses.
        """
        settings, findings = read_settings(cls, find_sources(environment, directory))
        refused = errors_among(findings)
        if settings is None or refused:
            raise ConfigurationError(refused)
        for finding in findings:
            if finding.severity == "warning":
                log.warning("%s", finding)
        if waivers := read_waivers(settings.cors_waivers):
            accepted = "; ".join(map(str, waivers))
            log.warning("%s accepts findings: %s", settings.environment, accepted)
        settings._audited = settings.as_policy()
        return settings

    def as_policy(self) -> CORSPolicy:
        """Return the policy as it is written, right or wrong."""
        values = {field: getattr(self, variable.lower()) for variable, field in FIELDS.items()}
        values["guard_writes"] = self.cors_guard_writes is True
        values["report_writes"] = self.cors_guard_writes == "report"
        return CORSPolicy(environment=self.environment, **values)

    def cors_policy(self) -> CORSPolicy:
        """Return the policy, for an application to enforce.

        Raises ConfigurationError where a rule refuses it: settings made in code are judged too.
        """
        policy = self.as_policy()
        found = findings_of(Subject(policy), RULES) if policy != self._audited else ()
        if refused := errors_among([*found]):
            raise ConfigurationError(refused)
        return policy


def read_settings(cls: type[Settings], sources: Sources) -> tuple[Settings | None, list[Finding]]:
    """Read the settings of an environment; return them with every finding, errors and warnings.

    The settings are None where a variable could not be read. The other variables are audited all
    the same, so that one typo does not hide the next.
    """
    adds_variables = cls.model_fields.keys() != CORSSettings.model_fields.keys()
    files = [file.path for file in sources.files] if adds_variables else None
    try:
        settings = cls(_env_file=files, **texts_of(sources))
    except SettingsError as error:
        return None, [not_json(error, cls, sources)]
    except ValidationError as error:
        faults = error.errors()
        unread = {str(fault["loc"][0]) for fault in faults if fault["loc"]}
        fields = CORSSettings.model_fields
        defaults = {name: fields[name].default for name in unread & fields.keys()}
        readable = CORSSettings(_env_file=None, **(texts_of(sources) | defaults)).as_policy()
        # To pydantic, a value that is neither a bool nor `report` is two faults.
        found = dict.fromkeys(unreadable(fault, sources) for fault in faults)
        return None, [*found, *findings_of(Subject(readable, sources), RULES)]
    return settings, [*findings_of(Subject(settings.as_policy(), sources), RULES)]


def texts_of(sources: Sources) -> dict[str, Any]:
    """Return the text of each variable of the policy, by the name of its field.

    pydantic-settings would replace `${NAME}`, and of a name that a file holds twice it might take
    another line. This way, what is enforced is what `sources` shows.
    """
    fields = (name for name in CORSSettings.model_fields if name.upper() in sources.variables)
    texts = {name: sources.variables[name.upper()].value for name in fields}
    return texts | {"environment": sources.environment}


def not_json(error: SettingsError, cls: type[BaseSettings], sources: Sources) -> Finding:
    """Return the finding for a list or an object of a subclass that is not written as JSON.

    pydantic-settings stops there, and names the field only in its message.
    """
    names = (name.upper() for name in cls.model_fields if f'"{name}"' in str(error))
    reason = "is a list or an object in settings.py, and its text is not JSON"
    fix = 'write it as JSON, a list as ["a","b"]; or declare it with NoDecode, as '
    fix += "cors/settings.py does"
    name = next(names, "the settings")
    where = sources.variables[name].where if name in sources.variables else ""
    return Finding(rule="SETTINGS", variable=name, value="", reason=reason, fix=fix, where=where)


def unreadable(fault: ErrorDetails, sources: Sources) -> Finding:
    """Return the finding for a variable that pydantic could not read.

    The value is shown for the variables of the policy only: any other may hold a secret.
    """
    name = str(fault["loc"][0]).upper() if fault["loc"] else "the settings"
    variable = sources.variables.get(name)
    value = variable.value if variable and name in FIELDS else ""
    rule, reason, fix = "SETTINGS", f"is refused: {fault['msg']}", f"correct {name}"
    if fault["type"] == "missing":
        reason = NOT_SET
        fix = f"set it in .env.{sources.environment}.local or in the process environment"
    elif name == "CORS_MAX_AGE":
        rule, fix = "CORS025", "write a whole number of seconds, such as 7200"
        reason = "is not a whole number of seconds" if value else "is empty"
    elif fault["type"] == "CORS001":
        rule, reason = "CORS001", fault["msg"]
        fix = 'write a,b without quotes or JSON: ["a","b"]'
    elif name in FIELDS:
        more = ", or report" if name == GUARD_WRITES else ""
        rule, fix = "CORS038", f"write true or false{more}"
        reason = "is neither true nor false" if value else "is empty"
    where = variable.where if variable else ""
    return Finding(rule=rule, variable=name, value=value, reason=reason, fix=fix, where=where)
