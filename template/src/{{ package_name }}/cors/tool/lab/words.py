"""One sentence on why the policy says that of a cell, and which variable would change it."""

from ...audit import (
    CREDENTIALS,
    EXPOSED_HEADERS,
    GUARD_WRITES,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
)
from ...fetch_standard import SAFE_METHODS
from ...origin_errors import near_miss, parse
from ...policy import CORSPolicy
from ...sources import Sources
from ..browser import Outcome, Reason
from .verdicts import Cell, Judged


def place_of(variable: str, sources: Sources) -> str:
    """Return a variable with the line it stands in, such as `CORS_MAX_AGE` in .env.staging:13."""
    found = sources.variables.get(variable)
    where = found.where if found else f".env.{sources.environment}"
    return f"`{variable}` in {where}"


def why(judged: Judged, policy: CORSPolicy) -> tuple[str, str]:
    """Return the sentence, and the variable that it is about."""
    if judged.policy.allowed:
        return why_allowed(judged.cell, judged.outcome, policy)
    sentence, variable = why_blocked(judged.cell, judged.outcome, policy)
    method = judged.cell.row.method
    if method in SAFE_METHODS or method not in judged.policy.requests:
        return sentence, variable
    if not judged.policy.ran:
        return f"{sentence} Nothing ran: `{GUARD_WRITES}` refuses a stranger's {method}.", variable
    sentence += f" The {method} ran all the same: CORS hides the answer, not the effect."
    if variable == ORIGINS and not policy.guard_writes:
        sentence += f" `{GUARD_WRITES}=true` would refuse it."
        variable = GUARD_WRITES
    return sentence, variable


def why_allowed(cell: Cell, outcome: Outcome | None, policy: CORSPolicy) -> tuple[str, str]:
    """Say what lets a request through, or what hides the header that it is about."""
    name = cell.row.reads
    if name and outcome is not None:
        if name.lower() in outcome.readable_headers:
            return f"`{name}` is listed in `{EXPOSED_HEADERS}`.", EXPOSED_HEADERS
        return (
            f"The answer arrives, but without `{name}`: `{EXPOSED_HEADERS}` does not list it.",
            EXPOSED_HEADERS,
        )
    if not cell.page.is_listed:
        return (
            "The path is public: every site may use it without credentials.",
            PUBLIC_PATHS,
        )
    sentence = f"`{cell.page.origin}` is listed in `{ORIGINS}`"
    if outcome is not None and outcome.preflight_due:
        due = " and ".join(outcome.preflight_due)
        return f"{sentence}, and the preflight allows it ({due}).", ORIGINS
    if cell.row.is_socket:
        return f"{sentence}, which WebSockets are judged by as well.", ORIGINS
    return f"{sentence}; a request like this needs no preflight.", ORIGINS


def why_blocked(cell: Cell, outcome: Outcome | None, policy: CORSPolicy) -> tuple[str, str]:
    """Say what a request fails for."""
    reason = outcome.reason if outcome else None
    detail = outcome.detail if outcome else ""
    match reason:
        case Reason.METHOD_NOT_ALLOWED | Reason.METHOD_WILDCARD:
            return f"`{METHODS}` does not list `{detail}`.", METHODS
        case Reason.HEADER_NOT_ALLOWED | Reason.HEADER_WILDCARD | Reason.AUTHORIZATION_WILDCARD:
            return f"`{REQUEST_HEADERS}` does not list `{detail}`.", REQUEST_HEADERS
        case Reason.ALLOW_CREDENTIALS:
            return (
                f"The page includes credentials, and `{CREDENTIALS}` is false. "
                "A token in `Authorization` needs none of that, only cookies do.",
                CREDENTIALS,
            )
        case Reason.ALLOW_ORIGIN_WILDCARD:
            return (
                "The path is public, but never with credentials: leave them out, or list the "
                f"origin in `{ORIGINS}`.",
                PUBLIC_PATHS,
            )
        case Reason.ALLOW_ORIGIN_MISSING | None:
            return f"{stranger(cell, policy)}.", ORIGINS
    return f"{outcome.message if outcome else ''}.", ORIGINS


def stranger(cell: Cell, policy: CORSPolicy) -> str:
    """Say of an origin that it is not listed, and which one it resembles."""
    origin = str(cell.page.origin)
    near = near_miss(origin, [parse(text) for text in policy.allow_origins])
    return near.sentence if near else f"`{origin}` is not listed in `{ORIGINS}`"
