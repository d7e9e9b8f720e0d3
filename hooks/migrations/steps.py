"""What migrations share, and how one is written.

An update merges what the template rendered. A migration is for what no merge can reach, above all
the dotenv files that people have added themselves: a variable that a release adds never gets into
`.env.qa`. No release has needed one yet. One that does adds a script beside this file, named after
itself, and two lines to copier.yml:

    # hooks/migrations/v1_2_0.py
    '''1.2.0 reads CORS_EXAMPLE; false is how it was before.'''

    from pathlib import Path

    from steps import add_to_dotenv_files, main

    if __name__ == "__main__":
        main(add_to_dotenv_files(Path.cwd(), "CORS_EXAMPLE", "false", "What it is for."))

    # copier.yml
    _migrations:
      - version: 1.2.0
        command: ["{{ _copier_python }}", "{{ _copier_conf.src_path }}/hooks/migrations/v1_2_0.py"]
        when: "{{ _stage == 'after' }}"

Copier then runs it, in the service's folder, in each update that comes from below 1.2.0, and only
those ask for `--trust`. So: as few as possible, and never a second script for the same release.

A script is plain Python 3.11 and imports nothing but the standard library and this file. Run twice
it changes nothing the second time. It says every change, and changes no value that somebody has
set. Where it would have to guess it refuses, before it has written anything.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Above this line of a rendered dotenv file stand the template's variables, below it one's own.
OWN_BEGIN = "# ----"
MARKERS = ("<<<<<<< ", ">>>>>>> ")


class RefusalError(Exception):
    """The project is not as the migration expects it; the text says what to do."""


@dataclass(frozen=True)
class Change:
    """A file's new text, and the sentence that says what is new in it."""

    file: Path
    text: str
    sentence: str


def dotenv_files(project: Path) -> list[Path]:
    """Return the dotenv files of all environments, but no .local ones: those are nobody else's."""
    found = (path for path in project.glob(".env.*") if path.is_file())
    return sorted(path for path in found if path.name.count(".") == 2 and path.suffix != ".example")


def read(file: Path) -> str:
    """Return a file's text with its own line ends. Raises RefusalError where it is unsettled."""
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError:
        raise RefusalError(f"{file.name} is not UTF-8 text: save it as such.") from None
    if any(line.startswith(MARKERS) for line in text.splitlines()):
        raise RefusalError(f"{file.name} holds merge markers: keep the lines you want.")
    return text


def names(text: str) -> set[str]:
    """Return the variables that a dotenv file sets."""
    lines = (line.strip().removeprefix("export ") for line in text.splitlines())
    return {
        line.partition("=")[0].strip().upper()
        for line in lines
        if "=" in line and not line.startswith("#")
    }


def add_to_dotenv_files(project: Path, name: str, value: str, comment: str) -> Iterator[Change]:
    """Add a variable to every dotenv file that does not set it, above what is one's own."""
    for file in dotenv_files(project):
        text = read(file)
        if name in names(text):
            continue
        end = "\r\n" if "\r\n" in text else "\n"
        if text and not text.endswith("\n"):
            text += end
        head, begin, tail = text.partition(OWN_BEGIN)
        added = f"# {comment}{end}{name}={value}{end}"
        yield Change(file, head + added + begin + tail, f"{file.name}: added {name}={value}")


def main(changes: Iterable[Change]) -> None:
    """Make the changes and say each; or say why not, make none of them and exit with status 1."""
    try:
        planned = list(changes)
    except RefusalError as refusal:
        print(f"Nothing was migrated. {refusal}", file=sys.stderr)
        print("Then discard this update with `git reset --hard`, and repeat it.", file=sys.stderr)
        raise SystemExit(1) from None
    for change in planned:
        change.file.write_bytes(change.text.encode())
        print(change.sentence)
