"""The suite that asks a real Chromium: it passes for every example, and it can fail."""

from pathlib import Path

import pytest

from .mutants.running import with_fault
from .project import EXAMPLES, REAL_BROWSER, example, render, run, run_real_browser

ONE_FRONT_END = {
    "environments": ["production"],
    "development_origins": "",
    "production_origins": "https://app.acme.com",
    "credentials": "cookies",
    "browser_tests": True,
}

# Faults of `mutants/`, and a part of the sentence that each of them leads to.
BROKEN = {
    "every origin is reflected": "production: https://evil.net may GET",
    "an origin passes that ends like a listed one": "production: https://evilapp.acme.com may GET",
    "credentials are forgotten": (
        "must be 'true' when the request's credentials mode is 'include'"
    ),
    "one response header less is exposed": (
        "production: https://app.acme.com may not read ['x-total-count']"
    ),
    "the guard is not handed to the middleware": (
        "production: a form on a page of https://evil.net runs"
    ),
    "allowed preflights are answered 403": "production: https://app.acme.com may not PUT",
    "PURGE is allowed": "production: https://app.acme.com may PURGE",
    "every page may open a WebSocket": "production: https://evil.net may open a WebSocket",
    "a crash is answered outside of the policy": (
        "No 'Access-Control-Allow-Origin' header is present"
    ),
}


@pytest.fixture(scope="module")
def one_front_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service with one front end, in production. Shared: copy it before you change it."""
    return render(tmp_path_factory.mktemp("service") / "orders-api", ONE_FRONT_END)


@pytest.mark.parametrize("name", [path.stem for path in EXAMPLES])
def test_chromium_does_what_every_example_promises(name: str, tmp_path: Path) -> None:
    project = render(tmp_path / "project", example(name) | {"browser_tests": True})
    result = run_real_browser(project, "-rs")
    if "passed" not in result.stdout and "skipped" in result.stdout:
        pytest.skip(result.stdout.strip().splitlines()[-2])
    assert result.returncode == 0, result.stdout + result.stderr
    assert "warning" not in result.stdout, result.stdout


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_policy_fails_with_a_sentence(fault: str, one_front_end: Path) -> None:
    arguments, variables = with_fault(fault)
    options = ("-k", "production", "--tb=short", "-x", *arguments)
    result = run_real_browser(one_front_end, *options, **variables)
    if "passed" not in result.stdout and "failed" not in result.stdout:
        pytest.skip("no browser")
    assert result.returncode == 1, result.stdout + result.stderr
    assert BROKEN[fault] in result.stdout, result.stdout


def test_without_a_browser_it_is_skipped_unless_one_is_required(one_front_end: Path) -> None:
    nowhere = {"CHROMIUM": "/no/such/chromium"}
    skipped = run_real_browser(one_front_end, "-rs", CORS_REQUIRE_BROWSER="", **nowhere)
    assert skipped.returncode == 0, skipped.stdout
    assert "CHROMIUM=/no/such/chromium is not a program" in skipped.stdout
    required = run_real_browser(one_front_end, CORS_REQUIRE_BROWSER="1", **nowhere)
    assert required.returncode == 1
    assert "CORS_REQUIRE_BROWSER=1, but CHROMIUM=/no/such/chromium is not" in required.stdout


def test_without_playwright_it_is_skipped_unless_it_is_required(tmp_path: Path) -> None:
    project = render(tmp_path / "project", ONE_FRONT_END)
    (project / "src" / "playwright.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'playwright'\", name='playwright')\n"
    )
    # Not `run_real_browser`, whose Python has imported Playwright before.
    pytest = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", REAL_BROWSER)
    skipped = run(project, *pytest, "-rs", CORS_REQUIRE_BROWSER="")
    assert "1 skipped" in skipped.stdout
    assert "playwright is not installed: `uv add --dev playwright trustme`" in skipped.stdout
    required = run(project, *pytest, CORS_REQUIRE_BROWSER="1")
    assert required.returncode != 0
    assert "CORS_REQUIRE_BROWSER=1, but playwright is not installed" in required.stdout


def test_browser_tests_are_rendered_only_by_answer(tmp_path: Path) -> None:
    for answer in (False, True):
        project = render(tmp_path / str(answer), {"browser_tests": answer})
        assert ("playwright>=" in (project / "pyproject.toml").read_text()) == answer
        assert ("--data browser_tests=true" in (project / "README.md").read_text()) != answer
        assert (project / "tests" / "cors" / "test_real_browser.py").exists() == answer
        assert (project / "tests" / "cors" / "real_browser.py").exists() == answer
