"""The report of a move: what was found, decided and changed, and what is left to a person."""

from collections.abc import Iterator

from moving import DAYS_OF_REPORTS, Move
from proof import Proof, Result
from proposal import Proposal
from survey import Survey
from tables import code, markdown_table, plain

REPORT = "cors-adoption.md"


def as_report(move: Move, proposal: Proposal, proof: Proof) -> str:
    """Return the report as Markdown."""
    sections = (
        about(move),
        decisions(proposal),
        manual(move),
        changes(move),
        answers(move),
        before_deploying(move),
        proven(move, proof),
        found(move.found),
    )
    return "\n".join(line for section in sections for line in section).rstrip("\n") + "\n"


def about(move: Move) -> Iterator[str]:
    """Yield the beginning."""
    yield f"# {plain(str(move.answers['project_name']))} adopts the CORS policy"
    yield ""
    yield (
        f"`{move.package_path}/cors/` enforces who may call this service from a browser, and "
        "`tests/cors/` proves it. Both are managed: `copier update` replaces them. Read this once, "
        "then delete it."
    )
    yield ""
    yield "Undo everything with `git switch -` and `git branch -D adopt-cors-policy`."
    yield ""


def decisions(proposal: Proposal) -> Iterator[str]:
    """Yield what somebody has to decide."""
    if not proposal.notes:
        return
    yield "## Decide"
    yield ""
    yield from (f"- {escaped(note.text)}" for note in proposal.notes)
    yield ""


def escaped(text: str) -> str:
    """Return a sentence of ours with words of a service in it, as Markdown shows it."""
    return text.replace("*", "\\*").replace("<", "&lt;").replace("_", "\\_")


def manual(move: Move) -> Iterator[str]:
    """Yield what is to be done by hand."""
    if not move.by_hand:
        return
    yield "## Do by hand"
    yield ""
    for text in move.by_hand:
        sentence, _, lines = text.partition("\n")
        yield f"- {escaped(sentence)}"
        if lines:
            yield from (
                "",
                "  ```python",
                *(f"  {line[4:]}" for line in lines.splitlines()),
                "  ```",
            )
    yield ""


def by_hand(move: Move) -> list[str]:
    """Return what is to be done by hand, in a line each, for the terminal."""
    return [text.partition("\n")[0] for text in move.by_hand]


def changes(move: Move) -> Iterator[str]:
    """Yield what was changed."""
    yield "## Done"
    yield ""
    yield f"- {move.package_path}/cors/ and tests/cors/: new, and managed from now on."
    yield from (f"- {escaped(text)}" for text in move.done)
    yield ""


def answers(move: Move) -> Iterator[str]:
    """Yield the answers that were given."""
    yield "## Answers"
    yield ""
    yield "Change one with `uvx copier update --defaults --data question=answer`."
    yield ""
    rows = []
    for name, answer in move.answers.items():
        text = ",".join(answer) if isinstance(answer, list) else str(answer)
        rows.append([code(name), code(text) if text else "none"])
    yield from markdown_table(["question", "answer"], rows)
    yield ""


def before_deploying(move: Move) -> Iterator[str]:
    """Yield what has to be true where the service is deployed."""
    names = " or ".join(move.environments[1:]) or "development"
    yield "## Before you deploy"
    yield ""
    yield (
        f"- Set `ENVIRONMENT` to {names} where the service runs. Where it is not set and "
        "`.env.development` is there, the policy of development is in force."
    )
    for name, place in move.found.other_environment_variables.items():
        yield (
            f"- `{name}` ({code(place)}) names the environment for your code, but not for the "
            "policy. Where a deployment sets it, set `ENVIRONMENT`, too."
        )
    yield (
        "- The dotenv file of that environment has to be in the working directory, also of an "
        "image: `COPY .env.production ./`. Or set its `CORS_*` variables in the process."
    )
    if move.uses_cookies:
        yield (
            f"- For {DAYS_OF_REPORTS} days writes of other sites are only logged. Read the log "
            "before that ends, then write `CORS_GUARD_WRITES=true` and remove the waiver."
        )
    yield ""


def proven(move: Move, proof: Proof) -> Iterator[str]:
    """Yield the comparison and what the checks said."""
    if proof.problem:
        yield "## Not compared"
        yield ""
        yield (
            f"{escaped(proof.problem)}. So who could call before and can now was not compared, and "
            "neither `cors check` nor any test ran. Run them yourself:"
        )
        yield ""
        yield "```sh"
        yield f"python -m {move.package}.cors check --all"
        yield "python -m pytest"
        yield "```"
        yield ""
        return
    yield proof.comparison
    yield "## Checks"
    yield ""
    rows = [
        ["`cors check --all`", *verdict(proof.check)],
        ["`pytest tests/cors`", *verdict(proof.suite)],
        ["your tests, before", *verdict(proof.own_before)],
        ["your tests, after", *verdict(proof.own_after)],
    ]
    yield from markdown_table(["what", "result", "last line"], rows)
    yield ""
    for name, result in (
        ("cors check", proof.check),
        ("pytest tests/cors", proof.suite),
        ("your tests", proof.own_after if proof.own_before and proof.own_before.passed else None),
    ):
        if result and not result.passed:
            yield from (f"`{name}` said:", "", "```text", *result.tail, "```", "")


def verdict(result: Result | None) -> list[str]:
    """Return the cells for a result."""
    if result is None:
        return ["not run", "-"]
    return ["passed" if result.passed else "**failed**", code(result.last)]


def found(survey: Survey) -> Iterator[str]:
    """Yield what was read, and where."""
    yield "## What was read"
    yield ""
    rows = []
    if survey.entrypoint:
        rows.append(["served", code(str(survey.entrypoint)), code(survey.entrypoint.read_in)])
    if survey.app:
        rows.append(["made by", code(f"{survey.app.call}(…)"), code(str(survey.app.place))])
    for policy in survey.policies:
        for name, value in policy.arguments.items():
            text = str(value.value) if value.is_read else f"{value.source} (not readable)"
            rows.append([code(name), code(text), code(str(policy.place))])
    if survey.settings_place:
        rows.append(["settings", code(survey.settings_class), code(str(survey.settings_place))])
    for what, places in (
        ("sets cookies", survey.cookies),
        ("reads Authorization", survey.bearer),
        ("WebSocket", survey.websockets),
    ):
        rows += [[what, "", code(str(place))] for place in places[:5]]
    rows += [["mount", code(path), ""] for path in survey.mounts]
    rows += [
        ["dotenv file", f"{len(file.names)} variables", code(file.name)]
        for file in survey.dotenv_files
    ]
    rows.append(["dependencies", plain(survey.manager or "unknown"), code(survey.dependency_file)])
    rows.append(["tests", code(survey.tests) if survey.tests else "none", ""])
    rows += [["**not read**", plain(reason), code(name)] for name, reason in survey.unread.items()]
    yield from markdown_table(["what", "found", "where"], rows)
    yield ""
