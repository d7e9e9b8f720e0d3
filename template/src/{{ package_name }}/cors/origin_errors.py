# fmt: off
"""What is wrong with a text that is no origin, what was probably meant, and near misses.

`parse` returns what `origin.exact` reads, or raises an error that says what to write instead. Only
what is wrong in every environment is an error here; the rules judge the rest.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .findings import shown
from .origin import (
    APP_HOSTS,
    DEFAULT_PORTS,
    LONGEST_HOST,
    PARTS,
    WEB_SCHEMES,
    Origin,
    Pattern,
    Site,
    canonical,
    exact,
    origin_of,
)

OPAQUE = re.compile(r"null\Z|(?:file|data|about|blob|filesystem|javascript):", re.IGNORECASE)
MOST_SUGGESTED = 20

# Half of a surrogate pair is one of them.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ud800-\udfff\ufeff]"
)
QUOTES = "\"'`<>(){}\u201c\u201d\u2018\u2019\u201e\xab\xbb"
ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?\Z", re.IGNORECASE)
WIDE_DOTS = re.compile("[\u3002\uff0e\uff61]")
TRAILING_DOT = re.compile(r"(?!^)\.(?=(?::[^:]*)?\Z)")

NAME_IT = "write scheme and host, as in `https://app.acme.com`"


@dataclass(eq=False)
class OriginError(ValueError):
    """A text that is no origin.

    `rule` is the id of the rule that it breaks in every environment. `reason` continues a sentence
    that begins with the value, `fix` says what to write. `suggestion` is the bare text to write,
    where it can be computed: an origin that parses, or several, separated by commas. `value` is
    safe to print.
    """

    rule: str
    value: str
    reason: str
    fix: str
    suggestion: str | None

    def __str__(self) -> str:
        return f"`{self.value}` {self.reason}: {self.fix}"


def parse(text: str) -> Origin | Pattern:
    """Return the origin or pattern that `text` is. Raises the error that says why it is neither."""
    if found := exact(text):
        return found
    rule, reason, advice = fault_of(text)
    suggestion = suggest(text)
    fix = f"write `{suggestion}`" if suggestion else advice
    raise OriginError(rule, shown(text), reason, fix, suggestion)


# --- What is wrong ----------------------------------------------------------------------------
def fault_of(text: str) -> tuple[str, str, str]:
    """Return the id of the rule that a text breaks, a reason, and general advice."""
    bare = text.strip()
    if bare == "*":
        return "CORS003", "lets every site in", "list the sites, or open paths to everyone"
    if OPAQUE.match(bare):
        advice = "serve the page from a host and list that"
        return "CORS005", "stands for any sandboxed page and any local file", advice
    half_open = text[:1] == "[" or (text[-1:] == "]" and "[" not in text)
    cases = (
        (not bare, "is empty"),
        (bare != text, "has white space around it"),
        (re.search(r"[,;\s]", text), "is more than one origin, or has white space in it"),
        (INVISIBLE.search(text), "has an invisible character in it"),
        (half_open or set(text) & set(QUOTES), "has quotes or brackets left in it"),
    )
    if reason := next((reason for applies, reason in cases if applies), None):
        return "CORS006", reason, NAME_IT
    parts = split(text)
    if parts is None:
        if "*" in text.partition("://")[0] and "://" in text:
            return "CORS015", "has a wildcard in its scheme", "write one origin per scheme"
        return "CORS008", "has no scheme", NAME_IT
    scheme = parts[1].lower()
    if scheme not in (*WEB_SCHEMES, *APP_HOSTS):
        return "CORS008", f"has the unknown scheme `{shown(parts[1])}`", NAME_IT
    host = parts[3].rpartition("@")[2]
    if "*" in host and (fault := wildcard_fault(scheme, host)):
        return fault
    faults = [*form_faults(parts)] or [("CORS007", "is not what a browser sends")]
    return min(faults)[0], joined([reason for _, reason in faults]), "correct it"


def split(text: str) -> re.Match[str] | None:
    """Split a text into scheme, slashes, authority and rest; None if there is no scheme."""
    parts = PARTS.fullmatch(text)
    # `localhost:3000` has none, though it looks as if.
    return parts if parts and (parts[2] or parts[1].lower() in WEB_SCHEMES) else None


def wildcard_fault(scheme: str, authority: str) -> tuple[str, str, str] | None:
    """Return what `fault_of` does where a `*` stands in the wrong place; else None."""
    host, port = host_and_port(authority)
    label, _, base = host.partition(".")
    is_app = scheme in APP_HOSTS
    is_unicode = not label.isascii() or label.lower().startswith("xn--")
    if not is_app and port == "*" and "*" not in host:
        site = origin_of(scheme, host)
        fault = "CORS016", "has a wildcard for the port of a host", "write the port"
        return None if site and site.is_loopback else fault
    cases = (
        (is_app, "has a wildcard in the name of an app", "write the app's own origin"),
        ("*" not in host, "has a wildcard inside its port", "write the port"),
        (authority.count("*") > 1, "has more than one wildcard", "write one `*`, for one label"),
        ("*" in base, "has a wildcard after its first label", "write `*` in the first label"),
        (base in ("", "."), "has a wildcard with no domain after it", NAME_IT),
        (ENDS_IN_NUMBER.search(base), "has a wildcard in an IP address", "write the address"),
        (is_unicode, "has a wildcard in a Unicode label", "write `*` for the whole label"),
    )
    return next((("CORS015", reason, fix) for applies, reason, fix in cases if applies), None)


def form_faults(parts: re.Match[str]) -> Iterator[tuple[str, str]]:
    """Yield the id of a rule and a reason for every part that is not what a browser sends."""
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
    host, port = host_and_port(site)
    scheme, reasons = scheme.lower(), []
    if scheme in APP_HOSTS:
        reasons = [app_fault(scheme, host.lower(), port)]
    elif host:
        reasons = [host_fault(host.lower()), port_fault(scheme, port)]
    else:
        yield "CORS006", "has no host"
    yield from (("CORS007", reason) for reason in reasons if reason)


def host_and_port(site: str) -> tuple[str, str | None]:
    """Split off the port; None where there is no colon."""
    host, colon, port = site.rpartition(":")
    return (host, port) if colon and "]" not in port else (site, None)


def app_fault(scheme: str, host: str, port: str | None) -> str | None:
    """Return what is wrong with the host of an app's own pages; None if nothing is."""
    if port is not None:
        return "has a port, which the origin of an app never has"
    if APP_HOSTS[scheme].fullmatch(host):
        return None
    ids = {"chrome-extension": "an id of 32 letters from a to p"}
    wanted = ids.get(scheme, "a UUID" if scheme.endswith("extension") else "a host name")
    return f"does not have {wanted} after `{scheme}://`"


# The first of these expressions that is found in a host says what is wrong with it.
HOST_FAULTS = (
    (r"[^\x00-\x7f]", "has letters outside ASCII"),
    (r"%", "has an escaped character in its host"),
    (r"[^a-z0-9_.*-]", "has `{0}` in its host"),
    (rf".{{{LONGEST_HOST + 1}}}", f"has a host of more than {LONGEST_HOST} characters"),
    (r"^\.|\.\.", "has an empty label in its host"),
    (r"(^|\.)-|-(\.|\Z)", "has a hyphen at the edge of a label"),
    (r"[^.]{64}", "has a label of more than 63 characters"),
)


def host_fault(host: str) -> str | None:
    """Return what is wrong with a host in lower case; None if nothing is."""
    is_ipv6 = host.startswith("[")
    for expression, reason in () if is_ipv6 else HOST_FAULTS:
        if found := re.search(expression, host):
            return reason.format(found[0])
    # Only the parser knows the many notations of an address, and what punycode is valid.
    site = origin_of("https", host.replace("*", "x"))
    if is_ipv6 or ENDS_IN_NUMBER.search(host):
        kind = "IPv6 address" if is_ipv6 else "IP address"
        if site is None or "]" in host[:-1]:
            return f"has an invalid {kind}"
        return None if site.host == host else f"has an {kind} that browsers write differently"
    if host.endswith("."):
        return "ends its host in a dot, which browsers send only for a page that was opened with it"
    return "has a label that is not valid punycode" if "xn--" in host and site is None else None


def port_fault(scheme: str, port: str | None) -> str | None:
    """Return what is wrong with a port; None if nothing is."""
    if port is None or port == "*":
        return None
    number = port.lstrip("0")
    cases = (
        (not port, "has a colon without a port"),
        (re.search("[^0-9]", port), "has an invalid port"),
        (number == DEFAULT_PORTS[scheme], f"names the port that {scheme} uses anyway"),
        (not number, "has the port 0"),
        ((len(number), number) > (5, "65535"), "has a port above 65535"),
        (number != port, "has a port that starts with a zero"),
    )
    return next((reason for applies, reason in cases if applies), None)


def joined(reasons: list[str]) -> str:
    """Return the reasons as one: `has a path and has upper-case letters`."""
    *first, last = reasons
    return f"{', '.join(first)} and {last}" if first else last


# --- What was meant ---------------------------------------------------------------------------
def suggest(text: str) -> str | None:
    """Return what was probably meant, as text that parses; None if that is unclear."""
    text = without_wrapping(text)
    if text.startswith("[") and "://" in text:
        text = text.strip("[]").strip(QUOTES + " ")
    pieces = [piece.strip(QUOTES) for piece in re.split(r"[\s,;]+", text)]
    sites = [meant(piece) for piece in pieces[:MOST_SUGGESTED] if piece]
    if not sites or None in sites or len(pieces) > MOST_SUGGESTED:
        return None
    return ",".join(map(str, sites))


def without_wrapping(text: str) -> str:
    """Return a text without invisible characters, and without blanks and quotes around it."""
    return INVISIBLE.sub("", text).strip().strip(QUOTES + " ")


def meant(text: str) -> Origin | Pattern | None:
    """Return the origin or pattern that one text most likely stands for."""
    parts = split(text)
    if parts is None:
        host = text.lstrip("/\\")
        site = None if "://" in host else meant(f"https://{host}")
        if site is not None and site.is_loopback:
            return meant(f"http://{host}")
        # A bare word is more likely a slip than the name of a host.
        return site if site is not None and "." in site.host else None
    scheme = {"ws": "http", "wss": "https"}.get(parts[1].lower(), parts[1].lower())
    user, _, authority = parts[3].rpartition("@")
    # `https://app.acme.com@evil.net` leads to evil.net: nothing to suggest.
    if "." in user:
        return None
    authority = TRAILING_DOT.sub("", WIDE_DOTS.sub(".", authority))
    return canonical(scheme, authority) or canonical(scheme, authority.removesuffix(":*"))


# --- Near misses ------------------------------------------------------------------------------
@dataclass(frozen=True)
class NearMiss:
    """An allowed origin that a refused text resembles, and in what the two differ."""

    allowed: Origin | Pattern
    difference: str
    sentence: str


def near_miss(refused: str, allowed: Iterable[Origin | Pattern]) -> NearMiss | None:
    """Return the allowed origin that `refused` resembles most; None if nothing is close.

    Of several equally close ones the first counts. A text that is allowed resembles none.
    """
    site = exact(refused) or meant(without_wrapping(refused))
    if not isinstance(site, Origin):
        return None
    weighed = [(difference_between(refused, site, each), each) for each in allowed]
    found = [(*difference, each) for difference, each in weighed if difference]
    if not found:
        return None
    _, difference, closest = min(found, key=lambda each: each[0])
    sentence = f"`{shown(refused)}` is not allowed but `{closest}` is: {difference}"
    return NearMiss(closest, difference, sentence)


def difference_between(
    text: str, site: Origin, allowed: Origin | Pattern
) -> tuple[int, str] | None:
    """Return how far `site`, written as `text`, is from `allowed`, and how they differ."""
    if allowed.covers(site):
        return None if text == str(site) else (0, f"the refused text {fault_of(text)[1]}")
    reasons = []
    if site.scheme != allowed.scheme:
        reasons.append(f"the scheme is {site.scheme}, not {allowed.scheme}")
    # Without a port, another scheme means another default port: one difference, not two.
    any_port = isinstance(allowed, Pattern) and allowed.kind == "port"
    if not any_port and site.port != allowed.port:
        reasons.append(f"the port is {port_of(site)}, not {port_of(allowed)}")
    if allowed.covers(Origin(allowed.scheme, site.host, allowed.port)):
        if len(reasons) > 1 and site.scheme in APP_HOSTS:
            return None
        return len(reasons), joined(reasons)
    host = host_difference(site, allowed)
    # Another host under another scheme and port is simply another site.
    if host is None or len(reasons) > (1 if host[0] == 1 else 0):
        return None
    return host[0] + len(reasons), joined([*reasons, host[1]])


def port_of(site: Site) -> str:
    """Return the port as people say it, the default one included."""
    return str(site.port or DEFAULT_PORTS.get(site.scheme, "none"))


def host_difference(site: Origin, allowed: Origin | Pattern) -> tuple[int, str] | None:
    """Return weight and reason for two hosts that differ; None if they have little in common."""
    if isinstance(allowed, Pattern) and allowed.kind != "port":
        return pattern_difference(site.host, allowed)
    host, wanted = site.host, allowed.host
    both_loopback = site.is_loopback and allowed.is_loopback
    cases = (
        (both_loopback, 1, f"to a browser `{host}` and `{wanted}` are different hosts"),
        (host == f"www.{wanted}", 1, "it has a `www.` too many"),
        (wanted == f"www.{host}", 1, "it lacks the `www.`"),
        (is_one_slip(host, wanted), 2, f"`{host}` is one slip away from `{wanted}`"),
        (host.endswith(f".{wanted}"), 3, f"it is a subdomain of `{wanted}`"),
        (wanted.endswith(f".{host}") and "." in host, 3, f"it is the parent domain of `{wanted}`"),
    )
    return next(((weight, reason) for applies, weight, reason in cases if applies), None)


def pattern_difference(host: str, pattern: Pattern) -> tuple[int, str] | None:
    """Return weight and reason for a host that almost fits a pattern."""
    if host == pattern.base:
        return 2, "the pattern needs a label before the domain"
    label, dot, _ = host.removesuffix(pattern.base).rpartition(".")
    if not dot or not host.endswith(f".{pattern.base}"):
        return None
    if "." in label:
        return 2, "the `*` of a pattern stands for exactly one label"
    return 2, f"`{label}` does not fit `{pattern.host.partition('.')[0]}`"


def is_one_slip(one: str, other: str) -> bool:
    """Whether the two differ by one character too many, too few or wrong, or by two swapped."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    shorter, longer = sorted((one, other), key=len)
    at = next((i for i, char in enumerate(shorter) if char != longer[i]), len(shorter))
    if len(shorter) < len(longer):
        return shorter[at:] == longer[at + 1 :]
    swapped = shorter[at + 1 : at + 2] + shorter[at] + shorter[at + 2 :]
    return shorter[at + 1 :] == longer[at + 1 :] or swapped == longer[at:]
