"""Settings of the owner's: the tools need the policy's variables alone, and print no secret."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from .project import example, render, run, run_warm

APP = "https://app.acme.com"
FIELDS = """
    database_url: str
    redis_url: str
    cors_report_url: str = ""
"""
SET = {"DATABASE_URL": "sqlite://", "REDIS_URL": "redis://"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service whose settings require what only the deployment has. Shared: do not change it."""
    folder = tmp_path_factory.mktemp("own") / "orders-api"
    project = render(folder, example("spa-cookies") | {"forge": "github"})
    append(project / "src" / "orders_api" / "settings.py", FIELDS)
    return project


@pytest.fixture
def copy(service: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(service, tmp_path / "orders-api"))


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def cors(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_warm(project, "orders_api.cors", *arguments, **variables)


NOT_CHECKED = (
    "APP warning: create_app: needs DATABASE_URL, REDIS_URL; "
    "not checked: routes, cookies and middleware. Fix: set it in"
)


def test_check_says_what_the_app_lacks_and_passes(service: Path) -> None:
    result = cors(service, "check", "--all")
    assert result.returncode == 0, result.stdout
    assert result.stdout.count(NOT_CHECKED) == 3
    assert "production: the policy is accepted, with 1 warning." in result.stdout
    assert "does not start" not in result.stdout
    assert cors(service, "check", "--all", "--no-app").stdout.count("no findings.") == 3


@pytest.mark.parametrize("form", ["json", "github"])
def test_what_the_app_lacks_is_in_every_format(service: Path, form: str) -> None:
    result = cors(service, "check", "-e", "production", "--format", form)
    assert result.returncode == 0
    if form == "json":
        (found,) = json.loads(result.stdout)
        assert (found["rule"], found["severity"]) == ("APP", "warning")
    assert "not checked: routes" in result.stdout
    assert "::error" not in result.stdout


def test_an_error_of_the_policy_fails_all_the_same(copy: Path) -> None:
    file = copy / ".env.production"
    file.write_text(file.read_text().replace("CORS_MAX_AGE=7200", "CORS_MAX_AGE=1h"))
    result = cors(copy, "check", "-e", "production")
    assert result.returncode == 1
    assert "CORS025 error" in result.stdout


def test_with_its_values_the_app_is_checked(service: Path) -> None:
    result = cors(service, "check", "--all", **SET)
    assert (result.returncode, result.stdout.count("no findings.")) == (0, 3)


def test_a_wrong_value_is_an_error_of_the_check(copy: Path) -> None:
    append(copy / "src" / "orders_api" / "settings.py", "    workers: int = 1\n")
    append(copy / ".env.production", "WORKERS=hunter2\n")
    result = cors(copy, "check", "-e", "production")
    assert result.returncode == 1
    assert "SETTINGS error: WORKERS (.env.production:" in result.stdout
    assert "hunter2" not in result.stdout


def test_show_and_explain_need_the_policy_alone(service: Path) -> None:
    result = cors(service, "show", "-e", "production")
    assert result.returncode == 0
    assert re.search(r"starts +yes", result.stdout)
    result = cors(service, "explain", APP, "-e", "production")
    assert result.returncode == 0
    assert (
        "Only the policy was examined, not the app: create_app needs DATABASE_URL" in result.stdout
    )
    message = (
        f"Access to fetch at 'https://api.acme.com/items' from origin '{APP}' has been blocked "
    )
    message += (
        "by CORS policy: No 'Access-Control-Allow-Origin' header is present on the requested "
    )
    message += "resource."
    result = cors(service, "explain", "-e", "production", "--message", message)
    assert "does not start" not in result.stdout


def test_the_lab_serves_its_own_routes_alone(service: Path) -> None:
    from .lab import running_lab

    with running_lab(service, "-e", "development") as lab:
        assert lab.interrupt() == 0
    assert "without   the service's own routes: create_app needs DATABASE_URL" in lab.output
    assert "Traceback" not in lab.output


def test_the_generated_workflow_passes_with_values_for_the_tests(copy: Path) -> None:
    """The owner sets them in tests/conftest.py, as its first lines say."""
    conftest = copy / "tests" / "conftest.py"
    set_here = "".join(f"os.environ.setdefault({name!r}, {text!r})\n" for name, text in SET.items())
    conftest.write_text(f"import os\n\n{set_here}\n{conftest.read_text()}")
    workflow = yaml.safe_load((copy / ".github" / "workflows" / "test.yml").read_text())
    steps = [step.get("run", "") for step in workflow["jobs"]["test"]["steps"]]
    commands = [step.split()[2:] for step in steps if step.startswith("uv run ")]
    assert ["cors", "check", "--all", "--format", "github"] in commands
    for command in commands:
        if command[0] not in ("ruff", "mypy"):
            result = run_step(copy, command)
            assert result.returncode == 0, result.stdout + result.stderr


def run_step(project: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the workflow; of the suite, the test that imports and judges the service."""
    if command[0] == "cors":
        return cors(project, *command[1:])
    options = ("-p", "no:cacheprovider", "-q", "-k", "test_no_rule_refuses or client or health")
    return run(project, "python", "-m", *command, *options)


def test_tests_without_these_values_say_where_to_set_them(service: Path) -> None:
    result = run(service, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "DATABASE_URL: is required and not set" in result.stdout
    assert "set what your own settings require in tests/conftest.py" in result.stdout


def test_other_settings_of_the_owners_print_no_value(copy: Path) -> None:
    """pydantic prints what it got beside what is missing."""
    (copy / "src" / "orders_api" / "storage.py").write_text(
        "from pydantic_settings import BaseSettings\n\n"
        "class Storage(BaseSettings):\n"
        "    storage_key: str\n"
        "    storage_url: str\n"
        "    storage_size: int = 1\n"
    )
    main = copy / "src" / "orders_api" / "main.py"
    main.write_text(
        main.read_text().replace(
            "    app.include_router(router)\n",
            "    app.include_router(router)\n    from .storage import Storage\n\n    Storage()\n",
        )
    )
    result = cors(copy, "check", "-e", "production", **SET, STORAGE_KEY="hunter2")
    assert result.returncode == 1
    assert "raised ValidationError: 1 validation error for Storage. Fix: make it" in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


# --- A setting of the owner's that begins with CORS_ ------------------------------------------


def test_a_setting_of_ones_own_may_begin_with_cors(copy: Path) -> None:
    append(copy / ".env.production", "CORS_REPORT_URL=https://me:hunter2@reports.acme.com\n")
    for variables in ({}, SET):
        for options in ((), ("--no-app",)):
            result = cors(copy, "check", "-e", "production", *options, **variables)
            assert result.returncode == 0, result.stdout
            assert "CORS_REPORT_URL" not in result.stdout
    started = run(copy, "python", "-c", "import orders_api.main", ENVIRONMENT="production", **SET)
    assert started.returncode == 0, started.stderr
    append(copy / ".env.production", "CORS_REPRT_URL=x\n")
    result = cors(copy, "check", "-e", "production")
    assert "CORS030 error: CORS_REPRT_URL" in result.stdout


def test_its_wrong_value_is_not_taken_for_one_of_the_policy(copy: Path) -> None:
    append(copy / "src" / "orders_api" / "settings.py", "    cors_workers: int = 1\n")
    append(copy / ".env.production", "CORS_WORKERS=hunter2\n")
    started = run(copy, "python", "-c", "import orders_api.main", ENVIRONMENT="production", **SET)
    assert started.returncode == 1
    assert "SETTINGS error: CORS_WORKERS (.env.production:" in started.stderr
    assert "hunter2" not in started.stderr
