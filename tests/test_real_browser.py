"""The suite that asks a real Chromium: it passes for every example, and it can fail."""

from pathlib import Path

import pytest

from .project import EXAMPLES, example, render, run_real_browser

ONE_FRONT_END = {
    "environments": ["production"],
    "development_origins": "",
    "production_origins": "https://app.acme.com",
    "credentials": "cookies",
}

# What is changed in cors/middleware.py or cors/policy.py, and a part of the sentence that follows.
BREAKAGES = {
    "everybody is let in": (
        "        origin = origins[0]\n",
        "        origin = origins[0]\n        return self._grant_to(origin)\n",
        "production: https://evil.net may GET",
    ),
    "names that end alike are let in": (
        "        grant = self._grants.get(origin)\n",
        '        grant = self._grants.get(b"https://" + origin[origin.find(b"app.acme.com"):])\n'
        "        if grant:\n            return self._grant_to(origin)\n",
        "production: https://evilapp.acme.com may GET",
    ),
    "credentials are lost": (
        'access-control-allow-origin", origin), *self._credentials)',
        'access-control-allow-origin", origin))',
        "must be 'true' when the request's credentials mode is 'include'",
    ),
    "an exposed header is lost": (
        'self._exposed = _header("expose-headers", expose_headers)',
        "self._exposed = ()",
        "production: https://app.acme.com may not read ['x-total-count']",
    ),
    "the guard is off": (
        '"guard_writes": self.guard_writes,',
        '"guard_writes": False,',
        "production: a form on a page of https://evil.net runs",
    ),
    "an allowed preflight is refused": (
        '"status": 204, "headers": headers',
        '"status": 403, "headers": headers',
        "production: https://app.acme.com may not PUT",
    ),
    "a method more is allowed": (
        "_preflight_policy(allow_methods,",
        '_preflight_policy([*allow_methods, "PURGE"],',
        "production: https://app.acme.com may PURGE",
    ),
    "WebSockets are open": (
        "and not self._may_connect(scope)",
        "and False",
        "production: https://evil.net may open a WebSocket",
    ),
    "a crash is answered outside of the policy": (
        "        await self._cors(scope, receive, send)\n",
        "        await self._behind_errors(scope, receive, send)\n\n"
        "    async def _behind_errors(self, scope: Scope, receive: Receive, send: Send) -> None:\n"
        '        if scope.get("query_string", b"").startswith(b"raise"):\n'
        "            await super().__call__(scope, receive, send)\n"
        "            return\n"
        "        await self._cors(scope, receive, send)\n",
        "No 'Access-Control-Allow-Origin' header is present",
    ),
}


@pytest.mark.parametrize("name", [path.stem for path in EXAMPLES])
def test_chromium_does_what_every_example_promises(name: str, tmp_path: Path) -> None:
    result = run_real_browser(render(tmp_path / "project", example(name)), "-rs")
    if "passed" not in result.stdout and "skipped" in result.stdout:
        pytest.skip(result.stdout.strip().splitlines()[-2])
    assert result.returncode == 0, result.stdout + result.stderr
    assert "warning" not in result.stdout, result.stdout


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_policy_fails_with_a_sentence(name: str, tmp_path: Path) -> None:
    old, new, sentence = BREAKAGES[name]
    project = render(tmp_path / "project", ONE_FRONT_END)
    files = [project / f"src/orders_api/cors/{name}.py" for name in ("middleware", "policy")]
    (broken,) = (path for path in files if old in path.read_text())
    broken.write_text(broken.read_text().replace(old, new))
    result = run_real_browser(project, "-k", "production", "--tb=short", "-x")
    if "passed" not in result.stdout and "failed" not in result.stdout:
        pytest.skip("no browser")
    assert result.returncode == 1, result.stdout + result.stderr
    assert sentence in result.stdout, result.stdout


def test_without_a_browser_it_is_skipped_unless_one_is_required(tmp_path: Path) -> None:
    project = render(tmp_path / "project", ONE_FRONT_END)
    nowhere = {"CHROMIUM": "/no/such/chromium"}
    skipped = run_real_browser(project, "-rs", CORS_REQUIRE_BROWSER="", **nowhere)
    assert skipped.returncode == 0, skipped.stdout
    assert "CHROMIUM=/no/such/chromium is no program" in skipped.stdout
    required = run_real_browser(project, CORS_REQUIRE_BROWSER="1", **nowhere)
    assert required.returncode == 1
    assert "CORS_REQUIRE_BROWSER=1, but CHROMIUM=/no/such/chromium is no" in required.stdout


def test_without_playwright_it_is_skipped_unless_it_is_required(tmp_path: Path) -> None:
    project = render(tmp_path / "project", ONE_FRONT_END)
    (project / "src" / "playwright.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'playwright'\", name='playwright')\n"
    )
    skipped = run_real_browser(project, "-rs", CORS_REQUIRE_BROWSER="")
    assert "1 skipped" in skipped.stdout
    assert "playwright is not installed: `uv add --dev playwright trustme`" in skipped.stdout
    required = run_real_browser(project, CORS_REQUIRE_BROWSER="1")
    assert required.returncode != 0
    assert "CORS_REQUIRE_BROWSER=1, but playwright is not installed" in required.stdout


def test_playwright_is_installed_only_by_answer(tmp_path: Path) -> None:
    for answer in (False, True):
        project = render(tmp_path / str(answer), {"browser_tests": answer})
        assert ("playwright>=" in (project / "pyproject.toml").read_text()) == answer
        assert ("uv add --dev playwright" in (project / "README.md").read_text()) != answer
        assert (project / "tests" / "cors" / "test_real_browser.py").is_file()
