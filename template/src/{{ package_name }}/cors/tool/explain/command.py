"""What `cors explain` does with its arguments."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rich.console import Console

from ...cli import Environment, examine
from ...sources import PROCESS
from . import report
from .answer import elsewhere, explain
from .console import read_console
from .diagnosis import Given, diagnose
from .question import QuestionError, read_question

USAGE = (
    "say who calls what, as in cors explain https://app.acme.com PUT /items -H content-type; or "
    "paste what the browser's console says: cors explain --message '…' (or pipe it in)"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments of the command."""

    origin: str | None = None
    method: str | None = None
    path: str | None = None
    headers: tuple[str, ...] = ()
    credentials: bool = False
    environment: str | None = None
    message: str | None = None
    known: bool = False


def run(asked: Asked, console: Console) -> int:
    """Print the explanation and return the exit status. Raises QuestionError for misuse."""
    if asked.known:
        report.known_as_markdown(console)
        return 0
    origin, message = asked.origin, asked.message
    if origin is not None and message is None and (origin == "-" or " " in origin.strip()):
        # A message that was given without --message.
        origin, message = None, origin
    if message == "-" or (origin is None and message is None and not sys.stdin.isatty()):
        message = sys.stdin.read()
    if message is None and origin is None:
        raise QuestionError(USAGE)
    if message is not None and not message.strip():
        raise QuestionError(f"there is no text to explain: {USAGE}")
    given = Given(origin, asked.method, asked.path, asked.headers, asked.credentials)
    if message is None:
        return explain_question(given, asked.environment, console)
    return explain_message(message, given, asked.environment, console)


def explain_question(given: Given, name: str | None, console: Console) -> int:
    """Explain what becomes of a request: 0 allowed, 1 blocked."""
    assert given.origin is not None
    question = read_question(
        given.origin, given.method, given.path, given.headers, credentials=given.credentials
    )
    environment = examine(name)
    if environment.refusals:
        return refused(environment, console)
    found = explain(question, environment)
    report.explanation_as_text(found, elsewhere(question, environment.name), console)
    return 0 if found.allowed else 1


def explain_message(text: str, given: Given, name: str | None, console: Console) -> int:
    """Explain messages of a console: 0 the policy allows what they are about, 2 unknown."""
    readings = read_console(text)
    if not readings:
        report.unknown_message(console)
        return 2
    environment = examine(name)
    if environment.refusals:
        return refused(environment, console)
    found = [diagnose(reading, given, environment) for reading in readings]
    for diagnosis in found:
        report.diagnosis_as_text(diagnosis, console)
    return 0 if all(each.verdict == "elsewhere" for each in found) else 1


def refused(environment: Environment, console: Console) -> int:
    """Print that the service does not start: 2 where the environment was misspelt."""
    report.refused_environment(environment, console)
    misspelt = any(
        found.rule == "CORS031" and found.where == PROCESS for found in environment.findings
    )
    return 2 if misspelt else 1
