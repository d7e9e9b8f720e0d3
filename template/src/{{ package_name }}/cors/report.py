"""How the commands print: findings, policies and rules, for people and for programs."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import MARKDOWN, SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .environments import NO_APP, Environment
from .findings import shown
from .policy import CLASSES
from .rules import Rule

STYLES = {"error": "bold red", "warning": "yellow"}


def table(*columns: str, markdown: bool = False) -> Table:
    """Return an empty table in the one style that the commands have."""
    drawn = Table(box=MARKDOWN if markdown else SIMPLE, show_edge=markdown, pad_edge=markdown)
    for column in columns:
        drawn.add_column(Text(column), overflow="fold")
    return drawn


def print_json(value: Any, console: Console) -> None:
    """Print a value as JSON, for programs: never coloured, never wrapped."""
    console.print(json.dumps(value, indent=2), markup=False, highlight=False, soft_wrap=True)


# --- cors check -------------------------------------------------------------------------------


def findings_as_text(examined: Iterable[Environment], console: Console) -> None:
    """Print a table of findings for each environment, and a sentence on what they mean."""
    for environment in examined:
        if environment.findings:
            drawn = table("rule", "where", "value", "finding")
            for found in environment.findings:
                drawn.add_row(
                    Text(f"{found.rule}\n{found.severity}", style=STYLES[found.severity]),
                    Text("\n".join(filter(None, (found.variable, found.where)))),
                    Text(shown(found.value) if found.value else ""),
                    Text(f"{found.reason}.\nFix: {found.fix}."),
                )
            console.print(Text(environment.name, style="bold"))
            console.print(drawn)
        console.print(Text(f"{environment.name}: {verdict(environment)}"), soft_wrap=True)


def verdict(environment: Environment) -> str:
    """Return what the findings mean for the service, in a sentence."""
    errors = sum(found.severity == "error" for found in environment.findings)
    warnings = len(environment.findings) - errors
    if errors:
        found = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
        if environment.refusals or any(each.rule == NO_APP for each in environment.findings):
            return f"the service does not start ({found})."
        return f"the service starts, but the check fails ({found})."
    if warnings:
        return f"the service starts, with {counted(warnings, 'warning')}."
    return "nothing to say against it."


def counted(number: int, noun: str) -> str:
    """Return `1 error` or `2 errors`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def findings_as_json(examined: Iterable[Environment], console: Console) -> None:
    """Print the findings as one JSON list."""
    found = [
        {"environment": each.name, **asdict(finding)}
        for each in examined
        for finding in each.findings
    ]
    print_json(found, console)


def findings_for_github(examined: Iterable[Environment], console: Console) -> None:
    """Print workflow commands that GitHub shows beside the lines of a pull request."""
    for environment in examined:
        for found in environment.findings:
            file, _, line = found.where.partition(":")
            place = f"file={file},line={line}," if line.isdigit() else ""
            value = f" {shown(found.value)}" if found.value else ""
            subject = f"{environment.name}: {found.variable}{value}"
            text = f"{subject} {found.reason}. Fix: {found.fix}."
            command = f"::{found.severity} {place}title={found.rule}::{escaped(text)}"
            console.print(command, markup=False, highlight=False, soft_wrap=True)


def escaped(text: str) -> str:
    """Return the text as the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


# --- cors show --------------------------------------------------------------------------------


def policies_as_table(
    examined: Sequence[Environment], console: Console, *, markdown: bool = False
) -> None:
    """Print one column for each environment."""
    drawn = table("", *(each.name for each in examined), markdown=markdown)
    columns = [described(each) for each in examined]
    for row in dict.fromkeys(name for column in columns for name in column):
        cells = [column.get(row, "") for column in columns]
        if markdown:
            cells = [cell.replace("*", "\\*").replace("\n", "<br>") for cell in cells]
        drawn.add_row(Text(row, style="bold"), *map(Text, cells))
    console.print(drawn)


def described(environment: Environment) -> dict[str, str]:
    """Return what a policy says, as rows of label and text."""
    if environment.settings is None:
        return {"who may call": f"refused: run cors check -e {environment.name}"}
    policy = environment.settings.as_policy()
    cache = f"{policy.max_age} s" if policy.max_age else "never"
    return {
        "who may call": "\n".join(policy.allow_origins) or "no other site",
        "with credentials": "yes" if policy.allow_credentials else "no",
        "methods": ", ".join(policy.allow_methods) or "GET, HEAD, POST only",
        "request headers": ", ".join(policy.allow_headers) or "safelisted only",
        "readable headers": ", ".join(policy.expose_headers) or "safelisted only",
        "preflight cached": cache,
        "public paths": "\n".join(policy.public_paths) or "none",
        "foreign writes": "refused" if policy.guard_writes else "carried out, their answers hidden",
        "starts": "no: run cors check" if environment.refusals else "yes",
    }


def policies_as_json(examined: Iterable[Environment], console: Console) -> None:
    """Print the policies as a JSON object by environment; null where one cannot be read."""
    print_json(
        {
            each.name: asdict(each.settings.as_policy()) if each.settings else None
            for each in examined
        },
        console,
    )


# --- cors rules -------------------------------------------------------------------------------

LETTERS = {"E": "refuses", "W": "warns", "-": "fine"}


def rules_as_table(rules: Iterable[Rule], console: Console) -> None:
    """Print every rule in a line."""
    drawn = table("id", "what", *CLASSES)
    for rule in rules:
        drawn.add_row(
            rule.id, Text(rule.title), *(LETTERS[each] for each in rule.severities.split())
        )
    console.print(drawn)


def rule_as_text(rule: Rule, console: Console) -> None:
    """Print one rule with its reason and examples."""
    console.print(Text(f"{rule.id}  {rule.title}", style="bold"))
    severities = zip(CLASSES, rule.severities.split(), strict=True)
    console.print("  " + ", ".join(f"{name}: {LETTERS[each]}" for name, each in severities))
    console.print(Text(f"\n{rule.why}\n"))
    console.print(Text(f"  bad   {rule.bad}", style="red"), soft_wrap=True)
    console.print(Text(f"  good  {rule.good}", style="green"), soft_wrap=True)


def rules_as_markdown(rules: Iterable[Rule], console: Console) -> None:
    """Print the rules as the document that the template's `docs/rules.md` is."""
    lines = [
        "# The rules",
        "",
        "Printed by `cors rules --format markdown`. Ids never change; new ones come at the end.",
        "local: `development` and `test`; shared: `staging`, `preview` and every other name;",
        "production: `production`. What is refused keeps the service from starting.",
        "",
    ]
    for rule in rules:
        severities = zip(CLASSES, rule.severities.split(), strict=True)
        lines += [
            f"## {rule.id}: {rule.title}",
            "",
            ", ".join(f"{name} {LETTERS[each]}" for name, each in severities) + ".",
            "",
            rule.why,
            "",
            f"- bad: `{rule.bad}`",
            f"- good: `{rule.good}`",
            "",
        ]
    console.print("\n".join(lines[:-1]), markup=False, highlight=False, soft_wrap=True)


def rules_as_json(rules: Iterable[Rule], console: Console) -> None:
    """Print the rules as a JSON list."""
    print_json(
        [
            {
                "id": rule.id,
                "title": rule.title,
                "why": rule.why,
                "bad": rule.bad,
                "good": rule.good,
                "severity": {name: rule.severity(name) for name in CLASSES},
            }
            for rule in rules
        ],
        console,
    )
