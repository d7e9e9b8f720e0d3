"""A terminal of 80 columns and 24 rows shows each question whole, and each refusal's fix.

`copier copy` runs on a pseudo-terminal, answered as a person types. All in one session, because
each costs a whole copy.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte

from .project import BIN, TEMPLATE, clean_environment
from .prompts import MOVING_IN, QUESTIONS

COLUMNS, ROWS = 80, 24
# Long enough for the slowest machine. A good run never waits for it.
PATIENCE = 120.0
CLEAR = "\x15"
ENTER = "\r"
DOWN = "\x1b[B"

# By question: wrong answers, each with the fix that has to be visible; then the keys to go on.
SESSION: dict[str, tuple[dict[str, str], str]] = {
    "project_name": (
        {'The "best"': "write The best", "": "write Orders API"},
        f"{CLEAR}Test{ENTER}",
    ),
    "package_name": (
        {"Orders-API": "write orders_api", "json": "write json_api"},
        f"{CLEAR}orders{ENTER}",
    ),
    # `a` selects all environments, so that each has its question.
    "environments": ({}, f"a{ENTER}"),
    # The third choice: cookies.
    "credentials": ({}, DOWN + DOWN + ENTER),
    "development_origins": (
        {
            "localhost:5173": "write http://localhost:5173",
            "http://localhost:5173/": "write http://localhost:5173",
            "*": "list the sites one by one",
        },
        CLEAR + "http://localhost:5173" + ENTER,
    ),
    "preview_origins": (
        {
            "https://Preview.acme.com": "lower case only",
            "https://$HOST": "no $, spell the value out",
        },
        CLEAR + "https://*.preview.acme.com" + ENTER,
    ),
    "staging_origins": (
        {
            '"https://staging.acme.com"': "no quotes, no brackets",
            "http://test.acme.com": "write https://test.acme.com",
        },
        CLEAR + ENTER,
    ),
    "production_origins": (
        {
            "app.acme.com": "write https://app.acme.com",
            "https://app.acme.com/": "write https://app.acme.com",
            "https://app.acme.com/login": "write https://app.acme.com",
            "https://App.acme.com": "write https://app.acme.com",
            "https://app.acme.com:443": "write https://app.acme.com",
            "http://app.acme.com": "write https://app.acme.com",
            "http://localhost:3000": "remove http://localhost:3000",
            "https://a.acme.com https://b.acme.com": "put commas between origins",
            "https://a-name-too-long.retail.acme.com/": "no slash at the end",
            "['https://app.acme.com']": "no brackets, only a,b",
        },
        CLEAR + "https://app.acme.com" + ENTER,
    ),
    "allow_methods": (
        {"get,post": "write GET", "GET POST": "write GET,POST"},
        f"{CLEAR}GET,POST{ENTER}",
    ),
    "request_headers": (
        {"Content-Type: application/json": "write Content-Type", "Cookie": "remove Cookie"},
        f"{CLEAR}Content-Type{ENTER}",
    ),
    "exposed_headers": (
        {"Set-Cookie": "remove Set-Cookie", "*": "list the headers"},
        CLEAR + ENTER,
    ),
    "preflight_max_age": (
        {"1h": "only seconds, such as 7200", "100000": "write 86400"},
        f"{CLEAR}600{ENTER}",
    ),
    "public_paths": (
        {"public": "write /public", "/public/*": "write /public", "/files;v=1": "write /files"},
        CLEAR + ENTER,
    ),
    "guard_exempt_paths": (
        {"auth/callback": "write /auth/callback", "/auth/*": "one exact path, such as"},
        CLEAR + ENTER,
    ),
    "browser_tests": ({}, "n"),
    "forge": ({}, ENTER),
}


class Terminal(pyte.Screen):
    """The screen of a program that runs on a pseudo-terminal."""

    def __init__(self, *command: str, folder: Path) -> None:
        super().__init__(COLUMNS, ROWS)
        self.stream = pyte.Stream(self)
        self.program = pexpect.spawn(
            command[0],
            [*command[1:]],
            cwd=str(folder),
            dimensions=(ROWS, COLUMNS),
            encoding="utf-8",
            env=clean_environment(TERM="xterm-256color", COLUMNS=str(COLUMNS)),
        )

    def write_process_input(self, data: str) -> None:
        """Answer where the cursor is, which the prompts ask."""
        self.program.send(data)

    def wait(self, seen: Callable[[str], bool]) -> bool:
        """Read what the program prints until the screen is as wanted; return whether it was."""
        while not seen(self.text):
            try:
                self.stream.feed(self.program.read_nonblocking(65536, timeout=PATIENCE))
            except (pexpect.TIMEOUT, pexpect.EOF):
                return seen(self.text)
        return True

    @property
    def text(self) -> str:
        """What is on the screen, each row with a line end."""
        return "".join(f"{row.rstrip()}\n" for row in self.display)


def lines_of(question: str) -> list[str]:
    """Return the lines that a question has to show: its help and its choices."""
    return [*QUESTIONS[question]["help"].splitlines(), *QUESTIONS[question].get("choices", ())]


def asks(question: str) -> Callable[[str], bool]:
    """Return a check that a screen shows each line of a question, to its end."""
    lines = lines_of(question)
    return lambda text: all(f"{line}\n" in text for line in lines)


def refuses(question: str, wrong: str, fix: str) -> Callable[[str], bool]:
    """Return a check that a screen shows a wrong answer and its refusal, to the end of the fix."""
    answer = f" {wrong}".rstrip() + "\n"
    refusal = f"\nValidation error for question '{question}': {fix}"
    return lambda text: answer in text and refusal in text


def test_questions_and_fixes_are_visible_on_a_small_terminal(tmp_path: Path) -> None:
    assert list(SESSION) == [name for name in QUESTIONS if name not in MOVING_IN]
    copy = (str(BIN / "copier"), "copy", "--vcs-ref=HEAD", str(TEMPLATE), "orders")
    terminal = Terminal(*copy, folder=tmp_path)
    for question, (wrong_answers, keys) in SESSION.items():
        assert terminal.wait(asks(question)), f"{question} is not whole:\n{terminal.text}"
        for wrong, fix in wrong_answers.items():
            terminal.program.send(CLEAR + wrong + ENTER)
            seen = terminal.wait(refuses(question, wrong, fix))
            assert seen, f"{wrong} without {fix!r}:\n{terminal.text}"
        terminal.program.send(keys)
    assert terminal.wait(lambda text: "http://localhost:8000" in text), terminal.text
    assert "uv run cors check --all" in terminal.text
    terminal.program.expect(pexpect.EOF)
    terminal.program.close()
    assert terminal.program.exitstatus == os.EX_OK
    assert "CORS_MAX_AGE=600\n" in (tmp_path / "orders" / ".env.production").read_text()


def test_no_question_has_a_placeholder_or_a_long_line() -> None:
    """A placeholder stays on the screen after Enter, as if it were the answer."""
    for question, details in QUESTIONS.items():
        assert "placeholder" not in details, question
        assert max(map(len, lines_of(question))) <= 76, question
