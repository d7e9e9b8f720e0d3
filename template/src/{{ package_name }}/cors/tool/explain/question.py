"""The question: may a page of this origin send this request? Read from whatever somebody typed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from ...fetch_standard import FORBIDDEN_METHODS, STANDARD_METHODS, TOKEN
from ...findings import shown
from ...origin import Origin, Pattern
from ...origin_errors import OriginError, parse
from ..cors_check import Headers

# What a browser could send though no list may hold it, such as a host with an underscore.
SENT_ALL_THE_SAME = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._-]+(:[1-9][0-9]{0,3})?")

# A typical value decides whether a header needs a preflight, where only its name was given.
TYPICAL_VALUES = {
    "accept": "*/*",
    "accept-language": "en",
    "content-language": "en",
    "content-type": "application/json",
    "range": "bytes=0-",
}


class QuestionError(ValueError):
    """What was typed cannot be read as a question; the text says what it takes."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a script on a page wants to do: a request, or the handshake of a WebSocket.

    `service` is the origin of the service where it is known. `notes` say how the input was read
    where that is not obvious.
    """

    origin: str
    method: str = "GET"
    path: str = "/"
    headers: Headers = ()
    credentials: bool = False
    service: str | None = None
    notes: tuple[str, ...] = ()
    is_socket: bool = False

    def spelled(self, name: str) -> str:
        """Return a header name as it was typed; browsers send it in lower case."""
        return next((given for given, _ in self.headers if given.lower() == name.lower()), name)


def read_question(
    origin: str,
    method: str | None = None,
    path: str | None = None,
    headers: Iterable[str] = (),
    *,
    credentials: bool = False,
) -> Question:
    """Read a question from the words of a command line. Raises QuestionError."""
    if path is None and method is not None and not is_method(method):
        method, path = None, method
    question = read_origin(origin)
    question = read_method(question, method or "GET")
    question = read_path(question, path or "/")
    given = tuple(read_header(text) for text in headers)
    return replace(question, headers=given, credentials=credentials)


def is_method(text: str) -> bool:
    """Whether a word is meant as a method and not as a path."""
    known = text.upper() in STANDARD_METHODS | FORBIDDEN_METHODS
    return known or (text.isupper() and TOKEN.fullmatch(text) is not None)


def read_origin(text: str) -> Question:
    """Read the origin a page has, from its URL, its host, or whatever else it is known by."""
    whole = text.strip().strip("'\"")
    # A query may hold a token, which no message shall repeat.
    text = re.split(r"[?#]", whole, maxsplit=1)[0]
    try:
        site = parse(text)
    except OriginError as error:
        return read_odd_origin(text, error)
    if isinstance(site, Pattern):
        sample = str(site).replace(":*", ":3000").replace("*", "pr-12")
        raise QuestionError(
            f"`{site}` is a pattern, and a page has one origin: name one, such as {sample}"
        )
    notes = () if text == whole else (f"From there a browser sends `Origin: {site}`.",)
    return Question(str(site), notes=notes)


def read_odd_origin(text: str, error: OriginError) -> Question:
    """Read what is no origin as the one that a browser would send from there."""
    if error.rule == "CORS005":
        note = "A page from a file, a data: URL or a sandboxed frame sends `Origin: null`."
        return Question("null", notes=(note,))
    meant = error.suggestion or ""
    if "," in meant or "*" in meant:
        raise QuestionError(f"`{error.value}` {error.reason}: name one origin")
    if meant:
        note = f"`{error.value}` {error.reason}; from there a browser sends `Origin: {meant}`."
        return Question(meant, notes=(note,))
    if SENT_ALL_THE_SAME.fullmatch(text):
        note = f"`{error.value}` {error.reason}; a browser sends it, but no list may hold it."
        return Question(text, notes=(note,))
    raise QuestionError(
        f"`{error.value}` {error.reason}: the origin of a page is scheme://host[:port], "
        "as in https://app.acme.com or http://localhost:5173"
    )


def read_method(question: Question, text: str) -> Question:
    """Read a method. Nobody types upper case for a command, but a script has to."""
    if not is_name(text):
        raise QuestionError(f"`{shown(text)}` is no method: write one such as GET, PUT or DELETE")
    method, notes = text.upper(), question.notes
    if method == "PATCH" != text:
        note = (
            f"Read as PATCH. In a script write 'PATCH': fetch() sends '{text}' as it stands, "
            "and methods are compared letter by letter."
        )
        notes = (*notes, note)
    return replace(question, method=method, notes=notes)


def is_name(text: str) -> bool:
    """Whether this is one method or one header; * stands for many, and scripts send none of it."""
    return text != "*" and TOKEN.fullmatch(text) is not None


def read_path(question: Question, text: str) -> Question:
    """Read a path, or the URL of the service with it. The policy does not look at the query."""
    text = text.strip().strip("'\"")
    if "://" not in text:
        path = "/" + text.partition("#")[0].partition("?")[0].lstrip("/")
        return replace(question, path=quote(path, safe="/%:@!$&'()*+,;=~-._"))
    try:
        url = urlsplit(text)
        scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
        service = parse(read_origin(f"{scheme}://{url.netloc.rpartition('@')[2]}").origin)
    except ValueError:
        raise QuestionError(f"`{shown(without_query(text))}` is no URL of a service") from None
    if not isinstance(service, Origin):
        raise QuestionError(f"`{shown(without_query(text))}` is no URL of a service")
    is_socket = scheme != url.scheme
    return replace(read_path(question, url.path), service=str(service), is_socket=is_socket)


def read_header(text: str) -> tuple[str, str]:
    """Read `NAME: value` or only a name, for which a typical value is taken."""
    name, _, value = text.partition(":")
    name = name.strip()
    if not is_name(name):
        # The text may hold a secret where the colon was forgotten.
        raise QuestionError("-H takes NAME or 'NAME: value', and a name has letters and hyphens")
    typical = TYPICAL_VALUES.get(name.lower(), "x")
    return name, value.strip() or typical


def without_query(url: str) -> str:
    """Return a URL without query, fragment and user: tokens and passwords stand there."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, slashes, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}"
