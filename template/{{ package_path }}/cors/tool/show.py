# fmt: off
"""How the tools print, and what `cors check`, `cors show` and `cors rules` print."""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from rich.box import MARKDOWN, SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..app import has_provider
from ..cli import NOT_AT_START, Environment, as_text
from ..findings import read_waivers
from ..policy import STRICTNESSES
from ..rules import Rule


def terminal() -> Console:
    """Return where to print: in colour on a terminal, plain and unwrapped in a pipe."""
    stdout = Console()
    return stdout if stdout.is_terminal else Console(width=10_000, color_system=None)


def table(*columns: str, markdown: bool = False) -> Table:
    """Return an empty table in the style of these commands."""
    drawn = Table(box=MARKDOWN if markdown else SIMPLE, show_edge=markdown, pad_edge=markdown)
    for column in columns:
        drawn.add_column(Text(column), overflow="fold")
    return drawn


def print_json(value: Any, console: Console) -> None:
    """Print a value as JSON, for programs: never coloured, never wrapped."""
    console.print(json.dumps(value, indent=2), markup=False, highlight=False, soft_wrap=True)


# --- cors check -------------------------------------------------------------------------------


def print_findings(examined: Iterable[Environment], output: str) -> None:
    """Print findings as "text", as "json", or as workflow commands for "github"."""
    if output == "text":
        print(*(line for each in examined for line in as_text(each)), sep="\n")
        return
    found = [(each.name, finding) for each in examined for finding in each.findings]
    if output == "json":
        print(json.dumps([{"environment": name, **asdict(each)} for name, each in found], indent=2))
        return
    for name, finding in found:
        # GitHub shows these beside the lines of a pull request.
        file, _, line = finding.where.partition(":")
        place = f"file={file},line={line}," if line.isdigit() else ""
        text = f"{name}: {finding.variable} {finding.sentence}".replace("%", "%25")
        text = text.replace("\r", "%0D").replace("\n", "%0A")
        level = "notice" if finding.severity == "accepted" else finding.severity
        until = f" accepted until {finding.until}" if finding.until else ""
        print(f"::{level} {place}title={finding.rule}{until}::{text}")


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
    policy = environment.policy
    if policy is None:
        return {"who may call": f"refused: run cors check -e {environment.name}"}
    cache = f"{policy.max_age} s" if policy.max_age else "never"
    writes = "run and are logged" if policy.report_writes else "run, responses hidden"
    waivers = "\n".join(map(str, read_waivers(policy.waivers)))
    provider = "origin_provider decides"
    local = ["localhost", "IP addresses", "names without a dot"]
    hosts = [*policy.allowed_hosts, *(local if policy.strictness == "local" else local[1:2])]
    has_hosts = policy.allowed_hosts or policy.strictness == "local"
    return {
        "judged as": policy.strictness,
        "who may call": "\n".join(policy.allow_origins) or "no other site",
        "with credentials": "yes" if policy.allow_credentials else "no",
        "methods": ", ".join(policy.allow_methods) or "GET, HEAD, POST only",
        "request headers": ", ".join(policy.allow_headers) or "safelisted only",
        "readable headers": ", ".join(policy.expose_headers) or "safelisted only",
        "preflight cached": cache,
        "public paths": "\n".join(policy.public_paths) or "none",
        "writes of other sites": "refused" if policy.guard_writes else writes,
        "exempt paths": "\n".join(policy.guard_exempt_paths) or "none",
        "hosts": "\n".join(hosts) if has_hosts else "any",
        "starts": "no: run cors check" if environment.refusals else "yes",
        **({"other https origins": provider} if has_provider(environment.app) else {}),
        **({"accepts findings": waivers} if waivers else {}),
    }


def policies_as_json(examined: Iterable[Environment], console: Console) -> None:
    """Print the policies as a JSON object by environment; null where one cannot be read."""
    print_json(
        {
            each.name: asdict(policy)
            | {"strictness": policy.strictness, "origin_provider": has_provider(each.app)}
            if (policy := each.policy)
            else None
            for each in examined
        },
        console,
    )


# --- cors rules -------------------------------------------------------------------------------

LETTERS = {"E": "error", "W": "warning", "S": "suggestion", "-": "fine"}


def rules_as_table(rules: Iterable[Rule], console: Console) -> None:
    """Print every rule in a line."""
    drawn = table("id", "what", *STRICTNESSES)
    for rule in rules:
        drawn.add_row(
            rule.id, Text(rule.title), *(LETTERS[each] for each in rule.severities.split())
        )
    console.print(drawn)


@cache
def rule_texts() -> Mapping[str, Mapping[str, str]]:
    """Return what rules.toml says of each rule: why, bad, good, and ask where it can be waived."""
    return tomllib.loads(Path(__file__).with_name("rules.toml").read_text("utf-8"))


def severities(rule: Rule) -> str:
    """Return what breaking the rule means in each class of environments."""
    letters = zip(STRICTNESSES, rule.severities.split(), strict=True)
    text = ", ".join(f"{name}: {LETTERS[each]}" for name, each in letters)
    starts = rule.id in NOT_AT_START and "E" in rule.severities
    return f"{text}. The service starts all the same; the check fails" if starts else text


def waiving(rule: Rule) -> str:
    """Return whether the rule can be waived, and what a reviewer of the waiver asks."""
    if not rule.waivable:
        return "Cannot be waived."
    return f"Can be waived. A reviewer asks: {rule_texts()[rule.id]['ask']}"


def rule_as_text(rule: Rule, console: Console) -> None:
    """Print one rule with its reason and examples."""
    text = rule_texts()[rule.id]
    console.print(Text(f"{rule.id}  {rule.title}", style="bold"))
    console.print(f"  {severities(rule)}")
    console.print(Text(f"\n{text['why']}\n"))
    console.print(Text(f"{waiving(rule)}\n"))
    console.print(Text(f"  bad   {text['bad']}", style="red"), soft_wrap=True)
    console.print(Text(f"  good  {text['good']}", style="green"), soft_wrap=True)


def rules_as_markdown(rules: Iterable[Rule], console: Console) -> None:
    """Print the rules as the document that the template's `docs/rules.md` is."""
    lines = [
        "# The rules",
        "",
        "Printed by `cors rules --format markdown`. Ids never change; new ones come at the end.",
        "local: `development` and `test`; production: `production` and names such as `prod-eu` and",
        "`live`; shared: `staging`, `preview` and all others ([environments.md](environments.md)).",
        "An error keeps the service from starting, unless the rule says otherwise. Rules judge the",
        "policy; the policy then decides about each request.",
        "",
        "What an origin is, and which shared hosting CORS014 knows: [origins.md](origins.md).",
        "",
        "Some rules can be waived until a day: `CORS_WAIVERS=CORS012:2027-01-31:https://*.acme.com`",
        "([waivers.md](waivers.md)).",
        "",
    ]
    for rule in rules:
        text = rule_texts()[rule.id]
        lines += [
            f"## {rule.id}: {rule.title}",
            "",
            f"{severities(rule)}.",
            "",
            text["why"],
            "",
            waiving(rule),
            "",
            f"- bad: `{text['bad']}`",
            f"- good: `{text['good']}`",
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
                **rule_texts()[rule.id],
                "severity": {name: rule.severity(name) for name in STRICTNESSES},
            }
            for rule in rules
        ],
        console,
    )
