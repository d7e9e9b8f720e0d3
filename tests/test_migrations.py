"""Migrations run where an update crosses their release, only there, and only there need trust."""

import subprocess
import sys
from pathlib import Path

import pytest
from copier import run_copy, run_update
from copier.errors import TaskError, UnsafeTemplateError

from .project import TEMPLATE, example, git
from .releases import clone_with_releases, version_after

MIGRATIONS = TEMPLATE / "hooks" / "migrations"

SCRIPT = '''"""2.0.0 reads SERVED_SINCE; 1 is how it was before."""

from pathlib import Path

from steps import add_to_dotenv_files, main

if __name__ == "__main__":
    main(add_to_dotenv_files(Path.cwd(), "SERVED_SINCE", "1", "New in 2.0.0."))
'''

WIRED = """
_migrations:
  - version: 2.0.0
    command: ["{{ _copier_python }}", "{{ _copier_conf.src_path }}/hooks/migrations/v2_0_0.py"]
    when: "{{ _stage == 'after' }}"
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template of the releases 1.9.0, 2.0.0, which needs a migration, and 2.1.0, which has it."""
    folder = tmp_path_factory.mktemp("migrations") / "template"
    clone_with_releases(folder)
    git(folder, "tag", "1.9.0", "HEAD~1")
    git(folder, "checkout", "--quiet", "--detach", "1.9.0")
    questions = folder / "copier.yml"
    questions.write_text(questions.read_text() + WIRED)
    (folder / "hooks" / "migrations" / "v2_0_0.py").write_text(SCRIPT)
    for version in ("2.0.0", "2.1.0"):
        (folder / "template" / "NEWS.md").write_text(f"{version}\n")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", f"Release {version}")
        git(folder, "tag", version)
    return folder


def service_of(template: Path, version: str, folder: Path) -> Path:
    """Copy a service, without trust, with an environment of its own, under git."""
    answers = example("spa-cookies")
    run_copy(str(template), folder, data=answers, defaults=True, quiet=True, vcs_ref=version)
    (folder / ".env.qa").write_bytes(b"ENVIRONMENT=qa\r\nCORS_ALLOWED_ORIGINS=\r\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Start")
    return folder


def update(service: Path, version: str, *, trusted: bool = False) -> None:
    run_update(service, defaults=True, overwrite=True, quiet=True, vcs_ref=version, unsafe=trusted)


def test_an_update_that_crosses_a_migration_asks_for_trust_and_runs_it(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    service = service_of(template, "1.9.0", tmp_path / "service")
    with pytest.raises(UnsafeTemplateError):
        update(service, "2.1.0")
    assert git(service, "status", "--porcelain") == ""
    update(service, "2.1.0", trusted=True)
    assert ".env.qa: added SERVED_SINCE=1" in capfd.readouterr().out
    assert (service / ".env.qa").read_bytes().endswith(b"\r\n# New in 2.0.0.\r\nSERVED_SINCE=1\r\n")
    above, _, below = (service / ".env.production").read_text().partition("# ----")
    assert above.endswith("# New in 2.0.0.\nSERVED_SINCE=1\n")
    assert "Your own" in below


def test_an_update_that_crosses_none_needs_no_trust(template: Path, tmp_path: Path) -> None:
    """Nor does a copy of a template that has migrations: `service_of` has just made one."""
    service = service_of(template, "2.0.0", tmp_path / "service")
    update(service, "2.1.0")
    assert (service / "NEWS.md").read_text() == "2.1.0\n"
    assert b"SERVED_SINCE" not in (service / ".env.qa").read_bytes()


def test_a_migration_that_would_have_to_guess_refuses(template: Path, tmp_path: Path) -> None:
    service = service_of(template, "1.9.0", tmp_path / "service")
    (service / ".env.qa").write_bytes("ENVIRONMENT=qa\n".encode("utf-16"))
    git(service, "commit", "--quiet", "--all", "--message", "Saved by an odd editor")
    with pytest.raises(TaskError):
        update(service, "2.1.0", trusted=True)
    assert "SERVED_SINCE" not in (service / ".env.production").read_text()


def migrate(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the example script as Copier does."""
    script = folder.parent / "v2_0_0.py"
    script.write_text(SCRIPT)
    (folder.parent / "steps.py").write_text((MIGRATIONS / "steps.py").read_text())
    command = [sys.executable, "-B", str(script)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


TEXTS = {
    "a file without an end": (b"A=1", b"A=1\n# New in 2.0.0.\nSERVED_SINCE=1\n"),
    "nothing at all": (b"", b"# New in 2.0.0.\nSERVED_SINCE=1\n"),
    "a value that is set": (b"SERVED_SINCE=7\n", b"SERVED_SINCE=7\n"),
    "a value that is set to nothing": (b"export SERVED_SINCE=\n", b"export SERVED_SINCE=\n"),
    "a value in a comment": (
        b"# SERVED_SINCE=7\n",
        b"# SERVED_SINCE=7\n# New in 2.0.0.\nSERVED_SINCE=1\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), TEXTS.values(), ids=TEXTS)
def test_running_it_twice_is_running_it_once(tmp_path: Path, before: bytes, after: bytes) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    for name in (".env.qa", ".env.qa.local", ".env.example", ".env"):
        (folder / name).write_bytes(before)
    first, second = migrate(folder), migrate(folder)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert (folder / ".env.qa").read_bytes() == after
    assert second.stdout == ""
    assert (first.stdout == "") == (before == after)
    for name in (".env.qa.local", ".env.example", ".env"):
        assert (folder / name).read_bytes() == before


def test_a_file_in_dispute_is_refused_and_the_others_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / ".env.development").write_text("A=1\n")
    (folder / ".env.qa").write_text(
        "<<<<<<< before updating\nA=1\n=======\n>>>>>>> after updating\n"
    )
    result = migrate(folder)
    assert result.returncode == 1
    assert ".env.qa holds merge markers" in result.stderr
    assert "Traceback" not in result.stderr
    assert (folder / ".env.development").read_text() == "A=1\n"


def test_no_release_has_a_migration_that_is_not_wired() -> None:
    wired = (TEMPLATE / "copier.yml").read_text()
    for script in MIGRATIONS.glob("v*.py"):
        assert f"hooks/migrations/{script.name}" in wired


def test_the_version_after_a_release_is_the_next_minor_one() -> None:
    assert version_after(["0.1.0"]) == "1.0.0"
    assert version_after(["0.1.0", "1.0.0", "1.1.2"]) == "1.2.0"
