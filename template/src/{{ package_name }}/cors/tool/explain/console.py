"""The messages in a text that was copied from a console, whatever stands around them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from .messages import LAST_RESORT, MESSAGES, ORIGIN, Message

# Longer than any console that somebody copies on purpose.
MOST_CHARACTERS = 50_000

ANY_QUOTE = "'\"`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033"
FRENCH_QUOTES = re.compile("[\u00ab\u2039]\\s*|\\s*[\u00bb\u203a]")
UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")

STATUS = re.compile(r"status code:? ?\(?(\d{3}|null|0)\b|net::err_failed (\d{3})", re.IGNORECASE)
PAGE_ORIGIN = re.compile(
    rf"origin '{{0,2}}({ORIGIN})'{{0,2}} (?:is therefore|has been blocked)", re.IGNORECASE
)
WITH_CREDENTIALS = re.compile(
    "credentials mode is '{0,2}include|credentials flag is '{0,2}true", re.IGNORECASE
)
# Not a link to a line of a script.
SOME_URL = re.compile(r"(?:https?|wss?)://[^\s'<>)]+(?<!\d)(?<![.,;:)])(?!:\d)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """One message that was found, with what it says; None or "" where it says nothing."""

    message: Message
    url: str | None = None
    origin: str | None = None
    method: str | None = None
    header: str | None = None
    value: str = ""
    status: str | None = None
    credentials: bool = False
    preflight: bool = False

    @property
    def is_weak(self) -> bool:
        """Whether this is but the echo of another message about the same request."""
        return self.message.vague or self.message.cause in ("unreachable", "error-status")


def plain(text: str) -> str:
    """Return a text with one kind of quotes and of blanks."""
    text = UNSEEN.sub("", text[:MOST_CHARACTERS])
    text = FRENCH_QUOTES.sub("'", text)
    text = text.translate(dict.fromkeys(map(ord, ANY_QUOTE), "'"))
    return re.sub(r"\s+", " ", text).strip()


def read_console(text: str) -> list[Reading]:
    """Return the messages in a text, in its order, each once, without mere echoes of others."""
    text = plain(text)
    found = readings(text, MESSAGES)
    if not any(not reading.message.vague for reading in found):
        # The last resort knows no wording, but names what the vague ones keep to themselves.
        found = by_header_name(text) + found
    return without_echoes(found)


def readings(text: str, messages: Iterable[Message]) -> list[Reading]:
    """Return what the rows find in a plain text; of two that overlap, the longer."""
    matches = [(match, message) for message in messages for match in message.pattern.finditer(text)]
    # A stable sort: of two equally long ones the first row counts.
    matches.sort(key=lambda pair: pair[0].start() - pair[0].end())
    taken: list[tuple[re.Match[str], Message]] = []
    for match, message in matches:
        if all(match.end() <= kept.start() or match.start() >= kept.end() for kept, _ in taken):
            taken.append((match, message))
    taken.sort(key=lambda pair: pair[0].start())
    starts = [match.start() for match, _ in taken] + [len(text)]
    return [
        reading_of(match, message, text[match.start() : end])
        for (match, message), end in zip(taken, starts[1:], strict=True)
    ]


def reading_of(match: re.Match[str], message: Message, segment: str) -> Reading:
    """Return what one match says; `segment` goes on to where the next message begins."""
    said = {name: value for name, value in match.groupdict().items() if value}
    page = PAGE_ORIGIN.search(segment)
    origin = said.get("frame_origin") or said.get("origin") or (page[1] if page else None)
    if origin is None and "page" in said:
        origin = origin_of(said["page"])
    status = STATUS.search(segment)
    url = next((said[name] for name in said if name.endswith("url")), None)
    return Reading(
        message=message,
        url=url.rstrip(".,;:)") if url else None,
        origin=origin.rstrip("/") if origin else None,
        method=said.get("method") or said.get("frame_method"),
        header=said.get("header"),
        value=said.get("value", ""),
        status=said.get("status") or (status[1] or status[2] if status else None),
        credentials=WITH_CREDENTIALS.search(segment) is not None,
        preflight="preflight" in said or "preflight" in message.text.lower(),
    )


def origin_of(url: str) -> str | None:
    """Return the origin of a page's URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if parts.scheme and host else None


def by_header_name(text: str) -> list[Reading]:
    """Return what the name of a header gives away in an unknown wording or language."""
    found = readings(text, LAST_RESORT)[:1]
    url = SOME_URL.search(text)
    return [replace(each, url=url[0] if url else None) for each in found]


def without_echoes(found: list[Reading]) -> list[Reading]:
    """Return each message once; what an echo adds to another goes into that."""
    strong = [each for each in found if not each.is_weak]
    kept: list[Reading] = []
    for each in found:
        told = [other for other in strong if other is not each and about_the_same(each, other)]
        if each.is_weak and (told or (each.message.vague and (strong or kept))):
            kept = [completed(one, each) for one in kept]
        elif all(not_new(each, one) is False for one in kept):
            kept.append(each)
    for each in found:
        kept = [completed(one, each) if about_the_same(one, each) else one for one in kept]
    return kept


def about_the_same(one: Reading, other: Reading) -> bool:
    """Whether two messages can be about the same request."""
    return one.url is None or other.url is None or one.url == other.url


def not_new(one: Reading, other: Reading) -> bool:
    """Whether a message says nothing that another has not said."""
    return (
        one.message.cause == other.message.cause
        and about_the_same(one, other)
        and one.header in (None, other.header)
        and one.method in (None, other.method)
        and one.origin in (None, other.origin)
    )


def completed(one: Reading, other: Reading) -> Reading:
    """Return a message with what another says about the same request."""
    if not about_the_same(one, other):
        return one
    return replace(
        one,
        url=one.url or other.url,
        origin=one.origin or other.origin,
        method=one.method or other.method,
        status=one.status or other.status,
    )
