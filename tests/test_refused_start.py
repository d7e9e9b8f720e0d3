"""What the rules refuse is not served, also where a server skips the lifespan, or goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer
from service.cors import app as app_module
from service.cors.policy import CORSPolicy
from starlette.middleware.cors import CORSMiddleware

from .asgi_harness import APP, CORSFastAPI, handshake, request, send_scope

POLICY = CORSPolicy(environment="production", allow_origins=(APP,), allow_headers=("X-Id",))


def service(policy: CORSPolicy = POLICY) -> FastAPI:
    app: FastAPI = CORSFastAPI(cors=policy)
    app.add_api_route("/health", lambda: "up")
    return app


def with_second_policy() -> FastAPI:
    app = service()
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    return app


def with_bearer_tokens() -> FastAPI:
    app = service()
    app.add_api_route("/me", lambda: "me", dependencies=[Security(HTTPBearer())])
    return app


def with_a_refused_policy() -> FastAPI:
    return service(CORSPolicy(environment="production", allow_origins=(APP,), max_age=-1))


def lifespan(app: Any) -> list[dict[str, Any]]:
    return send_scope(app, {"type": "lifespan"}, [{"type": "lifespan.startup"}]).messages


@pytest.mark.parametrize(
    ("make", "rule", "fix"),
    [
        (with_second_policy, "CORS034", "Fix: remove it, and write instead what is missing"),
        (with_bearer_tokens, "CORS027", "Fix: write X-Id,Authorization"),
        (with_a_refused_policy, "CORS025", "Fix: write a whole number of seconds, such as 7200"),
    ],
)
@pytest.mark.parametrize("skips", [True, False], ids=["no lifespan", "goes on after it"])
def test_every_request_gets_503_and_one_line_says_why(
    make: Callable[[], FastAPI],
    rule: str,
    fix: str,
    skips: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, said = make(), ""
    if not skips:
        with pytest.raises(RuntimeError, match=rule) as refused:
            lifespan(app)
        said = str(refused.value)
    for method in ("GET", "POST", "OPTIONS"):
        answer = request(app, method, "/health", headers={"origin": APP})
        assert (answer.status, answer.cors, answer.body) == (503, {}, b"Service Unavailable")
    assert handshake(app, {"origin": APP}).messages[0]["type"] == "websocket.close"
    lines = [record for record in caplog.records if record.levelno >= logging.ERROR]
    if skips:
        (line,) = lines
        said = line.getMessage()
        assert "\n" not in said
        assert said.startswith("Every request gets 503. ")
    assert rule in said
    assert fix in said


def test_a_service_that_the_rules_accept_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    judge = app_module.refusal_to_start

    def counting(app: FastAPI, policy: CORSPolicy) -> str:
        asked.append(app)
        return judge(app, policy)

    monkeypatch.setattr(app_module, "refusal_to_start", counting)
    app = service()
    for _ in range(3):
        assert request(app, path="/health").status == 200
    assert len(asked) == 1
