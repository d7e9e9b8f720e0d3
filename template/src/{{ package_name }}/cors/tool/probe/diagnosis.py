"""From answers to findings: which causes explain what is not as promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..browser import Response, console_message
from ..browser.headers import values
from .answers import Answer, Aspect
from .causes import CAUSES, Cause
from .evidence import Evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause that was found: one question as an example, and of how many."""

    id: str
    title: str
    asked: str
    expected: str
    came: str
    why: str
    fix: str
    answers: int
    blocks: bool
    lets_in: bool
    console: str


def diagnose(answers: Sequence[Answer]) -> list[Finding]:
    """Return what is wrong with the answers: nothing where all are as promised."""
    left: dict[Answer, set[Aspect]] = {
        answer: set(answer.differs) for answer in answers if answer.differs
    }
    findings = []
    for cause in CAUSES:
        if cause.aspect is None:
            explained = list(cause.explains(Evidence(answers, list(left))))
            for answer in explained:
                left.pop(answer, None)
        else:
            having = [answer for answer, aspects in left.items() if cause.aspect in aspects]
            explained = list(cause.explains(Evidence(answers, having)))
            for answer in explained:
                left[answer].discard(cause.aspect)
            left = {answer: aspects for answer, aspects in left.items() if aspects}
        if explained:
            findings.append(found(cause, explained))
    return findings


def found(cause: Cause, answers: Sequence[Answer]) -> Finding:
    """Return the finding, with the answer that matters most as its example."""
    example = max(answers, key=lambda answer: (answer.lets_in, answer.blocks))
    came = seen(example.response, cause.shows)
    expected = seen(example.promised, cause.shows)
    return Finding(
        id=cause.id,
        title=cause.title,
        asked=asked(example),
        # The status of a GET is for the service to choose, and so is everything but its policy.
        expected=f"{example.promised.status}, {expected}" if example.is_preflight else expected,
        came=f"{example.response.status}, {came}",
        why=cause.why,
        fix=cause.fix,
        answers=len(answers),
        blocks=any(answer.blocks for answer in answers),
        lets_in=any(answer.lets_in for answer in answers),
        console=(console_message(example.outcome) or "") if example.blocks else "",
    )


def asked(answer: Answer) -> str:
    """Return what was asked, in words."""
    fetch, path = answer.question.fetch, answer.request.path
    who = f"from {answer.origin}" if answer.origin else "from a page of the service itself"
    if not answer.is_preflight:
        return f"GET {path} {who}"
    headers = ", ".join(name for name, _ in fetch.headers)
    return f"preflight of {fetch.method} {path} {who}" + (f" with {headers}" if headers else "")


def seen(response: Response, shows: tuple[str, ...]) -> str:
    """Return the headers that matter, every line of them."""
    lines = []
    for name in shows:
        found = values(response.headers, name.lower())
        if name == "Location":
            # What follows the path may be a secret, such as the state of a log-in.
            found = [value.partition("?")[0].partition("#")[0] for value in found]
        lines += [f"{name}: {value}" for value in found] or [f"no {name}"]
    return ", ".join(lines)
