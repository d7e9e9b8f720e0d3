"""Tables in Markdown. What is in their cells comes from services and cannot change the table."""

import re
from collections.abc import Iterable, Sequence


def plain(text: str) -> str:
    """Return text as Markdown shows it: no markup, no line breaks, no control characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"([\\\\`*_\[\]<>|])", r"\\\1", printable)


def code(text: str) -> str:
    """Return text as a code span that ends where the text does, also in a table."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"`{printable.replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; cells are Markdown, made by `plain` or `code`."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
