"""The `cors` command: check, show, explain, try and probe the policy of each environment."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from . import report
from .environments import Environment, examine, named
from .explain import command as explain_command
from .explain.question import QuestionError
from .probe import Probe, Promise, PromiseError, Target, TargetError, UnreachableError, Wire
from .probe import report as probe_report
from .rules import RULES, find_rule

app = typer.Typer(
    help="Check, show and explain which sites may call this service from a browser.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

EnvironmentName = Annotated[
    str | None,
    typer.Option(
        "--environment",
        "-e",
        help="Which environment: the NAME of a .env.NAME file. Default: the variable ENVIRONMENT.",
        metavar="NAME",
    ),
]
WithApp = Annotated[
    bool,
    typer.Option(
        "--app/--no-app", help="Create the app too, for the rules on routes, cookies, middleware."
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


def console() -> Console:
    """Return where to print: in colour on a terminal, plain and unwrapped in a pipe."""
    stdout = Console()
    return stdout if stdout.is_terminal else Console(width=10_000, color_system=None)


@app.command()
def check(
    environment: EnvironmentName = None,
    every: Annotated[bool, typer.Option("--all", help="Every environment.")] = False,
    output: Annotated[CheckFormat, typer.Option("--format", help="How to print.")] = (
        CheckFormat.text
    ),
    with_app: WithApp = True,
) -> None:
    """Judge the policy by the rule book. Exit status: 0 fine or warnings, 1 errors, 2 misuse."""
    if every and environment:
        raise typer.BadParameter("give one of the two", param_hint="--all and --environment")
    names: list[str | None] = [*named()] if every else [environment]
    if not names:
        raise typer.BadParameter(
            "there is no .env.NAME file in the working directory", param_hint="--all"
        )
    examined = [examine(name, with_app=with_app) for name in names]
    print_findings: dict[CheckFormat, Callable[[list[Environment], Console], None]] = {
        CheckFormat.text: report.findings_as_text,
        CheckFormat.json: report.findings_as_json,
        CheckFormat.github: report.findings_for_github,
    }
    print_findings[output](examined, console())
    raise typer.Exit(1 if any(each.has_errors for each in examined) else 0)


@app.command()
def show(
    environment: EnvironmentName = None,
    output: Annotated[TableFormat, typer.Option("--format", help="How to print.")] = (
        TableFormat.text
    ),
) -> None:
    """Show who may call, how, and for how long a preflight is remembered, side by side."""
    names: list[str | None] = [environment] if environment else [*named()]
    examined = [examine(name, with_app=False) for name in names or [None]]
    if output is TableFormat.json:
        report.policies_as_json(examined, console())
    else:
        report.policies_as_table(examined, console(), markdown=output is TableFormat.markdown)
    raise typer.Exit(1 if any(each.settings is None for each in examined) else 0)


@app.command()
def lab(
    environment: EnvironmentName = None,
    port: Annotated[
        int,
        typer.Option(help="Where the service listens; 0: a free port.", min=0, max=65535),
    ] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the table in your browser.")
    ] = True,
) -> None:
    """Compare in your own browser: what the policy says beside what the browser does."""
    # Imported here because it brings a web server, which no other command needs.
    from .lab.run import run_lab

    raise typer.Exit(run_lab(environment, port, console(), open_browser=open_browser))


@app.command()
def explain(
    origin: Annotated[
        str | None,
        typer.Argument(help="Where the page is: https://app.acme.com, or its URL."),
    ] = None,
    method: Annotated[str | None, typer.Argument(help="GET where it is left out.")] = None,
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
        bool, typer.Option("--credentials", help="With cookies: credentials: 'include'.")
    ] = False,
    environment: EnvironmentName = None,
    message: Annotated[
        str | None,
        typer.Option(
            "--message",
            "-m",
            help="What the browser's console says, copied; - reads it from a pipe.",
            metavar="TEXT",
        ),
    ] = None,
    known: Annotated[
        bool, typer.Option("--known", help="Print every message it knows, as Markdown.")
    ] = False,
) -> None:
    """Explain what a browser does with a request, or a message from its console.

    Exit status: 0 the policy allows it, 1 it does not, 2 misuse.
    """
    asked = explain_command.Asked(
        origin, method, path, tuple(header or ()), credentials, environment, message, known
    )
    try:
        status = explain_command.run(asked, console())
    except QuestionError as error:
        raise typer.BadParameter(str(error)) from None
    raise typer.Exit(status)


@app.command()
def rules(
    rule: Annotated[str | None, typer.Argument(help="An id, such as CORS014.")] = None,
    output: Annotated[TableFormat, typer.Option("--format", help="How to print.")] = (
        TableFormat.text
    ),
) -> None:
    """Print the rule book, or one rule with its reason and examples."""
    try:
        chosen = RULES if rule is None else (find_rule(rule),)
    except KeyError:
        raise typer.BadParameter(
            f"there is no {rule}; the rules go from {RULES[0].id} to {RULES[-1].id}",
            param_hint="RULE",
        ) from None
    if output is TableFormat.json:
        report.rules_as_json(chosen, console())
    elif output is TableFormat.markdown:
        report.rules_as_markdown(chosen, console())
    elif rule is None:
        report.rules_as_table(chosen, console())
    else:
        report.rule_as_text(chosen[0], console())


@app.command()
def probe(
    url: Annotated[str, typer.Argument(help="Where it is deployed, as in https://api.acme.com.")],
    environment: EnvironmentName = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            help="What to ask about; up to 3 times. Default: two of the app's own routes.",
            metavar="PATH",
        ),
    ] = None,
    output: Annotated[ProbeFormat, typer.Option("--format", help="How to print.")] = (
        ProbeFormat.text
    ),
    timeout: Annotated[
        float, typer.Option(help="For each request.", min=0.1, max=600, metavar="SECONDS")
    ] = 10,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Take any certificate, self-signed ones too.")
    ] = False,
) -> None:
    """Ask a deployed service whether it keeps the policy of an environment.

    At most 40 requests, GET and OPTIONS only. Exit status: 0 it does, 1 it differs, 2 misuse, or
    no answer.
    """
    try:
        asked = Probe.of(Promise.read(environment), Target.read(url), path or ())
        wire = Wire(asked.target, timeout=timeout, insecure=insecure)
        with probe_report.progress_bar(Console(stderr=True)) as progress:
            result = asked.run(wire, progress)
    except (PromiseError, TargetError, UnreachableError) as error:
        Console(stderr=True, soft_wrap=True).print(str(error), markup=False, highlight=False)
        raise typer.Exit(2) from None
    if output is ProbeFormat.json:
        probe_report.as_json(result, console())
    else:
        probe_report.as_text(result, console())
    raise typer.Exit(1 if result.findings else 0)
