# fmt: off
"""Rules on what a policy is read from: its dotenv files and the variables of the process."""

import re
from collections.abc import Iterator

from .audit import FIELDS, Fault, Rule, RuleBook, Subject
from .findings import shown
from .sources import PROCESS, Variable

FILE_RULES = RuleBook()

MERGE_MARKER = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |$)")
# The beginning of a line about the policy, however it goes on.
ABOUT_THE_POLICY = re.compile(
    r"\s*(?:(?:export|set)\s+)?['\"]?(?:CORS_|ENVIRONMENT\b)", re.IGNORECASE
)

# The first two are found when the variables are read, before there is a policy.
FILE_RULES += [
    Rule("CORS001", "E E E", "A list variable is not a list of strings"),
    Rule("CORS038", "E E E", "A switch that is neither true nor false"),
]


@FILE_RULES.rule("CORS030", "W E E", waivable=True)
def unknown_variable(subject: Subject) -> Iterator[Fault]:
    """An unknown CORS_ variable."""
    ours = {letters(name) for name in FIELDS}
    for name, variable in subject.variables.items():
        # The test suite reads CORS_REQUIRE_…: they make a missing browser a failure.
        if name in FIELDS or name.startswith("CORS_REQUIRE_"):
            continue
        # A byte order mark, a hyphen or a missing underscore hides a variable just as well.
        if not name.startswith("CORS_") and letters(name) not in ours:
            continue
        reason, fix = "is read by nothing", "remove it; there is nothing to set"
        if name.startswith("CORS_ALLOW_PRIVATE_NETWORK"):
            # Starlette's argument is for a header that browsers gave up for a permission prompt.
            reason += ": before a page of the internet reaches a private address, the browser asks "
            reason += "its user, and no header of a service changes that"
        else:
            # Imported here: no service that starts needs it.
            from difflib import get_close_matches

            (near,) = get_close_matches(name, FIELDS, n=1, cutoff=0)
            fix = f"write {near}, or remove it"
            if near in subject.variables:
                fix = f"remove it; for that setting, write {near}, which is there already"
        yield Fault(name, "", reason, fix, variable.where)


def letters(name: str) -> str:
    """Return only the letters and digits of a name."""
    return re.sub(r"[^A-Z0-9]", "", name)


@FILE_RULES.rule("CORS031", "E E E")
def environment_contradicts_file(subject: Subject) -> Iterator[Fault]:
    """An unknown environment."""
    for file in subject.files:
        for variable in file.variables:
            if variable.name == "ENVIRONMENT" and variable.value != subject.policy.environment:
                reason = f"contradicts the name of its file, {file.path.name}"
                fix = f"write ENVIRONMENT={subject.policy.environment}"
                yield Fault("ENVIRONMENT", variable.value, reason, fix, variable.where)


@FILE_RULES.rule("CORS033", "E E E")
def unresolved_conflict(subject: Subject) -> Iterator[Fault]:
    """Merge markers in a dotenv file, or a .rej file beside it."""
    for file in subject.files:
        name = file.path.name
        for number, line in enumerate(file.text.splitlines(), start=1):
            if MERGE_MARKER.match(line):
                reason = "is a merge marker that an update left"
                fix = "keep the lines you want and delete the markers"
                yield Fault(name, line, reason, fix, f"{name}:{number}")
        rejected = file.path.with_name(f"{name}.rej")
        if rejected.exists():
            reason = f"holds lines of {name} that an update could not merge"
            fix = f"put the lines you want into {name} and delete {rejected.name}"
            yield Fault(name, rejected.name, reason, fix, rejected.name)


@FILE_RULES.rule("CORS041", "E E E")
def unread_line(subject: Subject) -> Iterator[Fault]:
    """A line of a dotenv file that is not read."""
    reason = "is not read: a quote is not closed, there is no =, or something follows"
    fix = "write NAME=value, the value in two quotes or in none"
    bindings = [(file.path.name, each) for file in subject.files for each in file.bindings]
    for name, binding in bindings:
        # A line cannot be read itself, or it lies within the quotes of another variable.
        own_line = binding.value is not None
        for number, line in enumerate(binding.original.string.split("\n"), binding.original.line):
            if line.strip() and own_line:
                own_line = False
            elif ABOUT_THE_POLICY.match(line):
                yield Fault(name, shown(line.strip()), reason, fix, f"{name}:{number}")


@FILE_RULES.rule("CORS043", "E E E")
def expandable_value(subject: Subject) -> Iterator[Fault]:
    """A $ in a variable of the policy."""
    in_process = [each for each in subject.variables.values() if each.where == PROCESS]
    in_files = [each for file in subject.files for each in file.variables]
    for variable in filter(is_of_policy, [*in_files, *in_process]):
        if "$" in variable.value:
            reason = "holds a $, which python-dotenv may replace and Docker does not"
            fix = "write out the value, without $"
            yield Fault(variable.name, variable.value, reason, fix, variable.where)


@FILE_RULES.rule("CORS044", "E E E")
def repeated_variable(subject: Subject) -> Iterator[Fault]:
    """A variable of the policy that is set twice in one file."""
    for file in subject.files:
        first: dict[str, Variable] = {}
        for variable in filter(is_of_policy, file.variables):
            if variable.name in first:
                reason = f"is set a second time; the first is {first[variable.name].where}"
                fix = "keep one of the two lines"
                yield Fault(variable.name, variable.value, reason, fix, variable.where)
            first.setdefault(variable.name, variable)


def is_of_policy(variable: Variable) -> bool:
    """Whether it is a variable of the policy, or ENVIRONMENT, which selects them."""
    return variable.name in FIELDS or variable.name == "ENVIRONMENT"
