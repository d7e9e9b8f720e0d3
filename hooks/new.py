"""`make new`: `copier copy` that prints a message for a refused answer, not a traceback.

    python hooks/new.py DEST [ANSWERS]

Asks the questions, or takes the answers from the YAML file ANSWERS and the defaults for the rest.
The service records the URL of the checkout's remote `origin`, so that updates work everywhere.
Exit status: 0 rendered, 1 refused or interrupted, 2 wrong arguments or a wrong answers file.
"""

import re
import subprocess
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from copier import run_copy
from copier.errors import CopierError

TEMPLATE = Path(__file__).resolve().parents[1]
USAGE = "make new DEST=../orders-api [ANSWERS=examples/spa-cookies.yml]"
# What a service is made from: a commit that changes none of it gives the same service.
RENDERED = ("copier.yml", "hooks", "template", "CHANGELOG.md")


class MisuseError(Exception):
    """The command line or the answers file is wrong. The text says what to write instead."""


def destination(text: str) -> Path:
    """Return where to render. Raises MisuseError unless that is a new or empty folder."""
    if not text:
        raise MisuseError(f"DEST is missing: write where to put the service. {USAGE}")
    path = Path(text).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise MisuseError(f"DEST={text} is a file: write the name of a new folder.")
    if (path / ".copier-answers.yml").exists():
        raise MisuseError(
            f"DEST={text} is already made from a template: run `copier update` in it."
        )
    if path.is_dir() and any(path.iterdir()):
        raise MisuseError(f"DEST={text} is not empty: write the name of a new folder.")
    return path


def answers_in(text: str) -> dict[str, Any]:
    """Return the answers in a YAML file. Raises MisuseError where one, or the file, is wrong."""
    file = Path(text).expanduser()
    try:
        answers = yaml.safe_load(file.read_text(encoding="utf-8-sig")) or {}
    except OSError as error:
        raise MisuseError(f"ANSWERS={text} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MisuseError(f"ANSWERS={text} is not YAML: {error}") from None
    if not isinstance(answers, dict):
        raise MisuseError(f"ANSWERS={text} holds no answers: write `question: answer` lines.")
    asked = {
        name: question
        for name, question in yaml.safe_load((TEMPLATE / "copier.yml").read_text()).items()
        if name[0] != "_" and question.get("when") is not False
    }
    for name, answer in answers.items():
        if not str(name).startswith("_"):
            check_answer(text, asked, str(name), answer)
    return answers


def check_answer(text: str, asked: dict[str, Any], name: str, answer: object) -> None:
    """Raise MisuseError for an answer to no question, or of another type than the question's."""
    if name not in asked:
        near = get_close_matches(name, asked, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"the questions are {', '.join(asked)}."
        raise MisuseError(f"ANSWERS={text} answers `{name}`, which is not a question: {hint}")
    if asked[name].get("multiselect"):
        if not isinstance(answer, list):
            raise MisuseError(f"ANSWERS={text}: `{name}` is a list: write [{answer or ''}].")
    elif answer is None:
        raise MisuseError(f"ANSWERS={text}: `{name}` has no answer: write '' for none.")
    elif isinstance(answer, list | dict):
        joined = ",".join(map(str, answer))
        raise MisuseError(f"ANSWERS={text}: `{name}` is text: write '{joined}'.")


# --- Where updates come from ------------------------------------------------------------------


def git(*arguments: str) -> str:
    """Run git in the checkout and return what it prints: nothing where it fails or is missing."""
    try:
        return subprocess.check_output(
            ["git", *arguments], cwd=TEMPLATE, stderr=subprocess.DEVNULL, text=True
        ).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def template_address() -> str:
    """Return the URL of the remote `origin`, as Copier reads it, or the path of the checkout.

    A user and password in the URL are left out, because all who read the service would read them.
    """
    url = re.sub(r"^(https?://)[^/@]*@", r"\1", git("remote", "get-url", "origin"))
    in_another_repository = git("rev-parse", "--show-prefix")
    if in_another_repository or not re.match(r"(?!file:)[\w.@+-]{2,}:", url):
        return str(TEMPLATE)
    # To Copier, other URLs are repositories only with this prefix.
    return url if url.endswith(".git") or url.startswith(("git@", "git://")) else f"git+{url}"


def release_commit() -> str | None:
    """Return the commit of the newest release where it renders what lies here, else None.

    In a checkout without tags, a commit after a release would later count as newer than the
    release, and Copier would refuse to update the service to it.
    """
    found = git("log", "-1", "--extended-regexp", "--grep=^Release [0-9.]+$", "--format=%H")
    if not found or git("tag") or git("status", "--porcelain"):
        return None
    return None if git("diff", "--name-only", found, "HEAD", "--", *RENDERED) else found


def warn_of_commits_nobody_has(address: str) -> None:
    """Say so where updates could not find what the service was made from.

    With tags it was made from the newest of them, which the checkout has from elsewhere.
    """
    if git("tag"):
        return
    pushed = ("for-each-ref", "--contains", "HEAD", "refs/remotes/origin")
    if git("status", "--porcelain"):
        print(
            "The template has uncommitted changes, which no update can find again: commit them "
            "and make the service anew before you work on it.",
            file=sys.stderr,
        )
    elif address != str(TEMPLATE) and not git(*pushed):
        print(
            f"{address} does not have this commit of the template: run `git push` here, or the "
            "service cannot be updated.",
            file=sys.stderr,
        )


def main(dest: str = "", answers: str = "") -> int:
    """Render the template and return the exit status."""
    address = template_address()
    try:
        run_copy(
            str(TEMPLATE),
            destination(dest),
            data=(answers_in(answers) if answers else {}) | {"template_address": address},
            defaults=bool(answers),
            vcs_ref=release_commit(),
        )
    except MisuseError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted: no service was made.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"DEST={dest} cannot be created: {error.strerror}.", file=sys.stderr)
        return 1
    except (CopierError, TypeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    warn_of_commits_nobody_has(address)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:3]))
