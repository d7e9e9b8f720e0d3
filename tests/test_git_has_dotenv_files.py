"""An update must not overwrite a dotenv file that git does not have: nothing would bring it back.

A common line in a global ignore file is `.env*`. The service's own .gitignore overrides it; where
a line of one's own ignores a dotenv file all the same, `cors check` and the suite say so before.
"""

import subprocess
from pathlib import Path

import pytest

from .project import clean_environment, example, git, render, run, run_suite, run_warm

NAMES = (".env.development", ".env.staging", ".env.production", ".env.example")


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service on the machine of somebody whose global ignore file names .env*."""
    ignore, config = tmp_path / "ignore", tmp_path / "config"
    ignore.write_text(".env*\n")
    config.write_text(f"[core]\n\texcludesFile = {ignore}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    folder = render(tmp_path / "orders-api", example("spa-cookies"))
    git(folder, "init", "--quiet")
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "As it is")


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_warm(folder, "orders_api.cors", "check", "--no-app", *arguments)


def test_a_global_ignore_does_not_hide_what_is_rendered(service: Path) -> None:
    commit(service)
    assert set(git(service, "ls-files", ".env*").split()) == set(NAMES)
    assert check(service, "--all").returncode == 0
    assert "CORS042" not in check(service, "--all").stdout


def test_nothing_else_is_offered_to_git(service: Path) -> None:
    for name in (".env", ".env.backup", ".env.production.local", ".env.production~"):
        (service / name).write_text("SECRET=tell-nobody\n")
    commit(service)
    assert set(git(service, "ls-files", ".env*").split()) == set(NAMES)
    assert "CORS042" not in check(service, "--all").stdout


def test_a_file_that_is_not_added_yet_is_a_warning(service: Path) -> None:
    result = check(service, "-e", "production")
    assert result.returncode == 0
    assert "CORS042" in result.stdout
    assert "git add .env.production" in result.stdout


def test_a_line_of_ones_own_that_ignores_it_is_an_error(service: Path) -> None:
    with (service / ".gitignore").open("a") as own:
        own.write(".env.production\n")
    commit(service)
    result = check(service, "-e", "production")
    assert result.returncode == 1
    assert "CORS042" in result.stdout
    assert "!.env.production as the last line of .gitignore" in result.stdout
    assert "the service starts, but the check fails" in result.stdout
    suite = run_suite(service, "-k", "no_rule_refuses", "tests/cors")
    assert suite.returncode == 1
    assert "CORS042" in suite.stdout

    # It starts, and the commands that ask about it answer.
    started = run(service, "python", "-c", "import orders_api.main", ENVIRONMENT="production")
    assert started.returncode == 0, started.stderr
    asked = ("explain", "https://app.acme.com", "PUT", "/items/1", "-e", "production")
    assert run_warm(service, "orders_api.cors", *asked).returncode == 0

    # The fix, as it is said.
    with (service / ".gitignore").open("a") as own:
        own.write("!.env.production\n")
    git(service, "add", ".env.production")
    assert "CORS042" not in check(service, "-e", "production").stdout


def test_outside_of_a_repository_nothing_is_said(tmp_path: Path) -> None:
    folder = render(tmp_path / "orders-api", example("spa-cookies"))
    assert "CORS042" not in check(folder, "--all").stdout


def test_a_folder_that_is_ignored_as_a_whole_is_nobodys_mistake(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("/build/\n")
    git(tmp_path, "init", "--quiet")
    folder = render(tmp_path / "build" / "orders-api", example("spa-cookies"))
    assert "CORS042" not in check(folder, "--all").stdout


def test_without_git_nothing_is_said(service: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    python = run(service, "python", "-c", "import sys; print(sys.executable)").stdout.strip()
    result = subprocess.run(
        [python, "-m", "orders_api.cors", "check", "--all", "--no-app"],
        cwd=service,
        env=clean_environment(PATH=str(tmp_path / "empty")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "CORS042" not in result.stdout


def test_a_service_in_a_folder_of_a_larger_repository_is_judged_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("/services/orders-api/.env.staging\n")
    folder = render(tmp_path / "services" / "orders-api", example("spa-cookies"))
    with (folder / ".gitignore").open("a") as own:
        own.write(".env.production\n")
    commit(tmp_path)
    assert check(folder, "-e", "production").returncode == 1
    # The nearer file decides.
    assert check(folder, "-e", "staging").returncode == 0
