"""Copier without two things that it does again for every file, and that change nothing it writes.

Importing this module makes the Copier of the process quick; as a program it is a quick `copier`.
A test compares what both update. Tests of the command itself run `copier`.
"""

from typing import Any

from copier._cli import CopierApp
from copier._main import Worker
from jinja2 import Environment


def compile_each_text_once() -> None:
    """Keep what Jinja compiles: templates, and parts of paths. An update renders them thrice."""
    compile_text = Environment.compile
    compiled: dict[tuple[Any, ...], Any] = {}

    def compile_once(
        self: Environment, source: Any, name: str | None = None, *rest: Any, **options: Any
    ) -> Any:
        key = self.lexer, source, name
        if key in compiled:
            # Copier's extension forgets the `yield` of the text before.
            self.preprocess(source, name)
        else:
            compiled[key] = compile_text(self, source, name, *rest, **options)
        return compiled[key]

    Environment.compile = compile_once  # type: ignore[method-assign]


compile_each_text_once()
# Asks git, for every file that is written, whether the modes of files count: they do here.
Worker._sync_git_index_executable_bit = lambda *_: None  # type: ignore[method-assign]

if __name__ == "__main__":
    CopierApp.run()
