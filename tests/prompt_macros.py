"""The macros of hooks/validators.jinja as Copier's prompts see them."""

from pathlib import Path
from typing import Any

from copier._jinja_ext import SandboxedEnvironment
from jinja2 import FileSystemLoader

TEMPLATE = Path(__file__).parent.parent


def validators() -> Any:
    """All macros, compiled once, in an environment like the one of `Worker.jinja_env`."""
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATE),
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
        keep_trailing_newline=True,
    )
    return environment.get_template("hooks/validators.jinja").module
