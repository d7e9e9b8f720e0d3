"""Every release, every example, everything that people do in between: an update loses none of it.

From each release, and from the first commit that rendered, to the working tree; and from the
working tree to a later release that changes every kind of file. In both conflict modes.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from copier import run_copy, run_update
from pathspec import GitIgnoreSpec

from .project import EXAMPLES, example, git, run_suite
from .releases import (
    LATER,
    REFUSAL,
    STRICTER,
    NoHistoryError,
    Releases,
    clone_with_releases,
    commit_all,
    commits,
    version_after,
)
from .user_edits import GROUPS, Group, Service, UserEdit

Mode = Literal["inline", "rej"]
MODES: tuple[Mode, Mode] = ("inline", "rej")
Files = dict[str, bytes]

YOURS = GitIgnoreSpec.from_lines(
    [
        "/src/*/__init__.py",
        "/src/*/main.py",
        "/src/*/settings.py",
        "/src/*/routes/",
        "/tests/*.py",
        "/renovate.json",
        "/src/*/py.typed",
    ]
)
MANAGED = GitIgnoreSpec.from_lines(["/src/*/cors/", "/tests/cors/"])
# Chromium judges the same policies in the tests of the template itself.
WITHOUT_BROWSER = ("--ignore-glob=*/test_real_browser.py",)

try:
    VERSIONS, NO_HISTORY = [*commits()], ""
except NoHistoryError as error:
    VERSIONS, NO_HISTORY = [], str(error)
NEXT = version_after(VERSIONS) if VERSIONS else ""
JUMPS = [*((version, NEXT) for version in VERSIONS), (NEXT, LATER)]

pytestmark = pytest.mark.skipif(not VERSIONS, reason=NO_HISTORY)


@dataclass(frozen=True)
class Fix:
    """What a release cures: the old code must fail this test of the release's own suite."""

    sentence: str
    test: str


# By release. The code of the release before is the mutant.
FIXES = {
    "1.0.0": Fix(
        "lines in a .rej file were in force nowhere, and nothing said so",
        "test_lines_that_an_update_could_not_merge_are_refused",
    ),
    "1.1.0": Fix(
        "cookies without the write guard were served",
        "CORS040",
    ),
    "1.2.0": Fix(
        "lines that cannot be read were passed over",
        "CORS041",
    ),
    "1.2.1": Fix(
        "a $ in a public path was replaced, by nothing where it was not set",
        "CORS043",
    ),
}


class Workshop:
    """Renders services of any release, each once, from a clone that has the releases tagged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.releases: Releases = clone_with_releases(folder / "template")
        self.rendered = cache(self._rendered)

    def _rendered(self, version: str, answers: tuple[tuple[str, Any], ...]) -> Path:
        folder = self.folder / f"rendered-{len(list(self.folder.iterdir()))}"
        self.copy(folder, version, dict(answers))
        return folder

    def copy(self, folder: Path, version: str, answers: Mapping[str, Any]) -> None:
        run_copy(
            str(self.releases.template),
            folder,
            data=dict(answers),
            defaults=True,
            quiet=True,
            vcs_ref=version,
        )

    def start(self, folder: Path, version: str, answers: Mapping[str, Any]) -> Service:
        """Return a service of a release as its first commit holds it."""
        shutil.copytree(self.rendered(version, frozen(answers)), folder)
        git(folder, "init", "--quiet", "--initial-branch=main")
        commit_all(folder, "Start from the template")
        package = next((folder / "src").iterdir()).name
        return Service(folder, package)

    def update(self, service: Service, version: str, mode: Mode, **answers: Any) -> None:
        """Update a service, without trust."""
        run_update(
            service.folder,
            data=answers,
            defaults=True,
            overwrite=True,
            quiet=True,
            vcs_ref=version,
            conflict=mode,
        )


def frozen(answers: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return answers that can be a key."""
    pairs = answers.items()
    return tuple((key, tuple(value) if isinstance(value, list) else value) for key, value in pairs)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


def files(folder: Path) -> Files:
    """Return what lies in a project, but for git's own and Python's."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not {".git", "__pycache__"} & set(path.relative_to(folder).parts)
    }


def lines(text: bytes) -> Counter[bytes]:
    return Counter(line.strip() for line in text.splitlines())


@dataclass(frozen=True)
class Done:
    """What one edit did: the lines it added, per file, and the files it deleted."""

    edit: UserEdit
    added: Mapping[str, Counter[bytes]]
    deleted: frozenset[str]


def make_edit(service: Service, edit: UserEdit) -> Done:
    before = files(service.folder)
    edit.edit(service)
    after = files(service.folder)
    touched = {name for name in after if after[name] != before.get(name)}
    return Done(
        edit,
        {name: lines(after[name]) - lines(before.get(name, b"")) for name in touched},
        frozenset(before.keys() - after.keys()),
    )


@dataclass(frozen=True)
class Updated:
    """A service after an update, and all that is needed to judge it."""

    service: Service
    before: Files
    after: Files
    fresh: Files
    done: tuple[Done, ...]
    group: Group
    mode: Mode

    @property
    def may_dispute(self) -> set[str]:
        """The files in which a conflict is honest.

        With .rej files Copier gives up where a release changed a line within three of an edit.
        """
        near = {name for name in self.touched if not MANAGED.match_file(name)}
        return set(self.group.may_dispute & self.touched) | (near if self.mode == "rej" else set())

    @property
    def touched(self) -> set[str]:
        """The files that some edit added, changed or deleted, by their names after the update."""
        names = (name for done in self.done for name in (*done.added, *done.deleted))
        return {self.now(name) for name in names}

    def now(self, name: str) -> str:
        """Return the name that a file has after the update."""
        if not self.group.renames:
            return name
        old = self.service.package.removesuffix("_two")
        return name.replace(f"src/{old}/", f"src/{self.service.package}/", 1)

    def problems_of(self, done: Done) -> list[str]:
        """Return what an edit lost, and what its own check says."""
        found = [f"{name} came back" for name in map(self.now, done.deleted) if name in self.after]
        for name, added in done.added.items():
            text = self.after.get(self.now(name), b"")
            rejected = self.after.get(f"{self.now(name)}.rej", b"")
            left = lines(text) + Counter(line[1:].strip() for line in rejected.splitlines())
            found += [f"{name} lost {line.decode()!r}" for line in added - left]
        disputed = any(self.service.is_disputed(self.now(name)) for name in done.added)
        if self.group.may_dispute or not disputed:
            try:
                done.edit.check(self.service)
            except AssertionError as error:
                found.append(str(error))
        return [f"{done.edit.sentence}: {problem}" for problem in found]

    def problems(self) -> list[str]:
        """Return what is wrong with the files that nobody has edited."""
        before = {self.now(name): text for name, text in self.before.items()}
        found = []
        for name in sorted(self.after.keys() | self.fresh.keys() | before.keys()):
            conflict = name.removesuffix(".rej")
            if name.endswith(".rej") or self.service.is_disputed(name):
                if conflict not in self.may_dispute:
                    found.append(f"{name}: a conflict")
            elif YOURS.match_file(name):
                if self.after.get(name) != before.get(name):
                    found.append(f"{name}: is yours, and was changed")
            elif name not in self.touched and self.after.get(name) != self.fresh.get(name):
                found.append(f"{name}: is not what the new version renders")
        return found


def edit_and_update(
    workshop: Workshop, folder: Path, jump: tuple[str, str], name: str, group: Group, mode: Mode
) -> Updated:
    """Make a group's edits in a new service, commit them, update it and look at it."""
    start, target = jump
    service = workshop.start(folder, start, example(name))
    # A question that the start did not have yet is answered by the update's default.
    answers = {key: value for key, value in example(name).items() if key in recorded(service)}
    done = tuple(
        make_edit(service, edit) for edit in group.edits if service.file(edit.needs).exists()
    )
    commit_all(folder, "What we did to it")
    before = files(folder)
    if group.refuse_first and mode == "inline":
        refuse(workshop, service)
    changes = dict(group.answers)
    if group.renames:
        changes["package_name"] = f"{service.package}_two"
    workshop.update(service, target, mode, **changes)
    service = Service(folder, changes.get("package_name", service.package), frozenset(before))
    if group.renames:
        move_the_rest(service)
    fresh = files(workshop.rendered(target, frozen(answers | changes)))
    return Updated(service, before, files(folder), fresh, done, group, mode)


def recorded(service: Service) -> Mapping[str, Any]:
    """Return the answers that a service was rendered with."""
    answers: Mapping[str, Any] = yaml.safe_load(service.file(".copier-answers.yml").read_text())
    return answers


def refuse(workshop: Workshop, service: Service) -> None:
    """An answer that a stricter release refuses stops the update and changes nothing."""
    with pytest.raises(ValueError, match=REFUSAL):
        workshop.update(service, STRICTER, "inline")
    assert git(service.folder, "status", "--porcelain", "--ignored") == ""


def move_the_rest(service: Service) -> None:
    """Do what docs/updating.md says of a renamed package: what is yours moves by hand."""
    source = service.folder / "src"
    old = source / service.package.removesuffix("_two")
    shutil.copytree(old, source / service.package, dirs_exist_ok=True)
    shutil.rmtree(old)


def matrix() -> Iterator[tuple[tuple[str, str], str, str]]:
    """Yield cells: a jump, an example, a group of edits.

    UPDATE_MATRIX=all asks for every combination, which takes six minutes on two cores with three
    releases. Otherwise the newest release and the working tree meet every group and each older
    release one of them, so that the time does not grow with every release; examples take turns.
    """
    names = [path.stem for path in EXAMPLES]
    if os.environ.get("UPDATE_MATRIX") == "all":
        yield from product(JUMPS, names, GROUPS)
        return
    groups = [*GROUPS]
    cells = [(jump, groups[number % len(groups)]) for number, jump in enumerate(JUMPS[:-2])]
    cells += product(JUMPS[-2:], groups)
    for number, (jump, group) in enumerate(cells):
        yield jump, names[number % len(names)], group


@pytest.mark.parametrize(("jump", "name", "group"), [*matrix()], ids=str)
def test_an_update_brings_the_new_version_and_loses_nothing(
    workshop: Workshop,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    jump: tuple[str, str],
    name: str,
    group: str,
) -> None:
    results = [
        edit_and_update(workshop, tmp_path / mode / name, jump, name, GROUPS[group], mode)
        for mode in MODES
    ]
    for mode, updated in zip(MODES, results, strict=True):
        problems = updated.problems()
        for done in updated.done:
            problems += updated.problems_of(done)
        assert problems == [], mode
        record_property("edit checks", len(updated.done))
    record_property("updates", len(results))
    record_property("refused", int(GROUPS[group].refuse_first))
    if not GROUPS[group].may_dispute:
        inline, rej = results
        if not any(name.endswith(".rej") for name in rej.after):
            assert inline.after == rej.after
        suite = run_suite(inline.service.folder, *WITHOUT_BROWSER)
        assert suite.returncode == 0, suite.stdout + suite.stderr


@pytest.mark.parametrize("release", [each for each in FIXES if each in (*VERSIONS, NEXT)])
def test_the_new_suite_fails_on_the_code_before_the_fix(
    workshop: Workshop, tmp_path: Path, release: str
) -> None:
    fix = FIXES[release]
    versions = [*VERSIONS, NEXT]
    before = versions[versions.index(release) - 1]
    service = workshop.start(tmp_path / "service", before, example("spa-cookies"))
    managed = service.file("src/*/cors")
    shutil.copytree(managed, tmp_path / "before")
    workshop.update(service, release, "inline")
    cured = run_suite(service.folder, "-k", fix.test, "tests/cors")
    assert cured.returncode == 0, cured.stdout
    shutil.rmtree(managed)
    shutil.copytree(tmp_path / "before", managed)
    flawed = run_suite(service.folder, "-k", fix.test, "tests/cors")
    assert flawed.returncode == 1, f"{fix.sentence}: {flawed.stdout}"


@pytest.mark.parametrize("package_path", ["src/shop", "shop", "backend/src/shop"])
def test_a_service_that_moved_in_gets_updates(
    workshop: Workshop, tmp_path: Path, package_path: str
) -> None:
    """Wherever its package is: what is managed and the dotenv files, and nothing else."""
    place = {"adopt": True, "package_name": "shop", "package_path": package_path}
    answers, folder = example("spa-cookies") | place, tmp_path / "service"
    workshop.copy(folder, NEXT, answers)
    managed = set(files(folder))
    own = ("main.py", "README.md", "pyproject.toml", ".gitignore", "tests/conftest.py")
    for name in (*own, f"{package_path}/main.py", f"{package_path}/settings.py"):
        (folder / name).write_text("# ours\n")
    with (folder / ".env.production").open("a") as file:
        file.write("DATABASE_URL=sqlite://\n")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit_all(folder, "Move in")
    before = files(folder)
    workshop.update(Service(folder, "shop"), LATER, "inline")
    after, fresh = files(folder), files(workshop.rendered(LATER, frozen(answers)))
    assert set(after) == set(before)
    assert set(fresh) == managed
    production = after.pop(".env.production")
    assert {name: after[name] for name in fresh if name in after} == {
        name: text for name, text in fresh.items() if name != ".env.production"
    }
    assert {name: after[name] for name in before.keys() - managed} == {
        name: b"# ours\n" for name in before.keys() - managed
    }
    assert lines(production) == lines(fresh[".env.production"]) + lines(b"DATABASE_URL=sqlite://")
    assert b"Revised." in after[f"{package_path}/cors/policy.py"]
