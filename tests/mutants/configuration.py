"""Faults of what reads an environment's configuration, and of the rules that audit it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .replacing import Core, Fault, Replacement, function, policy, replace_attribute

# What is found before there is a policy: it cannot be read.
UNREADABLE = {"CORS001", "CORS025", "CORS038"}

# The rules that the suite tries, by the test that does.
TRIED_RULES = {
    "test_configuration: file_that_does_not_fit": "CORS002 CORS031",
    "test_configuration: second_policy": "CORS034",
    "test_configuration: broken_line": (
        "CORS003 CORS004 CORS005 CORS006 CORS007 CORS008 CORS009 CORS010 CORS011 CORS013 CORS014 "
        "CORS015 CORS016 CORS017 CORS018 CORS019 CORS021 CORS022 CORS023 CORS025 CORS030 CORS032 "
        "CORS033 CORS039 CORS040 CORS041 CORS043 CORS044 CORS049"
    ),
}


def rule(id: str, **changes: Any) -> Replacement:
    """Change fields of a rule, which is read only."""

    def change(core: Core) -> None:
        (found,) = (each for each in (*core.rules.RULES, *core.app.APP_RULES) if each.id == id)
        for name, value in changes.items():
            object.__setattr__(found, name, value)

    return change


def sources(change: Callable[[Any], Any]) -> Replacement:
    """Change the files that an environment is read from."""
    return function(
        "sources",
        "find_sources",
        lambda original: (
            lambda *asked: replace(original(*asked), files=tuple(change(original(*asked).files)))
        ),
    )


def reads_instead(name: str, when: Callable[[str], bool]) -> Replacement:
    """Read another file of the folder in the place of these."""
    return function(
        "sources",
        "read_file",
        lambda original: lambda path: original(path.with_name(name) if when(path.name) else path),
    )


def with_developments(original: Any) -> Any:
    """Read development's file before every other."""

    def find_sources(name: str | None = None, directory: Any = None) -> Any:
        found, first = original(name, directory), original("development", directory)
        return replace(found, files=(first.files[0], *found.files))

    return find_sources


def with_defaults(core: Core) -> None:
    """Take the defaults where nothing describes an environment."""

    def make(original: Any) -> Any:
        def find_sources(name: str | None = None, directory: Any = None) -> Any:
            try:
                return original(name, directory)
            except core.findings.ConfigurationError:
                return core.sources.Sources(name, directory, ())

        return find_sources

    replace_attribute(core, core.sources, "find_sources", make)


def only_what_is_unreadable(original: Any) -> Any:
    """Leave out the audit of the variables that can be read."""

    def read_settings(*asked: Any) -> Any:
        settings, findings = original(*asked)
        if settings is None:
            findings = [found for found in findings if found.rule in UNREADABLE]
        return settings, findings

    return read_settings


def only_errors_of_settings(core: Core, change: Callable[[list[Any]], list[Any]]) -> None:
    """Change what counts as an error when settings are loaded."""
    original = core.settings.errors_among
    core.settings.errors_among = lambda findings: change(original(findings))


def unaudited(core: Core) -> None:
    """Hand out the policy of settings that were made in code as it is."""
    settings = core.settings.CORSSettings
    settings.cors_policy = settings.as_policy


FAULTS_OF_THE_CONFIGURATION = [
    Fault(
        "every environment reads development's file",
        reads_instead(".env.development", lambda name: not name.endswith(".local")),
        "test_configuration: read_from_its_own_files",
    ),
    Fault(
        "what an environment leaves out comes from development",
        function("sources", "find_sources", with_developments),
        "test_configuration: read_from_its_own_files",
    ),
    Fault(
        "every environment reads development's local file",
        reads_instead(".env.development.local", lambda name: name.endswith(".local")),
        "test_configuration: read_from_its_own_files",
    ),
    Fault(
        "the local file is not read",
        sources(lambda files: [file for file in files if file.path.suffix != ".local"]),
        "test_configuration: read_from_its_own_files",
    ),
    Fault(
        "ENVIRONMENT is ignored",
        function(
            "sources",
            "find_sources",
            lambda original: (
                lambda name=None, directory=None: original(name or "development", directory)
            ),
        ),
        "test_configuration: read_from_its_own_files",
    ),
    Fault(
        "an unknown environment gets the defaults",
        with_defaults,
        "test_configuration: file_that_does_not_fit: no such file",
    ),
    Fault(
        "a method is allowed that nobody wrote",
        policy(
            lambda settings: (
                {}
                if "cors_allow_methods" in settings.model_fields_set
                else {"allow_methods": (*settings.cors_allow_methods, "DELETE")}
            )
        ),
        "test_configuration: not_written",
    ),
    Fault(
        "credentials are allowed where nobody wrote it",
        policy(
            lambda settings: (
                {}
                if "cors_allow_credentials" in settings.model_fields_set
                else {"allow_credentials": True}
            )
        ),
        "test_configuration: not_written",
    ),
    Fault(
        "the service starts with what the rules refuse",
        lambda core: only_errors_of_settings(core, lambda errors: []),
        "test_configuration: broken_line: DID NOT RAISE",
    ),
    Fault(
        "only the first error is said",
        lambda core: only_errors_of_settings(core, lambda errors: errors[:1]),
        "test_configuration: all_errors",
    ),
    Fault(
        "after a variable that cannot be read, nothing else is said",
        function("settings", "read_settings", only_what_is_unreadable),
        "test_configuration: all_errors",
    ),
    Fault("settings made in code are not judged", unaudited, "test_configuration: made_in_code"),
    Fault(
        "a rule is weakened to a warning",
        rule("CORS013", severities="W W W"),
        "test_configuration: broken_line: CORS013",
    ),
    Fault(
        "production is judged as staging is",
        function(
            "policy",
            "strictness_of",
            lambda original: lambda name: original(name.replace("production", "staging")),
        ),
        "test_configuration: broken_line: CORS0(13|21)",
    ),
    *(
        Fault(f"{id} finds nothing", rule(id, check=lambda subject: ()), f"{test}: {id}")
        for test, ids in TRIED_RULES.items()
        for id in ids.split()
    ),
    Fault(
        "a second policy in a mounted app goes unnoticed",
        function(
            "app",
            "second_policies",
            lambda original: lambda app, name: original(app, name) if name == "app" else (),
        ),
        "test_configuration: second_policy: mounted",
    ),
]
