"""`make new`: `copier copy` that prints a message for a refused answer, not a traceback.

    python hooks/new.py DEST [ANSWERS]

Asks the questions, or takes the answers from the YAML file ANSWERS and the defaults for the rest.
Exit status: 0 rendered, 1 refused or interrupted, 2 wrong arguments or a wrong answers file.
"""

import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from copier import run_copy
from copier.errors import CopierError

TEMPLATE = Path(__file__).resolve().parents[1]
USAGE = "make new DEST=../orders-api [ANSWERS=examples/spa-cookies.yml]"


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


def main(dest: str = "", answers: str = "") -> int:
    """Render the template and return the exit status."""
    try:
        run_copy(
            str(TEMPLATE),
            destination(dest),
            data=answers_in(answers) if answers else None,
            defaults=bool(answers),
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
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:3]))
