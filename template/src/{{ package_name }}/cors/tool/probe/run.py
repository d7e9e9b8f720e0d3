"""The probe: every question, one after the other, and what the answers come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..browser import Exchange
from .answers import Answer, ask
from .diagnosis import Finding, diagnose
from .promise import Promise
from .questions import MOST_PATHS, Questions
from .target import Target, TargetError

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What was asked of whom, and what is wrong. `notes` say what the answers do not prove."""

    url: str
    environment: str
    paths: tuple[str, ...]
    requests: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """A promise, where to look whether it is kept, and the paths to look at."""

    promise: Promise
    target: Target
    paths: tuple[str, ...]

    @classmethod
    def of(cls, promise: Promise, target: Target, paths: Sequence[str] = ()) -> Probe:
        """Choose the paths where none are given. Raises TargetError for what is no path."""
        for path in paths:
            if not path.startswith("/") or not path.isprintable() or set(path) & set(" ?#\\"):
                raise TargetError(
                    f"--path {path!a} is no path: write one as in /items, without a query."
                )
            if not path.isascii():
                raise TargetError(f"--path {path!a} has to be percent-encoded.")
        if len(set(paths)) > MOST_PATHS:
            raise TargetError(f"--path can be given {MOST_PATHS} times: a probe asks little.")
        # Somebody pasted the URL of a route rather than of the service.
        if not paths and target.mount in promise.own_paths:
            paths = (target.mount,)
            target = Target(target.scheme, target.host, target.port)
        return cls(promise, target, tuple(dict.fromkeys(paths)) or promise.default_paths())

    def run(self, wire: Exchange, progress: Progress = lambda done, total: None) -> Report:
        """Ask everything. Raises UnreachableError for the first question without an answer."""
        questions, not_asked = Questions(self.promise.policy, self.target.origin).ask(self.paths)
        answers = []
        for number, question in enumerate(questions, start=1):
            answers.append(ask(question, self.target, wire, self.promise))
            progress(number, len(questions))
        return Report(
            url=str(self.target),
            environment=self.promise.policy.environment,
            paths=self.paths,
            requests=len(answers),
            findings=tuple(diagnose(answers)),
            notes=tuple(self.notes(answers, not_asked)),
        )

    def notes(self, answers: Sequence[Answer], not_asked: Sequence[str]) -> list[str]:
        """Return what a clean result does not mean."""
        notes = []
        if not any(answer.promised_grant for answer in answers):
            notes.append("no other site may call, so that only refusals could be seen")
        if not_asked:
            notes.append(f"not asked, to keep it short: {', '.join(not_asked)}")
        for answer in answers:
            path = answer.question.fetch.path
            if answer.question.reused and path in self.paths and answer.response.status >= 400:
                notes.append(f"GET {answer.request.path} answered {answer.response.status}")
            if answer.question.error and answer.is_fine:
                notes.append(
                    f"GET {answer.request.path} answered {answer.response.status}, so that no "
                    "error could be looked at"
                )
        return notes
