"""Edits by position change what they are about, and no other byte."""

import ast
from pathlib import Path

import pytest
from edits import CannotEditError, SourceFile, enforce, finish, remove_policy

POLICY = "CORSSettings.load().cors_policy()"
IMPORTS = "from shop.cors.app import CORSFastAPI\nfrom shop.cors.settings import CORSSettings\n"


def line_of(text: str, part: str) -> int:
    """Return the number of the line that holds a text."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def edited(folder: Path, text: str, how: str = "add_middleware") -> str:
    """Return the text after the policy has moved in and the old one has moved out."""
    path = folder / "main.py"
    path.write_bytes(text.encode())
    file = SourceFile(path)
    enforce(file, line_of(text, " FastAPI("), "shop", own=True)
    if "CORSMiddleware" in text:
        remove_policy(file, line_of(text, f"{how}("), how)
    return finish(file).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from fastapi import FastAPI\n\napp = FastAPI()\n",
            f"{IMPORTS}\napp = CORSFastAPI(cors={POLICY})\n",
        ),
        (
            "import fastapi\nfrom fastapi import APIRouter, FastAPI\n\n"
            "app = FastAPI(  # ours\n  title='x',\n)\nx: FastAPI = app\n",
            f"import fastapi\nfrom fastapi import APIRouter, FastAPI\n\n{IMPORTS}\n"
            f"app = CORSFastAPI(  # ours\n  cors={POLICY},\n  title='x',\n)\nx: FastAPI = app\n",
        ),
        (
            "from fastapi import (\n    APIRouter,\n    FastAPI,\n)\nfrom shop.b import b\n"
            "from shop.d import d\n\n"
            "app = FastAPI(title='a long title', version='1.2.3', debug=True)\n",
            "from fastapi import (\n    APIRouter,\n)\nfrom shop.b import b\n"
            f"{IMPORTS}from shop.d import d\n\napp = CORSFastAPI(\n"
            f"    cors={POLICY}, title='a long title', version='1.2.3', debug=True\n)\n",
        ),
        (
            "from fastapi import FastAPI\nfrom .b import b\n\nif b:\n    app = FastAPI()\n",
            "from .b import b\nfrom .cors.app import CORSFastAPI\nfrom .cors.settings import "
            f"CORSSettings\n\nif b:\n    app = CORSFastAPI(cors={POLICY})\n",
        ),
    ],
    ids=["bare", "lines", "long", "relative"],
)
def test_the_app_gets_the_policy(tmp_path: Path, before: str, after: str) -> None:
    assert edited(tmp_path, before) == after


HEAD = "from fastapi import FastAPI\nfrom x import CORSMiddleware\n"
APP = "app = FastAPI()\n"
NEW = f"{IMPORTS}app = CORSFastAPI(cors={POLICY})\n"
CALL = "app.add_middleware(CORSMiddleware, allow_origins=['*'])"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{CALL}\n", ""),
        (f"{CALL}  # open\nx = 1\n", "x = 1\n"),
        (f"x = 1\n\n{CALL}\n\ny = 2\n", "x = 1\n\ny = 2\n"),
        (f"x = 1\n\n\n{CALL}\n\n\ny = 2\n", "x = 1\n\n\ny = 2\n"),
        (f"x = 1\n\n{CALL}\n\n\ny = 2\n", "x = 1\n\n\ny = 2\n"),
        (f"x = 1\n\n\n{CALL}\n", "x = 1\n"),
        (f"if app.debug:\n    {CALL}\nx = 1\n", "x = 1\n"),
        (f"if a:\n    {CALL}\nelse:\n    x = 1\n", "if a:\n    pass\nelse:\n    x = 1\n"),
        (f"if a:\n    x = 1\nelif x:\n    {CALL}\n", "if a:\n    x = 1\nelif x:\n    pass\n"),
        (f"def f(app):\n    {CALL}\n", "def f(app):\n    pass\n"),
        (f"try:\n    x = 1\n    {CALL}\nfinally:\n    y\n", "try:\n    x = 1\nfinally:\n    y\n"),
    ],
)  # fmt: skip
def test_the_old_policy_goes_with_its_lines(tmp_path: Path, before: str, after: str) -> None:
    assert edited(tmp_path, HEAD + APP + before) == NEW + after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[Middleware(CORSMiddleware)]", "[]"),
        ("[A, Middleware(CORSMiddleware)]", "[A]"),
        ("[Middleware(CORSMiddleware), A]", "[A]"),
        ("[A, Middleware(CORSMiddleware), B]", "[A, B]"),
        ("[\n    A,\n    Middleware(CORSMiddleware),\n    B,\n]", "[\n    A,\n    B,\n]"),
        ("[\n    A,\n    Middleware(\n        CORSMiddleware,\n    ),\n]", "[\n    A,\n]"),
    ],
)
def test_the_old_policy_goes_out_of_a_list(tmp_path: Path, before: str, after: str) -> None:
    head = "from fastapi import FastAPI\nfrom x import A, B, CORSMiddleware, Middleware\n"
    text = f"{head}m = {before}\napp = FastAPI(middleware=m)\n"
    expected = f"from x import A, B\n\n{IMPORTS}m = {after}\n"
    expected += f"app = CORSFastAPI(cors={POLICY}, middleware=m)\n"
    assert edited(tmp_path, text, "Middleware") == expected


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_marks_and_other_scripts_stay(tmp_path: Path, mark: str) -> None:
    app = "x = 'ö'; app = "
    before = f"{mark}from fastapi import FastAPI\r\n\r\n{app}FastAPI(title='ö')\r\n"
    after = edited(tmp_path, before)
    assert after.count("\r\n") == after.count("\n")
    assert after.endswith(f"{app}CORSFastAPI(cors={POLICY}, title='ö')\r\n")
    assert after.startswith(mark)
    ast.parse(after.removeprefix(mark))


@pytest.mark.parametrize("text", [f"{HEAD}{APP}x = 1; {CALL}\n", f"{HEAD}{APP}{CALL}; x = 1\n"])
def test_what_shares_its_line_is_left_to_a_person(tmp_path: Path, text: str) -> None:
    with pytest.raises(CannotEditError, match="another statement is on its line 4"):
        edited(tmp_path, text)
    assert (tmp_path / "main.py").read_text() == text
