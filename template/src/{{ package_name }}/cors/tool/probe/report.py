"""How the result of a probe is printed, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from ...findings import counted
from ..show import print_json, table
from .diagnosis import Finding
from .run import Progress as Tell
from .run import Report

# Longer than any header a right service sends, shorter than what a wrong one may.
SHOWN_CHARACTERS = 300


@contextmanager
def progress_bar(console: Console) -> Iterator[Tell]:
    """Show how far the questions are, on a terminal only."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("asking", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def as_text(report: Report, console: Console) -> None:
    """Print what is wrong as a table, and in a sentence what was asked and found."""
    if report.findings:
        drawn = table("id", "what", "asked", "cause and fix")
        for found in report.findings:
            drawn.add_row(
                Text(found.id, style="bold red"),
                Text(f"{found.title}.{effect(found)}"),
                Text(visible(comparison(found))),
                Text(visible(f"{capitalized(found.why)}.\nFix: {found.fix}.")),
            )
        console.print(drawn)
    for note in report.notes:
        console.print(Text(visible(f"Note: {note}.")), soft_wrap=True)
    console.print(Text(verdict(report)), soft_wrap=True)


def comparison(found: Finding) -> str:
    """Return what was asked, expected and answered, a line each."""
    more = f" (and {found.answers - 1} more)" if found.answers > 1 else ""
    lines = [f"{found.asked}{more}", f"expected: {found.expected}", f"came: {found.came}"]
    if found.console:
        lines.append(f"the browser says: {found.console}")
    return "\n".join(lines)


def effect(found: Finding) -> str:
    """Return what browsers make of it."""
    sentences = ""
    if found.lets_in:
        sentences += " A browser lets in who is to stay out."
    if found.blocks:
        sentences += " A browser blocks who may call."
    return sentences


def verdict(report: Report) -> str:
    """Return the result in a sentence, with what it is based on."""
    faults = len(report.findings)
    kept = f"does not keep the policy of {report.environment}: {counted(faults, 'finding')}"
    if not faults:
        kept = f"keeps the policy of {report.environment}"
    requests = counted(report.requests, "request")
    return f"{report.url} {kept} ({requests} answered; asked about {', '.join(report.paths)})."


def as_json(report: Report, console: Console) -> None:
    """Print the report as one JSON object."""
    print_json(asdict(report), console)


def capitalized(text: str) -> str:
    """Return the text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def visible(text: str) -> str:
    """Return text that came over the network as a terminal may show it, shortened by the line."""
    lines = []
    for line in text.split("\n"):
        safe = line if line.isprintable() else line.encode("unicode_escape").decode()
        long = len(safe) > SHOWN_CHARACTERS and line.startswith(("expected:", "came:"))
        lines.append(f"{safe[:SHOWN_CHARACTERS]}…" if long else safe)
    return "\n".join(lines)
