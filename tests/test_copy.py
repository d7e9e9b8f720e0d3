"""`copier copy` and `make new` need no trust, and print a readable line for every mistake."""

import re
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pexpect
import pytest
import yaml

from .project import TEMPLATE, example, git, render, run, run_copier, run_warm
from .prompts import QUESTIONS

NEW = TEMPLATE / "hooks" / "new.py"


def test_the_template_asks_for_no_trust() -> None:
    """Tasks and extensions would make even a copy demand it."""
    settings = yaml.safe_load((TEMPLATE / "copier.yml").read_text())
    assert not {"_tasks", "_jinja_extensions"} & set(settings)


def test_copier_copies_without_trust(tmp_path: Path) -> None:
    result = run(tmp_path, "copier", "copy", "--defaults", "--vcs-ref=HEAD", TEMPLATE, "orders-api")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "orders-api" / ".env.production").is_file()
    assert "trust" not in result.stdout + result.stderr


def test_make_new_renders_an_answer_file(tmp_path: Path) -> None:
    answers = TEMPLATE / "examples" / "spa-cookies.yml"
    result = run(tmp_path, "python", NEW, "orders-api", str(answers))
    assert result.returncode == 0, result.stderr
    text = (tmp_path / "orders-api" / ".env.production").read_text()
    assert "CORS_ALLOWED_ORIGINS=https://app.acme.com,https://www.acme.com\n" in text


EXAMPLE = str(TEMPLATE / "examples" / "closed.yml")
MISTAKES = {
    "no folder": (("",), "DEST is missing"),
    "a file": (("occupied/file",), "is a file"),
    "a folder with something in it": (("occupied",), "is not empty"),
    "no such answer file": (("new", "no-such.yml"), "no-such.yml cannot be read"),
    "answers that are no YAML": (("new", "broken.yml"), "is not YAML"),
    "answers that are a list": (("new", "list.yml"), "holds no answers"),
    "a misspelt question": (("new", "typo.yml"), "did you mean `production_origins`?"),
    "text where a list is due": (("new", "text.yml"), "`environments` is a list"),
    "a list where text is due": (("new", "listed.yml"), "write 'https://app.acme.com'"),
    "a mapping where text is due": (("new", "mapping.yml"), "`project_name` is text"),
    "no answer": (("new", "empty.yml"), "`production_origins` has no answer: write ''"),
    "an answer that is computed": (("new", "hidden.yml"), "`cookies`, which is not a question"),
    "a folder that cannot be made": (("/proc/new", EXAMPLE), "DEST=/proc/new cannot be created"),
    "a refused answer": (("new", "slash.yml"), "write https://app.acme.com ("),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_make_new_explains_a_mistake_and_writes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "occupied").mkdir()
    (tmp_path / "occupied" / "file").write_text("mine")
    (tmp_path / "broken.yml").write_text("a: [")
    (tmp_path / "list.yml").write_text("- a")
    (tmp_path / "typo.yml").write_text("prodution_origins: https://app.acme.com")
    (tmp_path / "text.yml").write_text("environments: production")
    (tmp_path / "listed.yml").write_text("production_origins: [https://app.acme.com]")
    (tmp_path / "mapping.yml").write_text("project_name: {Orders: API}")
    (tmp_path / "empty.yml").write_text("production_origins:")
    (tmp_path / "hidden.yml").write_text("cookies: true")
    (tmp_path / "slash.yml").write_text("production_origins: https://app.acme.com/")
    result = run_warm(tmp_path, NEW.stem, *arguments, PYTHONPATH=str(NEW.parent))
    assert result.returncode in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "occupied" / "file").read_text() == "mine"


def test_an_interrupted_make_new_prints_no_traceback(tmp_path: Path) -> None:
    program = pexpect.spawn(
        sys.executable, [str(NEW), "orders-api"], cwd=str(tmp_path), timeout=120
    )
    program.expect("What is the service called")
    program.sendintr()
    program.expect(pexpect.EOF)
    program.close()
    printed = str(program.before)
    assert program.exitstatus == 1
    assert "Interrupted: no service was made." in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "orders-api").exists()


REFUSED = {
    "production_origins=https://app.acme.com/": "write https://app.acme.com (no slash at the end",
    "preflight_max_age=1h": "only seconds, such as 7200",
    "public_paths=/files;v=1": "write /files (end before",
    "allow_methods=GET,query": "write QUERY (browsers send",
}


@pytest.mark.parametrize(("answer", "message"), REFUSED.items(), ids=REFUSED)
def test_the_last_line_of_a_refused_copy_begins_with_the_fix(
    tmp_path: Path, answer: str, message: str
) -> None:
    options = ("--defaults", "--vcs-ref=HEAD", "--data", answer)
    result = run_copier(tmp_path, "copy", *options, TEMPLATE, "orders-api")
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    prefix = f"ValueError: Validation error for question '{answer.partition('=')[0]}': "
    assert last.startswith(prefix + message)
    assert len(last) <= 160
    assert not (tmp_path / "orders-api").exists()


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service under git, rendered from a copy of the template that can be changed."""
    folder = tmp_path_factory.mktemp("released")
    template, project = folder / "template", folder / "orders-api"
    ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis")
    shutil.copytree(TEMPLATE, template, ignore=ignored, symlinks=True)
    commit_first(template)
    result = run_copier(
        folder,
        *("copy", "--defaults", "--quiet", "--vcs-ref=HEAD"),
        *("--data-file", TEMPLATE / "examples" / "spa-cookies.yml", template, project),
    )
    assert result.returncode == 0, result.stderr
    commit_first(project)
    return project


def commit_first(folder: Path) -> None:
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "As it is")
    git(folder, "tag", "first")


@pytest.fixture
def committed(released: Path) -> Iterator[Path]:
    """The same service for each test, taken back to its first commit with its template."""
    yield released
    for folder in (released, released.parent / "template"):
        git(folder, "reset", "--quiet", "--hard", "first")
        git(folder, "clean", "--quiet", "-d", "--force")


@pytest.mark.parametrize(
    "question", [name for name in QUESTIONS if name not in ("preview_origins",)]
)
def test_an_answer_that_a_newer_release_refuses_is_never_replaced(
    committed: Path, question: str
) -> None:
    """Copier drops such an answer; the default must hand it back, so that the update fails."""
    template = committed.parent / "template"
    text = (template / "copier.yml").read_text()
    head, _, rest = text.partition(f"\n{question}:\n")
    body, separator, tail = rest.partition("\n\n")
    kept = "\n".join(line for line in body.splitlines() if not line.startswith("  validator:"))
    (template / "copier.yml").write_text(
        f'{head}\n{question}:\n{kept}\n  validator: "no longer good enough"{separator}{tail}'
    )
    git(template, "commit", "--quiet", "-a", "-m", "A stricter release")
    result = run_copier(committed, "update", "--defaults", "--vcs-ref=HEAD")
    assert result.returncode != 0
    assert "no longer good enough" in result.stderr
    assert git(committed, "status", "--porcelain") == ""


def test_only_the_maximum_age_is_recorded_as_a_number(tmp_path: Path) -> None:
    """A `_commit` of digits alone, one in 27, became a number that no update could read."""
    project = render(tmp_path / "orders-api", {"project_name": "2048"})
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert (answers["project_name"], answers["preflight_max_age"]) == ("2048", 7200)


@pytest.mark.parametrize("recorded", ["3600", "'3600'"])
def test_a_recorded_maximum_age_stays_valid(committed: Path, recorded: str) -> None:
    """It is asked for as text and recorded as a number. A text in the file is read as well."""
    answers = committed / ".copier-answers.yml"
    text = re.sub(
        "(?m)^preflight_max_age: .*$", f"preflight_max_age: {recorded}", answers.read_text()
    )
    answers.write_text(text)
    for dotenv_file in committed.glob(".env.*"):
        dotenv_file.write_text(dotenv_file.read_text().replace("MAX_AGE=7200", "MAX_AGE=3600"))
    git(committed, "commit", "--quiet", "-a", "-m", "An hour")
    result = run_copier(committed, "update", "--defaults", "--vcs-ref=HEAD")
    assert result.returncode == 0, result.stderr
    assert yaml.safe_load(answers.read_text())["preflight_max_age"] == 3600
    assert "CORS_MAX_AGE=3600\n" in (committed / ".env.production").read_text()
    git(committed, "commit", "--quiet", "--allow-empty", "-a", "-m", "Update")
    options = ("--defaults", "--vcs-ref=HEAD", "--data", "preflight_max_age=60")
    result = run_copier(committed, "update", *options)
    assert result.returncode == 0, result.stderr
    assert "CORS_MAX_AGE=60\n" in (committed / ".env.production").read_text()


def test_an_update_leaves_what_is_yours_alone(committed: Path) -> None:
    template = committed.parent / "template"
    source = template / "template" / "src" / "{{ package_name }}"
    for name in ("main.py", "settings.py", "routes/items.py", "routes/health.py", "cors/policy.py"):
        path = source / name
        path.write_text(path.read_text() + "# from a newer release\n")
    (source / "routes" / "another.py").write_text('"""New in the newer release."""\n')
    git(template, "add", ".")
    git(template, "commit", "--quiet", "-m", "A newer release")
    package = committed / "src" / "orders_api"
    (package / "main.py").write_text("# mine\n" + (package / "main.py").read_text())
    (package / "routes" / "items.py").unlink()
    git(committed, "commit", "--quiet", "-a", "-m", "Mine")
    result = run_copier(committed, "update", "--defaults", "--vcs-ref=HEAD")
    assert result.returncode == 0, result.stderr
    changed = git(committed, "status", "--porcelain").split("\n")
    assert [line[3:] for line in changed if line] == [
        ".copier-answers.yml",
        "src/orders_api/cors/policy.py",
    ]


def test_the_quick_copier_updates_as_copier_does(committed: Path) -> None:
    """Most tests render and update with `quick_copier`, which leaves some of Copier's work out."""
    template = committed.parent / "template"
    (file,) = (template / "template").glob("*dotenv_files*")
    file.write_text(file.read_text().replace("ENVIRONMENT=", "# Theirs.\nENVIRONMENT=", 1))
    git(template, "commit", "--quiet", "-a", "-m", "A newer release")
    mine = committed / ".env.production"
    mine.write_text(mine.read_text().replace("ENVIRONMENT=", "# Mine.\nENVIRONMENT=", 1))
    git(committed, "commit", "--quiet", "-a", "-m", "Mine")
    update = ("update", "--defaults", "--vcs-ref=HEAD", "--data", "credentials=none")
    results = []
    for copier in (partial(run, committed, "copier"), partial(run_copier, committed)):
        result = copier(*update)
        assert result.returncode == 0, result.stderr
        results.append((git(committed, "status", "--porcelain"), git(committed, "diff", "HEAD")))
        git(committed, "reset", "--quiet", "--hard", "HEAD")
        git(committed, "clean", "--quiet", "-d", "--force")
    assert results[0] == results[1]
    assert "UU .env.production" in results[0][0]


def test_examples_answer_only_questions_that_are_asked() -> None:
    for path in (TEMPLATE / "examples").glob("*.yml"):
        assert set(example(path.stem)) <= set(QUESTIONS), path.name


def test_rendering_twice_gives_the_same_files(tmp_path: Path) -> None:
    answers = example("mobile-app")
    first, second = render(tmp_path / "a", answers), render(tmp_path / "b", answers)
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in files)
