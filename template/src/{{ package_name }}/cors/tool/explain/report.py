"""How `cors explain` prints: the steps, what to change, and what the browser says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...cli import Environment
from ...findings import shown
from .causes import CAUSES, Cause
from .console import Reading
from .diagnosis import Diagnosis
from .explanation import Explanation
from .messages import MESSAGES
from .question import Question, without_query
from .remedy import Change
from .steps import Step

BROWSERS = ("Chromium", "Firefox", "Safari", "any")

MARKS = {
    "ok": ("ok", "green"),
    "blocked": ("BLOCKED", "bold red"),
    "also": ("blocked too", "red"),
    "none": ("-", "dim"),
}


def heading(console: Console, text: str) -> None:
    """Print a heading."""
    console.print()
    console.print(Text(text, style="bold"))


def line(console: Console, text: str, style: str = "") -> None:
    """Print a line to copy from: indented, never wrapped, never read as markup."""
    console.print(Text(f"  {text}", style=style), soft_wrap=True)


def rows(console: Console, cells: Sequence[tuple[Text, ...]]) -> None:
    """Print rows of cells: the last one wraps on a terminal, and is not padded in a pipe."""
    if console.is_terminal:
        drawn = Table.grid(padding=(0, 2, 0, 0))
        for row in cells:
            drawn.add_row(*row)
        console.print(drawn)
        return
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]) - 1)]
    for row in cells:
        before = "".join(
            cell.plain.ljust(width + 2) for cell, width in zip(row, widths, strict=False)
        )
        console.print(Text(before + row[-1].plain), soft_wrap=True)


def listed(console: Console, texts: Sequence[str]) -> None:
    """Print paragraphs, each with a dash."""
    if texts:
        rows(console, [(Text(" -"), Text(text)) for text in texts])


def explanation_as_text(
    found: Explanation, others: Mapping[str, str], console: Console, *, brief: bool = False
) -> None:
    """Print an explanation; `brief` leaves out what a message has already said."""
    console.print(headline(found))
    console.print()
    rows(console, [step_row(step) for step in found.steps])
    if not found.allowed:
        print_changes(found, others, console)
    if found.message and not brief:
        heading(console, "What the browser's console says (Chromium)")
        line(console, found.message)
    if found.command and not brief:
        heading(console, "See for yourself")
        line(console, found.command)
    notes = [*found.remarks, *other_environments(others)]
    if notes:
        heading(console, "Note")
        listed(console, notes)


def headline(found: Explanation) -> Text:
    """Return the answer in a line."""
    text = Text(asked(found.question), style="bold")
    text.append(f" in {found.environment}: ")
    if found.allowed:
        return text.append("allowed", style="bold green")
    return text.append(f"blocked at the step `{found.blocked_at}`", style="bold red")


def asked(question: Question) -> str:
    """Return a question in a line, without any value that may be a secret."""
    extras = [f"{name}: …" for name, _ in question.headers]
    extras += ["credentials"] if question.credentials else []
    given = f" with {', '.join(extras)}" if extras else ""
    method = "WebSocket" if question.is_socket else question.method
    return f"{question.origin}: {method} {question.path}{given}"


def step_row(step: Step) -> tuple[Text, ...]:
    """Return a step as a row."""
    mark, style = MARKS[step.verdict]
    return Text(f"  {step.name}"), Text(mark, style=style), Text(step.text)


def print_changes(found: Explanation, others: Mapping[str, str], console: Console) -> None:
    """Print what to do, first without touching the policy where that may be enough."""
    if not (found.instead or found.changes):
        return
    heading(console, "What to change")
    if found.instead:
        line(console, f"Open the page as {found.instead} instead; or, if it really lives there:")
    elif elsewhere := [name for name, fate in others.items() if fate == "allowed"]:
        line(
            console,
            f"The policy of {' and '.join(elsewhere)} allows it: is the page calling the service "
            "that it should? If so:",
        )
    for change in found.changes:
        print_change(change, found, console)
    if found.changes and not any(change.refused for change in found.changes):
        line(
            console, "With that it is allowed (tried). Restart the service to have it read.", "dim"
        )


def print_change(change: Change, found: Explanation, console: Console) -> None:
    """Print a line to write, or why it must not be written."""
    if change.refused:
        line(console, f"{change.variable} cannot take that in {found.environment}:", "red")
        for finding in change.refused:
            line(
                console,
                f"  {finding.rule}: `{shown(finding.value)}` {finding.reason}. Fix: {finding.fix}.",
            )
        return
    verb = "" if change.is_set else " (not set yet)"
    line(console, f"{change.where}{verb}:")
    line(console, f"  {change.variable}={change.value}", "bold green")


def other_environments(others: Mapping[str, str]) -> list[str]:
    """Return how other environments answer, as a sentence, unless there are none."""
    if not others:
        return []
    return [f"The same in {', in '.join(f'{name}: {fate}' for name, fate in others.items())}."]


def refused_environment(environment: Environment, console: Console) -> None:
    """Print that the service does not start, which no policy can make good."""
    console.print(
        Text(f"{environment.name}: the service does not start, so nobody gets an answer:", "red")
    )
    for finding in environment.refusals:
        line(console, str(finding))
    console.print()
    console.print(
        "Browsers say net::ERR_CONNECTION_REFUSED (Chromium), CORS request did not succeed "
        "(Firefox) or Could not connect to the server (Safari) then."
    )


# --- Messages ---------------------------------------------------------------------------------


def diagnosis_as_text(found: Diagnosis, console: Console) -> None:
    """Print what a message means, whether it is the policy, and what else it can be."""
    console.print(Text(f"{found.cause.title}.", style="bold"))
    line(console, about(found.reading))
    console.print(Text(found.cause.meaning))
    for hint in found.hints:
        console.print(Text(hint))
    if found.explanation and found.verdict == "policy":
        console.print()
        text = f"The policy of {found.environment} blocks it:"
        console.print(Text(text, style="bold red"))
        explanation_as_text(found.explanation, found.others, console, brief=True)
    elif found.explanation:
        console.print()
        console.print(Text(exonerated(found), style="bold green"))
        listed(console, [*found.explanation.remarks, *other_environments(found.others)])
    if found.suspects:
        heading(console, "What it can be, the likeliest first")
        for number, suspect in enumerate(found.suspects, start=1):
            line(console, f"{number}. {suspect.what}")
            if suspect.command:
                line(console, f"     {suspect.command}", "cyan")
    console.print()


def about(reading: Reading) -> str:
    """Return what a message is about, in a line."""
    method = f"{reading.method} " if reading.method else ""
    request = f"{method}{without_query(reading.url)}" if reading.url else reading.method or ""
    parts = [
        reading.message.browser if reading.message.browser != "any" else "",
        f"page {reading.origin}" if reading.origin else "",
        request,
        f"header {reading.header}" if reading.header else "",
        f"status {reading.status}" if reading.status else "",
    ]
    return ", ".join(filter(None, parts))


def exonerated(found: Diagnosis) -> str:
    """Return the sentence for a policy that has nothing to do with it."""
    assert found.explanation is not None
    allowed = f"The policy of {found.environment} allows {asked(found.explanation.question)}."
    if found.cause.by_policy:
        return f"{allowed} So it was not this service, or not with this policy, that answered."
    return f"{allowed} It is not what stops this request."


def unknown_message(console: Console) -> None:
    """Print that a text holds no known message, and what to paste."""
    console.print("This holds no message that is known here. Paste, best all of it:")
    listed(
        console,
        [
            "Chromium, Edge: the red line in the console that begins Access to fetch at …",
            "Firefox: the line that begins Cross-Origin Request Blocked: … (Reason: …)",
            "Safari: the line that begins Origin … is not allowed by …, or Preflight response …",
            "no such line: what the Network tab shows of the request, such as net::ERR_…",
        ],
    )
    console.print("Or ask without it: cors explain https://app.acme.com PUT /items")


def known_as_markdown(console: Console) -> None:
    """Print every message with its cause: the template's docs/troubleshooting.md."""
    lines = [
        "# From a message to its cause",
        "",
        "Printed by `cors explain --known`. What a browser's console says, what it means, and the",
        "command that tells, the likeliest cause first. The short way: copy the message and run",
        "`cors explain --message '…' -e production`, which fills in what stands here in capitals.",
        "",
    ]
    for cause in CAUSES:
        lines += cause_as_markdown(cause)
    console.print("\n".join(lines[:-1]), markup=False, highlight=False, soft_wrap=True)


def cause_as_markdown(cause: Cause) -> list[str]:
    """Return a cause with its messages, browser by browser, and its suspects."""
    lines = [f"## {cause.title}", "", cause.meaning, ""]
    rows = [row for row in MESSAGES if row.cause == cause.id]
    for browser in BROWSERS:
        if not any(row.browser == browser for row in rows):
            continue
        lines += [f"{'Any browser' if browser == 'any' else browser}:", "", "```text"]
        lines += [environments(row.shown) for row in rows if row.browser == browser]
        lines += ["```", ""]
    for number, suspect in enumerate(cause.suspects, start=1):
        lines.append(f"{number}. {environments(suspect.what)}")
        if suspect.command:
            lines += ["", "   ```sh", f"   {environments(suspect.command)}", "   ```", ""]
    lines += [] if lines[-1] == "" else [""]
    return lines


def environments(text: str) -> str:
    """Return a text whose placeholders are written as a reader expects them."""
    return re.sub(r"\{([a-z]+)\}", lambda found: found[1].upper(), text)
