"""Write the files that are made from code: `make docs`. Tests compare them."""

import sys
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

from service.cors.tool.development_rules import ALL_RULES  # noqa: E402
from service.cors.tool.explain_message import known_as_markdown  # noqa: E402
from service.cors.tool.show import rules_as_markdown  # noqa: E402

TEMPLATE = ROOT / "template"
MANAGED = (TEMPLATE / "src" / "{{ package_name }}" / "cors", TEMPLATE / "tests" / "cors")


def managed_files() -> str:
    """Return the managed files, a line for each, with * for the package's name."""
    files = (
        path.relative_to(TEMPLATE).as_posix().replace("{{ package_name }}", "*")
        for folder in MANAGED
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    return "".join(f"{name}\n" for name in sorted(files))


def main() -> None:
    """Write what the commands print as documents, and the list of managed files."""
    with (ROOT / "docs" / "rules.md").open("w", encoding="utf-8") as file:
        rules_as_markdown(ALL_RULES, Console(file=file, width=10_000, color_system=None))
    with (ROOT / "docs" / "troubleshooting.md").open("w", encoding="utf-8") as file:
        known_as_markdown(Console(file=file, width=10_000, color_system=None))
    (TEMPLATE / "tests" / "cors" / "managed.txt").write_text(managed_files())


if __name__ == "__main__":
    main()
