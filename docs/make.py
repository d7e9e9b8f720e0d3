"""Write what is made from code, and format the managed files: `make docs`. Tests compare them."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

from service.cors.tool.development_rules import ALL_RULES  # noqa: E402
from service.cors.tool.explain_message import known_as_markdown  # noqa: E402
from service.cors.tool.show import rules_as_markdown  # noqa: E402

TEMPLATE = ROOT / "template"
CODE = TEMPLATE / "src" / "{{ package_name }}" / "cors"
SUITE = TEMPLATE / "tests" / "cors"
# What no formatter of an owner's rewrites: an update would conflict with every line of it.
MARK = "# fmt: off\n"


def rendered_name(path: Path) -> str:
    """Return the path of a file of the template in a service, with * for the package's name."""
    name = path.relative_to(TEMPLATE).as_posix().replace("{{ package_name }}", "*")
    return re.sub(r"{%.*?%}", "", name).removesuffix(".jinja")


def managed_files() -> list[Path]:
    """Return the files that an update replaces."""
    paths = (path for folder in (CODE, SUITE) for path in folder.rglob("*"))
    return sorted(path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def write_release_and_names() -> None:
    """Write the release into the code and its suite, and the managed files into the latter."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = sorted(map(rendered_name, managed_files()))
    managed = "\n".join(f'    "{name}",' for name in names)
    for path in (CODE / "__init__.py", SUITE / "__init__.py"):
        text = path.read_text(encoding="utf-8")
        text = re.sub("(?m)^RELEASE = .*$", f'RELEASE = "{project["version"]}"', text)
        text = re.sub(r"(?s)(?<=\nMANAGED = \(\n).*?(?=\n\)\n)", managed, text)
        path.write_text(text, encoding="utf-8")


def formatted(path: Path) -> str:
    """Return a managed Python file as ruff formats it, with the mark that keeps others away."""
    ruff = ["ruff", "format", "--quiet", "--stdin-filename", rendered_name(path), "-"]
    text = path.read_text(encoding="utf-8").removeprefix(MARK)
    done = subprocess.run(ruff, input=text, cwd=ROOT, check=True, capture_output=True, text=True)
    return MARK + done.stdout


def main() -> None:
    """Write what the commands print as documents; list, mark and format the managed files."""
    with (ROOT / "docs" / "rules.md").open("w", encoding="utf-8") as file:
        rules_as_markdown(ALL_RULES, Console(file=file, width=10_000, color_system=None))
    with (ROOT / "docs" / "troubleshooting.md").open("w", encoding="utf-8") as file:
        known_as_markdown(Console(file=file, width=10_000, color_system=None))
    write_release_and_names()
    for path in managed_files():
        if rendered_name(path).endswith(".py"):
            path.write_text(formatted(path), encoding="utf-8")


if __name__ == "__main__":
    main()
