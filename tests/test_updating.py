"""docs/updating.md: its commands run as written, and what it promises of questions holds."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from copier import run_copy, run_update

from .project import TEMPLATE, example, git, run, run_suite, shell
from .releases import LATER, NoHistoryError, Releases, clone_with_releases

DOCUMENT = (TEMPLATE / "docs" / "updating.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
DISCARD = "git restore --source=HEAD --staged --worktree . && git clean -fd"


def block(words: str) -> str:
    """Return the one block of commands that holds these words."""
    (found,) = (text for text in BLOCKS if words in text)
    return str(found)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    try:
        return clone_with_releases(tmp_path_factory.mktemp("releases") / "template")
    except NoHistoryError as error:
        pytest.skip(str(error))


@pytest.fixture
def service(releases: Releases, tmp_path: Path) -> Callable[[str, str], Path]:
    """Make a service of a release, under git."""

    def make(version: str, name: str) -> Path:
        folder = tmp_path / "services" / name
        answers = example("spa-cookies")
        source = str(releases.template)
        run_copy(source, folder, data=answers, defaults=True, quiet=True, vcs_ref=version)
        git(folder, "init", "--quiet", "--initial-branch=main")
        commit(folder, "Start")
        return folder

    return make


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def recorded(folder: Path) -> str:
    """Return the version that a service records."""
    answers = (folder / ".copier-answers.yml").read_text()
    return str(re.findall(r"(?m)^_commit: '?([^'\n]*)", answers)[0])


def test_the_commands_work_as_written(
    releases: Releases, service: Callable[[str, str], Path]
) -> None:
    orders = service(releases.starts[-1], "orders")
    assert shell(LISTS_IGNORED, orders) == ""
    shell(UPDATES, orders)
    assert recorded(orders) == releases.next_one
    printed = shell(block("git diff"), orders)
    assert "production: " in printed
    assert re.search(r"\d+ passed", printed)
    commit(orders, "Update")

    shell(block("production_origins="), orders)
    assert "https://www.acme.com" in (orders / ".env.production").read_text()
    assert (orders / ".env.preview").is_file()
    shell(DISCARD, orders)
    assert not (orders / ".env.preview").exists()

    (orders / "tests" / "cors" / "test_caches.py").unlink()
    commit(orders, "Who needs caches")
    assert (
        run_suite(orders, "tests/cors/test_configuration.py", "-k", "managed_file").returncode == 1
    )
    shell(block("recopy"), orders)
    assert git(orders, "status", "--porcelain") == "?? tests/cors/test_caches.py\n"
    commit(orders, "We do")

    shell(block("package_name="), orders)
    result = run(orders, "python", "-m", "shop_api.cors", "check", "--all")
    assert result.returncode == 0, result.stdout + result.stderr


LISTS_IGNORED, UPDATES, UPDATES_ANYWAY = BLOCKS[:3]


def test_a_dotenv_file_that_git_ignores_is_listed_and_kept_as_the_document_says(
    releases: Releases,
    service: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From 1.2.0, whose .gitignore does not override a global one."""
    ignore = tmp_path / "ignore"
    ignore.write_text(".env*\n")
    (tmp_path / "config").write_text(f"[core]\n\texcludesFile = {ignore}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    orders = service("1.2.0", "orders")
    assert ".env.production" in shell(LISTS_IGNORED, orders).split()
    production = orders / ".env.production"
    by_hand = production.read_text().replace("https://app.acme.com", "https://by-hand.acme.com")
    production.write_text(by_hand)
    with pytest.raises(AssertionError, match="dirty"):
        shell(UPDATES_ANYWAY, orders)
    assert production.read_text() == by_hand
    shell("git add --force .env.* && git commit --quiet --message 'Keep them'", orders)
    shell(UPDATES_ANYWAY, orders)
    assert recorded(orders) == releases.next_one
    assert "https://by-hand.acme.com" in production.read_text()
    yours = (".", ":!src/*/cors", ":!tests/cors")
    assert git(orders, "diff", "--name-only", "--diff-filter=D", "--", *yours) == ""
    assert shell(LISTS_IGNORED, orders) == ""


@pytest.mark.parametrize("committed", [True, False])
def test_a_global_ignore_file_does_no_harm(
    releases: Releases,
    service: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    committed: bool,
) -> None:
    """A line by hand is kept, or the update refuses: 1.2.0 overwrote it without a word."""
    (tmp_path / "ignore").write_text(".env*\n")
    (tmp_path / "config").write_text(f"[core]\n\texcludesFile = {tmp_path / 'ignore'}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    orders = service(releases.next_one, "orders")
    production = orders / ".env.production"
    production.write_text(production.read_text().replace("app.acme.com", "by-hand.acme.com"))
    if committed:
        commit(orders, "By hand")
        shell(f"{UPDATES.strip()} --vcs-ref {LATER}", orders)
        assert "SERVED_SINCE=later" in production.read_text()
    else:
        with pytest.raises(AssertionError, match="dirty"):
            shell(f"{UPDATES.strip()} --vcs-ref {LATER}", orders)
    assert "https://by-hand.acme.com" in production.read_text()


def test_the_discarding_command_is_the_one_that_is_told() -> None:
    assert DISCARD in DOCUMENT


MOVED = "https://git.acme.com/template.git"


def test_the_template_moves_for_one_service(
    releases: Releases, service: Callable[[str, str], Path], tmp_path: Path
) -> None:
    orders = service(releases.starts[-1], "orders")
    moved = tmp_path / "moved.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(releases.template), str(moved))
    move = block("from its new address").splitlines()
    shell("\n".join(move).replace(MOVED, str(moved)), orders)
    assert git(orders, "status", "--porcelain") == ""
    shell(UPDATES, orders)
    assert recorded(orders) == releases.next_one
    assert f"\n_src_path: {moved}\n" in (orders / ".copier-answers.yml").read_text()


def test_the_template_moves_for_many_services(
    releases: Releases, service: Callable[[str, str], Path], tmp_path: Path
) -> None:
    orders, stranded = (service(releases.starts[-1], name) for name in ("orders", "stranded"))
    answers = stranded / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(f"_commit: {recorded(stranded)}", "_commit: no"))
    commit(stranded, "A commit that the new address does not have")
    (orders.parent / "here").mkdir()
    moved = tmp_path / "moved.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(releases.template), str(moved))
    move = (
        block("--create template-address").replace("../services", "..").replace(MOVED, str(moved))
    )
    printed = shell(move, orders.parent / "here")
    assert "../stranded/ needs you" in printed
    assert "../orders/ needs you" not in printed
    assert git(orders, "log", "-1", "--format=%s").startswith("Take the template from")
    assert f"\n_src_path: {moved}\n" in git(orders, "show", "HEAD:.copier-answers.yml")


def test_many_services_update_in_one_loop(
    releases: Releases, service: Callable[[str, str], Path]
) -> None:
    # From the first of them, since which every file has changed.
    good, disputed = (service(releases.starts[0], name) for name in ("good", "disputed"))
    (good.parent / "here").mkdir()
    pyproject = disputed / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"typer>=0.20",', '"typer>=0.19",'))
    readme = disputed / "README.md"
    readme.write_text("".join(f"Ours. {line}" for line in readme.read_text().splitlines(True)))
    commit(disputed, "Another floor")
    printed = shell(block("for service in").replace("../services", ".."), good.parent / "here")
    assert "../disputed/ needs you" in printed
    assert "../good/ needs you" not in printed
    assert git(good, "status", "--porcelain") == ""
    assert git(good, "log", "-1", "--format=%s %D").startswith("Update from the template HEAD")
    assert recorded(good) == releases.next_one


def test_a_removed_questions_answer_lives_on_in_its_successor(
    releases: Releases, tmp_path: Path
) -> None:
    """What the contract asks of a release that renames a question is possible, and enough."""
    template = tmp_path / "template"
    shutil.copytree(releases.template, template, symlinks=True)
    git(template, "checkout", "--quiet", "--detach", releases.next_one)
    service = tmp_path / "service"
    answers = example("spa-cookies") | {"preflight_max_age": 60}
    run_copy(
        str(template), service, data=answers, defaults=True, quiet=True, vcs_ref=releases.next_one
    )
    git(service, "init", "--quiet")
    commit(service, "Start")
    for path in (template / "copier.yml", *(template / "template").glob("*.env.*.jinja")):
        text = path.read_text().replace("preflight_max_age", "preflight_seconds")
        old = "else 7200 }}"
        new = "else preflight_max_age if preflight_max_age is defined else 7200 }}"
        path.write_text(text.replace(old, new))
    commit(template, "Rename a question")
    run_update(service, defaults=True, overwrite=True, quiet=True, vcs_ref="HEAD")
    assert "\nCORS_MAX_AGE=60\n" in (service / ".env.production").read_text()
    assert "preflight_seconds: 60\n" in (service / ".copier-answers.yml").read_text()


def test_the_list_of_managed_files_is_up_to_date() -> None:
    """`make docs` writes it anew."""
    template = TEMPLATE / "template"
    folders = (template / "src" / "{{ package_name }}" / "cors", template / "tests" / "cors")
    found = {
        path.relative_to(template).as_posix().replace("{{ package_name }}", "*")
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert set((template / "tests" / "cors" / "managed.txt").read_text().split()) == found
