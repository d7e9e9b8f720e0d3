"""A message held against the policy: is it the policy, and if not, what else can it be?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from shlex import quote
from typing import Literal

from ...cli import Environment
from ...fetch_standard import SAFELISTED_METHODS
from ...policy import CORSPolicy
from .answer import elsewhere, explain
from .causes import BY_ID, Cause, Suspect
from .console import Reading, origin_of
from .explanation import (
    NO_NAME_BUT_ITS_OWN,
    Explanation,
    is_loopback,
    local_sites,
    policy_of,
)
from .question import Question, QuestionError, read_question, without_query

# What a status tells that came without a permission to read it.
STATUS_TELLS = {
    "301": "A redirect: from http to https, to or from a final slash, or to a login page.",
    "401": "401 on a preflight comes from a proxy: preflights never carry a login.",
    "403": (
        "403 is what this service answers to a stranger's preflight, and with CORS_GUARD_WRITES "
        "to a stranger's write; firewalls like it too."
    ),
    "404": "404 without CORS headers: the origin is not allowed, or another service answered.",
    "405": "405 on a preflight comes from something that knows no OPTIONS: not this service.",
    "413": "413 comes from a proxy that found the body too large before the service saw it.",
    "429": "429 comes from a rate limit, mostly one in front of the service.",
    "500": (
        "The service's own 500 carries its CORS headers; one without comes from before it, or "
        "from an app whose policy is not outermost (cors check)."
    ),
    "502": "A proxy answered, because it did not get an answer from the service in time.",
    "null": "There is no status because there was no answer.",
}
SAME_STATUS = {"302": "301", "303": "301", "307": "301", "308": "301", "0": "null"}
SAME_STATUS |= {"503": "502", "504": "502"}

Verdict = Literal["policy", "elsewhere", "unknown"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a message means here.

    The verdict is "policy" where the policy of the environment blocks the request, "elsewhere"
    where it allows it, and "unknown" where the message does not say enough to ask.
    """

    reading: Reading
    cause: Cause
    verdict: Verdict
    environment: str
    explanation: Explanation | None
    suspects: tuple[Suspect, ...]
    hints: tuple[str, ...]
    others: dict[str, str]


@dataclass(frozen=True, slots=True)
class Given:
    """What was given beside the message; it beats what the message says."""

    origin: str | None = None
    method: str | None = None
    path: str | None = None
    headers: tuple[str, ...] = ()
    credentials: bool = False


def diagnose(reading: Reading, given: Given, environment: Environment) -> Diagnosis:
    """Hold a message against the policy of an environment."""
    cause = BY_ID[reading.message.cause]
    question = question_of(reading, given, policy_of(environment))
    explanation = explain(question, environment) if question else None
    verdict: Verdict = "unknown"
    if explanation:
        verdict = "elsewhere" if explanation.allowed else "policy"
    suspects = cause.suspects
    if cause.by_policy and verdict != "unknown":
        # The first one is the policy, which has just been asked.
        suspects = suspects[1:] if verdict == "elsewhere" else ()
    return Diagnosis(
        reading=reading,
        cause=cause,
        verdict=verdict,
        environment=environment.name,
        explanation=explanation,
        suspects=tuple(filled(each, reading, given, environment.name) for each in suspects),
        hints=tuple(hints(reading, given, question)),
        others=elsewhere(question, environment.name) if question else {},
    )


def question_of(reading: Reading, given: Given, policy: CORSPolicy) -> Question | None:
    """Return the request that a message is about, None where it says too little."""
    origin = given.origin or reading.origin
    method = given.method or reading.method
    if origin is None or (reading.message.cause == "method" and method is None):
        return None
    if method is None and reading.preflight:
        # Some method that needs one: which does not matter for the steps before it.
        unsafe = [name for name in policy.allow_methods if name not in (*SAFELISTED_METHODS, "*")]
        method = unsafe[0] if unsafe else None
    credentials = given.credentials or reading.credentials
    credentials = credentials or reading.message.cause in ("credentials", "wildcard")
    named = [reading.header] if reading.header and reading.message.cause == "header" else []
    try:
        question = read_question(
            origin,
            method,
            given.path or reading.url,
            (*given.headers, *named),
            credentials=credentials,
        )
    except QuestionError:
        if given.origin:
            raise
        return None
    if reading.method and not given.method:
        # As the browser wrote it: `patch` is another method than PATCH.
        question = replace(question, method=reading.method, notes=question.notes[:1])
    return question


def hints(reading: Reading, given: Given, question: Question | None) -> list[str]:
    """Return what the details of a message tell, and what is missing to say more."""
    found = []
    if reading.message.cause == "error-status" and reading.status == "401":
        found.append(after_login(reading, given))
    elif reading.status:
        told = STATUS_TELLS.get(SAME_STATUS.get(reading.status, reading.status))
        found += [told] if told else []
    if reading.message.cause == "preflight-redirect" and (reading.url or "").startswith("http:"):
        found.append("The URL begins with http: write https in the script.")
    if question is None and BY_ID[reading.message.cause].by_policy:
        found.append(missing(reading, given))
    return found


def after_login(reading: Reading, given: Given) -> str:
    """Return what a 401 means to a script that has just logged in."""
    origin, url = given.origin or reading.origin, reading.url
    if origin and url and (two_sites := local_sites(origin, url)):
        return two_sites
    told = "After a login with a cookie, 401 mostly means that the cookie did not come back."
    if url is None or is_loopback(url):
        told += f" Is the page's host the same as the service's? {NO_NAME_BUT_ITS_OWN}"
    return told


def missing(reading: Reading, given: Given) -> str:
    """Return what to add so that the policy can be asked."""
    origin = given.origin or reading.origin
    lacks = [] if origin else ["the page's origin"]
    words = [origin or "https://app.acme.com"]
    if reading.message.cause == "method" and not (given.method or reading.method):
        lacks.append("the method")
        words.append("DELETE")
    command = f"cors explain {' '.join(map(quote, words))} --message '…'"
    return f"The message does not name {' and '.join(lacks)}: add it, as in {command}"


def filled(suspect: Suspect, reading: Reading, given: Given, environment: str) -> Suspect:
    """Return a suspect whose command has what the message says in it."""
    url = without_query(reading.url) if reading.url else "URL"
    service = (origin_of(url) if reading.url else None) or "URL"
    words = {
        "{url}": url,
        "{service}": service,
        "{origin}": given.origin or reading.origin or "ORIGIN",
        "{method}": given.method or reading.method or "METHOD",
        "{header}": reading.header or "HEADER",
        "{environment}": environment,
    }
    what, command = suspect.what, suspect.command
    for placeholder, word in words.items():
        what = what.replace(placeholder, word)
        command = command.replace(f"'Origin: {placeholder}'", quote(f"Origin: {word}"))
        command = command.replace(placeholder, quote(word))
    return Suspect(what, command)
