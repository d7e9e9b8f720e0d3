"""Waivers: what they accept, until when, and what the check says of a waiver itself."""

import json
import logging
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from service.cors import cli, findings
from service.cors.app import CORSFastAPI
from service.cors.cli import Environment, examine
from service.cors.findings import ConfigurationError, errors_among
from service.cors.policy import CORSPolicy
from service.cors.rules import Subject, findings_of
from service.cors.settings import CORSSettings
from service.cors.sources import find_sources
from service.cors.tool.development_rules import ALL_RULES, ON_THE_APP, check
from service.cors.tool.show import rule_as_text, rule_texts, terminal

from .project import run_warm
from .rule_cases import WAIVER_CASES, WaiverCase

TODAY = date(2026, 11, 24)
LATER = "2027-01-31"
CREDENTIALS = "CORS_ALLOW_CREDENTIALS=true"


@pytest.fixture(autouse=True)
def clock_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Today is TODAY, and the working directory a service without an app."""
    monkeypatch.setattr(findings, "today", lambda: TODAY)
    monkeypatch.chdir(tmp_path)
    for name in ("ENVIRONMENT", "CORS_WAIVERS", "CORS_ALLOWED_ORIGINS"):
        monkeypatch.delenv(name, raising=False)


def write(*lines: str, environment: str = "production") -> None:
    """Write a dotenv file that is closed but for these lines."""
    closed = () if any(line.startswith("CORS_ALLOWED_ORIGINS=") for line in lines) else (CLOSED,)
    text = "\n".join([f"ENVIRONMENT={environment}", "#", *closed, *lines])
    Path(f".env.{environment}").write_text(f"{text}\n")


CLOSED = "CORS_ALLOWED_ORIGINS="


def waiver(rule: str, value: str, until: str = LATER) -> tuple[str, str]:
    """Return a waiver with its comment, as lines."""
    return f"# {rule}: the web team knows", f"CORS_WAIVERS={rule}:{until}:{value}"


def severities(examined: Environment) -> dict[str, str]:
    """Return the severity of each rule that an environment breaks."""
    return {found.rule: found.severity for found in examined.findings}


def load(environment: str = "production") -> CORSSettings:
    return CORSSettings.load(environment)


# --- What is accepted -------------------------------------------------------------------------

# The rule, the lines that break it in production, the value.
WAIVABLE = (
    ("CORS004", ("CORS_PUBLIC_PATHS=/", CREDENTIALS, "CORS_GUARD_WRITES=true"), "/"),
    ("CORS008", ("CORS_ALLOWED_ORIGINS=myshop://app",), "myshop://app"),
    ("CORS009", ("CORS_ALLOWED_ORIGINS=http://intra", CREDENTIALS), "http://intra"),
    ("CORS010", ("CORS_ALLOWED_ORIGINS=http://intra",), "http://intra"),
    ("CORS011", ("CORS_ALLOWED_ORIGINS=https://localhost",), "https://localhost"),
    ("CORS011", ("CORS_ALLOWED_ORIGINS=https://10.0.0.7",), "https://10.0.0.7"),
    ("CORS012", ("CORS_ALLOWED_ORIGINS=https://*.acme.com",), "https://*.acme.com"),
    ("CORS013", ("CORS_ALLOWED_ORIGINS=https://a-*.acme.com",), "https://a-*.acme.com"),
    ("CORS014", ("CORS_ALLOWED_ORIGINS=https://*.vercel.app",), "https://*.vercel.app"),
    ("CORS020", ("CORS_ALLOW_HEADERS=X-Method-Override",), "X-Method-Override"),
    ("CORS021", ("CORS_ALLOW_HEADERS=*",), "CORS_ALLOW_HEADERS"),
    ("CORS026", ("CORS_MAX_AGE=86400",), "86400"),
    ("CORS030", ("CORS_ORIGINS=https://app.acme.com",), "CORS_ORIGINS"),
    ("CORS032", ("CORS_ALLOWED_ORIGINS=https://app.test",), "https://app.test"),
    ("CORS040", (CREDENTIALS,), "false"),
    ("CORS040", (CREDENTIALS, "CORS_GUARD_WRITES=off"), "false"),
)
IDS = [f"{rule} {value}" for rule, _, value in WAIVABLE]


@pytest.mark.parametrize(("rule", "lines", "value"), WAIVABLE, ids=IDS)
def test_a_waived_finding_is_accepted(rule: str, lines: tuple[str, ...], value: str) -> None:
    write(*lines)
    assert rule in severities(check("production", with_app=False))
    write(*lines, *waiver(rule, value))
    examined = check("production", with_app=False)
    assert severities(examined)[rule] == "accepted"
    assert not {"CORS053", "CORS054", "CORS055"} & set(severities(examined))
    (accepted,) = (found for found in examined.findings if found.rule == rule)
    assert str(accepted).startswith(f"{rule} accepted until {LATER}: ")


STARTING = [case for case in WAIVABLE if case[0] != "CORS009"]


@pytest.mark.parametrize(("rule", "lines", "value"), STARTING, ids=str)
def test_a_service_starts_with_what_is_accepted(
    rule: str, lines: tuple[str, ...], value: str
) -> None:
    """Audited when the settings are read, and again, without any file, when the app starts."""
    if rule == "CORS004":
        lines = (*lines, "CORS_ALLOWED_ORIGINS=https://app.acme.com")
    write(*lines, *waiver(rule, value))
    with TestClient(CORSFastAPI(cors=load().cors_policy())) as client:
        assert client.get("/").status_code == 404


def test_what_is_accepted_is_what_is_allowed() -> None:
    write(
        "CORS_ALLOWED_ORIGINS=myshop://app,https://localhost",
        "#",
        f"CORS_WAIVERS=CORS008:{LATER}:myshop://app,CORS011:{LATER}:https://localhost",
    )
    with TestClient(CORSFastAPI(cors=load().cors_policy())) as client:
        for origin in ("myshop://app", "https://localhost"):
            response = client.get("/", headers={"Origin": origin})
            assert response.headers["Access-Control-Allow-Origin"] == origin
        for origin in ("myshop://app2", "myshop://App", "https://localhost:3000", "other://app"):
            response = client.get("/", headers={"Origin": origin})
            assert "Access-Control-Allow-Origin" not in response.headers


def test_settings_made_in_code_can_be_waived_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    origins, accepted = ("https://localhost",), (f"CORS011:{LATER}:https://localhost",)
    with pytest.raises(ConfigurationError, match="CORS011"):
        CORSSettings(cors_allowed_origins=origins).cors_policy()
    CORSSettings(cors_allowed_origins=origins, cors_waivers=accepted).cors_policy()


# --- What is not ------------------------------------------------------------------------------

LOCALHOST = "CORS_ALLOWED_ORIGINS=https://localhost"


def test_a_waiver_for_one_list_accepts_no_wildcard_in_another() -> None:
    lists = ("CORS_ALLOW_HEADERS=*", "CORS_ALLOW_METHODS=*")
    write(*lists, *waiver("CORS021", "CORS_ALLOW_HEADERS"))
    with pytest.raises(ConfigurationError, match="CORS021 error: CORS_ALLOW_METHODS"):
        load()
    # Which of the two somebody looked at is not known.
    write(*lists, *waiver("CORS021", "*"))
    with pytest.raises(ConfigurationError, match="CORS021 error: CORS_ALLOW_HEADERS"):
        load()


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("CORS011", "https://localhos"),
        ("CORS011", "https://localhost:3000"),
        ("CORS011", "https://LOCALHOST"),
        ("CORS011", "https://*"),
        ("CORS011", "*"),
        ("CORS011", "CORS_ALLOWED_ORIGINS"),
        ("CORS012", "https://localhost"),
        ("CORS111", "https://localhost"),
    ],
)
def test_a_waiver_accepts_nothing_else(rule: str, value: str) -> None:
    write(LOCALHOST, *waiver(rule, value))
    with pytest.raises(ConfigurationError, match="CORS011 error"):
        load()
    assert severities(check("production", with_app=False))["CORS055"] == "error"


GUARDED = f"{CREDENTIALS}\nCORS_GUARD_WRITES=true"
NEVER = (
    ("CORS001", 'CORS_ALLOWED_ORIGINS=["https://a.acme.com"', "CORS_ALLOWED_ORIGINS"),
    ("CORS003", "CORS_ALLOWED_ORIGINS=*", "*"),
    ("CORS005", "CORS_ALLOWED_ORIGINS=null", "null"),
    ("CORS006", "CORS_ALLOWED_ORIGINS=https://app.acme.com/", "https://app.acme.com/"),
    ("CORS007", "CORS_ALLOWED_ORIGINS=https://App.acme.com", "https://App.acme.com"),
    ("CORS008", "CORS_ALLOWED_ORIGINS=app.acme.com", "app.acme.com"),
    ("CORS008", "CORS_ALLOWED_ORIGINS=wss://app.acme.com", "wss://app.acme.com"),
    ("CORS008", "CORS_ALLOWED_ORIGINS=myshop://app/", "myshop://app/"),
    ("CORS008", "CORS_ALLOWED_ORIGINS=myshop://*", "myshop://*"),
    ("CORS008", "CORS_ALLOWED_ORIGINS=myshop:app", "myshop:app"),
    (
        "CORS014",
        f"CORS_ALLOWED_ORIGINS=https://a-*-b.vercel.app\n{GUARDED}",
        "https://a-*-b.vercel.app",
    ),
    ("CORS015", "CORS_ALLOWED_ORIGINS=https://app.*.com", "https://app.*.com"),
    ("CORS016", "CORS_ALLOWED_ORIGINS=https://app.acme.com:*", "https://app.acme.com:*"),
    ("CORS022", f"CORS_ALLOW_METHODS=*\n{GUARDED}", "*"),
    ("CORS031", "ENVIRONMENT=staging", "staging"),
    ("CORS033", "<<<<<<< before", "<<<<<<<"),
    ("CORS039", "CORS_PUBLIC_PATHS=//", "//"),
    ("CORS043", "CORS_PUBLIC_PATHS=/$A", "/$A"),
    ("CORS044", "CORS_MAX_AGE=60\n#\ncors_max_age=60", "60"),
)


@pytest.mark.parametrize(("rule", "lines", "value"), NEVER, ids=[f"{r} {v}" for r, _, v in NEVER])
def test_no_waiver_accepts_what_is_wrong_everywhere(rule: str, lines: str, value: str) -> None:
    write(lines, *waiver(rule, value.replace("$", "")), environment="qa")
    with pytest.raises(ConfigurationError, match=f"{rule} error"):
        load("qa")
    write(lines, *waiver(rule, value), environment="qa")
    with pytest.raises(ConfigurationError, match=f"{rule} error"):
        load("qa")


def test_the_refusal_says_that_no_waiver_helps() -> None:
    write("CORS_ALLOWED_ORIGINS=*", *waiver("CORS003", "*"))
    with pytest.raises(ConfigurationError, match="which no waiver can accept"):
        load()


# --- Until when -------------------------------------------------------------------------------

# Days from today to the last day; what is said of the finding, and of the waiver.
DAYS = (
    (31, "accepted", None),
    (30, "accepted", "warning"),
    (0, "accepted", "warning"),
    (-1, "warning", "error"),
    (-400, "warning", "error"),
)


@pytest.mark.parametrize(("days", "severity", "of_waiver"), DAYS)
def test_a_waiver_ends_after_its_last_day(days: int, severity: str, of_waiver: str | None) -> None:
    write(LOCALHOST, *waiver("CORS011", "https://localhost", str(TODAY + timedelta(days))))
    found = severities(check("production", with_app=False))
    assert found.pop("CORS011") == severity
    assert found == ({"CORS054": of_waiver} if of_waiver else {})
    load()


def test_a_waiver_that_is_over_fails_the_check_but_not_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(LOCALHOST, *waiver("CORS011", "https://localhost", "2026-11-23"))
    examined = check("production", with_app=False)
    assert examined.verdict == (
        "production: the service starts, but the check fails (1 error, 1 warning)."
    )
    load()
    assert "which was accepted until 2026-11-23 only" in caplog.messages[0]
    # An image has no development rules, and says what a start says.
    assert not errors_among(examine("production", with_app=False).findings)


def test_a_start_says_in_one_line_what_is_accepted(caplog: pytest.LogCaptureFixture) -> None:
    accepted = f"CORS012:{LATER}:https://*.acme.com,CORS026:2027-06-30:86400"
    origins = "CORS_ALLOWED_ORIGINS=https://*.acme.com"
    write(origins, "CORS_MAX_AGE=86400", f"CORS_WAIVERS={accepted}")
    load()
    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert line.getMessage() == (
        "production accepts findings: CORS026 until 2027-06-30: 86400; "
        f"CORS012 until {LATER}: https://*.acme.com"
    )


def test_the_longer_of_two_waivers_counts() -> None:
    value = "https://localhost"
    two = f"CORS_WAIVERS=CORS011:2026-11-01:{value},CORS011:{LATER}:{value}"
    write(LOCALHOST, two)
    found = severities(examine("production", with_app=False))
    assert found == {"CORS011": "accepted"}


def test_a_waiver_made_in_code_lasts_12_months_at_most() -> None:
    """No file has it, so nothing tells whether it has a comment."""
    for until, expected in ((LATER, set()), ("2036-11-24", {"CORS055"})):
        policy = CORSPolicy(
            environment="production",
            allow_origins=("https://localhost",),
            waivers=(f"CORS011:{until}:https://localhost",),
        )
        found = list(findings_of(Subject(policy, app=CORSFastAPI(cors=policy)), ALL_RULES))
        assert {each.rule for each in errors_among(found)} == expected


@pytest.mark.parametrize("odd", ["\u2028", "\x0c", "\x85"], ids=ascii)
def test_a_comment_is_found_below_an_odd_character(odd: str) -> None:
    write(f"# one{odd}two{odd}three", LOCALHOST, *waiver("CORS011", "https://localhost"))
    assert severities(check("production", with_app=False)) == {"CORS011": "accepted"}


# --- What the check says of a waiver ----------------------------------------------------------


@pytest.mark.parametrize("case", WAIVER_CASES, ids=lambda case: f"{case.rule} {case.sentence}")
def test_the_rules_on_waivers(case: WaiverCase, monkeypatch: pytest.MonkeyPatch) -> None:
    for environment, letter in zip(
        ("development", "staging", "production"), case.verdict.split(), strict=True
    ):
        write("CORS_MAX_AGE=86400", *case.lines, environment=environment)
        if case.in_process:
            monkeypatch.setenv("CORS_WAIVERS", case.in_process)
        examined = check(environment, with_app=False)
        found = [each for each in examined.findings if each.rule == case.rule]
        letters = {{"error": "E", "warning": "W"}[each.severity] for each in found} or {"-"}
        assert letters == {letter}, [str(each) for each in found]
        assert all("CORS_WAIVERS" in str(each) and each.fix for each in found)
        assert not examined.refusals


def test_a_waiver_of_a_rule_on_the_app_waits_for_the_app() -> None:
    write(
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        "CORS_ALLOW_METHODS=GET,PUT",
        *waiver("CORS035", "PUT"),
    )
    assert severities(check("production", with_app=False)) == {}
    sources = find_sources("production")
    app = CORSFastAPI(cors=load().cors_policy())
    found = list(findings_of(Subject(app.cors_policy, sources, app), ALL_RULES))
    assert {each.rule: each.severity for each in found} == {"CORS035": "accepted"}
    app.add_api_route("/put", lambda: None, methods=["PUT"])
    found = list(findings_of(Subject(app.cors_policy, sources, app), ALL_RULES))
    assert {each.rule: each.severity for each in found} == {"CORS055": "error"}


def test_what_is_accepted_is_no_error_and_no_warning() -> None:
    write("CORS_ALLOWED_ORIGINS=https://*.acme.com", *waiver("CORS012", "https://*.acme.com"))
    examined = check("production", with_app=False)
    assert not errors_among(examined.findings)
    assert examined.verdict == (
        "production: the service starts, with 0 warnings, 1 accepted finding."
    )
    assert "  CORS012 accepted until 2027-01-31: " in "\n".join(cli.as_text(examined))


def test_every_rule_says_whether_it_can_be_waived() -> None:
    """The rules that are wrong in every world cannot."""
    waivable = {rule.id for rule in ALL_RULES if rule.waivable}
    assert waivable == {rule for rule, _, _ in WAIVABLE} | ON_THE_APP | {"CORS059"}
    assert all(rule_texts()[rule]["ask"].endswith("?") for rule in waivable)


# --- As a person sees it ----------------------------------------------------------------------


def test_check_and_show_list_what_is_accepted(cookies_service: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(cookies_service, tmp_path / "orders-api"))
    file = project / ".env.production"
    text = file.read_text().replace("CORS_MAX_AGE=7200", "CORS_MAX_AGE=86400")
    lines = waiver("CORS026", "86400", str(date.today() + timedelta(100)))
    # Without hosts, the check would suggest them.
    file.write_text("\n".join([text, "CORS_ALLOWED_HOSTS=", *lines, ""]))
    until = lines[1].split(":")[1]

    def cors(*arguments: str) -> str:
        ran = run_warm(project, "orders_api.cors", *arguments, "-e", "production")
        # What a start logs is in the findings.
        assert ran.stderr == ""
        return ran.stdout

    assert f"  CORS026 accepted until {until}: CORS_MAX_AGE (.env.production:15): " in cors("check")
    found = json.loads(cors("check", "--format", "json"))
    assert {each["rule"]: each["severity"] for each in found}["CORS026"] == "accepted"
    assert f"title=CORS026 accepted until {until}::" in cors("check", "--format", "github")
    assert f"CORS026 until {until}: 86400" in cors("show")
    shown = json.loads(cors("show", "--format", "json"))["production"]
    assert shown["waivers"] == [f"CORS026:{until}:86400"]


def test_a_rule_is_printed_with_the_question_for_a_reviewer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = {rule.id: rule for rule in ALL_RULES}
    rule_as_text(rules["CORS012"], terminal())
    assert "A reviewer asks: Who can put a page on a host" in capsys.readouterr().out
    rule_as_text(rules["CORS003"], terminal())
    assert "Cannot be waived." in capsys.readouterr().out
