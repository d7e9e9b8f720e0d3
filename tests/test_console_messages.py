"""The console messages of the browser model are those that Chromium prints."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from real_browser import Chromium, UnavailableError
from service.cors.tool.browser import Reason, console_message

from .console_cases import CASES, LENIENT, PAGE, RECORD, THROWN, Case, app, printed

RECORDED: list[dict[str, Any]] = json.loads(RECORD.read_text())["messages"]

# Chromium allows the first. What it prints for the second depends on the other server, and for the
# third it prints nothing about CORS.
WITHOUT_TEXT = {
    Reason.AUTHORIZATION_WILDCARD,
    Reason.REDIRECT_ELSEWHERE,
    Reason.TOO_MANY_REDIRECTS,
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """The installed browser."""
    try:
        with Chromium() as started:
            yield started
    except UnavailableError as unavailable:
        if os.environ.get("CORS_REQUIRE_BROWSER") == "1":
            raise
        pytest.skip(str(unavailable))


@pytest.mark.parametrize("case", [*CASES, *THROWN], ids=lambda case: case.name)
def test_the_model_says_what_is_recorded(case: Case) -> None:
    (text,) = (m["text"] for m in RECORDED if (m["api"], m["case"]) == ("fetch", case.name))
    assert console_message(case.outcome) == text


def test_each_record_names_its_reason() -> None:
    """The step and the reason in the record are those of the model."""
    by_name = {case.name: case.outcome for case in (*CASES, *THROWN)}
    for message in RECORDED:
        outcome = by_name[message["case"]]
        assert outcome.reason is not None
        assert (message["step"], message["reason"]) == (outcome.step, outcome.reason.name)


def test_every_reason_with_a_text_is_recorded() -> None:
    assert {Reason[message["reason"]] for message in RECORDED} == set(Reason) - WITHOUT_TEXT


def test_chromium_prints_what_is_recorded(chromium: Chromium) -> None:
    recorded: dict[str, dict[str, str]] = {}
    for message in RECORDED:
        recorded.setdefault(message["api"], {})[message["case"]] = message["text"]
    assert printed(chromium) == recorded


def test_chromium_still_lets_a_star_cover_authorization(chromium: Chromium) -> None:
    """The one known difference. When this fails, take it out of the model's documentation."""
    chromium.serve(app)
    (seen,) = chromium.fetch(PAGE, [LENIENT.fetch])
    assert seen.status == 200
    assert LENIENT.outcome.reason is Reason.AUTHORIZATION_WILDCARD
    assert console_message(LENIENT.outcome) is None
