"""An update that is killed leaves a project that one command restores, at whatever moment.

The command is in docs/updating.md. A process that is stopped has written what one that is killed at
that moment has written, so one update is stopped again and again, and each time the project is
copied. One more update is killed.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from copier import run_copy

from .project import BIN, TEMPLATE, clean_environment, example, git, shell
from .releases import NoHistoryError, Releases, clone_with_releases, commit_all

RESTORE = next(
    block
    for block in re.findall(
        r"^```sh\n(.*?)^```$", (TEMPLATE / "docs" / "updating.md").read_text(), re.M | re.S
    )
    if "index.lock" in block
)
MOMENTS = 20
# Between two moments the update runs for this long, in seconds.
PAUSE = 0.03


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    try:
        return clone_with_releases(tmp_path_factory.mktemp("releases") / "template")
    except NoHistoryError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def service(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed service of the last release, with a line by hand. Shared: copy it."""
    folder = tmp_path_factory.mktemp("interrupted") / "orders-api"
    answers, source = example("spa-cookies"), str(releases.template)
    version = releases.starts[-1]
    run_copy(source, folder, data=answers, defaults=True, quiet=True, vcs_ref=version)
    production = folder / ".env.production"
    production.write_text(production.read_text().replace("MAX_AGE=7200", "MAX_AGE=600"))
    (folder / ".env.production.local").write_text("SECRET=only-here\n")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit_all(folder, "Start")
    return folder


def start_update(service: Path) -> subprocess.Popen[bytes]:
    """Start an update in a process group of its own."""
    return subprocess.Popen(
        [BIN / "copier", "update", "--defaults", "--quiet"],
        cwd=service,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of what lies in a project, git's files included."""
    found = {}
    for path in folder.rglob("*"):
        try:
            about = path.lstat()
        except FileNotFoundError:
            continue
        found[path.relative_to(folder).as_posix()] = (about.st_size, about.st_mtime_ns)
    return found


def interrupted(service: Path, folder: Path) -> Iterator[Path | None]:
    """Yield for each moment a copy of the project, None where it is as at the moment before."""
    process, before = start_update(service), state(service)
    while process.poll() is None:
        time.sleep(PAUSE)
        os.killpg(process.pid, signal.SIGSTOP)
        # Git runs in a process of its own, which stops a little later.
        time.sleep(PAUSE / 3)
        now = state(service)
        copy = folder / str(time.monotonic_ns())
        if now != before:
            shutil.copytree(service, copy, symlinks=True)
        yield copy if now != before else None
        before = now
        os.killpg(process.pid, signal.SIGCONT)


def files(folder: Path) -> dict[str, bytes]:
    """Return what lies in a project, without git's own files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def restore(folder: Path, expected: dict[str, bytes]) -> bool:
    """Restore a project and check it. Return whether git said before that it was changed."""
    changed = files(folder) != expected
    told = git(folder, "status", "--porcelain")
    assert bool(told) or not changed, "git sees no change in a project that has changed"
    shell(RESTORE, folder)
    assert files(folder) == expected
    assert git(folder, "status", "--porcelain") == ""
    git(folder, "fsck", "--connectivity-only")
    return changed


def test_an_interrupted_update_is_undone_at_any_moment(service: Path, tmp_path: Path) -> None:
    project, expected = tmp_path / "orders-api", files(service)
    shutil.copytree(service, project, symlinks=True)
    moments = [*interrupted(project, tmp_path)]
    changed = [restore(copy, expected) for copy in moments if copy]
    assert len(moments) >= MOMENTS
    assert any(changed)


def test_the_command_leaves_the_rest_of_a_larger_repository_alone(tmp_path: Path) -> None:
    """Copier asks only for a clean service, not for a clean repository."""
    service, other = tmp_path / "services" / "orders-api", tmp_path / "services" / "shop-api"
    for folder in (service, other):
        folder.mkdir(parents=True)
        (folder / "README.md").write_text("Committed.\n")
    git(tmp_path, "init", "--quiet")
    commit_all(tmp_path, "Start")
    for folder in (service, other):
        (folder / "README.md").write_text("Not committed.\n")
        (folder / "new.py").touch()
        git(folder, "add", "new.py")
        (folder / "README.md.rej").touch()
    shell(RESTORE, service)
    assert files(service) == {"README.md": b"Committed.\n"}
    assert sorted(files(other)) == ["README.md", "README.md.rej", "new.py"]
    assert (other / "README.md").read_text() == "Not committed.\n"


def test_a_killed_update_is_undone_and_works_when_repeated(
    service: Path, releases: Releases, tmp_path: Path
) -> None:
    project, expected = tmp_path / "orders-api", files(service)
    shutil.copytree(service, project, symlinks=True)
    process, before = start_update(project), git(project, "status", "--porcelain")
    while git(project, "status", "--porcelain") == before:
        assert process.poll() is None
        time.sleep(PAUSE)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    assert restore(project, expected)
    shell("copier update --defaults --quiet", project)
    assert f"_commit: {releases.next_one}\n" in (project / ".copier-answers.yml").read_text()
    assert "MAX_AGE=600\n" in (project / ".env.production").read_text()
