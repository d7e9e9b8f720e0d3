# fmt: off
"""The configuration is audited before it is served: what a rule refuses does not start."""

import os
import re
import subprocess
import sys
from datetime import date, timedelta
from importlib import import_module
from inspect import isfunction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from . import MANAGED, RELEASE
from .service import (
    OTHER_RELEASE,
    ROOT,
    SAFELISTED_METHODS,
    Service,
    create_app,
    environments,
    only_dotenv,
    package_module,
    report,
    served,
)

# Lines of a dotenv file for production, and the rule that refuses the last of them.
REFUSED = {
    'CORS_ALLOWED_ORIGINS=["https://app.acme.com"': "CORS001",
    "CORS_ALLOWED_ORIGINS=*": "CORS003",
    "CORS_ALLOW_CREDENTIALS=true\nCORS_PUBLIC_PATHS=/": "CORS004",
    "CORS_ALLOWED_ORIGINS=null": "CORS005",
    "CORS_ALLOWED_ORIGINS=https://app.acme.com/": "CORS006",
    "CORS_ALLOWED_ORIGINS=https://App.acme.com": "CORS007",
    "CORS_ALLOWED_ORIGINS=app.acme.com": "CORS008",
    "CORS_ALLOW_CREDENTIALS=true\nCORS_ALLOWED_ORIGINS=http://app.acme.com": "CORS009",
    "CORS_ALLOWED_ORIGINS=http://app.acme.com": "CORS010",
    "CORS_ALLOWED_ORIGINS=http://localhost:5173": "CORS011",
    "CORS_ALLOWED_ORIGINS=https://10.0.0.7": "CORS011",
    "CORS_ALLOW_CREDENTIALS=true\nCORS_ALLOWED_ORIGINS=https://*.acme.com": "CORS012",
    "CORS_ALLOWED_ORIGINS=https://app-*.acme.com": "CORS013",
    "CORS_ALLOWED_ORIGINS=https://*.com": "CORS014",
    "CORS_ALLOWED_ORIGINS=https://*.vercel.app": "CORS014",
    "CORS_ALLOWED_ORIGINS=https://*.app.github.dev": "CORS014",
    "CORS_ALLOWED_ORIGINS=https://app.*.com": "CORS015",
    "CORS_ALLOWED_ORIGINS=https://app.acme.com:*": "CORS016",
    "CORS_ALLOW_METHODS=GET,TRACE": "CORS017",
    "CORS_ALLOW_METHODS=get": "CORS018",
    "CORS_ALLOW_HEADERS=Cookie": "CORS019",
    "CORS_ALLOW_METHODS=*": "CORS021",
    "CORS_ALLOW_CREDENTIALS=true\nCORS_ALLOW_HEADERS=*": "CORS022",
    "CORS_EXPOSE_HEADERS=Set-Cookie": "CORS023",
    "CORS_MAX_AGE=1h": "CORS025",
    "CORS_MAX_AGE=86401": "CORS025",
    "CORS_ALLOW_ORIGINS=https://app.acme.com": "CORS030",
    "CORS_ALLOWED_ORIGINS=https://app.example.com": "CORS032",
    "<<<<<<< before updating": "CORS033",
    "CORS_ALLOW_CREDENTIALS=maybe": "CORS038",
    "CORS_PUBLIC_PATHS=public": "CORS039",
    "CORS_ALLOW_CREDENTIALS=true": "CORS040",
    'CORS_GUARD_WRITES="true': "CORS041",
    "CORS_PUBLIC_PATHS=${PREFIX}/": "CORS043",
    "CORS_MAX_AGE=60\ncors_max_age=600": "CORS044",
    "CORS_GUARD_EXEMPT_PATHS=/auth/*": "CORS049",
    "CORS_PUBLIC_PATHS=/auth\nCORS_GUARD_EXEMPT_PATHS=/auth/callback": "CORS049",
    "CORS_WAIVERS=CORS012:31.1.2027:https://*.acme.com": "CORS053",
}

CLOSED = "ENVIRONMENT={}\nCORS_ALLOWED_ORIGINS=\n"

RESTORE_CORS = "The code in cors/ was changed: restore it."


def load(environment: str | None, directory: Path) -> Any:
    """Read the settings of an environment from the dotenv files of a folder."""
    settings = package_module("cors.settings").CORSSettings
    with only_dotenv():
        return settings.load(environment, directory)


def refusal(directory: Path, lines: str) -> str:
    """Return why a production environment with these lines, and otherwise closed, is refused."""
    (directory / ".env.production").write_text(f"{CLOSED.format('production')}{lines}\n")
    with pytest.raises(package_module("cors.findings").ConfigurationError) as refused:
        load("production", directory)
    return str(refused.value)


# --- What the rules refuse --------------------------------------------------------------------


@pytest.mark.parametrize(("lines", "rule"), REFUSED.items())
def test_a_broken_line_is_refused_with_its_place_and_a_fix(
    tmp_path: Path, lines: str, rule: str
) -> None:
    message = "".join(line for line in refusal(tmp_path, lines).splitlines() if rule in line)
    assert f".env.production:{3 + lines.count(chr(10))}" in message, RESTORE_CORS
    assert "Fix: " in message, RESTORE_CORS


@pytest.mark.parametrize(
    ("environment", "text", "rule"),
    [
        ("production", "ENVIRONMENT=production\n", "CORS002"),
        ("production", CLOSED.format("staging"), "CORS031"),
        ("prod", CLOSED.format("production"), "CORS031"),
    ],
    ids=["CORS002 nobody may call", "CORS031 another name in the file", "CORS031 no such file"],
)
def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, environment: str, text: str, rule: str
) -> None:
    (tmp_path / ".env.production").write_text(text)
    with pytest.raises(package_module("cors.findings").ConfigurationError, match=rule):
        load(environment, tmp_path)


@pytest.mark.parametrize("suffix", ["", ".local"])
def test_a_directory_in_the_place_of_a_file_is_refused(tmp_path: Path, suffix: str) -> None:
    """Docker makes one for a missing bind mount. The process alone would say less than the file."""
    (tmp_path / ".env.production.local").touch()
    (tmp_path / f".env.production{suffix}").unlink(missing_ok=True)
    (tmp_path / f".env.production{suffix}").mkdir()
    settings = package_module("cors.settings").CORSSettings
    given = {"ENVIRONMENT": "production", "CORS_ALLOWED_ORIGINS": "https://app.acme.com"}
    with only_dotenv(), patch.dict(os.environ, given):
        try:
            found = str(settings.load(directory=tmp_path).cors_policy())
        except package_module("cors.findings").ConfigurationError as error:
            found = str(error)
    assert f"`.env.production{suffix}` is a directory" in found, RESTORE_CORS


@pytest.mark.parametrize(
    ("environment", "is_production"),
    [
        ("production", True),
        ("prod-eu", True),
        ("production_2", True),
        ("prd1", True),
        ("live", True),
        ("preprod", False),
        ("non-production", False),
        ("products", False),
    ],
)
def test_a_name_of_production_is_judged_as_production(
    tmp_path: Path, environment: str, is_production: bool
) -> None:
    # A * for the methods is an error in production only.
    lines = f"{CLOSED.format(environment)}CORS_ALLOW_METHODS=*\n"
    (tmp_path / f".env.{environment}").write_text(lines)
    with only_dotenv():
        examined = package_module("cors.cli").examine(environment, tmp_path, with_app=False)
    found = {each.rule: each.severity for each in examined.findings}
    expected = "error" if is_production else "warning"
    assert found.get("CORS021") == expected, RESTORE_CORS


def test_a_sign_of_another_environment_is_said(tmp_path: Path) -> None:
    (tmp_path / ".env.development").write_text(CLOSED.format("development"))
    given = {**os.environ, "FASTAPI_ENV": "production"}
    given.pop("ENVIRONMENT", None)
    rules = package_module("cors.tool.development_rules").ALL_RULES
    with only_dotenv(), patch.dict(os.environ, given, clear=True):
        examined = package_module("cors.cli").examine(None, tmp_path, with_app=False, rules=rules)
    assert "CORS060" in [each.rule for each in examined.findings], RESTORE_CORS


def test_lines_that_an_update_could_not_merge_are_refused(tmp_path: Path) -> None:
    """`copier update --conflict rej` leaves them beside the file, where nothing reads them."""
    (tmp_path / ".env.production.rej").write_text("+CORS_ALLOWED_ORIGINS=https://app.acme.com")
    assert "CORS033" in refusal(tmp_path, ""), RESTORE_CORS


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    two = "CORS_ALLOW_METHODS=get\nCORS_ALLOW_HEADERS=Host"
    message = refusal(tmp_path, f"{two}\nCORS_MAX_AGE=1h")
    missing = [rule for rule in ("CORS018", "CORS019", "CORS025") if rule not in message]
    assert missing == [], RESTORE_CORS
    message = refusal(tmp_path, two)
    missing = [rule for rule in ("CORS018", "CORS019") if rule not in message]
    assert missing == [], RESTORE_CORS


def test_settings_made_in_code_are_audited_too() -> None:
    with only_dotenv():
        settings = package_module("cors.settings").CORSSettings(cors_allowed_origins=["*"])
    with pytest.raises(package_module("cors.findings").ConfigurationError, match="CORS003"):
        settings.cors_policy()


def test_a_variable_of_your_own_settings_is_known(tmp_path: Path) -> None:
    settings = package_module("cors.settings").CORSSettings
    own = type("Own", (settings,), {"__annotations__": {"cors_report_url": str}})
    (tmp_path / ".env.production").write_text("CORS_ALLOWED_ORIGINS=\nCORS_REPORT_URL=x\n")
    with only_dotenv():
        try:
            found = own.load("production", tmp_path).cors_report_url
        except package_module("cors.findings").ConfigurationError as error:
            found = str(error)
    assert found == "x", RESTORE_CORS


def test_a_line_that_other_programs_read_otherwise_is_named(tmp_path: Path) -> None:
    found = checked(tmp_path, 'CORS_ALLOW_METHODS="GET"')
    assert found.get("CORS059") == "warning", f"CORS059 does not find it. {RESTORE_CORS}"


# --- Waivers, and previews on shared hosting --------------------------------------------------

LOCALHOST = "CORS_ALLOWED_ORIGINS=https://localhost"
LAST_DAY = date(2027, 1, 31)
ACCEPTED = f"# CORS011: our app on Android\nCORS_WAIVERS=CORS011:{LAST_DAY}:https://localhost"
COOKIES = "CORS_ALLOW_CREDENTIALS=true\nCORS_GUARD_WRITES=true"


def checked(directory: Path, lines: str, days_left: int = 60) -> dict[str, str]:
    """Return the severity of each rule that `cors check` names, so many days before LAST_DAY.

    Fails where the service would not start.
    """
    closed = "" if "CORS_ALLOWED_ORIGINS=" in lines else "CORS_ALLOWED_ORIGINS=\n"
    (directory / ".env.production").write_text(f"{closed}{lines}\n")
    rules = package_module("cors.tool.development_rules").ALL_RULES
    day = LAST_DAY - timedelta(days_left)
    with only_dotenv(), patch.object(package_module("cors.findings"), "today", lambda: day):
        try:
            load("production", directory)
        except package_module("cors.findings").ConfigurationError as error:
            pytest.fail(f"{error}\n{RESTORE_CORS}")
        examined = package_module("cors.cli").examine(
            "production", directory, with_app=False, rules=rules
        )
    return {found.rule: found.severity for found in examined.findings}


@pytest.mark.parametrize(
    ("days_left", "expected"),
    [
        (60, {"CORS011": "accepted"}),
        (0, {"CORS011": "accepted", "CORS054": "warning"}),
        (-1, {"CORS011": "warning", "CORS054": "error"}),
    ],
    ids=["before its last day", "on its last day", "after its last day"],
)
def test_a_waiver_accepts_its_finding_until_its_last_day(
    tmp_path: Path, days_left: int, expected: dict[str, str]
) -> None:
    """Afterwards the check fails. A service goes on starting: no image stops overnight."""
    assert checked(tmp_path, f"{LOCALHOST}\n{ACCEPTED}", days_left) == expected, RESTORE_CORS


def test_the_waiver_that_the_check_proposes_is_accepted(tmp_path: Path) -> None:
    """With credentials, every host below the domain may call only after a review."""
    lines = f"CORS_ALLOWED_ORIGINS=https://*.acme.com\n{COOKIES}"
    assert "`cors check` in a checkout says how" in refusal(tmp_path, lines), RESTORE_CORS
    day = LAST_DAY - timedelta(60)
    with only_dotenv(), patch.object(package_module("cors.findings"), "today", lambda: day):
        examined = package_module("cors.cli").examine("production", tmp_path, with_app=False)
        advised = package_module("cors.tool.development_rules").with_advice(examined)
    said = " ".join(found.fix for found in advised.findings)
    proposed = re.search(r"write (CORS_WAIVERS=\S+),", said)
    assert proposed is not None, RESTORE_CORS
    lines += f"\n# CORS012: landing pages\n{proposed[1]}"
    assert checked(tmp_path, lines) == {"CORS012": "accepted"}, RESTORE_CORS


@pytest.mark.parametrize("host", ["my_app.acme.com", "_a.acme.com", "a_.acme.com"])
def test_a_host_name_with_an_underscore_is_accepted(tmp_path: Path, host: str) -> None:
    """No registry sells one, but hosts below a name have it, and browsers send it."""
    assert checked(tmp_path, f"CORS_ALLOWED_ORIGINS=https://{host}") == {}, RESTORE_CORS


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("CORS011", "https://localhos"),
        ("CORS011", "https://LOCALHOST"),
        ("CORS011", "http://localhost"),
        ("CORS011", "*"),
        ("CORS010", "https://localhost"),
    ],
)
def test_a_waiver_accepts_no_other_finding(tmp_path: Path, rule: str, value: str) -> None:
    lines = f"{LOCALHOST}\nCORS_WAIVERS={rule}:{date.today()}:{value}"
    assert "CORS011 error" in refusal(tmp_path, lines), RESTORE_CORS


@pytest.mark.parametrize(
    ("rule", "value", "more"),
    [
        ("CORS003", "*", ""),
        ("CORS005", "null", ""),
        ("CORS006", "https://app.acme.com/", ""),
        ("CORS008", "app.acme.com", ""),
        ("CORS014", "https://*.vercel.app", COOKIES),
        ("CORS014", "https://shop-*-acme.vercel.app", COOKIES),
    ],
)
def test_no_waiver_accepts_what_is_wrong_everywhere(
    tmp_path: Path, rule: str, value: str, more: str
) -> None:
    lines = f"CORS_ALLOWED_ORIGINS={value}\n{more}\nCORS_WAIVERS={rule}:{date.today()}:{value}"
    assert f"{rule} error" in refusal(tmp_path, lines), RESTORE_CORS


@pytest.mark.parametrize(
    "lines",
    [
        f"{LOCALHOST}\n#\n{ACCEPTED.partition(chr(10))[2]}",
        f"{LOCALHOST}\n{ACCEPTED}".replace("2027", "2029"),
        ACCEPTED,
        "# CORS003: all\nCORS_WAIVERS=CORS003:2027-01-31:*",
    ],
    ids=["no comment", "for two years", "for nothing", "for a rule that has no waiver"],
)
def test_a_waiver_without_grounds_fails_the_check(tmp_path: Path, lines: str) -> None:
    assert checked(tmp_path, lines).get("CORS055") == "error", RESTORE_CORS


@pytest.mark.parametrize(
    ("environment", "origin", "more", "is_refused"),
    [
        ("preview", "https://shop-*-acme.vercel.app", "", False),
        ("preview", "https://shop-*-acme.vercel.app", COOKIES, True),
        ("preview", "https://shop-*.vercel.app", "", True),
        ("preview", "https://*-acme.vercel.app", "", True),
        ("preview", "https://*.vercel.app", "", True),
        ("staging", "https://shop-*-acme.vercel.app", "", True),
        ("production", "https://shop-*-acme.vercel.app", "", True),
    ],
)
def test_previews_on_shared_hosting_are_for_preview_without_cookies(
    tmp_path: Path, environment: str, origin: str, more: str, is_refused: bool
) -> None:
    text = f"CORS_ALLOWED_ORIGINS={origin}\n{more}\n"
    (tmp_path / f".env.{environment}").write_text(text)
    with only_dotenv():
        examined = package_module("cors.cli").examine(environment, tmp_path, with_app=False)
    found = {found.rule: found.severity for found in examined.findings}
    assert found.get("CORS014") == ("error" if is_refused else "warning"), RESTORE_CORS


# --- What is read -----------------------------------------------------------------------------


def test_what_is_not_written_is_not_allowed(tmp_path: Path) -> None:
    # In development, no rule refuses what is allowed too much before it can be seen here.
    (tmp_path / ".env.development").write_text(CLOSED.format("development"))
    policy = load("development", tmp_path).cors_policy()
    assert policy.allow_origins == policy.public_paths == (), RESTORE_CORS
    assert policy.guard_exempt_paths == (), RESTORE_CORS
    assert policy.allow_headers == policy.expose_headers == (), RESTORE_CORS
    assert policy.allow_methods == SAFELISTED_METHODS, RESTORE_CORS
    assert not policy.allow_credentials, RESTORE_CORS


def test_an_environment_is_read_from_its_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From those of the environment that is asked for, else of ENVIRONMENT. The local file wins."""
    names = ("development", "staging", "production", "qa")
    for name in names:
        text = f"CORS_ALLOWED_ORIGINS=https://{name}.acme.com\n"
        # What only development says must not count anywhere else.
        more = "CORS_EXPOSE_HEADERS=X-Development\n" if name == "development" else ""
        (tmp_path / f".env.{name}").write_text(text + more)
    for name in ("development", "production"):
        (tmp_path / f".env.{name}.local").write_text(f"CORS_ALLOW_HEADERS=X-{name}\n")
    for name in names:
        monkeypatch.setenv("ENVIRONMENT", name)
        local = (f"X-{name}",) if name in ("development", "production") else ()
        for settings in (load(name, tmp_path), load(None, tmp_path)):
            assert settings.environment == name, RESTORE_CORS
            assert settings.cors_allowed_origins == (f"https://{name}.acme.com",), RESTORE_CORS
            exposes = settings.cors_expose_headers != ()
            assert exposes == (name == "development"), RESTORE_CORS
            assert settings.cors_allow_headers == local, RESTORE_CORS


# --- This service -----------------------------------------------------------------------------


@pytest.mark.parametrize("environment", environments())
def test_no_rule_refuses_this_environment(environment: str) -> None:
    """The rules that look at routes, cookies and middleware are included, as in `cors check`."""
    with only_dotenv():
        rules = package_module("cors.tool.development_rules").ALL_RULES
        examined = package_module("cors.cli").examine(environment, ROOT, rules=rules)
    found = [str(found) for found in examined.findings if found.severity == "error"]
    fix = f"`uv run cors check -e {environment}` prints the same."
    assert not found, report(found, fix)


def test_the_app_enforces_the_policy_of_its_settings(service: Service) -> None:
    """Looks inside, because nobody can ask over HTTP for an origin that is not known."""
    policy, middleware, promised = service.app.cors_policy, service.app.cors, service.expected
    patterns = {listed for listed in promised.listed if "*" in listed}
    regex = middleware.allow_origin_regex
    found = [
        f"{service.environment}: {what} in force: {in_force}, written: {written}"
        for what, in_force, written, right in (
            ("environment", policy.environment, service.environment, None),
            ("origins", policy.allow_origins, promised.listed, None),
            ("exact origins", {*middleware.allow_origins}, {*promised.listed} - patterns, None),
            ("patterns", regex, patterns, bool(regex) == bool(patterns)),
            ("guard", middleware.guard_writes, promised.guard_writes, None),
            ("public paths", {*middleware.public_paths}, {*promised.public_paths}, None),
            ("exempt", {*middleware.guard_exempt_paths}, {*promised.exempt_paths}, None),
        )
        if not (in_force == written if right is None else right)
    ]
    assert not found, report(found, "Create the app as CORSFastAPI(cors=settings.cors_policy()).")


def test_what_is_served_follows_the_environment() -> None:
    """Looks at the app that a server finds, in a process of its own.

    It is asked for an environment other than development, whose policy it might have everywhere.
    """
    others = [name for name in environments() if name not in ("development", "test")]
    if not others:
        pytest.skip("there is only development")
    name = "production" if "production" in others else others[0]
    module, _, app = served().partition(":")
    enforced = "ascii(getattr(app, 'cors_policy', app))"
    code = f"from {module} import {app or 'app'} as app; print({enforced})"
    if isfunction(getattr(import_module(module), app or "app", None)):
        code = code.replace(";", "; app = app();", 1)
    with only_dotenv():
        asked = {**os.environ, "ENVIRONMENT": name, "PYTHONPATH": os.pathsep.join(sys.path)}
        found = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=asked, capture_output=True, text=True
        )
    assert found.returncode == 0, found.stderr
    enforced, promised = found.stdout.splitlines()[-1], ascii(create_app(name).cors_policy)
    what = f"with ENVIRONMENT={name}, what is served has {enforced}"
    assert enforced == promised, f"{what}. In {module}, write {app or 'app'} = create_app()."


@pytest.mark.parametrize("place", ["the app", "a mounted app"])
def test_a_second_policy_is_found(service: Service, place: str) -> None:
    app = create_app(service.environment)
    if place == "a mounted app":
        app.mount("/mounted", inner := FastAPI())
    (app if place == "the app" else inner).add_middleware(CORSMiddleware, allow_origins=["*"])
    subject = package_module("cors.rules").Subject(app.cors_policy, app=app)
    rules = package_module("cors.app").APP_RULES
    found = [each.rule for each in package_module("cors.rules").findings_of(subject, rules)]
    assert "CORS034" in found, f"CORS034 does not find a second policy in {place}. {RESTORE_CORS}"


def test_every_managed_file_is_there() -> None:
    """A deleted test proves nothing, and no update brings it back: Copier leaves it deleted."""
    package = Path(package_module("cors").__file__).parents[1]
    managed = [name.replace("src/*", package.as_posix(), 1) for name in MANAGED]
    answers = [path for path in ROOT.glob(".copier-answers*.y*ml") if is_ours(path)]
    if not any("\nbrowser_tests: true" in path.read_text("utf-8") for path in answers):
        managed = [name for name in managed if not name.endswith("real_browser.py")]
    missing = [name for name in managed if not (ROOT / name).is_file()]
    option = f" -a {answers[0].name}" if answers and answers[0].stem != ".copier-answers" else ""
    fix = f"uvx copier recopy{option} --defaults --vcs-ref=:current: --skip='*'"
    assert missing == [], f"Managed files are missing. Bring them back: {fix}"


def is_ours(answers: Path) -> bool:
    """Whether a file holds the answers to this template: no other asks for these origins."""
    return "\ndevelopment_origins:" in answers.read_text(encoding="utf-8")


def test_the_code_is_of_the_release_of_its_tests() -> None:
    """An update writes src/<package_name>/cors, also where the package has moved away."""
    assert getattr(package_module("cors"), "RELEASE", None) == RELEASE, OTHER_RELEASE
