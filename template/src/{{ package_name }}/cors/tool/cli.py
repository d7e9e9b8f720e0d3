# fmt: off
"""The commands of a development environment, with `check` among them."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from ..cli import examine
from ..findings import errors_among
from ..refusals import logger as refusals_log
from ..settings import log as settings_log
from ..sources import environments
from . import show as printing
from .development_rules import ALL_RULES, said_once
from .development_rules import check as check_environment
from .explain import explain_question
from .explain_message import explain_message, known_as_markdown
from .explain_question import QuestionError, Typed, read_question
from .probe import run_probe
from .show import terminal

app = typer.Typer(
    help="Check, show and explain which sites may call this service from a browser.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def begin() -> None:
    # What a start logs, and what the policy refuses the commands' own questions, is in the answers.
    settings_log.disabled = refusals_log.disabled = True


EnvironmentName = Annotated[
    str | None,
    typer.Option(
        "--environment",
        "-e",
        help="The NAME of a .env.NAME file. Default: the variable ENVIRONMENT.",
        metavar="NAME",
    ),
]


class CheckFormat(StrEnum):
    """How `cors check` prints its findings."""

    text = "text"
    json = "json"
    github = "github"


class ProbeFormat(StrEnum):
    """How `cors probe` prints its findings."""

    text = "text"
    json = "json"


class TableFormat(StrEnum):
    """How `cors show` and `cors rules` print their tables."""

    text = "text"
    markdown = "markdown"
    json = "json"


CheckOutput = Annotated[CheckFormat, typer.Option("--format", help="How to print.")]
ProbeOutput = Annotated[ProbeFormat, typer.Option("--format", help="How to print.")]
TableOutput = Annotated[TableFormat, typer.Option("--format", help="How to print.")]


@app.command()
def check(
    environment: EnvironmentName = None,
    every: Annotated[bool, typer.Option("--all", help="Check every environment.")] = False,
    output: CheckOutput = CheckFormat.text,
    with_app: Annotated[
        bool,
        typer.Option("--app/--no-app", help="Also check routes, cookies and middleware."),
    ] = True,
) -> None:
    """Check the policy of an environment against the rules.

    Exit status: 0 no errors, 1 errors, 2 wrong use.
    """
    if every and environment:
        raise typer.BadParameter("give one of the two", param_hint="--all and --environment")
    names: list[str | None] = [*environments()] if every else [environment]
    if not names:
        raise typer.BadParameter(
            "there is no .env.NAME file in the working directory", param_hint="--all"
        )
    examined = [*said_once(check_environment(name, with_app=with_app) for name in names)]
    printing.print_findings(examined, output)
    raise typer.Exit(int(any(errors_among(each.findings) for each in examined)))


@app.command()
def show(environment: EnvironmentName = None, output: TableOutput = TableFormat.text) -> None:
    """Show the policies of all environments side by side."""
    names: list[str | None] = [environment] if environment else [*environments()]
    examined = [examine(name) for name in names or [None]]
    if output is TableFormat.json:
        printing.policies_as_json(examined, terminal())
    else:
        markdown = output is TableFormat.markdown
        printing.policies_as_table(examined, terminal(), markdown=markdown)
    raise typer.Exit(1 if any(each.policy is None for each in examined) else 0)


@app.command()
def lab(
    environment: EnvironmentName = None,
    port: Annotated[
        int,
        typer.Option(help="The port of the service; 0: a free one.", min=0, max=65535),
    ] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the table in your browser.")
    ] = True,
) -> None:
    """Compare the policy with what your own browser does."""
    # Imported here: it brings a web server, which no other command needs.
    from .lab import run_lab

    raise typer.Exit(run_lab(environment, port, open_browser=open_browser))


@app.command()
def explain(
    origin: Annotated[
        str | None,
        typer.Argument(help="The origin of the page, or its URL: https://app.acme.com."),
    ] = None,
    method: Annotated[str | None, typer.Argument(help="Default: GET.")] = None,
    path: Annotated[
        str | None, typer.Argument(help="The path, or the whole URL that the page calls.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header", "-H", help="A request header: NAME or 'NAME: value'.", metavar="NAME"
        ),
    ] = None,
    credentials: Annotated[
        bool, typer.Option("--credentials", help="Send cookies: credentials: 'include'.")
    ] = False,
    environment: EnvironmentName = None,
    message: Annotated[
        str | None,
        typer.Option(
            "--message",
            "-m",
            help="A message from the browser's console; - reads it from a pipe.",
            metavar="TEXT",
        ),
    ] = None,
    known: Annotated[
        bool, typer.Option("--known", help="Print every known message, as Markdown.")
    ] = False,
) -> None:
    """Explain what a browser does with a request, or what a message from its console means.

    Exit status: 0 the policy allows it, 1 it does not, 2 wrong use.
    """
    console = terminal()
    if known:
        known_as_markdown(console)
        return
    if origin is not None and message is None and (origin == "-" or " " in origin.strip()):
        # A message that was given without --message.
        origin, message = None, origin
    if message == "-" or (origin is None and message is None and not sys.stdin.isatty()):
        message = sys.stdin.read()
    if not (origin if message is None else message.strip()):
        problem = "" if message is None else "the message is empty: "
        raise typer.BadParameter(
            f"{problem}say which page calls what, as in cors explain https://app.acme.com PUT "
            "/items; or paste what the browser's console says, as in cors explain --message '…'"
        )
    typed = Typed(origin, method, path, tuple(header or ()), credentials)
    try:
        if message is None:
            status = explain_question(read_question(typed), environment, console)
        else:
            status = explain_message(message, typed, environment, console)
    except QuestionError as error:
        raise typer.BadParameter(str(error)) from None
    raise typer.Exit(status)


@app.command()
def rules(
    rule: Annotated[str | None, typer.Argument(help="The id of a rule, such as CORS014.")] = None,
    output: TableOutput = TableFormat.text,
) -> None:
    """Print all rules, or one with its reason and examples."""
    chosen = [each for each in ALL_RULES if rule is None or each.id == rule.upper()]
    if not chosen:
        first, last = ALL_RULES[0].id, ALL_RULES[-1].id
        raise typer.BadParameter(
            f"there is no {rule}; the rules go from {first} to {last}", param_hint="RULE"
        )
    if output is TableFormat.json:
        printing.rules_as_json(chosen, terminal())
    elif output is TableFormat.markdown:
        printing.rules_as_markdown(chosen, terminal())
    elif rule is None:
        printing.rules_as_table(chosen, terminal())
    else:
        printing.rule_as_text(chosen[0], terminal())


@app.command()
def probe(
    url: Annotated[str, typer.Argument(help="Where it is deployed, as in https://api.acme.com.")],
    environment: EnvironmentName = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            help="A path to ask about; up to 3 times. Default: two of the app's own routes.",
            metavar="PATH",
        ),
    ] = None,
    output: ProbeOutput = ProbeFormat.text,
    timeout: Annotated[
        float, typer.Option(help="For each request.", min=0.1, max=600, metavar="SECONDS")
    ] = 10,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept any certificate, also self-signed ones.")
    ] = False,
) -> None:
    """Check that a deployed service keeps the policy of an environment.

    Sends at most 40 requests, GET and OPTIONS only. Exit status: 0 it keeps the policy, 1 it does
    not, 2 wrong use or no response.
    """
    status = run_probe(
        url,
        environment,
        path or (),
        timeout=timeout,
        insecure=insecure,
        as_json=output is ProbeFormat.json,
        console=terminal(),
    )
    raise typer.Exit(status)
