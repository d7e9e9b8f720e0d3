"""docs/updating.md: its commands run as written, and what it promises of questions holds."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from runpy import run_path

import pytest
import yaml
from copier import run_copy, run_update

from .project import TEMPLATE, example, git, run, run_suite, run_warm, shell
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
    shell(block("--skip='*'"), orders)
    assert git(orders, "status", "--porcelain") == "?? tests/cors/test_caches.py\n"
    commit(orders, "We do")

    shell(block("package_name="), orders)
    result = run_warm(orders, "shop_api.cors", "check", "--all")
    assert result.returncode == 0, result.stdout + result.stderr


def test_removing_the_example_routes_leads_to_one_command(
    releases: Releases, service: Callable[[str, str], Path]
) -> None:
    """`cors check` names it once. It corrects every dotenv file, and nothing is left to find."""
    orders = service(releases.next_one, "orders")
    (orders / "src" / "orders_api" / "routes" / "items.py").unlink()
    commit(orders, "Remove the example routes")
    told = told_by_check(orders)
    assert told.count("Fix: ") == 1, told
    assert "`PUT,PATCH` are allowed, but no route answers them" in told
    command = re.search(r"run uvx copier update --defaults --data (\w+)=(\S+)\.\n", told)
    assert command, told
    answer, version = {command[1]: command[2]}, releases.next_one
    run_update(orders, answer, defaults=True, overwrite=True, quiet=True, vcs_ref=version)
    assert told_by_check(orders) == ""


def told_by_check(service: Path) -> str:
    """Return the findings of `cors check`, without that on the template's address: a path here."""
    printed = run_warm(service, "orders_api.cors", "check", "--all").stdout
    findings = (line for line in printed.splitlines(keepends=True) if line.startswith("  CORS"))
    return "".join(line for line in findings if "CORS045" not in line)


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
    yours = (".", ":!src/*/cors/*", ":!tests/cors")
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


# --- Layouts of one's own ---------------------------------------------------------------------


def check(folder: Path, package: str = "orders_api", source: str = "src") -> str:
    """Return what `cors check --all` prints, which fails where it finds an error."""
    command = (f"{package}.cors", "check", "--all", "--no-app")
    result = run_warm(folder, *command, PYTHONPATH=source)
    failed = "the check fails" in result.stdout
    assert result.returncode == int(failed), result.stdout + result.stderr
    return result.stdout


def command_in(printed: str, begin: str, end: str = "") -> str:
    """Return the command in a finding that begins and ends so; without an end, its whole rest."""
    rest = re.escape(end) if end else r"(?=\.\n)"
    (found,) = {*re.findall(rf"{re.escape(begin)}.*?{rest}", printed)}
    return str(found)


def move(folder: Path, source: str, target: str, *replacements: tuple[str, str]) -> None:
    """Move a package and change the texts that name it, as people do."""
    git(folder, "mv", source, target)
    for path in (folder / "pyproject.toml", *folder.rglob("*.py")):
        text = path.read_text()
        for old, new in replacements:
            text = text.replace(old, new)
        path.write_text(text)
    commit(folder, "Move the package")


def test_a_flat_layout_that_an_update_missed_is_told_and_mended(
    releases: Releases, service: Callable[[str, str], Path]
) -> None:
    """1.2.1 moved to the top of the project: nothing arrived, and nothing said so."""
    orders = service("1.2.1", "orders")
    flat = (('"src/orders_api"', '"orders_api"'), ('["src"]', '["."]'), ('"src"', '"."'))
    move(orders, "src/orders_api", "orders_api", *flat)
    shell(UPDATES, orders)
    assert recorded(orders) == releases.next_one
    shell("git checkout --quiet --ours pyproject.toml && rm -rf src", orders)
    commit(orders, "Update")
    suite = run_suite(orders, "tests/cors", PYTHONPATH=".")
    assert suite.returncode == 4
    assert "update did not reach it" in suite.stderr.replace("\n", " ")
    assert "Traceback" not in suite.stderr

    shell(block("mv src/orders_api/cors"), orders)
    printed = check(orders, source=".")
    assert "the check fails" not in printed
    assert "CORS046 warning: orders_api/cors: is not where updates write" in printed
    shell(command_in(printed, "uvx copier recopy", "rm -r src/orders_api"), orders)
    assert git(orders, "status", "--porcelain", "--", ":!orders_api/cors") == ""
    suite = run_suite(orders, "tests/cors/test_configuration.py", PYTHONPATH=".")
    assert suite.returncode == 0, suite.stdout

    marker = orders / "orders_api" / "cors" / "__init__.py"
    marker.write_text(re.sub("RELEASE = .*", 'RELEASE = "0.9.0"', marker.read_text()))
    assert "CORS046 error: orders_api/cors: is of release 0.9.0" in check(orders, source=".")
    suite = run_suite(orders, "-k", "release_of_its_tests", "tests/cors", PYTHONPATH=".")
    assert suite.returncode == 1
    assert "package_name" in suite.stdout


def test_a_package_renamed_by_hand_gets_fixes_once_it_is_recorded(
    releases: Releases, service: Callable[[str, str], Path]
) -> None:
    orders = service(releases.next_one, "orders")
    move(orders, "src/orders_api", "src/shop_api", ("orders_api", "shop_api"))
    policy = orders / "src" / "shop_api" / "cors" / "policy.py"
    as_it_was = policy.read_text()
    shell(f"{UPDATES.strip()} --vcs-ref {LATER}", orders)
    assert policy.read_text() == as_it_was
    assert "CORS046" in check(orders, "shop_api")
    shell(DISCARD, orders)
    command = command_in(check(orders, "shop_api"), "uvx copier update")
    shell(command, orders)
    assert policy.read_text() == as_it_was
    assert "CORS046" not in check(orders, "shop_api")
    commit(orders, "Record the name")
    shell(f"{UPDATES.strip()} --vcs-ref {LATER}", orders)
    assert "Revised" in policy.read_text()
    assert not (orders / "src" / "orders_api").exists()


def test_the_answers_are_found_beside_those_to_another_template(
    releases: Releases, service: Callable[[str, str], Path]
) -> None:
    """The file has the name that `copier copy -a` gave it, and every command names it."""
    orders = service(releases.next_one, "orders")
    git(orders, "mv", ".copier-answers.yml", ".copier-answers.cors.yml")
    (orders / ".copier-answers.yml").write_text("_src_path: ../another\nproject_name: Another\n")
    production = orders / ".env.production"
    production.write_text(production.read_text().replace("MAX_AGE=7200", "MAX_AGE=60"))
    (orders / "tests" / "cors" / "test_writes.py").unlink()
    commit(orders, "Two templates")
    command = command_in(check(orders), "uvx copier update")
    assert "-a .copier-answers.cors.yml" in command
    suite = run_suite(orders, "-k", "managed_file", "tests/cors")
    assert "uvx copier recopy -a .copier-answers.cors.yml" in suite.stdout
    shell(f"{command} --vcs-ref :current:", orders)
    assert "CORS037" not in check(orders)
    commit(orders, "Record the maximum age")
    shell(f"{UPDATES.strip()} -a .copier-answers.cors.yml --vcs-ref {LATER}", orders)
    assert "Revised" in (orders / "src" / "orders_api" / "cors" / "policy.py").read_text()


def test_a_service_in_a_larger_repository_is_updated_and_its_pipelines_are_told(
    releases: Releases, tmp_path: Path
) -> None:
    orders = tmp_path / "services" / "orders-api"
    answers = example("spa-cookies") | {"forge": "github"}
    source = str(releases.template)
    run_copy(source, orders, data=answers, defaults=True, quiet=True, vcs_ref=releases.next_one)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / ".gitignore").write_text("/template/\n")
    commit(tmp_path, "Start")
    printed = check(orders)
    assert "CORS046 warning: services/orders-api/.github/workflows: is read by no one" in printed
    assert f"is {tmp_path}. Fix: copy it to .github/workflows there" in printed
    top = tmp_path / ".github" / "workflows"
    top.mkdir(parents=True)
    (top / "orders.yml").write_text("defaults: {run: {working-directory: services/orders-api}}\n")
    commit(tmp_path, "Test it where GitHub looks")
    assert "CORS046" not in check(orders)
    shell(f"{UPDATES.strip()} --vcs-ref {LATER}", orders)
    assert "Revised" in (orders / "src" / "orders_api" / "cors" / "policy.py").read_text()
    assert "CORS046" not in check(orders)


def test_an_environment_without_its_file_is_told_and_mended(
    releases: Releases, service: Callable[[str, str], Path]
) -> None:
    orders = service(releases.next_one, "orders")
    production = orders / ".env.production"
    text = production.read_text()
    git(orders, "mv", ".env.production", ".env.prod")
    renamed = text.replace("ENVIRONMENT=production", "ENVIRONMENT=prod")
    (orders / ".env.prod").write_text(renamed)
    assert "CORS047 warning: .env.prod: is judged as production, and" in check(orders)
    (orders / ".env.prod").unlink()
    commit(orders, "Only the platform has it")
    printed = check(orders)
    assert "CORS047 warning: .env.production: is not here, so no update reaches it" in printed
    shell(command_in(printed, "uvx copier recopy", "!.env.production'"), orders)
    assert production.read_text() == text
    assert git(orders, "status", "--porcelain") == "?? .env.production\n"
    production.unlink()
    shell(f"{command_in(printed, 'uvx copier update')} --vcs-ref {releases.next_one}", orders)
    assert "CORS047" not in check(orders)


# --- Answers ----------------------------------------------------------------------------------


def test_a_misspelt_question_is_told_until_the_next_update(
    releases: Releases, service: Callable[[str, str], Path]
) -> None:
    orders = service(releases.next_one, "orders")
    update = f"{UPDATES.strip()} --vcs-ref {releases.next_one}"
    said = shell(f"{update} --data production_origin=https://shop.acme.com", orders)
    assert "No question is called production_origin: that answer changed nothing." in said
    assert "uv run cors check --all" in said
    commit(orders, "Update")
    printed = check(orders)
    assert "CORS048 warning: production_origin: is not a question of the template" in printed
    assert "--data 'production_origins=…'" in printed
    said = shell(update, orders)
    assert "No question" not in said
    assert "CORS048" not in check(orders)


def test_credentials_alone_bring_the_header_that_they_need(
    releases: Releases, tmp_path: Path
) -> None:
    orders = tmp_path / "orders"
    run_copy(
        str(releases.template),
        orders,
        data={"production_origins": "https://app.acme.com", "request_headers": "X-Request-ID"},
        defaults=True,
        quiet=True,
        vcs_ref=releases.next_one,
    )
    git(orders, "init", "--quiet", "--initial-branch=main")
    commit(orders, "Start")
    update = f"{UPDATES.strip()} --vcs-ref {releases.next_one}"
    said = shell(f"{update} --data credentials=both", orders)
    assert "request_headers=Authorization,X-Request-ID is recorded" in said
    for name in (".env.development", ".env.staging", ".env.production"):
        text = (orders / name).read_text()
        assert "\nCORS_ALLOW_HEADERS=Authorization,X-Request-ID\n" in text
        assert "\nCORS_GUARD_WRITES=true\n" in text
    assert "CORS037" not in check(orders)
    shell(DISCARD, orders)
    # Two answers are taken as they are given, and `cors check` says what is missing.
    shell(f"{update} --data credentials=bearer --data request_headers=X-Token", orders)
    assert "\nCORS_ALLOW_HEADERS=X-Token\n" in (orders / ".env.production").read_text()
    assert "does not list Authorization" in check(orders)


def test_an_answer_that_credentials_rule_out_is_refused_in_a_line(
    releases: Releases, service: Callable[[str, str], Path]
) -> None:
    orders = service(releases.next_one, "orders")
    update = f"{UPDATES.strip()} --vcs-ref {releases.next_one}"
    shell(
        f"{update} --data credentials=none --data staging_origins=http://staging.acme.com", orders
    )
    commit(orders, "No cookies")
    command = ("copier", "update", "--defaults", "--data", "credentials=both")
    result = run(orders, *command, "--vcs-ref", releases.next_one)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert "'staging_origins': https only" in last
    assert last.endswith("write https://staging.acme.com")
    assert len(last) <= 160
    assert git(orders, "status", "--porcelain") == ""


def test_every_question_that_may_go_unrecorded_is_known() -> None:
    """`not_asked` takes what is neither recorded nor in its list for a slip of the pen."""
    questions = yaml.safe_load((TEMPLATE / "copier.yml").read_text())
    conditional = {name for name, each in questions.items() if name[0] != "_" and "when" in each}
    text = (TEMPLATE / "hooks" / "validators.jinja").read_text()
    (listed,) = re.findall(r"set _asked_or_computed = '([^']*)'", text)
    assert set(listed.split()) == conditional


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
    printed = shell(
        block("create template-update").replace("../services", ".."), good.parent / "here"
    )
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
    rendered = (template / "template").glob("*.jinja")
    for path in (template / "copier.yml", *rendered):
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
    folders = (template / "{{ package_path }}" / "cors", template / "tests" / "cors")
    found = {
        re.sub("{%.*?%}", "", path.relative_to(template).as_posix())
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    listed = run_path(str(template / "tests" / "cors" / "__init__.py"))["MANAGED"]
    names = {name.replace("{{ package_path }}", "src/*").removesuffix(".jinja") for name in found}
    assert set(listed) == names
