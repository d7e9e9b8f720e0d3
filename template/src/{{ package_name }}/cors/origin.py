"""What an origin is: parsing, the form browsers send, wildcard patterns, near misses.

In goes any text, out comes an `Origin`, a `Pattern` or an `OriginError` that says what to write
instead. A browser compares origins byte by byte, so a text is accepted only if it is, byte by
byte, what a browser would send. That form is computed by pydantic-core's URL parser, which
follows the URL Standard (https://url.spec.whatwg.org) as browsers do.

Only what no strictness allows is an error here. What depends on the environment (plain http,
loopback, placeholders, patterns) is a property that the rules read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from pydantic_core import Url, ValidationError

from .sites import is_public_suffix

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAMED_HOST = rf"{_LABEL}(?:\.{_LABEL})*"

# The host an app's pages are served under, by scheme. Safari writes the ids of its extensions
# in upper case, and Electron apps commonly live at `app://.`.
APP_HOSTS = {
    "capacitor": re.compile(_NAMED_HOST),
    "ionic": re.compile(_NAMED_HOST),
    "tauri": re.compile(_NAMED_HOST),
    "app": re.compile(rf"\.|{_NAMED_HOST}"),
    "chrome-extension": re.compile(r"[a-p]{32}"),
    "moz-extension": re.compile(_UUID),
    "safari-web-extension": re.compile(rf"{_UUID}|{_UUID.replace('a-f', 'A-F')}"),
}
WEB_SCHEMES = ("http", "https")
_OPAQUE_SCHEMES = ("file", "data", "about", "blob", "filesystem", "javascript")
_DEFAULT_PORTS = {"http": "80", "https": "443"}

# `example.net` is missing on purpose: the rule book (CORS032) does not count it.
_PLACEHOLDER = re.compile(r"(?:.*\.)?(?:example\.com|example\.org|example|test|invalid)")
_LOOPBACK_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
_PRIVATE_V4 = [
    ip_network(text)
    for text in ("0.0.0.0/8", "10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
]
_PRIVATE_NETWORKS = [
    *_PRIVATE_V4,
    *(
        ip_network(f"::ffff:{net.network_address}/{96 + net.prefixlen}")
        for net in (*_PRIVATE_V4, _LOOPBACK_NETWORKS[0])
    ),
    *(ip_network(text) for text in ("::/128", "fc00::/7", "fe80::/10")),
]

# An origin has at most 253 characters of host. The bound leaves room for the same host typed
# in another form, and keeps a hostile text away from the parser.
_LONGEST_AUTHORITY = 600
_LONGEST_SHOWN = 80
_MOST_SUGGESTED = 20

_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_QUOTES = "\"'`<>(){}\u201c\u201d\u2018\u2019\u201e\xab\xbb"
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?\Z", re.IGNORECASE)
_WIDE_DOTS = re.compile("[\u3002\uff0e\uff61]")
_TRAILING_DOT = re.compile(r"(?!^)\.(?=(?::[^:]*)?\Z)")
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):([/\\]*)([^/\\?#]*)(.*)", re.DOTALL)


@dataclass(frozen=True)
class _Site:
    """What an origin and a pattern have in common."""

    scheme: str
    host: str
    port: int | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only the machine itself can serve it. An app's own pages are not meant."""
        if self.scheme not in WEB_SCHEMES:
            return False
        return f".{self.host}".endswith(".localhost") or _is_in(self.host, _LOOPBACK_NETWORKS)

    @property
    def is_private(self) -> bool:
        """Whether the host is a private, link-local or unspecified address.

        Names are never private: `orders.acme.internal` may well be in production. An IPv4
        address wrapped in IPv6 counts as what it wraps, loopback included.
        """
        return self.scheme in WEB_SCHEMES and _is_in(self.host, _PRIVATE_NETWORKS)

    @property
    def is_placeholder(self) -> bool:
        """Whether the host is a name that is reserved for documentation and tests."""
        return _PLACEHOLDER.fullmatch(self.host) is not None

    @property
    def is_plain_http(self) -> bool:
        """Whether what is sent to and from its pages can be read and changed on the way."""
        return self.scheme == "http"


@dataclass(frozen=True)
class Origin(_Site):
    """One site, in the form browsers send. `port` is None for the scheme's default port."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")


@dataclass(frozen=True)
class Pattern(_Site):
    """Many sites: `https://*.acme.com`, `https://app-*-team.acme.com`, `http://localhost:*`.

    `host` keeps its `*`. `kind` says what the `*` stands for: exactly one whole "label", one or
    more characters inside the first label ("partial"), or any "port".
    """

    kind: Literal["label", "partial", "port"] = "label"

    def __str__(self) -> str:
        port = "*" if self.kind == "port" else self.port
        return f"{self.scheme}://{self.host}" + (f":{port}" if port else "")

    @property
    def base(self) -> str:
        """The host without its wildcard label: what has to be under the team's control."""
        return self.host if self.kind == "port" else self.host.partition(".")[2]

    @property
    def regex(self) -> str:
        """The source of an anchored expression that matches exactly the covered origins."""
        host, port = re.escape(self.host), f":{self.port}" if self.port else ""
        if self.kind == "port":
            port = "(?::[1-9][0-9]{0,4})?"
        else:
            host = rf"{self._label_regex}\.{re.escape(self.base)}"
        return rf"\A{self.scheme}://{host}{port}\Z"

    @property
    def _label_regex(self) -> str:
        before, _, after = self.host.partition(".")[0].partition("*")
        if not before and not after:
            return _LABEL
        room = 63 - len(before) - len(after)
        # A label neither starts nor ends with a hyphen, so a `*` at its edge does not either.
        first = "" if before else "(?!-)"
        last = "" if after else "(?<!-)"
        return rf"{first}{re.escape(before)}[a-z0-9-]{{1,{room}}}{last}{re.escape(after)}"

    def covers(self, origin: Origin | str) -> bool:
        """Whether `origin` (one that was parsed, or the raw text of a header) is meant."""
        return _compiled(self.regex).match(str(origin)) is not None

    @property
    def is_under_public_suffix(self) -> bool:
        """Whether strangers can register hosts that the pattern covers.

        The suffixes are those of https://publicsuffix.org, registries (`co.uk`) and hosting
        companies (`vercel.app`) alike.
        """
        if self.kind == "port" or f".{self.base}".endswith(".localhost"):
            return False
        return any(is_public_suffix(host) for host in (self.base, f"x.{self.base}"))


@lru_cache(maxsize=256)
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)


def _is_in(host: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in networks)


class OriginError(ValueError):
    """A text that is no origin.

    `rule` is the id of the rule it violates whatever the strictness. `reason` is a clause that
    reads on from the value, `fix` one that says what to write. `suggestion` is the bare text to
    write, where it can be computed: an origin that parses, or several, separated by commas.
    `value` is safe to print: shortened, escaped, without a password.
    """

    def __init__(
        self, rule: str, value: str, reason: str, fix: str, suggestion: str | None = None
    ) -> None:
        self.rule = rule
        self.value = shown(value)
        self.reason = reason
        self.fix = fix
        self.suggestion = suggestion
        super().__init__(f"`{self.value}` {reason}: {fix}")


def shown(text: str) -> str:
    """`text` as messages show it: one short line, escaped, without user name and password."""
    before, at, after = text.rpartition("@")
    if at:
        scheme, slashes, user = before.rpartition("://")
        # A slash ends the host, unless a password has one in it.
        if "/" not in user or ":" in user:
            text = f"{scheme}{slashes}***@{after}"
    if len(text) > _LONGEST_SHOWN:
        text = text[:_LONGEST_SHOWN] + "…"
    return text if text.isprintable() else repr(text)[1:-1]


def parse(text: str) -> Origin | Pattern:
    """The origin or pattern that `text` is; OriginError if it is neither."""
    if site := _exact(text):
        return site
    rule, reason, advice = _fault(text)
    suggestion = _suggest(text)
    fix = f"write `{suggestion}`" if suggestion else advice
    raise OriginError(rule, text, reason, fix, suggestion)


# --- What is accepted ---------------------------------------------------------------------------


def _exact(text: str) -> Origin | Pattern | None:
    """The site whose canonical form `text` is, to the byte."""
    parts = _PARTS.fullmatch(text)
    site = _site(parts[1].lower(), parts[3]) if parts else None
    return site if str(site) == text else None


def _site(scheme: str, authority: str) -> Origin | Pattern | None:
    """The site that a scheme and what follows its slashes stand for, in canonical form."""
    if hosts := APP_HOSTS.get(scheme):
        host = next(filter(hosts.fullmatch, (authority, authority.lower())), None)
        return Origin(scheme, host) if host and len(host) <= 253 else None
    if scheme not in WEB_SCHEMES:
        return None
    return _pattern(scheme, authority) if "*" in authority else _origin(scheme, authority)


def _origin(scheme: str, authority: str) -> Origin | None:
    if len(authority) > _LONGEST_AUTHORITY:
        return None
    try:
        url = Url(f"{scheme}://{authority}")
    except ValidationError:
        return None
    host, port = url.host or "", url.port
    # The parser takes hosts that no resolver and no browser's address bar would.
    is_host = host.startswith("[") or (len(host) <= 253 and re.fullmatch(_NAMED_HOST, host))
    if not is_host or port == 0:
        return None
    return Origin(scheme, host, None if str(port) == _DEFAULT_PORTS[scheme] else port)


def _pattern(scheme: str, authority: str) -> Pattern | None:
    if authority.endswith(":*"):
        site = _origin(scheme, authority.removesuffix(":*"))
        if site is None or site.port or not site.is_loopback:
            return None
        return Pattern(scheme, site.host, kind="port")
    label, _, base = authority.lower().partition(".")
    # Any letter in the place of the `*` makes the pattern an origin, for the parser to judge.
    site = _origin(scheme, f"{label.replace('*', 'x')}.{base}")
    if site is None or label.count("*") != 1 or label.startswith("xn--"):
        return None
    stand_in, _, base = site.host.partition(".")
    if not base or stand_in != label.replace("*", "x"):
        return None
    kind: Literal["label", "partial"] = "label" if label == "*" else "partial"
    return Pattern(scheme, f"{label}.{base}", site.port, kind)


# --- What is refused, why, and what was meant ---------------------------------------------------

_Fault = tuple[str, str, str]
_NAME_IT = "write scheme and host, as in `https://app.acme.com`"


def _fault(text: str) -> _Fault:
    """Rule, reason and general advice for a text that is no origin."""
    bare = text.strip()
    if not bare:
        return "CORS006", "is empty", _NAME_IT
    if bare == "*":
        return "CORS003", "lets every site in", "name the sites, or open paths to everyone"
    if re.match(rf"null\Z|(?:{'|'.join(_OPAQUE_SCHEMES)}):", bare, re.IGNORECASE):
        return (
            "CORS005",
            "stands for any sandboxed page and any local file",
            "serve the page from a host and name that",
        )
    if clause := _stray(text):
        return "CORS006", clause, _NAME_IT
    parts = _split(text)
    if parts is None:
        if "*" in text.partition("://")[0] and "://" in text:
            return "CORS015", "has a wildcard in its scheme", "write one origin per scheme"
        return "CORS008", "has no scheme", _NAME_IT
    scheme = parts[1].lower()
    if scheme not in (*WEB_SCHEMES, *APP_HOSTS):
        return "CORS008", f"has the unknown scheme `{shown(parts[1])}`", _NAME_IT
    host = parts[3].rpartition("@")[2]
    if "*" in host and (fault := _wildcard_fault(scheme, host)):
        return fault
    faults = list(_form_faults(parts)) or [("CORS007", "is not what a browser sends")]
    return min(faults)[0], _listed([clause for _, clause in faults]), "correct it"


def _split(text: str) -> re.Match[str] | None:
    """Scheme, slashes, authority and rest; None if there is no scheme (`localhost:3000`)."""
    parts = _PARTS.fullmatch(text)
    return parts if parts and (parts[2] or parts[1].lower() in WEB_SCHEMES) else None


def _stray(text: str) -> str | None:
    """Characters that come from the file around an origin rather than from an origin."""
    if text != text.strip():
        return "has white space around it"
    if "," in text or ";" in text or any(map(str.isspace, text)):
        return "is more than one origin, or has white space in it"
    if _INVISIBLE.search(text) or any("\ud800" <= char <= "\udfff" for char in text):
        return "has an invisible character in it"
    half_open = text[0] == "[" or (text[-1] == "]" and "[" not in text)
    if half_open or any(char in text for char in _QUOTES):
        return "has quotes or brackets left in it"
    return None


def _wildcard_fault(scheme: str, authority: str) -> _Fault | None:
    host, port = _host_and_port(authority)
    label, _, base = host.partition(".")
    if scheme in APP_HOSTS:
        return "CORS015", "has a wildcard in the name of an app", "write the app's own origin"
    if port and "*" in port and "*" not in host:
        site = _origin(scheme, host)
        if port != "*":
            return "CORS015", "has a wildcard inside its port", "name the port"
        if site and site.is_loopback:
            return None
        return "CORS016", "has a wildcard for the port of a host", "name the port"
    if authority.count("*") > 1:
        return "CORS015", "has more than one wildcard", "write one `*`, for one label"
    if "*" in base:
        return "CORS015", "has a wildcard after its first label", "write `*` in the first label"
    if not base or base == ".":
        return "CORS015", "has a wildcard with no domain after it", _NAME_IT
    if _ENDS_IN_NUMBER.search(base):
        return "CORS015", "has a wildcard in an IP address", "name the address"
    if not label.isascii() or label.lower().startswith("xn--"):
        return "CORS015", "has a wildcard in a Unicode label", "write `*` for the whole label"
    return None


def _form_faults(parts: re.Match[str]) -> Iterator[tuple[str, str]]:
    """Every way in which scheme, slashes, authority and rest are not what a browser sends."""
    scheme, slashes, authority, rest = parts.groups()
    _, at, site = authority.rpartition("@")
    if slashes != "//":
        yield "CORS006", f"does not have two slashes after `{scheme}:`"
    if at:
        yield "CORS006", "has a user name"
    if rest in ("/", "\\"):
        yield "CORS006", "ends in a slash"
    elif rest:
        names = {"?": "a query", "#": "a fragment"}
        yield "CORS006", f"has {names.get(rest[0], 'a path')}"
    if (scheme + site).lower() != scheme + site:
        yield "CORS007", "has upper-case letters"
    host, port = _host_and_port(site)
    if scheme.lower() in APP_HOSTS:
        yield from _app_faults(scheme.lower(), host.lower(), port)
    else:
        yield from _host_faults(host.lower())
        yield from _port_faults(scheme.lower(), port)


def _host_and_port(site: str) -> tuple[str, str | None]:
    host, colon, port = site.rpartition(":")
    return (host, port) if colon and "]" not in port else (site, None)


def _app_faults(scheme: str, host: str, port: str | None) -> Iterator[tuple[str, str]]:
    if port is not None:
        yield "CORS007", "has a port, which the origin of an app never has"
    elif not APP_HOSTS[scheme].fullmatch(host):
        ids = {"chrome-extension": "an id of 32 letters from a to p"}
        wanted = ids.get(scheme, "a UUID" if scheme.endswith("extension") else "a host name")
        yield "CORS007", f"does not have {wanted} after `{scheme}://`"


def _host_faults(host: str) -> Iterator[tuple[str, str]]:
    if not host:
        yield "CORS006", "has no host"
    elif host.startswith("["):
        yield from _parser_faults(host, "IPv6 address")
    elif not host.isascii():
        yield "CORS007", "has letters outside ASCII"
    elif "%" in host:
        yield "CORS007", "has an escaped character in its host"
    elif bad := re.search(r"[^a-z0-9.*-]", host):
        yield "CORS007", f"has `{bad[0]}` in its host"
    elif len(host) > 253:
        yield "CORS007", "has a host of more than 253 characters"
    else:
        yield from _label_faults(host)


def _label_faults(host: str) -> Iterator[tuple[str, str]]:
    name = host.removesuffix(".")
    labels = name.split(".")
    if "" in labels:
        yield "CORS007", "has an empty label in its host"
    elif any(label[0] == "-" or label[-1] == "-" for label in labels):
        yield "CORS007", "has a hyphen at the edge of a label"
    elif max(map(len, labels)) > 63:
        yield "CORS007", "has a label of more than 63 characters"
    elif name != host:
        yield "CORS007", "ends its host in a dot"
    elif _ENDS_IN_NUMBER.search(name):
        yield from _parser_faults(name, "IP address")
    elif "xn--" in name and _origin("https", name.replace("*", "x")) is None:
        yield "CORS007", "has a label that is not valid punycode"


def _parser_faults(host: str, kind: str) -> Iterator[tuple[str, str]]:
    """Faults of an IP address, whose many notations only the parser knows."""
    site = _origin("https", host)
    if site is None or "]" in host[:-1]:
        yield "CORS007", f"has an invalid {kind}"
    elif site.host != host:
        yield "CORS007", f"has an {kind} that browsers write differently"


def _port_faults(scheme: str, port: str | None) -> Iterator[tuple[str, str]]:
    if port is None or port == "*":
        return
    number = port.lstrip("0")
    if not port:
        yield "CORS007", "has a colon without a port"
    elif not re.fullmatch(r"[0-9]+", port):
        yield "CORS007", "has an invalid port"
    elif not number:
        yield "CORS007", "has the port 0"
    elif number == _DEFAULT_PORTS[scheme]:
        yield "CORS007", f"names the port that {scheme} uses anyway"
    elif len(number) > 5 or int(number) > 65535:
        yield "CORS007", "has a port above 65535"
    elif number != port:
        yield "CORS007", "has a port that starts with a zero"


def _suggest(text: str) -> str | None:
    """What was probably meant, as text that parses, or None."""
    text = _INVISIBLE.sub("", text).strip().strip(_QUOTES + " ")
    if text.startswith("[") and "://" in text:
        text = text.strip("[]").strip(_QUOTES + " ")
    pieces = [piece.strip(_QUOTES) for piece in re.split(r"[\s,;]+", text)]
    sites = [_meant(piece) for piece in pieces[:_MOST_SUGGESTED] if piece]
    if not sites or None in sites or len(pieces) > _MOST_SUGGESTED:
        return None
    return ",".join(map(str, sites))


def _meant(text: str) -> Origin | Pattern | None:
    """The site that one text most likely stands for."""
    parts = _split(text)
    if parts is None:
        return _without_scheme(text.lstrip("/\\"))
    scheme = {"ws": "http", "wss": "https"}.get(parts[1].lower(), parts[1].lower())
    user, _, authority = parts[3].rpartition("@")
    # `https://app.acme.com@evil.net` leads to evil.net: not a thing to suggest.
    if "." in user:
        return None
    authority = _TRAILING_DOT.sub("", _WIDE_DOTS.sub(".", authority))
    return _site(scheme, authority) or _site(scheme, authority.removesuffix(":*"))


def _without_scheme(text: str) -> Origin | Pattern | None:
    if "://" in text or _split(text) is not None:
        return None
    site = _meant(f"https://{text}")
    if site is not None and site.is_loopback:
        return _meant(f"http://{text}")
    # A bare word is more likely a slip than the name of a host.
    return site if site is not None and "." in site.host else None


def _listed(clauses: list[str]) -> str:
    *first, last = clauses
    return f"{', '.join(first)} and {last}" if first else last


# --- Near misses --------------------------------------------------------------------------------


@dataclass(frozen=True)
class NearMiss:
    """An allowed site that a refused text resembles, and in what the two differ."""

    allowed: Origin | Pattern
    difference: str
    sentence: str


def near_miss(refused: str, allowed: Iterable[Origin | Pattern]) -> NearMiss | None:
    """The allowed site that `refused` resembles most, or None if nothing is close.

    Of several equally close ones the first counts. A text that is not refused has none.
    """
    site = _exact(refused) or _meant(_INVISIBLE.sub("", refused).strip().strip(_QUOTES))
    if not isinstance(site, Origin):
        return None
    closest: tuple[int, Origin | Pattern, str] | None = None
    for candidate in allowed:
        found = _difference(refused, site, candidate)
        if found and (closest is None or found[0] < closest[0]):
            closest = (found[0], candidate, found[1])
    if closest is None:
        return None
    _, candidate, difference = closest
    sentence = f"`{shown(refused)}` is not allowed but `{candidate}` is: {difference}"
    return NearMiss(candidate, difference, sentence)


def _difference(text: str, site: Origin, allowed: Origin | Pattern) -> tuple[int, str] | None:
    """How far `site`, written as `text`, is from `allowed`, and a clause; None if too far."""
    if _matches(site, allowed):
        if text == str(site):
            return None
        return 0, f"the refused text {_fault(text)[1]}"
    clauses = []
    if site.scheme != allowed.scheme:
        clauses.append(f"the scheme is {site.scheme}, not {allowed.scheme}")
    if not _same_port(site, allowed):
        clauses.append(f"the port is {_port(site)}, not {_port(allowed)}")
    as_allowed = Origin(allowed.scheme, site.host, allowed.port)
    if _matches(as_allowed, allowed):
        if len(clauses) > 1 and site.scheme in APP_HOSTS:
            return None
        return len(clauses), _listed(clauses)
    host = _host_difference(site, allowed)
    # Another host under another scheme and port is simply another site.
    if host is None or len(clauses) > (1 if host[0] == 1 else 0):
        return None
    return host[0] + len(clauses), _listed([*clauses, host[1]])


def _matches(site: Origin, allowed: Origin | Pattern) -> bool:
    return allowed.covers(site) if isinstance(allowed, Pattern) else site == allowed


def _same_port(site: Origin, allowed: Origin | Pattern) -> bool:
    any_port = isinstance(allowed, Pattern) and allowed.kind == "port"
    # Without a port, another scheme means another default port: one difference, not two.
    return any_port or site.port == allowed.port


def _port(site: _Site) -> str:
    return str(site.port or _DEFAULT_PORTS.get(site.scheme, "none"))


def _host_difference(site: Origin, allowed: Origin | Pattern) -> tuple[int, str] | None:
    """Weight and clause for two hosts that differ; None if they have little in common."""
    if isinstance(allowed, Pattern) and allowed.kind != "port":
        return _pattern_difference(site.host, allowed)
    host, wanted = site.host, allowed.host
    if site.is_loopback and allowed.is_loopback:
        return 1, f"to a browser `{host}` and `{wanted}` are different hosts"
    if host == f"www.{wanted}":
        return 1, "it has a `www.` too many"
    if wanted == f"www.{host}":
        return 1, "it lacks the `www.`"
    if _is_one_slip(host, wanted):
        return 2, f"`{host}` is one slip away from `{wanted}`"
    if host.endswith(f".{wanted}"):
        return 3, f"it is a subdomain of `{wanted}`"
    if wanted.endswith(f".{host}") and "." in host:
        return 3, f"it is the parent domain of `{wanted}`"
    return None


def _pattern_difference(host: str, pattern: Pattern) -> tuple[int, str] | None:
    if host == pattern.base:
        return 2, "the pattern asks for a label before the domain"
    label, dot, _ = host.removesuffix(pattern.base).rpartition(".")
    if not dot or not host.endswith(f".{pattern.base}"):
        return None
    if "." in label:
        return 2, "the `*` of a pattern stands for exactly one label"
    return 2, f"`{label}` does not fit `{pattern.host.partition('.')[0]}`"


def _is_one_slip(one: str, other: str) -> bool:
    """Whether one character too many, too few, or wrong, or two swapped, tell the two apart."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    shorter, longer = sorted((one, other), key=len)
    at = next((i for i, char in enumerate(shorter) if char != longer[i]), len(shorter))
    if len(shorter) < len(longer):
        return shorter[at:] == longer[at + 1 :]
    swapped = shorter[at + 1 : at + 2] + shorter[at] + shorter[at + 2 :]
    return shorter[at + 1 :] == longer[at + 1 :] or swapped == longer[at:]
