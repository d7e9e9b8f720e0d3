"""Where the template is: `make new` records an address that works elsewhere, and a copy says so."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .project import TEMPLATE, clean_environment, git
from .releases import commit_all

URL = "https://git.acme.com/cors/template.git"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose last commit is a release. Shared: copy it."""
    folder = tmp_path_factory.mktemp("checkout") / "template"
    ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis")
    shutil.copytree(TEMPLATE, folder, ignore=ignored, symlinks=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit_all(folder, "Release 90.0.0")
    return folder


@pytest.fixture
def checkout(made: Path, tmp_path: Path) -> Path:
    """A checkout of one's own."""
    return Path(shutil.copytree(made, tmp_path / "template", symlinks=True))


def run(folder: Path, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env=clean_environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def publish(checkout: Path, url: str) -> None:
    """Give the checkout an `origin` that has its last commit, without a network."""
    git(checkout, "remote", "add", "origin", url)
    git(checkout, "update-ref", "refs/remotes/origin/main", "HEAD")


def make_new(checkout: Path) -> tuple[Path, str]:
    """Return a service, made in the checkout, and what was printed."""
    service = checkout.parent / "orders-api"
    answers = checkout / "examples" / "spa-cookies.yml"
    result = run(checkout, "hooks/new.py", service, answers)
    assert result.returncode == 0, result.stderr
    return service, result.stderr


def recorded(service: Path, name: str) -> str:
    answers = (service / ".copier-answers.yml").read_text()
    return str(re.findall(rf"(?m)^{name}: '?([^'\n]*)", answers)[0])


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        (URL, URL),
        ("git@git.acme.com:cors/template.git", "git@git.acme.com:cors/template.git"),
        # Copier takes a URL without .git for one of a web page.
        ("https://git.acme.com/cors/template", "git+https://git.acme.com/cors/template"),
        ("ssh://git@git.acme.com/cors/template", "git+ssh://git@git.acme.com/cors/template"),
        # What a job's checkout has.
        ("https://ci:hunter2@git.acme.com/cors/template.git", URL),
    ],
)
def test_make_new_records_the_url_of_the_origin(checkout: Path, origin: str, address: str) -> None:
    publish(checkout, origin)
    service, printed = make_new(checkout)
    assert recorded(service, "_src_path") == address
    assert "hunter2" not in printed + (service / ".copier-answers.yml").read_text()
    for warning in ("Only this machine", "uncommitted changes", "git push"):
        assert warning not in printed


def test_make_new_takes_no_url_of_a_repository_around_it(checkout: Path) -> None:
    """The template can be a folder of a larger repository, which is no template."""
    shutil.rmtree(checkout / ".git")
    git(checkout.parent, "init", "--quiet")
    git(checkout.parent, "remote", "add", "origin", URL)
    service, printed = make_new(checkout)
    assert recorded(service, "_src_path") == str(checkout)
    assert "is a path" in printed


@pytest.mark.parametrize("origin", ["", "../elsewhere.git", "file:///srv/template.git"])
def test_make_new_says_that_a_path_works_here_only(checkout: Path, origin: str) -> None:
    if origin:
        publish(checkout, origin)
    service, printed = make_new(checkout)
    assert recorded(service, "_src_path") == str(checkout)
    assert f"Only this machine can update it: {checkout} is a path." in printed
    (command,) = re.findall(r"(sed [^\n]*\\\n[^\n]*)", printed)
    subprocess.run(["bash", "-c", command], cwd=service, check=True)
    assert recorded(service, "_src_path") == "https://git.acme.com/template.git"
    assert [path.name for path in service.glob(".copier*")] == [".copier-answers.yml"]


def test_make_new_says_that_the_origin_lacks_the_commit(checkout: Path) -> None:
    git(checkout, "remote", "add", "origin", URL)
    _, printed = make_new(checkout)
    assert f"{URL} does not have this commit of the template: run `git push` here" in printed


def test_make_new_says_that_changes_are_not_committed(checkout: Path) -> None:
    publish(checkout, URL)
    (checkout / "copier.yml").write_text((checkout / "copier.yml").read_text() + "\n# Mine.\n")
    _, printed = make_new(checkout)
    assert "The template has uncommitted changes" in printed


def test_a_copy_says_that_a_path_works_here_only(checkout: Path) -> None:
    result = run(checkout.parent, "-m", "copier", "copy", "--defaults", "template", "orders-api")
    assert result.returncode == 0, result.stderr
    assert "Only this machine can update it: template is a path." in result.stderr


def test_a_copy_says_that_the_address_holds_a_password(checkout: Path) -> None:
    """Git finds the template at a URL that exists in its configuration only."""
    url = "https://ci:hunter2@git.acme.com/cors/template.git"
    config = checkout.parent / "config"
    config.write_text(f'[url "{checkout}"]\n\tinsteadOf = {url}\n')
    variables = {"GIT_CONFIG_GLOBAL": str(config), "COPIER_CACHE_DIR": str(config.parent / "cache")}
    folder = checkout.parent
    result = run(folder, "-m", "copier", "copy", "--defaults", url, "orders-api", **variables)
    assert result.returncode == 0, result.stderr
    assert "The address of the template holds a password." in result.stderr
    (command,) = re.findall("(sed .*)", result.stderr)
    subprocess.run(["bash", "-c", command], cwd=folder / "orders-api", check=True)
    assert recorded(folder / "orders-api", "_src_path") == URL


# --- Which release ----------------------------------------------------------------------------


def test_a_service_records_its_release_where_there_are_no_tags(checkout: Path) -> None:
    changelog = checkout / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## 90.0.0\n\nNew.\n\n## 1.2.1\n")
    commit_all(checkout, "Release 90.0.0")
    service, _ = make_new(checkout)
    assert recorded(service, "_release") == "90.0.0"
    changelog.write_text("# Changelog\n\n## Unreleased\n\nNewer.\n\n## 90.0.0\n\nNew.\n")
    commit_all(checkout, "Begin the next release")
    shutil.rmtree(service)
    service, _ = make_new(checkout)
    assert recorded(service, "_release") == "90.0.0 and unreleased changes"


def test_a_copy_right_after_a_release_is_no_downgrade_later(checkout: Path) -> None:
    """The tags come after the copy, on the release: a commit behind it would count as newer."""
    (checkout / "README.md").write_text("Another README, which no service has.\n")
    commit_all(checkout, "Reword the README")
    service, _ = make_new(checkout)
    git(service, "init", "--quiet")
    commit_all(service, "Start")
    git(checkout, "tag", "90.0.0", "HEAD~1")
    result = run(service, "-m", "copier", "update", "--defaults")
    assert result.returncode == 0, result.stderr
    assert "Downgrades" not in result.stdout + result.stderr
    assert recorded(service, "_commit") == "90.0.0"


def test_what_follows_a_release_and_is_rendered_is_not_left_out(checkout: Path) -> None:
    changelog = checkout / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("# Changelog", "# Changelog\n\nOf today."))
    commit_all(checkout, "Change what is rendered")
    service, _ = make_new(checkout)
    assert recorded(service, "_commit") == git(checkout, "rev-parse", "--short", "HEAD").strip()
