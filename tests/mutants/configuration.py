"""Faults of what reads an environment's configuration, and of the rules that audit it."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from .replacing import Core, Fault, Replacement, function, policy, replace_attribute

# What is found before there is a policy: it cannot be read.
UNREADABLE = {"CORS001", "CORS025", "CORS038"}

# The rules that the suite tries, by the test that does.
TRIED_RULES = {
    "test_configuration: file_that_does_not_fit": "CORS002 CORS031",
    "test_configuration: second_policy": "CORS034",
    "test_configuration: broken_line": (
        "CORS003 CORS004 CORS005 CORS006 CORS007 CORS008 CORS009 CORS010 CORS011 CORS012 CORS013 "
        "CORS014 CORS015 CORS016 CORS017 CORS018 CORS019 CORS021 CORS022 CORS023 CORS025 CORS030 "
        "CORS032 CORS033 CORS039 CORS040 CORS041 CORS043 CORS044 CORS049 CORS053"
    ),
}


def development(core: Core) -> Any:
    """Return the module with the rules for `cors check`."""
    return getattr(core, "tool.development_rules")


def rule(id: str, **changes: Any) -> Replacement:
    """Change fields of a rule, which is read only."""

    def change(core: Core) -> None:
        (found,) = (each for each in development(core).ALL_RULES if each.id == id)
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


def passes_over(when: Callable[[Path], bool]) -> Replacement:
    """Pass over what is no file where one of these files should be."""

    def make(original: Any) -> Any:
        def find_sources(name: str | None = None, directory: Any = None) -> Any:
            def lexists(path: Path) -> bool:
                return os.path.isfile(path) if when(path) else os.path.islink(path) or path.exists()

            with patch("os.path.lexists", lexists):
                return original(name, directory)

        return find_sources

    return function("sources", "find_sources", make)


def reads_nothing(core: Core) -> None:
    """Read what is no file as an empty one."""
    replace_attribute(
        core,
        core.sources,
        "read_file",
        lambda original: (
            lambda path: original(path) if path.is_file() else core.sources.DotenvFile(path, "", ())
        ),
    )


def production_is(when: Callable[[str], bool]) -> Replacement:
    """Judge these names, and no others, as production."""

    def make(original: Any) -> Any:
        def strictness_of(name: str) -> Any:
            found = original(name)
            return "production" if when(name) else "shared" if found == "production" else found

        return strictness_of

    return function("policy", "strictness_of", make)


def knows_only_ours(core: Core) -> None:
    """Take every other variable with our prefix for a mistake."""
    core.rules.declared = lambda settings: {*core.policy.FIELDS}


def waivers_are_for(when: Callable[[Any, Any], bool]) -> Replacement:
    """Let a waiver accept these findings. `when` gets the waiver and the finding."""
    return lambda core: replace_attribute(
        core, core.findings.Waiver, "is_for", lambda original: when
    )


def waives(make: Callable[[Any], Any]) -> Replacement:
    """Replace what waivers make of a finding."""
    return function("findings", "waive", make)


def refuses_what_is_over(original: Any) -> Any:
    """Leave a finding as it is after the last day of its waiver."""

    def waive(finding: Any, waivers: Any, **options: Any) -> Any:
        return original(finding, [each for each in waivers if each.days_left >= 0], **options)

    return waive


def judges(id: str, **fields: Any) -> Replacement:
    """Judge a policy with these fields by a rule, in the place of the one that is there."""

    def change(core: Core) -> None:
        (found,) = (each for each in core.rules.RULES if each.id == id)
        check = found.check

        def check_changed(subject: Any) -> Any:
            return check(replace(subject, policy=replace(subject.policy, **fields)))

        object.__setattr__(found, "check", check_changed)

    return change


def never_final(id: str) -> Replacement:
    """Let waivers accept whatever a rule finds."""

    def change(core: Core) -> None:
        (found,) = (each for each in core.rules.RULES if each.id == id)
        check = found.check
        object.__setattr__(
            found, "check", lambda subject: (f._replace(is_final=False) for f in check(subject))
        )

    return change


def sets(name: str, value: Any) -> Replacement:
    """Set a constant, or replace a function, of the rules for `cors check`."""
    return lambda core: setattr(development(core), name, value)


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
    Fault(
        "a directory in the place of a file is passed over",
        passes_over(lambda path: path.suffix != ".local"),
        "test_configuration: directory_in_the_place",
    ),
    Fault(
        "a directory in the place of a local file is passed over",
        passes_over(lambda path: path.suffix == ".local"),
        "test_configuration: directory_in_the_place",
    ),
    Fault(
        "a directory in the place of a file is an empty file",
        reads_nothing,
        "test_configuration: directory_in_the_place",
    ),
    Fault(
        "only the name production is judged as production",
        production_is(lambda name: name == "production"),
        "test_configuration: name_of_production: prod-eu",
    ),
    Fault(
        "a name with digits is not judged as production",
        production_is(
            lambda name: re.match("(prod|prd|production|live)([-_]|$)", name) is not None
        ),
        "test_configuration: name_of_production: prd1",
    ),
    Fault(
        "live is not judged as production",
        production_is(
            lambda name: re.match("(prod|prd|production)[0-9]*([-_]|$)", name) is not None
        ),
        "test_configuration: name_of_production: live",
    ),
    Fault(
        "every name that contains prod is judged as production",
        production_is(lambda name: "prod" in name or name == "live"),
        "test_configuration: name_of_production: preprod",
    ),
    Fault(
        "FASTAPI_ENV may contradict ENVIRONMENT",
        rule("CORS060", check=lambda subject: ()),
        "test_configuration: another_environment",
    ),
    Fault(
        "a variable of one's own settings is unknown",
        knows_only_ours,
        "test_configuration: your_own_settings",
    ),
    Fault(
        "lines that a shell reads otherwise go unnoticed",
        rule("CORS059", check=lambda subject: ()),
        "test_configuration: read_otherwise",
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
        "a waiver accepts every finding of its rule",
        waivers_are_for(lambda waiver, finding: waiver.rule == finding.rule),
        "test_configuration: accepts_no_other",
    ),
    Fault(
        "a waiver accepts its value under every rule",
        waivers_are_for(lambda waiver, finding: waiver.value == finding.value),
        "test_configuration: accepts_no_other: CORS010",
    ),
    Fault(
        "a waiver accepts values that begin alike",
        waivers_are_for(
            lambda waiver, finding: (
                waiver.rule == finding.rule and finding.value.startswith(waiver.value)
            )
        ),
        "test_configuration: accepts_no_other: .*localhos-?",
    ),
    Fault(
        "a waiver takes upper case for lower case",
        waivers_are_for(
            lambda waiver, finding: (
                waiver.rule == finding.rule and finding.value.lower() == waiver.value.lower()
            )
        ),
        "test_configuration: accepts_no_other: .*LOCALHOST",
    ),
    Fault(
        "a waiver with a star accepts everything of its rule",
        waivers_are_for(
            lambda waiver, finding: (
                waiver.rule == finding.rule and waiver.value in (finding.value, "*")
            )
        ),
        "test_configuration: accepts_no_other",
    ),
    Fault(
        "a waiver accepts nothing",
        waives(lambda original: lambda finding, waivers, **options: finding),
        "test_configuration: until_its_last_day",
    ),
    Fault(
        "a waiver for * is honoured",
        waives(
            lambda original: (
                lambda finding, waivers, **options: original(finding, waivers, can_be_waived=True)
            )
        ),
        "test_configuration: wrong_everywhere: CORS003",
    ),
    Fault(
        "a waiver lets in everybody at a hoster with cookies",
        never_final("CORS014"),
        "test_configuration: wrong_everywhere: CORS014",
    ),
    Fault(
        "a wildcard with credentials is only a warning in production",
        judges("CORS012", allow_credentials=False),
        "test_configuration: broken_line: CORS012",
    ),
    Fault(
        "the check proposes a waiver that is over already",
        function(
            "tool.development_rules",
            "proposed",
            lambda original: lambda rule, value: original(rule, value).replace(":20", ":19"),
        ),
        "test_configuration: check_proposes",
    ),
    Fault(
        "shared hosting that the public suffix list lacks is not known",
        lambda core: setattr(core.origin, "SHARED_HOSTING", ()),
        "test_configuration: broken_line: github.*CORS014",
    ),
    Fault(
        "a host name with _ is refused",
        lambda core: setattr(core.origin, "NAMED_HOST", core.origin.NAMED_HOST.replace("_", "")),
        "test_configuration: underscore",
    ),
    Fault(
        "a waiver that is over passes the check",
        rule("CORS054", check=lambda subject: ()),
        "test_configuration: until_its_last_day: after",
    ),
    Fault(
        "a waiver that is over stops the start",
        waives(refuses_what_is_over),
        "test_configuration: until_its_last_day: after",
    ),
    Fault(
        "a waiver ends a day early",
        lambda core: replace_attribute(
            core,
            core.findings.Waiver,
            "days_left",
            lambda original: property(lambda self: original.fget(self) - 1),
        ),
        "test_configuration: until_its_last_day: on its",
    ),
    Fault(
        "a waiver needs no comment",
        sets("comments_above", lambda subject, name: None),
        "test_configuration: without_grounds: no comment",
    ),
    Fault(
        "a waiver may be for two years",
        sets("LONGEST_WAIVER", 3 * 366),
        "test_configuration: without_grounds: two years",
    ),
    Fault(
        "a waiver may be for nothing",
        sets("fault_of", lambda waiver, subject: None),
        "test_configuration: without_grounds: for nothing",
    ),
    Fault(
        "shared previews may have cookies",
        judges("CORS014", allow_credentials=False),
        "test_configuration: previews_on_shared: preview.*True",
    ),
    Fault(
        "every environment may have shared previews",
        judges("CORS014", environment="preview"),
        "test_configuration: previews_on_shared: staging",
    ),
    Fault(
        "shared previews need no fixed part",
        lambda core: setattr(core.origin.Pattern, "has_fixed_parts", True),
        "test_configuration: previews_on_shared: preview",
    ),
    Fault(
        "a second policy in a mounted app goes unnoticed",
        function(
            "app",
            "second_policies",
            lambda original: (
                lambda app, name, path: original(app, name, path) if name == "app" else ()
            ),
        ),
        "test_configuration: second_policy: mounted",
    ),
]
