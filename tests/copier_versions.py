"""Which releases of Copier do what with this template: a table, from running them.

    python -m tests.copier_versions [--declared | VERSION …]

Installs each release of Copier into an environment of its own, lets it copy, update, recopy and
check for updates, and looks at the files that come of it. Without arguments it takes the newest
patch of every minor release from 9.6 on: `make copier-versions` writes this table into
docs/updating.md. With --declared it takes the oldest releases that are declared and the newest, and
exit status 1 says that one of them does not do what it is declared for.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from .project import BIN, TEMPLATE, clean_environment, git
from .releases import Releases, clone_with_releases

DOCUMENT = TEMPLATE / "docs" / "updating.md"
BEGIN, END = "<!-- The table of Copier versions begins here. -->", "<!-- It ends here. -->"
OLDEST = (9, 6)
QUESTIONS = TEMPLATE / "copier.yml"
(UPDATE_PY,) = (TEMPLATE / "template").glob("*/update.py")
ANSWERS = TEMPLATE / "examples" / "spa-cookies.yml"


class Copier:
    """One release of Copier, and the services that it makes from a template with two releases."""

    def __init__(self, version: str, folder: Path, releases: Releases) -> None:
        self.folder = folder
        self.template = str(releases.template)
        self.old, self.new = releases.starts[-1], releases.next_one
        uv = str(BIN / "uv")
        self.call(uv, "venv", "--quiet", "--python", sys.executable, "venv")
        self.python = folder / "venv" / "bin" / "python"
        self.call(uv, "pip", "install", "--quiet", "--python", self.python, f"copier=={version}")

    def call(self, *command: str | Path, cwd: Path | None = None) -> str:
        """Run a command and return what it printed. Raises RuntimeError if it fails."""
        result = subprocess.run(
            list(map(str, command)),
            cwd=cwd or self.folder,
            env=clean_environment(UV_PYTHON_DOWNLOADS="never"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if result.returncode:
            raise RuntimeError((result.stderr.strip() or result.stdout.strip()).splitlines()[-1])
        return result.stdout

    def copier(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        return self.call(self.folder / "venv" / "bin" / "copier", *arguments, cwd=cwd)

    def copy(self, name: str, version: str, *arguments: str | Path) -> Path:
        """Copy a release of the template into a new folder."""
        target = self.folder / name
        self.copier("copy", "--quiet", "--vcs-ref", version, *arguments, self.template, target)
        return target

    def service(self, name: str) -> Path:
        """Return a committed service of the older release."""
        service = self.copy(name, self.old, "--defaults", "--data-file", ANSWERS)
        git(service, "init", "--quiet")
        git(service, "add", "--all")
        git(service, "commit", "--quiet", "--message", "Start")
        return service


def read(service: Path, name: str) -> str:
    return (service / name).read_text(encoding="utf-8")


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise RuntimeError(what)


def copies_by_default(copier: Copier) -> None:
    service = copier.copy("defaults", copier.new, "--defaults")
    expect("ENVIRONMENT=production" in read(service, ".env.production"), "nothing is rendered")


def makes_new(copier: Copier) -> None:
    script, service = Path(copier.template, "hooks", "new.py"), copier.folder / "new"
    copier.call(copier.python, script, service, ANSWERS)
    expect("https://app.acme.com" in read(service, ".env.production"), "nothing is rendered")


def copies_a_list(copier: Copier) -> None:
    given = ("--defaults", "-d", "environments=[production]")
    service = copier.copy("list", copier.new, *given)
    expect(not (service / ".env.staging").exists(), "the list is not read")


def copies_a_data_file(copier: Copier) -> None:
    service = copier.copy("file", copier.new, "--defaults", "--data-file", ANSWERS)
    expect("https://app.acme.com" in read(service, ".env.production"), "the file is not read")


def updates(copier: Copier) -> None:
    service = copier.service("updated")
    copier.copier("update", "--quiet", "--defaults", "--vcs-ref", copier.new, cwd=service)
    expect(f"_commit: {copier.new}" in read(service, ".copier-answers.yml"), "nothing is updated")


def recopies(copier: Copier) -> None:
    service = copier.service("recopied")
    (service / "pyproject.toml").unlink()
    arguments = ("--quiet", "--defaults", "--vcs-ref", ":current:", "--skip", "*")
    copier.copier("recopy", *arguments, cwd=service)
    expect((service / "pyproject.toml").exists(), "nothing is restored")


def checks_for_updates(copier: Copier) -> None:
    service = copier.service("checked")
    printed = copier.copier("check-update", "--output-format", "json", cwd=service)
    expect(f'"latest_version": "{copier.new}"' in printed, "the newest release is not named")


OPERATIONS: dict[str, Callable[[Copier], None]] = {
    "`copy --defaults`": copies_by_default,
    "`make new`": makes_new,
    "`copy -d environments=[…]`": copies_a_list,
    "`copy --data-file`": copies_a_data_file,
    "`update --defaults`": updates,
    "`recopy --vcs-ref=:current:`": recopies,
    "`check-update`": checks_for_updates,
}


def versions() -> list[str]:
    """Return the newest patch of every minor release that can be installed, oldest first."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", "copier"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: dict[tuple[int, int], tuple[int, int, int]] = {}
    for text in re.findall(r"\b(\d+\.\d+\.\d+)\b(?=[,\n])", listed.partition("versions:")[2]):
        major, minor, patch = map(int, text.split("."))
        if (major, minor) >= OLDEST:
            found[major, minor] = max(found.get((major, minor), (0, 0, 0)), (major, minor, patch))
    return [".".join(map(str, version)) for _, version in sorted(found.items())]


def row(version: str, releases: Releases) -> list[str]:
    """Return what one release of Copier does, as a row of the table."""
    cells = [version]
    with TemporaryDirectory() as name:
        copier = Copier(version, Path(name), releases)
        for operation in OPERATIONS.values():
            try:
                operation(copier)
                cells.append("yes")
            except RuntimeError as error:
                print(f"{version}, {operation.__name__}: {error}", file=sys.stderr)
                cells.append("no")
    return cells


def rows_of(chosen: list[str]) -> list[list[str]]:
    """Return the rows of the table."""
    with TemporaryDirectory() as name:
        releases = clone_with_releases(Path(name) / "template")
        return [row(version, releases) for version in chosen]


def table(rows: list[list[str]]) -> str:
    """Return the table in Markdown."""
    head = ["Copier", *OPERATIONS]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def floors() -> tuple[str, str]:
    """Return the oldest version for people, and the oldest for `.template/update.py`."""
    floor = re.findall('^_min_copier_version: "(.+)"', QUESTIONS.read_text(), re.MULTILINE)[0]
    return floor, re.findall(r"copier>=([\d.]+)", UPDATE_PY.read_text())[0]


def declared() -> dict[str, list[str]]:
    """Return the declared versions and the newest, each with the operations it has to do."""
    floor, updating = floors()
    everything = [*OPERATIONS]
    return {floor: everything[:-1], updating: everything, versions()[-1]: everything}


def broken_promises(rows: list[list[str]], promised: dict[str, list[str]]) -> str:
    """Return a line for each operation that a version has to do and does not."""
    return "\n".join(
        f"Copier {version} fails: {name}"
        for version, *cells in rows
        for name, cell in zip(OPERATIONS, cells, strict=True)
        if cell == "no" and name in promised[version]
    )


def main() -> None:
    """Print the table; write it into the document if it is the whole one."""
    chosen = sys.argv[1:]
    promised = declared() if chosen == ["--declared"] else {}
    rows = rows_of([*promised] or chosen or versions())
    made = table(rows)
    print(made)
    if promised:
        raise SystemExit(broken_promises(rows, promised) or None)
    if not chosen:
        text = DOCUMENT.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        DOCUMENT.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
