"""The lines to change: the policy is amended, step by step, until the model lets the request pass.

So every advice was tried before it is given, and a request that fails at two steps is told both
at once, where a browser names only the first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...audit import CREDENTIALS, GUARD_WRITES, METHODS, ORIGINS, REQUEST_HEADERS, Subject
from ...findings import Finding
from ...origin_errors import OriginError, parse
from ...policy import CORSPolicy
from ...rules import audit
from ...sources import Variable
from ..browser import Outcome, Reason
from .ask import ask
from .question import Question

STAND_IN = "https://stand-in.invalid"

FIELDS = {
    ORIGINS: "allow_origins",
    CREDENTIALS: "allow_credentials",
    GUARD_WRITES: "guard_writes",
    METHODS: "allow_methods",
    REQUEST_HEADERS: "allow_headers",
}
# Which variable decides whether the browser is content with a step.
VARIABLE_OF = {
    Reason.ALLOW_ORIGIN_MISSING: ORIGINS,
    # The service answers * on public paths only; whoever is on the list keeps a grant of its own.
    Reason.ALLOW_ORIGIN_WILDCARD: ORIGINS,
    Reason.ALLOW_CREDENTIALS: CREDENTIALS,
    Reason.METHOD_NOT_ALLOWED: METHODS,
    Reason.METHOD_WILDCARD: METHODS,
    Reason.HEADER_NOT_ALLOWED: REQUEST_HEADERS,
    Reason.HEADER_WILDCARD: REQUEST_HEADERS,
    Reason.AUTHORIZATION_WILDCARD: REQUEST_HEADERS,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A variable, the text to write, and where it stands now.

    `refused` says which rules would not let the service start with it.
    """

    variable: str
    value: str
    where: str
    is_set: bool
    refused: tuple[Finding, ...]
    policy: CORSPolicy


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of the request, and the changes that mend the step at which it failed."""

    outcome: Outcome
    changes: tuple[Change, ...]


def attempts(
    question: Question, policy: CORSPolicy, root_path: str, variables: Mapping[str, Variable]
) -> list[Attempt]:
    """Return the request's fate under the policy, then under it with one change more each time."""
    trail: list[Attempt] = []
    # Each step can fail once, the one on headers once for each of them.
    for _ in range(4 + len(question.headers)):
        outcome = ask(question, policy, root_path)
        changes = changes_for(outcome, question, policy, variables)
        trail.append(Attempt(outcome, changes))
        if not changes:
            break
        policy = changes[-1].policy
        if changes[-1].variable == ORIGINS and not is_listable(question.origin):
            # So that the steps after it are tried too.
            question = replace(question, origin=STAND_IN)
            policy = replace(policy, allow_origins=(STAND_IN,))
    return trail


def is_listable(origin: str) -> bool:
    """Whether an origin that a browser sends can stand in a list; `null` cannot."""
    try:
        parse(origin)
    except OriginError:
        return False
    return True


def last_changes(trail: list[Attempt]) -> list[Change]:
    """Return one change for each variable, the one that holds all that is to be added to it."""
    found = {change.variable: change for each in trail for change in each.changes}
    return list(found.values())


def changes_for(
    outcome: Outcome, question: Question, policy: CORSPolicy, variables: Mapping[str, Variable]
) -> tuple[Change, ...]:
    """Return what to write so that the policy passes the step that failed, nothing if unknown."""
    variable = VARIABLE_OF.get(outcome.reason) if outcome.reason else None
    if variable is None:
        return ()
    if variable == CREDENTIALS:
        # Where it is deployed, the service does not start with the one and without the other.
        missing = [CREDENTIALS] if policy.guard_writes else [GUARD_WRITES, CREDENTIALS]
        changes = []
        for name in missing:
            changes.append(change(name, True, policy, variables))
            policy = changes[-1].policy
        return tuple(changes)
    added = question.origin if variable == ORIGINS else question.spelled(outcome.detail)
    listed = [item for item in getattr(policy, FIELDS[variable]) if item != "*"]
    return (change(variable, (*listed, added), policy, variables),)


def change(
    variable: str,
    value: tuple[str, ...] | bool,
    policy: CORSPolicy,
    variables: Mapping[str, Variable],
) -> Change:
    """Return a variable's change to a value, and the policy that comes of it."""
    fields: dict[str, Any] = {FIELDS[variable]: value}
    amended = replace(policy, **fields)
    found = variables.get(variable)
    return Change(
        variable=variable,
        value=written(value, found),
        where=found.where if found else f".env.{policy.environment}",
        is_set=found is not None,
        refused=new_errors(policy, amended),
        policy=without_wildcards(amended) if variable == CREDENTIALS else amended,
    )


def written(value: tuple[str, ...] | bool, found: Variable | None) -> str:
    """Return a value as it is written into a dotenv file, in the manner that it had before."""
    if isinstance(value, bool):
        return str(value).lower()
    as_json = found is not None and found.value.lstrip().startswith("[")
    return json.dumps(value) if as_json else ",".join(value)


def new_errors(before: CORSPolicy, after: CORSPolicy) -> tuple[Finding, ...]:
    """Return the errors that a change brings with it."""
    known = set(audit(Subject(before)))
    return tuple(
        found for found in audit(Subject(after)) if found.severity == "error" and found not in known
    )


def without_wildcards(policy: CORSPolicy) -> CORSPolicy:
    """Return the policy as browsers read it with credentials, which make * an ordinary name."""
    lists = ("allow_methods", "allow_headers", "expose_headers")
    kept: dict[str, Any] = {
        name: tuple(item for item in getattr(policy, name) if item != "*") for name in lists
    }
    return replace(policy, **kept)
