"""`cors check`, `cors show` and `cors rules`, as a person and a pipeline see them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from service.cors.tool.development_rules import ALL_RULES

from .project import TEMPLATE, run_warm


@pytest.fixture
def project(cookies_service: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cookies_service, tmp_path / "orders-api"))


def cors(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_warm(project, "orders_api.cors", *arguments, **variables)


def edit(project: Path, file: str, old: str, new: str) -> None:
    path = project / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_nothing_is_said_against_an_untouched_service(project: Path) -> None:
    result = cors(project, "check", "--all")
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "development: no findings.",
        "staging: no findings.",
        "production: no findings.",
    ]
    assert result.stderr.count("CORS057 suggestion for staging, production: list the host") == 1


def test_an_error_is_exit_status_1_and_names_the_fix(project: Path) -> None:
    edit(project, ".env.production", "https://app.acme.com,", "https://app.acme.com/,")
    result = cors(project, "check", "--environment", "production")
    assert result.returncode == 1
    for text in ("CORS006", ".env.production:5", "`https://app.acme.com/`", "Fix: write"):
        assert text in result.stdout
    assert "the service does not start (1 error" in result.stdout


def test_one_broken_environment_fails_all_of_them_but_hides_none(project: Path) -> None:
    edit(project, ".env.development", "http://localhost:5173", "*")
    result = cors(project, "check", "--all")
    assert result.returncode == 1
    assert "CORS003" in result.stdout
    assert "production: no findings." in result.stdout


def test_a_warning_is_exit_status_0(project: Path) -> None:
    edit(project, ".env.production", "CORS_MAX_AGE=7200", "CORS_MAX_AGE=86400")
    result = cors(project, "check", "-e", "production")
    assert result.returncode == 0
    assert "CORS026" in result.stdout
    assert "the service starts, with 2 warnings." in result.stdout


def test_the_findings_as_json(project: Path) -> None:
    edit(project, ".env.production", "CORS_MAX_AGE=7200", "CORS_MAX_AGE=1h")
    result = cors(project, "check", "--all", "--format", "json")
    assert result.returncode == 1
    (finding,) = json.loads(result.stdout)
    assert finding["environment"] == "production"
    assert finding["rule"] == "CORS025"
    assert finding["variable"] == "CORS_MAX_AGE"
    assert finding["value"] == "1h"
    assert finding["where"] == ".env.production:15"
    assert finding["severity"] == "error"


def test_the_findings_for_a_pull_request(project: Path) -> None:
    edit(project, ".env.production", "CORS_MAX_AGE=7200", "CORS_MAX_AGE=1h")
    result = cors(project, "check", "--all", "--format", "github")
    assert result.returncode == 1
    assert re.fullmatch(
        r"::error file=\.env\.production,line=15,title=CORS025::production: CORS_MAX_AGE `1h` .*\n",
        result.stdout,
    )


MISUSE = {
    "two choices": ("check", "--all", "--environment", "production"),
    "an unknown format": ("check", "--format", "xml"),
    "an unknown rule": ("rules", "CORS999"),
    "an unknown command": ("chekc",),
}


@pytest.mark.parametrize("arguments", MISUSE.values(), ids=MISUSE)
def test_misuse_is_exit_status_2(project: Path, arguments: tuple[str, ...]) -> None:
    result = cors(project, *arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_an_unknown_environment_is_a_finding(project: Path) -> None:
    result = cors(project, "check", "-e", "prod")
    assert result.returncode == 1
    assert "CORS031" in result.stdout
    assert "set ENVIRONMENT=production" in result.stdout


def test_outside_of_a_service_there_is_nothing_to_check(project: Path, tmp_path: Path) -> None:
    result = run_warm(
        tmp_path,
        *("orders_api.cors", "check", "--all"),
        PYTHONPATH=str(project / "src"),
    )
    assert result.returncode == 2
    assert "there is no .env.NAME file" in result.stderr


def test_the_app_is_looked_at_too(project: Path) -> None:
    edit(
        project,
        "src/orders_api/main.py",
        "    app.include_router(router)\n",
        "    app.include_router(router)\n"
        "    from starlette.middleware.cors import CORSMiddleware\n\n"
        '    app.add_middleware(CORSMiddleware, allow_origins=["*"])\n',
    )
    assert "CORS034" in cors(project, "check", "-e", "production").stdout
    assert "CORS034" not in cors(project, "check", "-e", "production", "--no-app").stdout


def test_an_app_that_cannot_be_made_is_said_without_a_traceback(project: Path) -> None:
    edit(
        project,
        "src/orders_api/main.py",
        "    app.include_router(router)\n",
        '    raise ConnectionError("no database at postgres://me:hunter2@db")\n',
    )
    result = cors(project, "check", "-e", "production")
    assert result.returncode == 1
    assert "raised ConnectionError: no database at postgres://***@db" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_a_dotenv_line_that_the_answers_do_not_know_is_told_with_the_command(
    project: Path,
) -> None:
    edit(project, ".env.staging", "https://staging.acme.com", "https://next.acme.com")
    result = cors(project, "check", "-e", "staging")
    assert result.returncode == 0
    assert "CORS037" in result.stdout
    assert "copier update --defaults --data staging_origins=https://next.acme.com" in result.stdout


def test_a_list_in_json_is_the_answer_all_the_same(project: Path) -> None:
    one, json = "=https://staging.acme.com\n", '=["https://staging.acme.com"]\n'
    edit(project, ".env.staging", one, json)
    assert "CORS037" not in cors(project, "check", "-e", "staging").stdout
    edit(project, ".env.staging", json, '=["https://a.acme.com","https://b.acme.com"]\n')
    told = cors(project, "check", "-e", "staging").stdout
    assert "--data staging_origins=https://a.acme.com,https://b.acme.com" in told


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("unread", 'CORS_ALLOWED_ORIGINS="https://me:hunter2@a.acme.com","https://b.acme.com"'),
        ("json", 'CORS_ALLOWED_ORIGINS=["https://me:hunter2@app.acme.com"'),
        ("slash", "CORS_ALLOWED_ORIGINS=https://me:hunter2/x@app.acme.com"),
    ],
)
def test_a_password_in_an_origin_is_never_printed(project: Path, name: str, text: str) -> None:
    (project / f".env.{name}").write_text(text + "\n")
    result = cors(project, "check", "-e", name)
    assert result.returncode == 1
    assert "acme.com" in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


START = ("-c", "import orders_api.main; print('started')")


def test_report_mode_starts_with_a_warning_and_fails_the_check(project: Path) -> None:
    for name in ("development", "production"):
        edit(project, f".env.{name}", "CORS_GUARD_WRITES=true", "CORS_GUARD_WRITES=report")
        started = run_warm(project, *START, ENVIRONMENT=name)
        assert started.stdout == "started\n", started.stderr
        assert (
            f"CORS040 warning: CORS_GUARD_WRITES (.env.{name}:19): `report` only" in started.stderr
        )
    result = cors(project, "check", "-e", "development")
    assert result.returncode == 0
    assert "the service starts, with 1 warning" in result.stdout
    result = cors(project, "check", "-e", "production")
    assert result.returncode == 1
    assert "CORS040 error: CORS_GUARD_WRITES (.env.production:19): `report` only" in result.stdout
    assert "the service starts, but the check fails (1 error" in result.stdout


def test_report_mode_without_cookies_passes_the_check(project: Path) -> None:
    cookies = {"CORS_ALLOW_CREDENTIALS": "false", "CORS_GUARD_WRITES": "report"}
    result = cors(project, "check", "-e", "production", "--no-app", **cookies)
    assert result.returncode == 0, result.stdout
    assert "CORS040 warning" in result.stdout


def test_a_third_value_of_the_guard_is_refused_once(project: Path) -> None:
    result = cors(project, "check", "-e", "production", CORS_GUARD_WRITES="reports")
    assert result.returncode == 1
    assert result.stdout.count("CORS038") == 1
    assert "Fix: write true or false, or report." in result.stdout


def test_an_exempt_path_needs_its_route_and_the_service_starts(project: Path) -> None:
    path = {"CORS_GUARD_EXEMPT_PATHS": "/auth/callback"}
    result = cors(project, "check", "-e", "production", **path)
    assert result.returncode == 1
    assert "CORS050 error: CORS_GUARD_EXEMPT_PATHS" in result.stdout
    assert "add the route to the app, or remove /auth/callback" in result.stdout
    assert "the service starts, but the check fails" in result.stdout
    started = run_warm(project, *START, ENVIRONMENT="production", **path)
    assert started.stdout == "started\n", started.stderr


def test_show_has_exempt_paths_and_report_mode(project: Path) -> None:
    paths = {"CORS_GUARD_EXEMPT_PATHS": "/auth/callback,/saml/acs"}
    guarded = cors(project, "show", "-e", "production", **paths).stdout
    for text in ("writes of other sites", "refused", "/auth/callback", "/saml/acs"):
        assert text in guarded
    reporting = cors(project, "show", "-e", "production", CORS_GUARD_WRITES="report").stdout
    assert "run and are logged" in reporting
    assert re.search(r"exempt paths +none", reporting)


def test_markup_in_an_argument_is_text(project: Path) -> None:
    for command in ("show", "check"):
        result = cors(project, command, "-e", "[/red]")
        assert "[/red]" in result.stdout
        assert "Traceback" not in result.stderr


def test_show_puts_the_environments_side_by_side(project: Path) -> None:
    result = cors(project, "show")
    assert result.returncode == 0
    header = result.stdout.splitlines()[0].split()
    assert header == ["development", "staging", "production"]
    for text in ("http://localhost:5173", "https://www.acme.com", "7200 s", "X-Total-Count"):
        assert text in result.stdout
    assert "\x1b" not in result.stdout


def test_show_says_how_strictly_each_environment_is_judged(project: Path) -> None:
    text = (project / ".env.production").read_text()
    eu = text.replace("ENVIRONMENT=production", "ENVIRONMENT=prod-eu")
    (project / ".env.prod-eu").write_text(eu)
    (row,) = re.findall(r"judged as +(.*)", cors(project, "show").stdout)
    assert row.split() == ["local", "shared", "production", "production"]
    policies = json.loads(cors(project, "show", "--format", "json").stdout)
    assert policies["prod-eu"]["strictness"] == "production"


def test_show_as_markdown_is_one_table(project: Path) -> None:
    result = cors(project, "show", "--format", "markdown")
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    assert all(line.startswith("|") and line.endswith("|") for line in lines)
    assert "https://app.acme.com<br>https://www.acme.com" in result.stdout


def test_show_as_json_is_the_policy(project: Path) -> None:
    policies = json.loads(cors(project, "show", "--format", "json").stdout)
    assert list(policies) == ["development", "staging", "production"]
    assert policies["production"]["allow_origins"] == [
        "https://app.acme.com",
        "https://www.acme.com",
    ]


def test_show_says_which_environment_cannot_be_read(project: Path) -> None:
    edit(project, ".env.production", "CORS_MAX_AGE=7200", "CORS_MAX_AGE=1h")
    result = cors(project, "show")
    assert result.returncode == 1
    assert "refused: run cors check -e production" in result.stdout


def test_every_rule_is_in_the_book(project: Path) -> None:
    printed = cors(project, "rules").stdout
    assert re.findall(r"^CORS\d{3}", printed, re.MULTILINE) == [rule.id for rule in ALL_RULES]


def test_one_rule_has_its_reason_and_examples(project: Path) -> None:
    printed = cors(project, "rules", "cors014").stdout
    for text in ("CORS014", "local: warning, shared: error", "bad   ", "good  ", "vercel.app"):
        assert text in printed


def test_the_document_is_the_book(project: Path) -> None:
    """docs/rules.md is `cors rules --format markdown`; `make docs` writes it anew."""
    printed = cors(project, "rules", "--format", "markdown").stdout
    assert (TEMPLATE / "docs" / "rules.md").read_text() == printed


def test_without_a_command_there_is_help(project: Path) -> None:
    result = cors(project)
    assert "Check, show and explain" in result.stdout + result.stderr
    assert "check" in result.stdout + result.stderr
