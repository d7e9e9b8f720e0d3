"""`hooks/release.py` tags a release if all that names its version agrees. The workflow calls it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .project import TEMPLATE, git

SCRIPT = TEMPLATE / "hooks" / "release.py"
WORKFLOWS = TEMPLATE / ".github" / "workflows"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the script, whose remote `origin` takes pushes."""
    origin, folder = tmp_path / "origin.git", tmp_path / "repository"
    git(tmp_path, "init", "--quiet", "--bare", str(origin))
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    git(folder, "remote", "add", "origin", str(origin))
    (folder / "hooks").mkdir()
    shutil.copy(SCRIPT, folder / "hooks")
    return folder


def commit(
    folder: Path, subject: str, *, pyproject: str = "2.0.0", changelog: str = "## 2.0.0"
) -> str:
    """Commit files that name a version, and return the commit."""
    (folder / "pyproject.toml").write_text(f'[project]\nname = "t"\nversion = "{pyproject}"\n')
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}\n\nWhat is new.\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", subject)
    return git(folder, "rev-parse", "HEAD").strip()


def release(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "hooks/release.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def tags(folder: Path) -> list[str]:
    return git(folder, "tag").split()


def test_a_release_is_tagged_where_the_work_goes_on(repository: Path) -> None:
    released = commit(repository, "Release 2.0.0")
    commit(repository, "Begin the next one", changelog="## Unreleased\n\n## 2.0.0")
    result = release(repository)
    assert result.returncode == 0, result.stderr
    assert "is tagged 2.0.0. To publish it: git push origin 2.0.0" in result.stdout
    assert git(repository, "rev-list", "-1", "2.0.0").strip() == released


def test_a_tag_is_pushed_and_a_repeat_changes_nothing(repository: Path) -> None:
    commit(repository, "Release 2.0.0")
    assert release(repository, "--push").returncode == 0
    assert git(repository, "ls-remote", "--tags", "origin").endswith("refs/tags/2.0.0\n")
    again = release(repository, "--push")
    assert again.returncode == 0
    assert "2.0.0 has its tag" in again.stdout


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"pyproject": "1.9.0"}, "`version` in pyproject.toml is 1.9.0"),
        ({"changelog": "## 1.9.0"}, "the first section of CHANGELOG.md is 1.9.0"),
        ({"changelog": "## Unreleased\n\n## 2.0.0"}, "CHANGELOG.md is Unreleased"),
        ({"changelog": ""}, "CHANGELOG.md is nothing"),
    ],
)
def test_a_release_that_contradicts_itself_gets_no_tag(
    repository: Path, files: dict[str, str], reason: str
) -> None:
    commit(repository, "Release 2.0.0", **files)
    result = release(repository, "--push")
    assert result.returncode == 1
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
    assert tags(repository) == []


def test_a_correction_under_the_same_subject_is_tagged(repository: Path) -> None:
    commit(repository, "Release 2.0.0", pyproject="1.9.0")
    corrected = commit(repository, "Release 2.0.0")
    assert release(repository).returncode == 0
    assert git(repository, "rev-list", "-1", "2.0.0").strip() == corrected


def test_a_published_tag_never_moves(repository: Path) -> None:
    first = commit(repository, "Release 2.0.0")
    assert release(repository).returncode == 0
    commit(repository, "Release 2.0.0", changelog="## 2.0.0\n\nAnd more.")
    result = release(repository)
    assert result.returncode == 1
    assert "release it under the next version" in result.stderr
    assert git(repository, "rev-list", "-1", "2.0.0").strip() == first


def test_a_repository_without_a_release_is_refused(repository: Path) -> None:
    commit(repository, "Prepare the release 2.0.0")
    result = release(repository)
    assert result.returncode == 1
    assert "No commit has the subject `Release X.Y.Z`" in result.stderr


def test_the_workflow_tags_what_has_passed_the_tests_of_main() -> None:
    loaded = yaml.safe_load((WORKFLOWS / "release.yml").read_text())
    # YAML 1.1 reads the key `on` as a truth value.
    trigger = loaded[True]["workflow_run"]
    tests = yaml.safe_load((WORKFLOWS / "test.yml").read_text())["name"]
    assert (trigger["workflows"], trigger["branches"]) == ([tests], ["main"])
    (job,) = loaded["jobs"].values()
    assert "conclusion == 'success'" in job["if"]
    assert "event == 'push'" in job["if"]
    assert loaded["permissions"] == {}
    assert job["permissions"] == {"contents": "write"}
    checkout = job["steps"][0]["with"]
    assert checkout == {"ref": "${{ github.event.workflow_run.head_sha }}", "fetch-depth": 0}
    assert job["steps"][-1]["run"] == "python hooks/release.py --push"
