"""Wrong input from every door: what a person reads, from the process, dotenv and .local files."""

import os
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest
from service.cors.findings import ConfigurationError
from service.cors.settings import CORSSettings

from .project import run_warm

APP = "https://app.acme.com"
START = ("-c", "import orders_api.main; print('started')")


@pytest.fixture
def project(cookies_service: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cookies_service, tmp_path / "orders-api"))


def write(file: Path, text: str) -> None:
    """Write a production dotenv file, with this text in the place of its origins."""
    good = "ENVIRONMENT=production\n#\nCORS_ALLOW_CREDENTIALS=true\n#\nCORS_GUARD_WRITES=true\n#\n"
    file.write_text(good + text, encoding="utf-8")


def origins_of(project: Path, **variables: str) -> tuple[int, str]:
    """Read production and return the exit status and what would be printed."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("CORS_")}
    with patch.dict(os.environ, clean | variables, clear=True):
        try:
            settings = CORSSettings.load("production", project)
        except ConfigurationError as error:
            # A SystemExit: Python prints its text and exits with status 1.
            return 1, str(error)
    return 0, " ".join(("allowed:", *settings.cors_policy().allow_origins, "\n"))


# What is written, in which door, and what must be printed.
READ = {
    "a comma list": f"{APP},https://www.acme.com",
    "a comma list with blanks": f"{APP} , https://www.acme.com",
    "a JSON list": f'["{APP}", "https://www.acme.com"]',
    "a JSON list with blanks": f' [ "{APP}" , "https://www.acme.com" ] ',
    "a comma at the end": f"{APP},https://www.acme.com,",
}


@pytest.mark.parametrize("text", READ.values(), ids=READ)
@pytest.mark.parametrize("door", ["process", "dotenv", "local"])
def test_both_notations_are_read_at_every_door(project: Path, door: str, text: str) -> None:
    variables = {}
    if door == "process":
        variables["CORS_ALLOWED_ORIGINS"] = text
    elif door == "dotenv":
        write(project / ".env.production", f"CORS_ALLOWED_ORIGINS={text}\n")
    else:
        (project / ".env.production.local").write_text(f"CORS_ALLOWED_ORIGINS={text}\n")
    status, printed = origins_of(project, **variables)
    assert status == 0, printed
    assert f"allowed: {APP} https://www.acme.com" in printed


REFUSED = {
    "a slash": (f"{APP}/", f"`{APP}/` ends in a slash. Fix: write `{APP}`."),
    "upper case": ("https://App.acme.com", f"Fix: write `{APP}`."),
    "a lone quote": (f'{APP}",https://b.acme.com', "keeps half of a pair of quotes or brackets"),
    "unfinished JSON": (f'["{APP}"', "begins like JSON but is not valid JSON"),
    "JSON of the wrong type": ('{"origins": []}', "is JSON, but not a list of strings"),
    "a wildcard": ("*", "CORS003"),
    "a wildcard with cookies in a list": (f"{APP},*", "CORS003"),
    "something very long": ("https://" + "a" * 100_000, "has a host of more than 253 characters"),
    "an invisible character": ("https://app\u200b.acme.com", "\\u200b"),
    "another script's look-alike": ("https://app.аcme.com", "CORS007"),  # noqa: RUF001
    "a control character": ("https://app\x07.acme.com", "\\x07"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("door", ["process", "dotenv", "local"])
def test_a_wrong_value_is_named_with_its_door(
    project: Path, door: str, text: str, message: str
) -> None:
    if door == "process":
        status, printed = origins_of(project, CORS_ALLOWED_ORIGINS=text)
        place = "CORS_ALLOWED_ORIGINS (the process environment)"
    elif door == "dotenv":
        write(project / ".env.production", f"CORS_ALLOWED_ORIGINS={text}\n")
        status, printed = origins_of(project)
        place = "CORS_ALLOWED_ORIGINS (.env.production:7)"
    else:
        (project / ".env.production.local").write_text(f"\nCORS_ALLOWED_ORIGINS={text}\n")
        status, printed = origins_of(project)
        place = "CORS_ALLOWED_ORIGINS (.env.production.local:2)"
    assert status == 1, printed
    assert place in printed
    assert message in printed
    assert "Traceback" not in printed
    assert max(map(len, printed.splitlines())) < 700


def test_quotes_that_docker_keeps_are_seen(project: Path) -> None:
    status, printed = origins_of(project, CORS_ALLOWED_ORIGINS=f'"{APP}"')
    assert status == 1
    assert f"write `{APP}`" in printed


def test_nothing_is_an_answer_and_blanks_are_nothing(project: Path) -> None:
    for text in ("", "   ", '""', "[]"):
        write(project / ".env.production", f"CORS_ALLOWED_ORIGINS={text}\n")
        status, printed = origins_of(project)
        assert status == 0, printed
        assert printed == "allowed: \n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_an_editor_does_to_a_file_makes_no_difference(
    project: Path, encoding: str, line_end: str
) -> None:
    file = project / ".env.production"
    text = f"CORS_ALLOWED_ORIGINS={APP}\nENVIRONMENT=production\n"
    file.write_bytes(text.replace("\n", line_end).encode(encoding))
    status, printed = origins_of(project)
    assert status == 0, printed
    assert f"allowed: {APP} \n" in printed


def test_a_file_that_is_no_utf_8_is_said(project: Path) -> None:
    (project / ".env.production").write_bytes(f"CORS_ALLOWED_ORIGINS={APP}".encode("utf-16"))
    status, printed = origins_of(project)
    assert status == 1
    assert "`.env.production` is not UTF-8 text" in printed
    assert "Traceback" not in printed


def test_a_folder_in_the_place_of_a_file_is_no_environment(project: Path) -> None:
    (project / ".env.qa").mkdir()
    result = run_warm(project, *START, ENVIRONMENT="qa", CORS_ALLOWED_ORIGINS=APP)
    assert result.returncode == 1
    assert "`.env.qa` is a directory in the place of a file" in result.stderr


def test_merge_markers_stop_the_start(project: Path) -> None:
    conflict = (
        "<<<<<<< before updating\n"
        f"CORS_ALLOWED_ORIGINS={APP}\n"
        "=======\n"
        "CORS_ALLOWED_ORIGINS=https://www.acme.com\n"
        ">>>>>>> after updating\n"
    )
    write(project / ".env.production", conflict)
    status, printed = origins_of(project)
    assert status == 1
    assert printed.count("CORS033") == 3
    assert ".env.production:7" in printed


def test_rejected_lines_beside_a_file_stop_the_start(project: Path) -> None:
    write(project / ".env.production", f"CORS_ALLOWED_ORIGINS={APP}\n")
    (project / ".env.production.rej").write_text("+CORS_ALLOWED_ORIGINS=https://www.acme.com\n")
    status, printed = origins_of(project)
    assert status == 1
    assert "CORS033" in printed
    assert "delete .env.production.rej" in printed


def test_a_typo_is_told_with_the_nearest_name_and_no_value(project: Path) -> None:
    write(project / ".env.production", "CORS_ALLOWED_ORIGINS=\n#\nCORS_ALOWED_ORIGINS=secret\n")
    status, printed = origins_of(project)
    assert status == 1
    assert "CORS_ALOWED_ORIGINS (.env.production:9)" in printed
    assert "write CORS_ALLOWED_ORIGINS" in printed
    assert "secret" not in printed


def test_a_misspelt_process_variable_is_noticed_too(project: Path) -> None:
    status, printed = origins_of(project, CORS_ORIGINS=APP)
    assert status == 1
    assert "CORS_ORIGINS (the process environment)" in printed


UNKNOWN = {
    "short": ("prod", "set ENVIRONMENT=production"),
    "capital": ("Production", "set ENVIRONMENT=production"),
    "typo": ("producton", "set ENVIRONMENT=production"),
    "strange": ("qa", "there are: development, staging, production"),
    "path": ("../production", "is not a valid name"),
    "two lines": ("production\nx", "is not a valid name"),
}


@pytest.mark.parametrize(("name", "message"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_environment_is_told_which_there_are(
    project: Path, name: str, message: str
) -> None:
    result = run_warm(project, *START, ENVIRONMENT=name)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_the_process_beats_local_beats_dotenv(project: Path) -> None:
    (project / ".env.production.local").write_text("CORS_ALLOWED_ORIGINS=https://local.acme.com\n")
    assert "allowed: https://local.acme.com \n" in origins_of(project)[1]
    status, printed = origins_of(project, CORS_ALLOWED_ORIGINS="https://process.acme.com")
    assert (status, "allowed: https://process.acme.com \n" in printed) == (0, True)


def test_an_environment_of_ones_own_is_as_strict_as_staging(project: Path) -> None:
    text = (project / ".env.staging").read_text().replace("ENVIRONMENT=staging", "ENVIRONMENT=qa")
    (project / ".env.qa").write_text(text)
    assert run_warm(project, *START, ENVIRONMENT="qa").returncode == 0
    (project / ".env.qa").write_text(text.replace("https://staging", "http://staging"))
    result = run_warm(project, *START, ENVIRONMENT="qa")
    assert result.returncode == 1
    assert "CORS009" in result.stderr


def test_a_required_setting_of_ones_own_is_asked_for_without_showing_any_value(
    project: Path,
) -> None:
    settings = project / "src" / "orders_api" / "settings.py"
    settings.write_text(settings.read_text() + "\n    database_url: str\n    workers: int = 1\n")
    write(project / ".env.production", "CORS_ALLOWED_ORIGINS=\n#\nWORKERS=tell-nobody\n")
    result = run_warm(project, *START, ENVIRONMENT="production")
    assert result.returncode == 1
    assert "DATABASE_URL: is required and not set. Fix: set it in" in result.stderr
    assert "WORKERS (.env.production:9): is refused" in result.stderr
    assert "tell-nobody" not in result.stderr
    assert "Traceback" not in result.stderr
