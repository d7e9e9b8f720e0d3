"""Edits by position: they change the bytes that they are about, and no other byte of a file."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from expressions import parse

LINE_LENGTH = 88
CORS_NAMES = frozenset({"CORSMiddleware"})


class CannotEditError(Exception):
    """The code is made in a way that no edit is known for. The text says what is in the way."""


@dataclass
class SourceFile:
    """A Python file, and the replacements that are to be made in it."""

    path: Path
    data: bytes = field(init=False)
    tree: ast.Module = field(init=False)
    replacements: list[tuple[int, int, bytes]] = field(default_factory=list)
    # What is taken out, for those who ask what is used no more.
    removed: list[ast.AST] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data = self.path.read_bytes()
        self.tree = parse(self.data.decode("utf-8-sig"))
        starts = [0]
        for line in self.data.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self._starts = starts
        self._mark = 3 if self.data.startswith(b"\xef\xbb\xbf") else 0

    @property
    def newline(self) -> bytes:
        """The line ending of the file."""
        return b"\r\n" if b"\r\n" in self.data else b"\n"

    def offset(self, line: int, column: int) -> int:
        """Return the position of a line, counted from 1, and a column of UTF-8 bytes."""
        return self._starts[line - 1] + column + (self._mark if line == 1 else 0)

    def span(self, node: ast.stmt | ast.expr | ast.alias) -> tuple[int, int]:
        """Return where a node begins and ends."""
        end = self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return self.offset(node.lineno, node.col_offset), end

    def text_of(self, node: ast.stmt | ast.expr) -> bytes:
        """Return the bytes of a node."""
        return self.data[slice(*self.span(node))]

    def line_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the whole lines around a span."""
        first = self.data.rfind(b"\n", 0, start) + 1
        last = self.data.find(b"\n", end)
        first = max(first, self._mark)
        return first, len(self.data) if last < 0 else last + 1

    def indent(self, position: int) -> bytes:
        """Return the white space at the beginning of the line of a position."""
        first = self.data.rfind(b"\n", 0, position) + 1
        found = re.match(rb"[ \t]*", self.data[first:])
        return found[0] if found else b""

    def replace(self, start: int, end: int, text: bytes) -> None:
        """Note a replacement."""
        self.replacements.append((start, end, text))

    def result(self) -> bytes:
        """Return the file with all replacements made."""
        data = self.data
        for start, end, text in sorted(self.replacements, reverse=True):
            data = data[:start] + text + data[end:]
        # Where the imports at the top are gone, no blank line is left in their place.
        mark, first = data[: self._mark], self.data[self._mark :][:2].strip()
        return mark + (data[self._mark :].lstrip(b"\r\n") if first else data[self._mark :])

    def checked(self) -> bytes:
        """Return the result. Raises CannotEditError if it were not Python."""
        result = self.result()
        try:
            parse(result.decode("utf-8-sig"))
        except SyntaxError as error:
            raise CannotEditError(f"the edited file would not be Python: {error.msg}") from None
        return result

    # --- Removing -----------------------------------------------------------------------------

    def remove_statement(self, node: ast.stmt) -> None:
        """Remove a statement with its lines; where a block would be empty, leave `pass`.

        An `if` without an `else` that holds nothing else goes with it.
        """
        body, owner = self.block_of(node)
        is_whole_if = isinstance(owner, ast.If) and body is owner.body and not owner.orelse
        # An `elif` is an `if` in the else of another, and keeps its place.
        if len(body) == 1 and is_whole_if and self.text_of(owner).startswith(b"if"):
            self.remove_statement(owner)
            return
        start, end = self.span(node)
        if len(body) == 1 and not isinstance(owner, ast.Module):
            self.replace(start, end, b"pass")
            return
        first, last = self.line_span(start, end)
        before, after = self.data[first:start], self.data[end:last]
        if before.strip() or not re.fullmatch(rb"[ \t]*(#[^\n]*)?\r?\n?", after):
            raise CannotEditError(f"another statement is on its line {node.lineno}")
        # Of the blank lines above and below, as many are left over as there are on one side.
        above = re.search(rb"(?:(?<=\n)[ \t]*\r?\n)*\Z", self.data[:first])
        below = re.match(rb"(?:[ \t]*\r?\n)*", self.data[last:])
        lines = above[0].splitlines(keepends=True) if above else []
        count = below[0].count(b"\n") if below and last < len(self.data) else len(lines)
        first -= len(b"".join(lines[:count]))
        self.replace(first, last, b"")

    def block_of(self, node: ast.stmt) -> tuple[list[ast.stmt], Any]:
        """Return the block that a statement is in, and what the block belongs to."""
        for owner in ast.walk(self.tree):
            for name in ("body", "orelse", "finalbody"):
                body = getattr(owner, name, None)
                if isinstance(body, list) and any(each is node for each in body):
                    return body, owner
        raise CannotEditError(f"line {node.lineno} is in no block")

    def remove_items(self, items: Sequence[ast.expr | ast.alias], indexes: Iterable[int]) -> None:
        """Remove items of a list with commas, and the lines that they have to themselves."""
        removed = sorted(indexes)
        while removed:
            run = [removed.pop(0)]
            while removed and removed[0] == run[-1] + 1:
                run.append(removed.pop(0))
            start, end = self.span(items[run[0]])[0], self.span(items[run[-1]])[1]
            comma = re.match(rb"\s*,", self.data[end:])
            if comma:
                end += comma.end()
            elif run[0]:
                start = self.span(items[run[0] - 1])[1]
            first, last = self.line_span(start, end)
            is_alone = not self.data[first:start].strip() and not self.data[end:last].strip()
            if is_alone and comma:
                start, end = first, last
            elif comma:
                blank = re.match(rb"[ \t]*(?=\S)", self.data[end:])
                end += blank.end() if blank else 0
            self.replace(start, end, b"")

    def remove_unused_imports(self, names: Iterable[str]) -> None:
        """Remove the imports of names that only `removed` nodes use."""
        gone = {id(inner) for node in self.removed for inner in ast.walk(node)}
        used = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and id(node) not in gone:
                used.add(node.id)
            # `__all__ = ["FastAPI"]`, and `"FastAPI"` as an annotation
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                used.add(node.value)
        unused = {*names} - used
        for statement in self.tree.body:
            if not isinstance(statement, ast.ImportFrom):
                continue
            found = [(each.asname or each.name) in unused for each in statement.names]
            if all(found):
                self.remove_statement(statement)
            else:
                indexes = (index for index, is_found in enumerate(found) if is_found)
                self.remove_items(statement.names, indexes)

    # --- Adding -------------------------------------------------------------------------------

    def add_imports(self, package: str, imports: Iterable[tuple[str, str]], *, own: bool) -> None:
        """Add `from module import name` for modules in a package, where their like stand.

        `own`: the file lies in that package's folder itself, so that relative imports may be used
        where the file has others.
        """
        statements = [
            each for each in self.tree.body if isinstance(each, ast.Import | ast.ImportFrom)
        ]
        is_relative = own and any(getattr(each, "level", 0) == 1 for each in statements)
        siblings = [each for each in statements if is_sibling(each, package, is_relative)]
        for module, name in imports:
            prefix = "." if is_relative else f"{package}."
            key, line = module_key(prefix + module), f"from {prefix}{module} import {name}".encode()
            later = [each for each in siblings if module_key(module_of(each)) > key]
            if later:
                position = self.line_span(*self.span(later[0]))[0]
                self.replace(position, position, line + self.newline)
            elif siblings or statements:
                position = self.line_span(*self.span((siblings or statements)[-1]))[1]
                is_first = all(at != position for at, _, _ in self.replacements)
                gap = self.newline if is_first and not siblings else b""
                self.replace(position, position, gap + line + self.newline)
            else:
                raise CannotEditError("it has no imports at its top")

    def add_argument(self, call: ast.Call, argument: bytes, function: bytes) -> None:
        """Call another function with one more argument, which comes first."""
        start, end = self.span(call)
        function_end = self.span(call.func)[1]
        opening = self.data.index(b"(", function_end)
        self.replace(start, function_end, function)
        given = self.data[opening + 1 : end - 1]
        inner = re.match(rb"[ \t]*(#[^\n]*)?\r?\n([ \t]*)", given)
        indent = self.indent(start)
        line_start = self.data.rfind(b"\n", 0, start) + 1
        width = opening - line_start + len(function) - (function_end - start)
        if not given.strip():
            self.replace(opening + 1, end - 1, argument)
        elif inner and b"\n" in inner[0]:
            at = opening + 1 + inner.end()
            self.replace(at, at, argument + b"," + self.newline + inner[2])
        elif width + len(argument) + len(given) + 4 <= LINE_LENGTH or b"\n" in given:
            self.replace(opening + 1, opening + 1, argument + b", ")
        else:
            step = self.newline + indent
            text = step + b"    " + argument + b", " + given.strip().removesuffix(b",") + step
            self.replace(opening + 1, end - 1, text)


def is_sibling(node: ast.Import | ast.ImportFrom, package: str, is_relative: bool) -> bool:
    """Whether an import is of the package that something is imported from."""
    if not isinstance(node, ast.ImportFrom):
        return False
    if is_relative:
        return node.level == 1
    return node.level == 0 and (node.module or "").partition(".")[0] == package


def module_of(node: ast.Import | ast.ImportFrom) -> str:
    """Return the module of an import as it is written."""
    return "." * getattr(node, "level", 0) + (getattr(node, "module", "") or "")


def module_key(module: str) -> tuple[str, ...]:
    """Return the key that isort and ruff sort modules by."""
    return tuple(module.lower().split("."))


# --- The policy of a service ------------------------------------------------------------------


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls in a tree."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def call_at(file: SourceFile, line: int, name: str) -> ast.Call:
    """Return the call of a name in a line."""
    for call in calls(file.tree):
        called = (
            call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        )
        if call.lineno == line and called == name:
            return call
    raise CannotEditError(f"line {line} does not call {name}")


def enforce(file: SourceFile, line: int, package: str, *, own: bool) -> None:
    """Make the FastAPI of a line a CORSFastAPI with the policy of the environment."""
    call = call_at(file, line, "FastAPI")
    if not isinstance(call.func, ast.Name):
        raise CannotEditError(f"line {line} calls {ast.unparse(call.func)}")
    file.add_argument(call, b"cors=CORSSettings.load().cors_policy()", b"CORSFastAPI")
    imports = [("cors.app", "CORSFastAPI"), ("cors.settings", "CORSSettings")]
    file.add_imports(package, imports, own=own)
    file.removed.append(call.func)


def remove_policy(file: SourceFile, line: int, how: str) -> None:
    """Remove a CORSMiddleware that `add_middleware(…)` or `Middleware(…)` adds."""
    call = call_at(file, line, how)
    file.removed.append(call)
    for node in ast.walk(file.tree):
        if how == "add_middleware" and isinstance(node, ast.Expr) and node.value is call:
            file.remove_statement(node)
            return
        if isinstance(node, ast.List) and call in node.elts:
            file.remove_items(node.elts, [node.elts.index(call)])
            return
    raise CannotEditError(f"line {line} adds it in an unusual way")


def finish(file: SourceFile) -> bytes:
    """Remove the imports that are used no more; return what the file is to hold."""
    file.remove_unused_imports(("FastAPI", "CORSMiddleware", "Middleware"))
    return file.checked()
