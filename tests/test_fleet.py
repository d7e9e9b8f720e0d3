"""`make fleet` shows a team's services in a table, from reading alone."""

import atexit
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from unittest.mock import patch

import fleet
import pytest

from .project import TEMPLATE, git, run

RELEASE = "1.2.1"
ANSWERS = """# Your answers, for `copier update`.
_commit: {release}
_src_path: https://git.acme.com/template.git
development_origins: http://localhost:5173
environments:
- production
package_name: orders
"""
GOOD = """ENVIRONMENT=production
CORS_ALLOWED_ORIGINS=https://app.acme.com
CORS_ALLOW_CREDENTIALS=true
CORS_GUARD_WRITES=true
"""
LOCAL = "ENVIRONMENT=development\nCORS_ALLOWED_ORIGINS=http://localhost:5173\n"
OLD = """
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

raise SystemExit("nothing of a service runs")
app = FastAPI()
app.add_middleware(CORSMiddleware, {arguments})
"""

Show = Callable[..., tuple[int, str]]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Show]:
    """Run the command and return its exit status and what it prints."""

    def shown(*arguments: Path | str) -> tuple[int, str]:
        status = fleet.main([str(each) for each in arguments])
        return status, capsys.readouterr().out

    monkeypatch.setenv("COLUMNS", "80")
    # The command removes variables from its process.
    with patch.dict(os.environ):
        yield shown


@cache
def managed() -> Path:
    """Return a folder with the managed files of the release, as an update writes them."""
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder)
    package = "template/src/{{ package_name }}"
    archive = subprocess.run(
        ["git", "archive", fleet.releases()[RELEASE], f"{package}/cors", "template/tests/cors"],
        cwd=TEMPLATE,
        capture_output=True,
        check=True,
    )
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    shutil.move(folder / package, folder / "src" / "orders")
    shutil.move(folder / "template" / "tests", folder / "tests")
    shutil.rmtree(folder / "template")
    (folder / "src" / "orders" / "main.py").write_text("app = CORSFastAPI(cors=policy)\n")
    return folder


def service(folder: Path, production: str = GOOD, release: str = RELEASE) -> Path:
    """Write what the table reads of a service that has the policy."""
    shutil.copytree(managed(), folder)
    (folder / ".copier-answers.yml").write_text(ANSWERS.format(release=release))
    (folder / ".env.production").write_text(production)
    (folder / ".env.development").write_text(LOCAL)
    return folder


def old(folder: Path, arguments: str) -> Path:
    """Write a service with Starlette's middleware."""
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(OLD.format(arguments=arguments))
    return folder


def row(output: str, name: str) -> list[str]:
    """Return the columns of a service, from the text."""
    (line,) = (line for line in output.splitlines() if line[5:].split(" ")[0] == name)
    return line.split()


def test_a_service_is_a_row(tmp_path: Path, show: Show) -> None:
    folder = service(tmp_path / "orders-api")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Update", "--date", "2026-03-02T10:00:00")
    day = git(folder, "log", "-1", "--format=%cs").strip()
    status, output = show(folder)
    assert row(output, "orders-api") == ["ok", "orders-api", RELEASE, "0", "0", "none", "none", day]
    assert "     environments  development, production\n" in output
    assert "     production    https://app.acme.com, with cookies\n" in output
    assert "1 service: 0 red, 1 moved in, 0 not.\n" in output
    assert status == 0


def test_errors_make_a_service_red(tmp_path: Path, show: Show) -> None:
    broken = service(tmp_path / "broken", GOOD.replace(".com", ".com/"))
    status, output = show(service(tmp_path / "good"), broken)
    assert row(output, "broken")[:5] == ["red", "broken", RELEASE, "1", "0"]
    assert "production: CORS006 error: CORS_ALLOWED_ORIGINS" in output
    assert row(output, "good")[0] == "ok"
    assert status == 1


def test_a_changed_managed_file_is_drift(tmp_path: Path, show: Show) -> None:
    folder = service(tmp_path / "orders-api")
    changed = folder / "src" / "orders" / "cors" / "policy.py"
    changed.write_text(changed.read_text() + "# Ours.\n")
    (folder / "tests" / "cors" / "test_writes.py").unlink()
    # As Windows has it in a work tree.
    same = folder / "src" / "orders" / "cors" / "rules.py"
    same.write_bytes(same.read_bytes().replace(b"\n", b"\r\n"))
    status, output = show(folder)
    assert row(output, "orders-api")[6:8] == ["2", "files"]
    text = " ".join(output.split())
    assert "are missing: src/orders/cors/policy.py, tests/cors/test_writes.py" in text
    assert status == 1


def test_a_release_of_another_repository_is_unknown(tmp_path: Path, show: Show) -> None:
    status, output = show(service(tmp_path / "orders-api", release="9.9.9"))
    assert row(output, "orders-api")[2] == "9.9.9"
    assert row(output, "orders-api")[6] == "unknown"
    assert status == 0


def test_a_waiver_shows_its_days(tmp_path: Path, show: Show) -> None:
    today = datetime.now(UTC).date()
    lines = GOOD.replace("https://app.acme.com", "https://*.acme.com")
    lines += "# CORS012: each landing page has a host of its own; ask web@acme.com\n"
    for name, days in (("soon", 45), ("over", -3)):
        waiver = f"CORS_WAIVERS=CORS012:{today + timedelta(days)}:https://*.acme.com\n"
        service(tmp_path / name, lines + waiver)
    status, output = show(tmp_path / "soon", tmp_path / "over")
    # Midnight may pass in between.
    assert row(output, "soon")[5:7] in (["45", "days"], ["44", "days"])
    assert row(output, "over")[5] == "over"
    assert (row(output, "soon")[0], row(output, "over")[0]) == ("ok", "red")
    assert "CORS054" in output
    assert status == 1


def test_a_policy_that_nothing_uses_is_red(tmp_path: Path, show: Show) -> None:
    folder = service(tmp_path / "orders-api")
    (folder / "src" / "orders" / "main.py").write_text("app = FastAPI()\n")
    status, output = show(folder)
    assert "no module makes a CORSFastAPI, so nothing enforces the policy" in output
    assert status == 1


def test_a_second_policy_is_red(tmp_path: Path, show: Show) -> None:
    folder = service(tmp_path / "orders-api")
    code = OLD.format(arguments='allow_origins=["*"]').replace("FastAPI()", "CORSFastAPI()")
    (folder / "src" / "orders" / "main.py").write_text(code)
    _, output = show(folder)
    assert "src/orders/main.py:7: a CORSMiddleware beside the policy (CORS034)" in " ".join(
        output.split()
    )


def test_a_provider_is_named(tmp_path: Path, show: Show) -> None:
    folder = service(tmp_path / "shops")
    (folder / "src" / "orders" / "main.py").write_text("CORSFastAPI(origin_provider=tenants)")
    _, output = show(folder)
    assert "https://app.acme.com, with cookies; others by origin_provider" in output


OLD_POLICIES = {
    "everybody": ('allow_origins=["*"], allow_credentials=True', "every site, with cookies", "red"),
    "anonymous": ('allow_origins=["*"]', "every site (main.py:7)", "old"),
    "listed": ('allow_origins=["https://app.acme.com"]', "https://app.acme.com (main.py:7)", "old"),
    "regex": ('allow_origin_regex=r"https://.*"', "what matches https://.*", "old"),
    "computed": ("allow_origins=load()", "not readable: load()", "old"),
}


@pytest.mark.parametrize("case", OLD_POLICIES)
def test_an_old_service_shows_its_middleware(case: str, tmp_path: Path, show: Show) -> None:
    arguments, says, state = OLD_POLICIES[case]
    status, output = show(old(tmp_path / case, arguments))
    assert row(output, case)[:3] == [state, case, "-"]
    assert says in output
    assert status == (state == "red")


def spoil_answers(folder: Path) -> None:
    path = folder / ".copier-answers.yml"
    path.write_text(path.read_text() + "<<<<<<< before updating\n_commit: 1\n=======\n>>>>>>> x\n")


def spoil_dotenv(folder: Path) -> None:
    (folder / ".env.production").write_text(f"<<<<<<< before\n{GOOD}=======\n{GOOD}>>>>>>> after\n")


def no_dotenv(folder: Path) -> None:
    for path in folder.glob(".env.*"):
        path.unlink()


BAD = {
    "merge markers in the answers": (spoil_answers, "not YAML and has merge markers"),
    "merge markers in a dotenv file": (spoil_dotenv, "CORS033"),
    "a dotenv file in Latin-1": (
        lambda folder: (folder / ".env.production").write_bytes(b"CORS_X=\xe9\n"),
        "is not UTF-8 text",
    ),
    "no dotenv file": (no_dotenv, "no .env.<environment> file"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_red(case: str, tmp_path: Path, show: Show) -> None:
    spoil, says = BAD[case]
    spoil(service(tmp_path / "broken"))
    status, output = show(tmp_path / "broken", service(tmp_path / "good"))
    assert row(output, "broken")[0] == "red"
    assert says in " ".join(output.split())
    assert row(output, "good")[0] == "ok"
    assert status == 1


def test_the_policy_without_answers_is_red(tmp_path: Path, show: Show) -> None:
    folder = service(tmp_path / "orders-api")
    (folder / ".copier-answers.yml").unlink()
    (folder / ".copier-answers.yml").mkdir()
    _, output = show(folder)
    assert row(output, "orders-api")[:2] == ["red", "orders-api"]
    assert "so no update reaches it" in " ".join(output.split())


def test_folders_without_a_service_are_named(tmp_path: Path, show: Show) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "notes.txt").write_text("none")
    status, output = show(service(tmp_path / "a"), tmp_path / "docs", tmp_path / "notes.txt")
    assert f"No FastAPI service in {tmp_path}/docs, {tmp_path}/notes.txt." in output
    assert status == 0


@pytest.mark.parametrize("folders", [[], ["nowhere/*"]])
def test_no_service_at_all_is_misuse(folders: list[str], show: Show) -> None:
    with pytest.raises(SystemExit) as stopped:
        show(*folders)
    assert stopped.value.code == 2


def test_a_file_that_cannot_be_parsed_is_a_note(tmp_path: Path, show: Show) -> None:
    folder = old(tmp_path / "legacy", 'allow_origins=["https://app.acme.com"]')
    (folder / "routes.py").write_text("from fastapi import FastAPI, (\n")
    _, output = show(folder)
    assert row(output, "legacy")[0] == "old"
    assert "note          not read: routes.py: is not valid Python" in output


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "by hand"])
def test_a_package_elsewhere_is_found(is_recorded: bool, tmp_path: Path, show: Show) -> None:
    folder = service(tmp_path / "orders-api")
    (folder / "src" / "orders").rename(folder / "app")
    if is_recorded:
        with (folder / ".copier-answers.yml").open("a") as file:
            file.write("package_path: app\n")
    _, output = show(folder)
    assert row(output, "orders-api")[6] == "none"


def test_services_of_one_name_are_told_apart(tmp_path: Path, show: Show) -> None:
    _, output = show(service(tmp_path / "shop" / "api"), service(tmp_path / "blog" / "api"))
    assert row(output, "shop/api")
    assert row(output, "blog/api")


def test_a_subfolder_of_a_repository_is_found(tmp_path: Path, show: Show) -> None:
    service(tmp_path / "shop" / "backend")
    _, output = show(tmp_path / "shop")
    assert row(output, "shop/backend")[0] == "ok"


def test_variables_of_the_process_count_nowhere(
    tmp_path: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", "https://mine.acme.com")
    monkeypatch.setenv("cors_max_age", "1h")
    monkeypatch.setenv("ENVIRONMENT", "nowhere")
    status, output = show(service(tmp_path / "orders-api"))
    assert "mine.acme.com" not in output
    assert status == 0


def test_lines_fit_80_columns(tmp_path: Path, show: Show) -> None:
    origins = ",".join(f"https://shop{number}.acme.com" for number in range(40))
    lines = GOOD.replace("https://app.acme.com", origins)
    _, output = show(service(tmp_path / "a-service-with-quite-a-long-name-for-a-table", lines))
    assert max(map(len, output.splitlines()[:6])) <= 80
    assert "and 32 more, with cookies" in " ".join(output.split())


def test_markdown_has_a_row_and_the_reasons(tmp_path: Path, show: Show) -> None:
    broken = service(tmp_path / "broken", GOOD.replace("app.acme.com", "app|x.acme.com"))
    _, output = show("--format", "markdown", broken)
    head, _, line = output.splitlines()[:3]
    cells = head.replace("\\|", "").count("|")
    assert line.replace("\\|", "").count("|") == cells
    assert line.startswith("| **red** | broken | 1.2.1 | development, production |")
    assert "- broken: production: CORS" in output


def test_terminal_codes_of_a_service_are_escaped(tmp_path: Path, show: Show) -> None:
    lines = GOOD.replace("app.acme.com", "app\x1b[2Jacme.com")
    for options in ([], ["--format", "markdown"]):
        _, output = show(*options, service(tmp_path / f"x{len(options)}", lines))
        assert "\x1b" not in output


def test_an_older_release_is_named(tmp_path: Path, show: Show) -> None:
    _, output = show(service(tmp_path / "orders-api", release="1.0.0"))
    assert "which `copier update` brings: orders-api (1.0.0)." in output


def test_make_fleet_runs_the_command(tmp_path: Path) -> None:
    service(tmp_path / "orders-api")
    result = run(
        TEMPLATE, "make", "--dry-run", "fleet", f"SERVICES={tmp_path}/*", "FORMAT=markdown"
    )
    assert f"hooks/fleet.py --format markdown {tmp_path}/*" in result.stdout
