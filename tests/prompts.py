"""What the prompts refuse, asked as Copier asks it."""

from typing import Any

import yaml
from copier._jinja_ext import SandboxedEnvironment
from jinja2 import FileSystemLoader

from .project import TEMPLATE

QUESTIONS: dict[str, dict[str, Any]] = {
    name: question
    for name, question in yaml.safe_load((TEMPLATE / "copier.yml").read_text()).items()
    if not name.startswith("_") and question.get("when") is not False
}

# Only `--data adopt=true` makes Copier ask these.
MOVING_IN = ("adopt", "package_path")

# As `Worker.jinja_env` makes it.
JINJA = SandboxedEnvironment(
    loader=FileSystemLoader(TEMPLATE),
    extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
    keep_trailing_newline=True,
)
VALIDATORS = {
    name: JINJA.from_string(question["validator"])
    for name, question in QUESTIONS.items()
    if "validator" in question
}
EVERYWHERE = ("preview", "staging", "production")


def refusal(
    question: str,
    answer: object,
    environments: tuple[str, ...] = EVERYWHERE,
    credentials: str = "none",
) -> str:
    """Return what the prompt says against an answer; nothing if it accepts the answer."""
    context = {question: answer, "environments": [*environments], "credentials": credentials}
    return VALIDATORS[question].render(context).strip()
