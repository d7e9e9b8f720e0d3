"""The recorded answers: what `copier update` believes the dotenv files to say."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from .checks import (
    CREDENTIALS,
    EXPOSED_HEADERS,
    MAX_AGE,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
    Fault,
    Subject,
)

UPDATE = "uvx copier update --defaults --data"
ANSWERS_FILE = ".copier-answers.yml"

# The questions whose answer stands in the dotenv file of every environment.
SHARED_QUESTIONS = {
    METHODS: "allow_methods",
    REQUEST_HEADERS: "request_headers",
    EXPOSED_HEADERS: "exposed_headers",
    MAX_AGE: "preflight_max_age",
    PUBLIC_PATHS: "public_paths",
}


def read_answers(directory: Path) -> Mapping[str, Any]:
    """Return the recorded answers, none where the service was deployed without the file."""
    # Imported here because a service that starts has no use for it.
    import yaml

    try:
        answers = yaml.safe_load((directory / ANSWERS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return answers if isinstance(answers, dict) else {}


def answers_disagree(subject: Subject) -> Iterator[Fault]:
    """Find lines of the environment's own dotenv file that an update would want to change."""
    if subject.sources is None or not subject.answers:
        return
    own_file = f".env.{subject.policy.environment}:"
    for variable, question in questions(subject.policy.environment).items():
        found = subject.variables.get(variable)
        answer = subject.answers.get(question)
        if found is None or answer is None or not found.where.startswith(own_file):
            continue
        if items(found.value) != items(str(answer)):
            reason = f"is not the recorded answer to {question}, {str(answer)!r}"
            recorded = ",".join(items(found.value))
            fix = f"record it with {UPDATE} {quote(f'{question}={recorded}')}"
            yield Fault(variable, found.value, reason, fix)
    yield from credentials_disagree(subject)


def questions(environment: str) -> dict[str, str]:
    """Return which question each variable of an environment was rendered from."""
    return {ORIGINS: f"{environment}_origins"} | SHARED_QUESTIONS


def items(text: str) -> list[str]:
    """Return the items of a list, for which neither JSON nor blanks make a difference."""
    try:
        found = json.loads(text) if text.strip().startswith("[") else text.split(",")
    except ValueError:
        found = [text]
    return [str(item).strip() for item in found if str(item).strip()]


def credentials_disagree(subject: Subject) -> Iterator[Fault]:
    """Find that cookies are allowed where the answer says they are not used, or the reverse."""
    answer = subject.answers.get("credentials")
    if answer is None:
        return
    allowed = subject.policy.allow_credentials
    if allowed == (answer in ("cookies", "both")) or CREDENTIALS not in subject.variables:
        return
    with_bearer = {True: "both", False: "bearer"}
    without = {True: "cookies", False: "none"}
    recorded = (with_bearer if answer in ("bearer", "both") else without)[allowed]
    reason = f"is not what the recorded answer to credentials, {answer!r}, says"
    fix = f"record it with {UPDATE} credentials={recorded}"
    yield Fault(CREDENTIALS, subject.variables[CREDENTIALS].value, reason, fix)
