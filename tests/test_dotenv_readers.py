"""Same text, same meaning: CORS059 finds each line that not all readers of a file read alike."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from service.cors.cli import examine
from service.cors.findings import Finding
from service.cors.policy import FIELDS
from service.cors.tool.development_rules import ALL_RULES

from .dotenv_readers import readings

NAMES = {*FIELDS, "ENVIRONMENT"}
CLOSED = "ENVIRONMENT=production\n#\nCORS_ALLOWED_ORIGINS=\n#\n"
APP, WWW = "https://app.acme.com", "https://www.acme.com"

# Lines that are read alike, and stay accepted.
ALIKE = {
    "a list": "CORS_ALLOW_METHODS=GET,POST",
    "nothing": "CORS_ALLOW_HEADERS=",
    "a comma at the end": "CORS_ALLOW_HEADERS=X-A,",
    "a wildcard": "CORS_ALLOWED_ORIGINS=https://*.acme.com,http://[::1]:*",
    "an empty JSON list": "CORS_ALLOW_HEADERS=[]",
    "a number sign within": "CORS_ALLOW_HEADERS=X#A",
    "a number sign at the beginning": "CORS_ALLOW_HEADERS=#X",
    "blanks before the name": "   CORS_MAX_AGE=60",
    "braces": "CORS_ALLOW_HEADERS=X-{A,B}",
    "a percent sign and an exclamation mark": "CORS_ALLOW_HEADERS=X%20!!",
    "a tilde within": "CORS_PUBLIC_PATHS=/~me",
    "a waiver": "CORS_WAIVERS=CORS012:2027-01-31:https://*.acme.com",
    "lower case": "cors_max_age=60",
    "an apostrophe in a comment": "# Wile's; $(rm) `x` & \"more\n#\nCORS_MAX_AGE=60",
    "a variable of one's own in quotes": "NAME='two words'\n#\nCORS_MAX_AGE=60",
    "a variable of one's own with an apostrophe, below": "CORS_MAX_AGE=60\n#\nNAME=it's",
}

# Lines that some program reads otherwise, and the form that `check` shows.
OTHERWISE = {
    "a blank after a comma": ("CORS_ALLOW_METHODS=GET, POST", "CORS_ALLOW_METHODS=GET,POST"),
    "a blank before a comma": ("CORS_ALLOW_METHODS=GET ,POST", "CORS_ALLOW_METHODS=GET,POST"),
    "a blank at the end": ("CORS_MAX_AGE=60 ", "CORS_MAX_AGE=60"),
    "a tab at the end": ("CORS_MAX_AGE=60\t", "CORS_MAX_AGE=60"),
    "blanks around =": ("CORS_MAX_AGE = 60", "CORS_MAX_AGE=60"),
    "a blank after =": ("CORS_MAX_AGE= 60", "CORS_MAX_AGE=60"),
    "a blank before =": ("CORS_MAX_AGE =60", "CORS_MAX_AGE=60"),
    "double quotes": ('CORS_ALLOW_METHODS="GET,POST"', "CORS_ALLOW_METHODS=GET,POST"),
    "single quotes": ("CORS_ALLOW_METHODS='GET,POST'", "CORS_ALLOW_METHODS=GET,POST"),
    "quotes around nothing": ('CORS_ALLOW_METHODS=""', "CORS_ALLOW_METHODS="),
    "JSON": (f'CORS_ALLOWED_ORIGINS=["{APP}", "{WWW}"]', f"CORS_ALLOWED_ORIGINS={APP},{WWW}"),
    "JSON in quotes": (f"CORS_ALLOWED_ORIGINS='[\"{APP}\"]'", f"CORS_ALLOWED_ORIGINS={APP}"),
    "a comment after it": ("CORS_MAX_AGE=60 # a minute", "CORS_MAX_AGE=60"),
    "nothing but a comment": ("CORS_ALLOW_METHODS= # none", "CORS_ALLOW_METHODS="),
    "export": ("export CORS_MAX_AGE=60", "CORS_MAX_AGE=60"),
    "lines in quotes": ('CORS_ALLOW_METHODS="GET,\nPOST"', "CORS_ALLOW_METHODS=GET,POST"),
    "a name in quotes": ("'CORS_MAX_AGE'=60", "CORS_MAX_AGE=60"),
    "an ampersand": ("CORS_PUBLIC_PATHS=/a&b", ""),
    "a semicolon": ("CORS_ALLOW_HEADERS=X-A;X-B", ""),
    "a bar": ("CORS_ALLOW_HEADERS=X|A", ""),
    "less than": ("CORS_PUBLIC_PATHS=/a<b", ""),
    "greater than": ("CORS_PUBLIC_PATHS=/a>b", ""),
    "parentheses": ("CORS_PUBLIC_PATHS=/a(b)", ""),
    "a backtick": ("CORS_ALLOW_HEADERS=X`id`", ""),
    "quotes within": ("CORS_PUBLIC_PATHS=/a''b", ""),
    "a backslash": ("CORS_PUBLIC_PATHS=/a\\b", ""),
    "a tilde at the beginning": ("CORS_PUBLIC_PATHS=~/a", ""),
    "a tilde after a colon": ("CORS_WAIVERS=CORS039:2027-01-31:~/a", ""),
    "a comment above that ends in a backslash": ("# a \\\nCORS_MAX_AGE=60", "remove the \\"),
    "a backslash on a line of one's own": (
        "HOME_DIR=C:\\\nCORS_MAX_AGE=60",
        "put the value in quotes",
    ),
    "an open quote of one's own": ("NOTE=it's\nCORS_MAX_AGE=60", "put the value in quotes"),
    "a byte order mark": ("\ufeffCORS_MAX_AGE=60", "without a byte order mark"),
    "the line endings of Windows": ("CORS_MAX_AGE=60\r", "line endings of Unix"),
}


def said(folder: Path, text: str) -> list[Finding]:
    """Return what CORS059 finds in a production dotenv file with these lines in it."""
    lines = CLOSED.splitlines()
    closed = "".join(f"{line}\n" for line in lines if line.partition("=")[0] not in text)
    begins = text.startswith("\ufeff")
    data = (text + "\n" + closed if begins else closed + text + "\n").encode()
    (folder / ".env.production").write_bytes(data)
    rules = [rule for rule in ALL_RULES if rule.id == "CORS059"]
    return [*examine("production", with_app=False, rules=rules).findings]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*NAMES, "FASTAPI_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def differ(folder: Path) -> bool:
    """Whether two readers make different policies of the file, or one refuses it."""
    names = {each for name in NAMES for each in (name, name.lower())}
    found = [*readings((folder / ".env.production").read_bytes(), names).values()]
    return any(each != found[0] for each in found)


@pytest.mark.parametrize("text", ALIKE.values(), ids=ALIKE)
def test_what_all_readers_read_alike_is_not_named(folder: Path, text: str) -> None:
    assert said(folder, text) == []
    assert not differ(folder)


@pytest.mark.parametrize(("text", "form"), OTHERWISE.values(), ids=OTHERWISE)
def test_what_a_reader_reads_otherwise_is_named(folder: Path, text: str, form: str) -> None:
    found = said(folder, text)
    assert [each.severity for each in found] == ["warning"]
    assert form in found[0].fix
    assert differ(folder)


FORMS = {sentence: case for sentence, case in OTHERWISE.items() if "=" in case[1]}


@pytest.mark.parametrize(("text", "form"), FORMS.values(), ids=FORMS)
def test_the_form_that_is_shown_is_read_alike(folder: Path, text: str, form: str) -> None:
    (found,) = said(folder, text)
    assert found.fix == f"write {form}"
    assert said(folder, form) == []
    assert not differ(folder)


def test_a_line_of_ones_own_is_not_shown(folder: Path) -> None:
    (found,) = said(folder, "PASSWORD=hunter2's\nCORS_MAX_AGE=60")
    assert found.variable == "PASSWORD"
    assert "hunter2" not in str(found)


def test_a_password_in_an_origin_is_not_shown(folder: Path) -> None:
    (found,) = said(folder, 'CORS_ALLOWED_ORIGINS="https://me:hunter2@acme.com"')
    assert "hunter2" not in str(found)


def test_a_waiver_accepts_a_file_for_one_reader(folder: Path) -> None:
    last = date.today() + timedelta(100)
    waiver = f"# CORS059: Compose alone reads it\nCORS_WAIVERS=CORS059:{last}:CORS_ALLOW_METHODS"
    (found,) = said(folder, f'CORS_ALLOW_METHODS="GET"\n{waiver}')
    assert found.severity == "accepted"
