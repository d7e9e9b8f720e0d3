"""A question about a WebSocket: no browser asks for permission, the service judges the origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from starlette.routing import compile_path

from ...audit import ORIGINS
from ...cli import Environment
from ...origin import Origin
from ...origin_errors import NearMiss, near_miss, parse
from ...policy import CORSPolicy
from ...rules_for_app import app_routes
from ...sources import Variable
from .ask import service_of, shakes_hands
from .explanation import Explanation, curl, on_network, policy_of, variables_of
from .question import Question
from .remedy import Change, change, is_listable
from .steps import Step, place

# Any 16 bytes in base64 will do (RFC 6455, section 4.1).
UPGRADE = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
]


def explain_handshake(question: Question, environment: Environment) -> Explanation:
    """Answer a question about a WebSocket for an environment that is not refused."""
    policy = policy_of(environment)
    root_path = str(getattr(environment.app, "root_path", ""))
    variables = variables_of(environment.name)
    accepted = shakes_hands(question, policy, root_path)
    near = None if accepted else near_miss(question.origin, map(parse, policy.allow_origins))
    url = service_of(question, policy) + question.path
    return Explanation(
        question=question,
        environment=environment.name,
        blocked_at=None if accepted else "origin",
        steps=(
            Step("preflight", "none", "never: WebSockets know no CORS, the service judges Origin"),
            origin(question, policy, variables, near, accepted=accepted),
            handshake(accepted=accepted),
        ),
        changes=() if accepted else changes(question, policy, root_path, variables),
        instead=str(near.allowed) if near and isinstance(near.allowed, Origin) else None,
        message=None if accepted else console_message(url),
        command=curl("-i --http1.1", url, [*UPGRADE, f"Origin: {question.origin}"]),
        remarks=(*question.notes, *remarks(question, environment, root_path)),
    )


def origin(
    question: Question,
    policy: CORSPolicy,
    variables: Mapping[str, Variable],
    near: NearMiss | None,
    *,
    accepted: bool,
) -> Step:
    """Say whether the page's origin may open a WebSocket."""
    where = place(ORIGINS, variables)
    if accepted:
        own = question.origin == service_of(question, policy)
        text = "it is the service's own" if own else f"`{question.origin}` is allowed by {where}"
        return Step("origin", "ok", text)
    sentence = near.sentence if near else f"`{question.origin}` is not allowed"
    listed = ", ".join(policy.allow_origins) or "nothing"
    text = f"{sentence}. {where} holds {listed}; public paths open no WebSocket"
    return Step("origin", "blocked", text)


def changes(
    question: Question, policy: CORSPolicy, root_path: str, variables: Mapping[str, Variable]
) -> tuple[Change, ...]:
    """Return the line that lets the page in, tried; nothing for an origin that no list may hold."""
    if not is_listable(question.origin):
        return ()
    added = change(ORIGINS, (*policy.allow_origins, question.origin), policy, variables)
    return (added,) if shakes_hands(question, added.policy, root_path) else ()


def handshake(*, accepted: bool) -> Step:
    """Say whether the handshake reaches a handler."""
    if accepted:
        return Step("handshake", "ok", "reaches the app")
    return Step("handshake", "none", "refused with 403 before it is accepted: no handler runs")


def console_message(url: str) -> str:
    """Return what Chromium's console says of a handshake that is refused."""
    return (
        f"WebSocket connection to '{url.replace('http', 'ws', 1)}' failed: Error during WebSocket "
        "handshake: Unexpected response code: 403"
    )


def remarks(question: Question, environment: Environment, root_path: str) -> Iterator[str]:
    """Yield what the steps do not say: other causes, and that nothing takes the handshake."""
    yield from on_network(question, service_of(question, policy_of(environment)))
    path = question.path.removeprefix(root_path) or "/"
    sockets = [route for route in app_routes(environment.app) if route.is_websocket]
    if environment.app and not any(compile_path(each.path)[0].match(path) for each in sockets):
        yield f"The app has no WebSocket at {path}; unless something is mounted there: a 403."
