"""A question answered: a request or a WebSocket, in this environment or in the others."""

from __future__ import annotations

from ...cli import Environment, examine
from ...sources import environments
from .ask import ask, shakes_hands
from .explanation import Explanation, explain_request, policy_of
from .handshake import explain_handshake
from .question import Question
from .steps import is_refused_by_guard


def explain(question: Question, environment: Environment) -> Explanation:
    """Answer a question for an environment that is not refused."""
    answer = explain_handshake if question.is_socket else explain_request
    return answer(question, environment)


def elsewhere(question: Question, current: str) -> dict[str, str]:
    """Return what becomes of the same in the other environments."""
    verdicts = {}
    for name in environments():
        if name == current:
            continue
        other = examine(name, with_app=False)
        if other.refusals:
            verdicts[name] = "refused: it does not start"
        elif question.is_socket:
            accepted = shakes_hands(question, policy_of(other))
            verdicts[name] = "allowed" if accepted else "blocked"
        else:
            outcome = ask(question, policy_of(other))
            passes = outcome.allowed and not is_refused_by_guard(outcome)
            verdicts[name] = "allowed" if passes else "blocked"
    return verdicts
