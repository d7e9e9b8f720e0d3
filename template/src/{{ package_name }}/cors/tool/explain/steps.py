"""The steps of a browser, in its order: what each one found, and which one blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ...audit import (
    CREDENTIALS,
    EXPOSED_HEADERS,
    GUARD_WRITES,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
)
from ...fetch_standard import SAFE_METHODS, SAFELISTED_METHODS
from ...origin import Pattern
from ...origin_errors import NearMiss, near_miss, parse
from ...policy import CORSPolicy
from ...sources import Variable
from ..browser import Outcome, Reason
from ..cors_check import unsafe_names
from .question import Question
from .remedy import Attempt

# "blocked" is the step that the browser names, "also" one that it would name next.
Verdict = Literal["ok", "blocked", "also", "none"]

STEP_OF = {
    Reason.ALLOW_ORIGIN_MISSING: "origin",
    Reason.ALLOW_ORIGIN_WILDCARD: "credentials",
    Reason.ALLOW_CREDENTIALS: "credentials",
    Reason.METHOD_NOT_ALLOWED: "method",
    Reason.METHOD_WILDCARD: "method",
    Reason.FORBIDDEN_METHOD: "method",
    Reason.HEADER_NOT_ALLOWED: "headers",
    Reason.HEADER_WILDCARD: "headers",
    Reason.AUTHORIZATION_WILDCARD: "headers",
    Reason.INVALID_HEADER_VALUE: "headers",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, how it ended, and why."""

    name: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """A question under a policy, with the attempts made and where the variables stand."""

    question: Question
    policy: CORSPolicy
    trail: list[Attempt]
    variables: Mapping[str, Variable]

    @property
    def outcome(self) -> Outcome:
        """What the browser makes of the policy as it is."""
        return self.trail[0].outcome

    @property
    def blocked_at(self) -> str | None:
        """The name of the step that blocks the request, None where it passes."""
        if is_refused_by_guard(self.outcome):
            return "origin" if self.outcome.reason else "request"
        return STEP_OF.get(self.outcome.reason, "request") if self.outcome.reason else None

    @property
    def near(self) -> NearMiss | None:
        """The allowed origin that the page's resembles."""
        return near_miss(self.question.origin, map(parse, self.policy.allow_origins))

    def place(self, variable: str) -> str:
        """Return a variable's name with its file and line."""
        return place(variable, self.variables)

    def verdict(self, step: str) -> Verdict:
        """Return how a step ended, in this attempt or in a later one."""
        if self.blocked_at == step:
            return "blocked"
        later = (each.outcome.reason for each in self.trail[1:])
        return "also" if any(STEP_OF.get(why) == step for why in later if why) else "ok"


def place(variable: str, variables: Mapping[str, Variable]) -> str:
    """Return a variable's name with its file and line: CORS_MAX_AGE (.env.production:13)."""
    found = variables.get(variable)
    return f"{variable} ({found.where if found else 'not set'})"


def is_refused_by_guard(outcome: Outcome) -> bool:
    """Whether the service refuses the request itself, before a handler runs."""
    return outcome.response is not None and outcome.response.status == 403


def steps(case: Case) -> tuple[Step, ...]:
    """Return all steps of a request."""
    if case.outcome.tainting == "basic":
        text = (
            f"yes: {case.question.origin} is where the service itself is, so no permission is asked"
        )
        return (Step("same origin", "ok", text), request_step(case))
    return (
        Step("same origin", "none", "no, so the browser asks the service for permission"),
        preflight_step(case),
        origin_step(case),
        credentials_step(case),
        method_step(case),
        headers_step(case),
        request_step(case),
        answer_step(case),
    )


def preflight_step(case: Case) -> Step:
    """Say whether the browser asks first, and why."""
    due = case.outcome.preflight_due
    if not due:
        text = "not due: such a request is sent at once, and only its answer is checked"
        return Step("preflight", "none", text)
    return Step("preflight", "ok", f"due, because {', and '.join(map(described, due))}")


def described(why: str) -> str:
    """Return a reason for a preflight in words of everyday."""
    return why.replace("is not safelisted", "is one that no form can send")


def origin_step(case: Case) -> Step:
    """Say whether the page's origin may call at all."""
    origin, verdict = case.question.origin, case.verdict("origin")
    place = case.place(ORIGINS)
    listed = ", ".join(case.policy.allow_origins)
    if verdict in ("blocked", "also"):
        near = f"{case.near.sentence}. " if case.near else f"`{origin}` is not allowed. "
        holds = f"holds {listed}" if listed else "is empty: no other site may call"
        return Step("origin", verdict, f"{near}{place} {holds}")
    if origin in case.policy.allow_origins:
        return Step("origin", verdict, f"`{origin}` is in {place}")
    for entry in map(parse, case.policy.allow_origins):
        if isinstance(entry, Pattern) and entry.covers(origin):
            return Step("origin", verdict, f"`{entry}` in {place} covers it")
    text = (
        f"not in {ORIGINS}, but {case.question.path} is open to every site: "
        f"{case.place(PUBLIC_PATHS)}"
    )
    return Step("origin", verdict, text)


def credentials_step(case: Case) -> Step:
    """Say whether cookies may go along."""
    if not case.question.credentials:
        return Step("credentials", "none", "none are sent (--credentials asks for cookies)")
    if case.outcome.reason is Reason.ALLOW_ORIGIN_WILDCARD:
        text = (
            f"{case.question.path} is open to every site, which never covers credentials: "
            f"{case.place(PUBLIC_PATHS)}"
        )
        return Step("credentials", "blocked", text)
    allowed = "true" if case.policy.allow_credentials else "false"
    return Step(
        "credentials", case.verdict("credentials"), f"{case.place(CREDENTIALS)} is {allowed}"
    )


def method_step(case: Case) -> Step:
    """Say whether the method may be used."""
    method, verdict = case.question.method, case.verdict("method")
    if case.outcome.reason is Reason.FORBIDDEN_METHOD:
        return Step("method", "blocked", f"no script may use {method}, whatever a service allows")
    if method in SAFELISTED_METHODS:
        return Step("method", "ok", f"{method} needs no permission")
    listed = ", ".join(case.policy.allow_methods) or "nothing"
    if verdict == "ok":
        return Step("method", "ok", f"{method} is in {case.place(METHODS)}")
    return Step("method", verdict, f"{method} is not in {case.place(METHODS)}, which has {listed}")


def headers_step(case: Case) -> Step:
    """Say whether the request headers may be set, naming all that may not."""
    question, verdict = case.question, case.verdict("headers")
    if case.outcome.reason is Reason.INVALID_HEADER_VALUE:
        name = question.spelled(case.outcome.detail)
        return Step("headers", "blocked", f"the value of {name} cannot be sent in a header")
    asked = unsafe_names(question.headers).keys() - {
        name.lower() for name in case.outcome.dropped_headers
    }
    if not asked:
        text = "none that need permission" if question.headers else "none besides the usual ones"
        return Step("headers", "none" if verdict == "ok" else verdict, text)
    missing = missing_headers(case)
    place = case.place(REQUEST_HEADERS)
    if verdict == "ok":
        listed = ", ".join(map(question.spelled, sorted(asked)))
        return Step("headers", "ok", f"{listed}: in {place}")
    names = " and ".join(missing)
    has = ", ".join(case.policy.allow_headers) or "nothing"
    return Step("headers", verdict, f"{names} {are(missing)} not in {place}, which has {has}")


def missing_headers(case: Case) -> list[str]:
    """Return the headers that fail, in this attempt or in a later one, as they were typed."""
    failed = (each.outcome for each in case.trail)
    return [
        case.question.spelled(outcome.detail)
        for outcome in failed
        if outcome.reason and STEP_OF.get(outcome.reason) == "headers"
    ]


def are(things: list[str]) -> str:
    """Return the verb for one thing or several."""
    return "are" if len(things) > 1 else "is"


def request_step(case: Case) -> Step:
    """Say whether the request reaches a handler: it often does although its answer is hidden."""
    outcome, method = case.outcome, case.question.method
    if is_refused_by_guard(outcome):
        text = f"refused with 403 before a handler runs: {case.place(GUARD_WRITES)} is true"
        return Step("request", "blocked" if outcome.allowed else "none", text)
    if outcome.allowed:
        return Step("request", "ok", "sent")
    if outcome.response is None:
        return Step("request", "none", "never sent: no handler runs")
    effect = "" if method in SAFE_METHODS else ", with all its effects"
    return Step("request", "none", f"sent and carried out{effect}; only its answer is hidden")


def answer_step(case: Case) -> Step:
    """Say what the page's script may read of the answer."""
    if case.blocked_at:
        return Step("answer", "none", "hidden from the script, the status too")
    exposed = [
        name for name in case.policy.expose_headers if name.lower() in case.outcome.readable_headers
    ]
    more = f", {', '.join(exposed)} by {case.place(EXPOSED_HEADERS)}" if exposed else ""
    text = f"readable: status, body, Content-Type and its like{more}; no other header"
    return Step("answer", "ok", text)
