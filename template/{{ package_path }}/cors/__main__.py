# fmt: off
"""`python -m <package>.cors`: the `cors` command where no script is installed."""

from .cli import app

app(prog_name="cors")
