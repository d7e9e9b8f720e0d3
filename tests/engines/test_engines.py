"""Every engine that is installed does what the model says, or what a named difference says.

Without an engine its tests are skipped, or fail if CORS_REQUIRE_ENGINES is 1, as in
`make test-engines`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from real_browser import SERVICE, UnavailableError

from .cases import CASES, EVERYTHING, PAGE
from .chromium import chromium
from .differences import DIFFERENCES, differences_of, reason_of
from .engine import Engine, Start
from .firefox import firefox
from .matrix import Service, by_engine, by_model, run_on
from .servers import serving
from .webkit import webkit

ENGINES: dict[str, Start] = {"chromium": chromium, "firefox": firefox, "webkit": webkit}
MODEL = {case.name: by_model(case) for case in EVERYTHING}


class Run:
    """An engine, and what it did in each case."""

    def __init__(self, name: str, engine: Engine, service: Service) -> None:
        self.name = name
        self.engine = engine
        self.found = by_engine(engine, service)


@pytest.fixture(scope="module", params=ENGINES)
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Every case in one engine after the other."""
    service = Service()
    try:
        with serving(service) as servers, ENGINES[request.param](servers) as engine:
            yield Run(request.param, engine, service)
    except UnavailableError as unavailable:
        if os.environ.get("CORS_REQUIRE_ENGINES") == "1":
            raise
        pytest.skip(str(unavailable))


def test_the_engine_does_what_the_model_says(run: Run) -> None:
    named = differences_of(run.name)
    wrong = []
    for name, model in MODEL.items():
        expected = named.get(name, model)
        found = run.found.get(name, expected)
        if found == expected:
            continue
        if name not in named:
            what = "a difference without a name in differences.py"
        elif found == model:
            what = f"a difference that has gone: {reason_of(run.name, name)}"
        else:
            what = f"another difference than the named one, {named[name]}"
        wrong.append(f"{name}: {what}\n  model   {model}\n  {run.name:7} {found}")
    assert not wrong, f"{run.name} {run.engine.version}\n" + "\n".join(wrong)


def test_the_console_says_what_was_blocked(run: Run) -> None:
    case = next(case for case in CASES if case.name == "the allowed origin is missing")
    before = len(run.engine.console())
    url = f"{SERVICE}{case.path}?console"
    assert run_on(run.engine, PAGE, f"fetch({url!r}).then(() => 'read', () => 'blocked')") == (
        "blocked"
    )
    said = wait_for_console(run.engine, before)
    assert any(url in line for line in said), said
    assert any("Access-Control-Allow-Origin" in line for line in said), said


def wait_for_console(engine: Engine, before: int) -> list[str]:
    """Return the new lines of the console, as soon as one names the header."""
    for _ in range(200):
        lines = engine.console()[before:]
        if any("Access-Control-Allow-Origin" in line for line in lines):
            break
        time.sleep(0.05)
    # A line that belongs to the same failure may follow.
    time.sleep(0.5)
    return engine.console()[before:]


def test_a_script_gets_its_value_from_every_page(run: Run) -> None:
    """Also from a page without an origin, and from one of the service."""
    for page in ("null", SERVICE, PAGE):
        assert run_on(run.engine, page, "Promise.resolve([self.origin, null])") == [page, None]


def test_there_are_cases_enough_each_with_a_name_of_its_own() -> None:
    assert len(MODEL) == len(EVERYTHING) >= 200


def test_the_model_itself_allows_and_blocks() -> None:
    """Otherwise an engine that does nothing would agree."""
    allowed = [line for line in MODEL.values() if "blocked" not in line]
    assert len(allowed) >= 100
    assert len(MODEL) - len(allowed) >= 100


def test_each_difference_is_one_and_is_named_once() -> None:
    for row in DIFFERENCES:
        assert row.reason
        assert set(row.engines) <= set(ENGINES)
        for name, found in row.found.items():
            assert found != MODEL[name], f"{name}: this is what the model says"
    for engine in ENGINES:
        rows = [row for row in DIFFERENCES if engine in row.engines]
        assert len(differences_of(engine)) == sum(len(row.found) for row in rows)
