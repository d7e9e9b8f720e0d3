# fmt: off
"""`cors explain --message`: what a text from a browser's console means.

The messages and their causes are in console_messages.toml. A message that is recognised is held
against the policy: either the policy blocks the request, or something else does.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count, groupby
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from ..cli import Environment, examine
from ..fetch_standard import SAFELISTED_METHODS
from ..origin import exact
from ..origin_errors import INVISIBLE
from ..policy import CORSPolicy
from .explain import (
    LOCAL_NAMES,
    notes_on,
    print_changes,
    print_heading,
    print_headline,
    print_line,
    print_list,
    print_notes,
    print_refusal,
    print_steps,
    print_text,
    two_local_sites,
)
from .explain_question import (
    UNKNOWN_SERVICE,
    Explanation,
    Question,
    QuestionError,
    Typed,
    enforced_policy,
    explain,
    read_question,
    without_query,
)

# --- The table --------------------------------------------------------------------------------

ORIGIN = r"(?:[a-z][a-z0-9+.-]*://[^\s'/]{1,300}?/?|null)"
URL = r"(?:[a-z]+:|/)[^\s'<>]{1,2000}?"
# Quotes may be lost on the way from the console.
QUOTE = "'{0,2}"
PLACEHOLDERS = {
    "url": URL,
    "page": URL,
    "origin": ORIGIN,
    "kind": r"[a-z][a-z ]{1,30}?",
    "method": r"[!#$%&*+.^_|~0-9a-z-]{1,60}",
    "header": r"[!#$%&*+.^_|~0-9a-z-]{1,120}",
    "headers": r"[!#$%&*+.^_|~0-9a-z,-]{1,300}",
    "path": r"[^\s']{1,600}?",
    "status": r"\d{3}",
    "value": r"[^']{0,300}?",
}
BROWSERS = ("Chromium", "Firefox", "Safari")


class Message(NamedTuple):
    """A message of a browser, and the id of its cause.

    `pattern` recognises it in a text that `plain` returned, `beginning` what may come before it.
    """

    browser: str
    cause: str
    text: str
    beginning: re.Pattern[str]
    pattern: re.Pattern[str]


@cache
def table() -> dict[str, Any]:
    """Return what console_messages.toml holds."""
    return tomllib.loads(Path(__file__).with_name("console_messages.toml").read_text("utf-8"))


@cache
def known_messages() -> list[Message]:
    """Return the messages of all causes."""
    shown = {name: texts[0] for name, texts in table()["beginnings"].items()}
    shown["preflight"] = shown["blocked"] + shown["preflight"]
    beginnings = beginning_patterns()
    messages = []
    for cause, row in table()["causes"].items():
        for line in row["messages"].strip().splitlines():
            browser, _, text = line.partition(": ")
            name = next((each for each in shown if text.startswith(f"{{{each}}}")), "")
            pattern = re.compile(expression(text.removeprefix(f"{{{name}}}"), count()), re.I)
            messages.append(Message(browser, cause, fill(text, shown), beginnings[name], pattern))
    return messages


def last_resort() -> list[Message]:
    """Return the words that say what a message means where its wording is not known."""
    rows = table()["last_resort"].items()
    return [
        Message("", cause, text, re.compile(r"\Z"), re.compile(text, re.I)) for text, cause in rows
    ]


def beginning_patterns() -> dict[str, re.Pattern[str]]:
    """Return what recognises each beginning at the end of a text. It may be missing there."""
    numbers = count()
    sources = {
        name: f"(?P<{name}_>{'|'.join(expression(each, numbers) for each in texts)})?"
        for name, texts in table()["beginnings"].items()
    }
    # Most reasons of Chromium can be those of a preflight.
    sources["blocked"] = sources["preflight"] = sources["blocked"] + sources["preflight"]
    return {name: re.compile(rf"{each}\Z", re.I) for name, each in ({"": ""} | sources).items()}


def expression(text: str, numbers: Iterator[int]) -> str:
    """Return a regular expression for a message, with a numbered group for each placeholder."""
    # The last full stop is often lost, or followed by a status.
    source, parts = "", re.split(r"\{(\w+)\}", text.removesuffix("."))
    for at, part in enumerate(parts):
        if at % 2 == 0:
            source += re.sub("['`\"]", QUOTE, re.escape(part).replace(r"\ ", " "))
            continue
        found = PLACEHOLDERS[part]
        if not "".join(parts[at + 1 :]).strip("'`\""):
            # Nothing follows at which a lazy expression could stop.
            found = r"[^\s']{0,200}" if part == "value" else found.replace("}?", "}")
        source += f"{QUOTE}(?P<{part}_{next(numbers)}>{found}){QUOTE}"
    return source


def fill(text: str, words: Mapping[str, str]) -> str:
    """Return a text with these words in the place of its placeholders. Others stay."""
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), text)


# --- Reading a console ------------------------------------------------------------------------

# Longer than any console that somebody copies on purpose.
MOST_CHARACTERS = 50_000

ANY_QUOTE = "'\"`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033"
FRENCH_QUOTES = re.compile("[\u00ab\u2039]\\s*|\\s*[\u00bb\u203a]")

STATUS = re.compile(r"status code:? ?\(?(\d{3}|null|0)\b|net::err_failed (\d{3})", re.I)
PAGE_ORIGIN = re.compile(
    rf"origin {QUOTE}({ORIGIN}){QUOTE} (?:is therefore|has been blocked)", re.I
)
WITH_CREDENTIALS = re.compile(rf"credentials (?:mode is {QUOTE}include|flag is {QUOTE}true)", re.I)
# A URL that is not a link to a line of a script.
SOME_URL = re.compile(r"(?:https?|wss?)://[^\s'<>)]+(?<!\d)(?<![.,;:)])(?!:\d)", re.I)


class Hit(NamedTuple):
    """A place in a text where a message stands, and what stands for its placeholders."""

    message: Message
    start: int
    end: int
    said: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """A message that was found in a text, with what it says. None where it says nothing.

    `url` is a path in the service's own log, and `header` may be several there, with commas.
    """

    message: Message
    url: str | None = None
    origin: str | None = None
    method: str | None = None
    header: str | None = None
    status: str | None = None
    credentials: bool = False
    preflight: bool = False

    @property
    def is_vague(self) -> bool:
        """Whether the message says only that something failed."""
        return self.message.cause == "vague"

    @property
    def is_own(self) -> bool:
        """Whether this service wrote the message: into its log, or into a response."""
        return self.message.browser == "Service"

    @property
    def is_weak(self) -> bool:
        """Whether browsers print the message after one that says more about the same request."""
        return self.message.cause in ("vague", "unreachable", "error-status")


def read_console(text: str) -> list[Reading]:
    """Return the messages in a text, in order, each once."""
    text = plain(text)
    found = readings(text, known_messages())
    if all(each.is_vague for each in found):
        # Not a known wording, but the name of a header may say what the vague ones do not.
        url = SOME_URL.search(text)
        named = readings(text, last_resort())[:1]
        found = [replace(each, url=url[0] if url else None) for each in named] + found
    return without_echoes(found)


def plain(text: str) -> str:
    """Return a text with one kind of quotes and of blanks."""
    text = FRENCH_QUOTES.sub("'", INVISIBLE.sub("", text[:MOST_CHARACTERS]))
    return " ".join(text.translate(dict.fromkeys(map(ord, ANY_QUOTE), "'")).split())


def readings(text: str, messages: Iterable[Message]) -> list[Reading]:
    """Return the messages that stand in a plain text; of two that overlap, the longer."""
    hits = [hit for each in messages for hit in hits_of(each, text)]
    # Without its beginning, a message of Chromium can be one of Safari as well: it is Safari's.
    hits.sort(key=lambda hit: (hit.start - hit.end, hit.message.browser != "Safari"))
    taken: list[Hit] = []
    for hit in hits:
        if all(hit.end <= other.start or hit.start >= other.end for other in taken):
            taken.append(hit)
    taken.sort(key=lambda hit: hit.start)
    starts = [hit.start for hit in taken] + [len(text)]
    return [
        reading_of(hit, text[hit.start : end]) for hit, end in zip(taken, starts[1:], strict=True)
    ]


def hits_of(message: Message, text: str) -> Iterator[Hit]:
    """Yield where a message stands in a plain text."""
    last_end = 0
    for match in message.pattern.finditer(text):
        before = message.beginning.search(text, last_end, match.start())
        assert before is not None
        last_end = match.end()
        said: dict[str, str] = {}
        for group, value in [*before.groupdict().items(), *match.groupdict().items()]:
            if value:
                said.setdefault(group.rpartition("_")[0], value)
        yield Hit(message, before.start(), match.end(), said)


def reading_of(hit: Hit, segment: str) -> Reading:
    """Return what a message says; `segment` goes on to where the next message begins."""
    message, said = hit.message, hit.said
    page, status = PAGE_ORIGIN.search(segment), STATUS.search(segment)
    origin = said.get("origin") or (page[1] if page else origin_of(said.get("page", "")))
    url = said.get("url") or said.get("path")
    return Reading(
        message=message,
        url=url.rstrip(".,;:)") if url else None,
        origin=origin.rstrip("/") if origin else None,
        method=said.get("method"),
        header=said.get("header") or said.get("headers"),
        status=said.get("status") or (status[1] or status[2] if status else None),
        credentials=WITH_CREDENTIALS.search(segment) is not None,
        preflight="preflight" in said or "preflight" in message.text.lower(),
    )


def origin_of(url: str) -> str | None:
    """Return the origin of a URL, None where it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if parts.scheme and host else None


def without_echoes(found: list[Reading]) -> list[Reading]:
    """Return each message once. What an echo adds is added to the message that it repeats."""
    strong = [each for each in found if not each.is_weak]
    kept: list[Reading] = []
    for each in found:
        is_echo = each.is_weak and (
            any(is_same_request(each, other) for other in strong)
            or (each.is_vague and bool(strong or kept))
        )
        if not is_echo and not any(is_repeated(each, one) for one in kept):
            kept.append(each)
    for each in found:
        kept = [completed(one, each) for one in kept]
    return kept


def is_same_request(one: Reading, other: Reading) -> bool:
    """Whether two messages can be about the same request."""
    return one.url is None or other.url is None or one.url == other.url


def is_repeated(one: Reading, other: Reading) -> bool:
    """Whether a message says nothing that another has not said."""
    return (
        one.message.cause == other.message.cause
        and is_same_request(one, other)
        and one.header in (None, other.header)
        and one.method in (None, other.method)
        and one.origin in (None, other.origin)
    )


def completed(one: Reading, other: Reading) -> Reading:
    """Return a message with what another one says about the same request."""
    if not is_same_request(one, other):
        return one
    names = ("url", "origin", "method", "status")
    return replace(one, **{name: getattr(one, name) or getattr(other, name) for name in names})


# --- Holding a message against the policy -----------------------------------------------------


class Diagnosis(NamedTuple):
    """What a message means here: its cause as the table has it, and what may be behind it.

    `explanation` is None where the message says too little to ask the policy. Each suspect comes
    with a command that checks it, or with "".
    """

    reading: Reading
    cause: Mapping[str, Any]
    explanation: Explanation | None
    suspects: Sequence[tuple[str, str]]
    hints: Sequence[str]


def diagnose(reading: Reading, typed: Typed, environment: Environment) -> Diagnosis:
    """Hold a message against the policy of an environment. What was typed counts more than it."""
    origin, method = typed.origin or reading.origin, typed.method or reading.method
    reading = replace(reading, origin=origin, method=method)
    question = question_of(reading, typed, enforced_policy(environment))
    explanation = explain(question, environment) if question else None
    is_write = reading.message.cause == "write"
    if question and explanation and is_write and not explanation.blocked_at:
        # On a public path, the guard refuses only what comes with a login.
        explanation = explain(replace(question, credentials=True), environment)
    cause = table()["causes"][reading.message.cause]
    suspects = suspects_of(cause, words_of(reading, environment.name))
    if explanation and reading.is_own:
        # Nothing in front of the service wrote that. It has another policy, or there is no doubt.
        others = suspects_of(OTHER_POLICY, words_of(reading, environment.name))
        suspects = [] if explanation.blocked_at else others[:2]
    elif cause.get("by_policy") and explanation:
        # The first suspect is the policy, which has just been asked.
        suspects = [] if explanation.blocked_at else suspects[1:]
    return Diagnosis(reading, cause, explanation, suspects, list(hints(reading, explanation)))


def question_of(reading: Reading, typed: Typed, policy: CORSPolicy) -> Question | None:
    """Return the request that a message is about, None where it says too little.

    Raises QuestionError for an origin that was typed and is none.
    """
    cause, method = reading.message.cause, reading.method
    if reading.origin is None or missing_details(reading):
        return None
    if method is None and reading.preflight:
        # Any method that needs a preflight will do: what failed does not depend on it.
        unsafe = [each for each in policy.allow_methods if each not in {"*", *SAFELISTED_METHODS}]
        method = unsafe[0] if unsafe else None
    header = reading.header.split(",") if reading.header and cause in ("method", "header") else ()
    needs_credentials = reading.credentials or cause in ("credentials", "wildcard")
    whole = Typed(
        reading.origin,
        method,
        typed.path or reading.url,
        (*typed.headers, *header),
        typed.credentials or needs_credentials,
    )
    try:
        question = read_question(whole, exact_method=typed.method is None)
        # In the log, a handshake has a path and no wss:// before it.
        return replace(question, is_socket=question.is_socket or cause == "websocket")
    except QuestionError:
        if typed.origin:
            raise
        return None


def hints(reading: Reading, explanation: Explanation | None) -> Iterator[str]:
    """Yield what the details of a message say, and what is missing to ask the policy."""
    cause, status = reading.message.cause, reading.status
    if cause == "error-status" and status == "401":
        yield after_login(reading)
    elif status:
        statuses = table()["statuses"].items()
        yield from (text for listed, text in statuses if status in listed.split())
    if reading.is_own and explanation and explanation.blocked_at == "origin":
        yield f"If {reading.origin} is not a front end of yours, change nothing: all is well."
    if cause == "preflight-redirect" and (reading.url or "").startswith("http:"):
        yield "The URL begins with http: write https in the script."
    if explanation is None and table()["causes"][cause].get("by_policy"):
        missing = missing_details(reading)
        if reading.origin and not missing:
            yield "The policy was not asked: no browser sends such an origin, method or header."
            return
        names = [*([] if reading.origin else ["the page's origin"]), *missing]
        words = [reading.origin or "https://app.acme.com", *missing.values()]
        command = f"cors explain {' '.join(map(quote, ' '.join(words).split()))} --message '…'"
        yield f"The message does not name {' and '.join(names)}: add it, as in {command}"


def missing_details(reading: Reading) -> dict[str, str]:
    """Return what a message should name besides the origin, each with what to type for it."""
    cause = reading.message.cause
    if cause == "method" and not reading.method:
        return {"the method": "DELETE"}
    if cause == "header" and reading.is_own and not reading.header:
        return {"the header": f"{reading.method} {reading.url} -H X-NAME"}
    return {}


def after_login(reading: Reading) -> str:
    """Return what a 401 means to a script that has just logged in."""
    page = exact(reading.origin) if reading.origin else None
    service = exact(origin_of(reading.url) or "") if reading.url else None
    if page and service and (two_sites := two_local_sites(page, service)):
        return two_sites
    text = "After a login with a cookie, a 401 usually means that the cookie did not come back."
    if service and not service.is_loopback:
        return text
    return f"{text} Does the page have the same host as the service? {LOCAL_NAMES}"


def words_of(reading: Reading | None, environment: str) -> dict[str, str]:
    """Return what stands for the placeholders of a suspect: words in capitals where unknown."""
    url = without_query(reading.url) if reading and reading.url else "URL"
    url = f"{UNKNOWN_SERVICE}{url}" if url.startswith("/") else url
    return {
        "url": url,
        "service": origin_of(url) or "URL",
        "origin": (reading and reading.origin) or "ORIGIN",
        "method": (reading and reading.method) or "METHOD",
        "header": (reading and reading.header) or "HEADER",
        "environment": environment,
    }


# What is behind a refusal of this service that its files would not refuse: the first two of these.
OTHER_POLICY: Mapping[str, Any] = {"suspects": [], "other_responders": True}


def suspects_of(cause: Mapping[str, Any], words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what may be behind a message, the likeliest first, with commands to copy."""
    quoted = {name: quote(word) for name, word in words.items()}
    quoted["origin_header"] = quote(f"Origin: {words['origin']}")
    others = table()["other_responders"] if cause.get("other_responders") else []
    return [
        (fill(what, words), fill(fill(" ".join(command), table()["commands"]), quoted))
        for what, *command in [*cause["suspects"], *others]
    ]


# --- Printing ---------------------------------------------------------------------------------


def explain_message(text: str, typed: Typed, environment: str | None, console: Console) -> int:
    """Print what the messages in a text mean; return the exit status. Raises QuestionError.

    That is 0 where the policy allows all that they are about, 1 where it does not or where they say
    too little, 2 where there is no known message.
    """
    found = read_console(text)
    if not found:
        print_unknown(console)
        return 2
    examined = examine(environment)
    if examined.refusals:
        return print_refusal(examined, console)
    diagnoses = [diagnose(reading, typed, examined) for reading in found]
    for diagnosis in diagnoses:
        print_diagnosis(diagnosis, console)
    explanations = [each.explanation for each in diagnoses]
    return 0 if all(each and not each.blocked_at for each in explanations) else 1


def print_diagnosis(found: Diagnosis, console: Console) -> None:
    """Print what a message means, whether the policy is behind it, and what else may be."""
    console.print(Text(f"{found.cause['title']}.", style="bold"))
    if details := about(found.reading):
        print_text(console, details, "  ")
    for text in (found.cause["meaning"], *found.hints):
        print_text(console, text)
    if found.explanation:
        console.print()
        print_verdict(found.explanation, console, by_policy=found.cause.get("by_policy", False))
    if found.suspects:
        print_heading(console, "What it may be, the likeliest first")
        for number, (what, command) in enumerate(found.suspects, start=1):
            print_text(console, what, f"  {number}. ")
            if command:
                print_line(console, f"     {command}", "cyan")
    console.print()


def print_verdict(explanation: Explanation, console: Console, *, by_policy: bool) -> None:
    """Print whether the policy blocks the request that a message is about."""
    name, question = explanation.environment.name, explanation.question
    if explanation.blocked_at:
        console.print(Text(f"The policy of {name} blocks it:", style="bold red"))
        print_headline(explanation, console)
        print_steps(explanation, console)
        print_changes(explanation, console)
        print_notes(explanation, console)
        return
    text = f"The policy of {name} allows {question}"
    if by_policy:
        text += ". So the response came from elsewhere, or from a service with another policy."
    else:
        text += ", so it is not the problem."
    console.print(Text(text, style="bold green"))
    print_list(console, notes_on(explanation))


def about(reading: Reading) -> str:
    """Return in one line what a message is about."""
    url = without_query(reading.url) if reading.url else ""
    parts = [
        reading.message.browser if reading.message.browser in BROWSERS else "",
        f"page {reading.origin}" if reading.origin else "",
        " ".join(filter(None, (reading.method, url))),
        f"header {reading.header}" if reading.header else "",
        f"status {reading.status}" if reading.status else "",
    ]
    return ", ".join(filter(None, parts))


def print_unknown(console: Console) -> None:
    """Print that a text holds no known message, and what to paste."""
    print_text(console, "There is no known message in this text. Paste all of it:")
    texts = (
        "Chromium, Edge: the red line in the console that begins Access to fetch at …",
        "Firefox: the line that begins Cross-Origin Request Blocked: … (Reason: …)",
        "Safari: the line that begins Origin … is not allowed by …, or Preflight response …",
        "no such line: what the Network tab says of the request, such as net::ERR_…",
    )
    print_list(console, texts)
    print_text(console, "Or describe the request: cors explain https://app.acme.com PUT /items")


def known_as_markdown(console: Console) -> None:
    """Print every message with its cause: the template's docs/troubleshooting.md."""
    lines = [
        "# From a message to its cause",
        "",
        "Printed by `cors explain --known`: what a browser's console says, what it means, and the",
        "commands that check it, the likeliest cause first. It is quicker to copy the message and",
        "run `cors explain --message '…' -e production`, which fills in the words in capitals.",
        "",
    ]
    for id, cause in table()["causes"].items():
        lines += [f"## {cause['title']}", "", cause["meaning"], ""]
        messages = [each for each in known_messages() if each.cause == id]
        for browser, rows in groupby(messages, lambda each: each.browser):
            texts = (re.sub(r"\{(\w+)\}", lambda word: word[1].upper(), row.text) for row in rows)
            lines += [f"{browser}:", "", "```text", *texts, "```", ""]
        suspects = suspects_of(cause, words_of(None, "ENVIRONMENT"))
        for number, (what, command) in enumerate(suspects, start=1):
            lines.append(f"{number}. {what}")
            lines += ["", "   ```sh", f"   {command}", "   ```", ""] if command else []
        lines += [] if lines[-1] == "" else [""]
    console.print("\n".join(lines[:-1]), markup=False, highlight=False, soft_wrap=True)
