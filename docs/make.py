"""Write the documents that are made from code: `make docs`. A test compares them."""

import sys
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

from service.cors.explain.report import known_as_markdown  # noqa: E402
from service.cors.report import rules_as_markdown  # noqa: E402
from service.cors.rules import RULES  # noqa: E402


def main() -> None:
    """Write what `cors rules --format markdown` and `cors explain --known` print."""
    with (ROOT / "docs" / "rules.md").open("w", encoding="utf-8") as file:
        rules_as_markdown(RULES, Console(file=file, width=10_000, color_system=None))
    with (ROOT / "docs" / "troubleshooting.md").open("w", encoding="utf-8") as file:
        known_as_markdown(Console(file=file, width=10_000, color_system=None))


if __name__ == "__main__":
    main()
