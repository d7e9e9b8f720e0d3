"""What a policy answers to a question: the browser model in front of the policy layer alone.

The app behind the layer is a stand-in that answers 200 to everything, because asking whether a
page may delete something must not delete it. The layer decides before any handler runs and adds
its headers to whatever a handler answers, so nothing is lost by that.
"""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from ...middleware import StrictCORSMiddleware
from ...origin import registrable_domain
from ...policy import CORSPolicy
from ..asgi_transport import ASGITransport
from ..browser import Browser, Fetch, Outcome
from .question import Question

# Where `fastapi dev` serves, by the name that front ends have too: to a browser 127.0.0.1, which
# it prints, is another site. And what stands for an address that nobody told us.
LOCAL_SERVICE = "http://localhost:8000"
UNKNOWN_SERVICE = "https://your-service"


def service_of(question: Question, policy: CORSPolicy) -> str:
    """Return the origin of the service: as it was given, or else where it probably is."""
    if question.service is not None:
        return question.service
    return LOCAL_SERVICE if policy.strictness == "local" else UNKNOWN_SERVICE


def ask(question: Question, policy: CORSPolicy, root_path: str = "") -> Outcome:
    """Return what becomes of the request under this policy.

    Raises ValueError for a policy that cannot be enforced at all.
    """
    service = service_of(question, policy)
    browser = Browser(
        transport(policy, service, root_path),
        service,
        cookie="session=x",
        registrable_domain=registrable_domain,
    )
    fetch = Fetch(
        question.origin,
        question.method,
        question.path,
        question.headers,
        "include" if question.credentials else "same-origin",
    )
    return browser.fetch(fetch)


def shakes_hands(question: Question, policy: CORSPolicy, root_path: str = "") -> bool:
    """Return whether the page's WebSocket reaches a handler under this policy."""
    service = service_of(question, policy)
    origin = (("origin", question.origin),)
    answer = transport(policy, service, root_path).websocket(question.path, origin)
    return bool(answer.status == 101)


def transport(policy: CORSPolicy, service: str, root_path: str) -> ASGITransport:
    """Return a way to the policy layer as the service has it."""
    layer = StrictCORSMiddleware(stand_in(policy), **policy.middleware_arguments())
    return ASGITransport(mounted(layer, root_path), service)


def stand_in(policy: CORSPolicy) -> ASGIApp:
    """Return an app that accepts every WebSocket, and answers every request with all the headers
    that a script may read.
    """
    names = [name for name in policy.expose_headers if name != "*"]
    headers = [(b"content-type", b"application/json")]
    headers += [(name.lower().encode("latin-1"), b"x") for name in names]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        start: dict[str, Any] = {"type": "http.response.start", "status": 200}
        await send(start | {"headers": list(headers)})
        await send({"type": "http.response.body", "body": b""})

    return answer


def mounted(layer: ASGIApp, root_path: str) -> ASGIApp:
    """Return the layer below the root path of the app, which public paths are relative to."""

    async def below(scope: Scope, receive: Receive, send: Send) -> None:
        await layer({**scope, "root_path": root_path}, receive, send)

    return below
