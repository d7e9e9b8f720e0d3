# fmt: off
"""What an origin is: the form that browsers send, and wildcard patterns for many of them.

A browser compares origins byte by byte. So a text counts as an origin only if it is, to the byte,
what a browser would send. That form is computed by pydantic-core's URL parser, which follows the
URL Standard (https://url.spec.whatwg.org) as browsers do.

`exact` reads what is right; `origin_errors` explains what is wrong. What depends on the environment
(plain http, loopback, placeholders, patterns) is a property here and is judged by the rules.
"""

import re
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Literal

from pydantic_core import Url, ValidationError

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

# With `_`: no registry sells such a name, but hosts below one have it, and browsers send it.
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAMED_HOST = rf"{LABEL}(?:\.{LABEL})*"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
LONGEST_HOST = 253
# Room for the longest host typed in another form. It keeps a hostile text away from the parser.
LONGEST_AUTHORITY = 600

WEB_SCHEMES = ("http", "https")
DEFAULT_PORTS = {"http": "80", "https": "443"}
# The host of an app's own pages, by scheme. Safari writes the ids of its extensions in upper case,
# and Electron apps commonly live at `app://.`.
APP_HOSTS = {
    "capacitor": re.compile(NAMED_HOST),
    "ionic": re.compile(NAMED_HOST),
    "tauri": re.compile(NAMED_HOST),
    "app": re.compile(rf"\.|{NAMED_HOST}"),
    "chrome-extension": re.compile(r"[a-p]{32}"),
    "moz-extension": re.compile(UUID),
    "safari-web-extension": re.compile(rf"{UUID}|{UUID.replace('a-f', 'A-F')}"),
}

# `myshop://app`, which no list knows. `ws` and `ftp` are never the scheme of a page.
OWN_APP = re.compile(rf"(?!(?:ws|wss|ftp):)([a-z][a-z0-9+.-]*)://(\.|{NAMED_HOST})")

# Reserved by RFC 2606 and RFC 6761. `example.net` is not listed: tests use it for a real site.
PLACEHOLDER = re.compile(r"(?:.*\.)?(?:example\.com|example\.org|example|test|invalid)")

# Shared hosting that the Public Suffix List lacks; its customers get names at any depth below. The
# sources are in docs/origins.md of the template.
SHARED_HOSTING = (
    ".cloudworkstations.dev",
    ".devtunnels.ms",
    ".github.dev",
    ".gitpod.io",
    ".gradio.live",
    ".localtunnel.me",
    ".stackblitz.io",
    ".webcontainer.io",
)

LOOPBACK_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
# The last line has those of the first, and loopback, wrapped in IPv6.
PRIVATE = (
    "0.0.0.0/8 10.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 ::/128 fc00::/7 fe80::/10 "
    "::ffff:0.0.0.0/104 ::ffff:10.0.0.0/104 ::ffff:127.0.0.0/104 "
    "::ffff:169.254.0.0/112 ::ffff:172.16.0.0/108 ::ffff:192.168.0.0/112"
)
PRIVATE_NETWORKS = [ip_network(text) for text in PRIVATE.split()]

# Scheme, slashes, authority, and the rest of a URL.
PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):([/\\]*)([^/\\?#]*)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Site:
    """What an origin and a pattern have in common. `port` is None for the scheme's default port."""

    scheme: str
    host: str
    port: int | None = None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")

    @property
    def is_loopback(self) -> bool:
        """Whether only the user's own machine can serve it. Pages of app shells do not count."""
        is_named = f".{self.host}".endswith(".localhost")
        return self.scheme in WEB_SCHEMES and (is_named or is_in(self.host, LOOPBACK_NETWORKS))

    @property
    def is_private(self) -> bool:
        """Whether the host is a private, link-local or unspecified address.

        A name never is: `orders.acme.internal` may well be a production host.
        """
        return self.scheme in WEB_SCHEMES and is_in(self.host, PRIVATE_NETWORKS)

    @property
    def is_placeholder(self) -> bool:
        """Whether the host is a name that is reserved for documentation and tests."""
        return PLACEHOLDER.fullmatch(self.host) is not None


@dataclass(frozen=True)
class Origin(Site):
    """One origin, in the form that browsers send."""

    def covers(self, origin: "Origin") -> bool:
        """Whether `origin` is this one."""
        return self == origin


@dataclass(frozen=True)
class Pattern(Site):
    """Many origins: `https://*.acme.com`, `https://app-*-team.acme.com`, `http://localhost:*`.

    `host` keeps its `*`. `kind` says what the `*` stands for: exactly one whole "label", one or
    more characters inside the first label ("partial"), or any "port".
    """

    kind: Literal["label", "partial", "port"] = "label"

    def __str__(self) -> str:
        return super().__str__() + (":*" if self.kind == "port" else "")

    @property
    def base(self) -> str:
        """The host without its wildcard label: the part that has to belong to the team."""
        return self.host if self.kind == "port" else self.host.partition(".")[2]

    @property
    def regex(self) -> str:
        """The source of an anchored expression that matches exactly the covered origins."""
        host, port = re.escape(self.host), f":{self.port}" if self.port else ""
        if self.kind == "port":
            port = "(?::[1-9][0-9]{0,4})?"
        else:
            host = rf"{self.label_regex}\.{re.escape(self.base)}"
        return rf"\A{self.scheme}://{host}{port}\Z"

    @property
    def has_fixed_parts(self) -> bool:
        """Whether letters or digits stand both before and after the `*` in its label."""
        before, _, after = self.host.partition(".")[0].partition("*")
        return bool(before.strip("-") and after.strip("-"))

    @property
    def label_regex(self) -> str:
        """The source of an expression for the label with the `*`."""
        before, _, after = self.host.partition(".")[0].partition("*")
        if not before and not after:
            return LABEL
        room = 63 - len(before) - len(after)
        # A label neither starts nor ends with a hyphen, so a `*` at its edge does not either.
        first = "" if before else "(?!-)"
        last = "" if after else "(?<!-)"
        return rf"{first}{re.escape(before)}[a-z0-9_-]{{1,{room}}}{last}{re.escape(after)}"

    def covers(self, origin: Origin | str) -> bool:
        """Whether the pattern matches `origin`: a parsed one, or the raw text of a header."""
        return re.match(self.regex, str(origin)) is not None

    @property
    def is_under_public_suffix(self) -> bool:
        """Whether anybody can register hosts that the pattern covers.

        The suffixes are those of https://publicsuffix.org, of registries (`co.uk`) and hosting
        companies (`vercel.app`) alike, and SHARED_HOSTING.
        """
        if self.kind == "port" or f".{self.base}".endswith(".localhost"):
            return False
        if f".{self.base}".endswith(SHARED_HOSTING):
            return True
        # Anybody can register a name directly under such a host, as under co.uk.
        suffix = suffix_list().publicsuffix
        return any(suffix(host) == host for host in (self.base, f"x.{self.base}"))


def exact(text: str) -> Origin | Pattern | None:
    """Return the origin or pattern that `text` is, to the byte; None if it is neither."""
    parts = PARTS.fullmatch(text)
    found = canonical(parts[1].lower(), parts[3]) if parts else None
    return found if str(found) == text else None


def canonical(scheme: str, authority: str) -> Origin | Pattern | None:
    """Return what a scheme and the text after its slashes stand for, in the form browsers send."""
    if hosts := APP_HOSTS.get(scheme):
        host = next(filter(hosts.fullmatch, (authority, authority.lower())), None)
        return Origin(scheme, host) if host and len(host) <= LONGEST_HOST else None
    if scheme not in WEB_SCHEMES:
        return None
    return pattern_of(scheme, authority) if "*" in authority else origin_of(scheme, authority)


def own_app_origin(text: str) -> Origin | None:
    """Return the origin of an app with a scheme of its own, or None if the text is none.

    Whether an app has this scheme is not known here, so only a waiver allows it (CORS008).
    """
    parts = OWN_APP.fullmatch(text)
    if not parts or parts[1] in (*WEB_SCHEMES, *APP_HOSTS) or len(parts[2]) > LONGEST_HOST:
        return None
    return Origin(parts[1], parts[2])


def origin_of(scheme: str, authority: str) -> Origin | None:
    """Return the web origin, or None where there is no such host or port."""
    if len(authority) > LONGEST_AUTHORITY:
        return None
    try:
        url = Url(f"{scheme}://{authority}")
    except ValidationError:
        return None
    host, port = url.host or "", url.port
    # The parser accepts hosts that no resolver and no browser's address bar would.
    named = len(host) <= LONGEST_HOST and re.fullmatch(NAMED_HOST, host)
    if not (host.startswith("[") or named) or port == 0:
        return None
    return Origin(scheme, host, None if str(port) == DEFAULT_PORTS[scheme] else port)


def pattern_of(scheme: str, authority: str) -> Pattern | None:
    """Return the pattern, or None where the `*` stands in a place that cannot be judged."""
    if authority.endswith(":*"):
        site = origin_of(scheme, authority.removesuffix(":*"))
        if site is None or site.port or not site.is_loopback:
            return None
        return Pattern(scheme, site.host, kind="port")
    label, _, base = authority.lower().partition(".")
    # Any letter in the place of the `*` makes the pattern an origin, for the parser to judge.
    site = origin_of(scheme, f"{label.replace('*', 'x')}.{base}")
    if site is None or label.count("*") != 1 or label.startswith("xn--"):
        return None
    stand_in, _, base = site.host.partition(".")
    if not base or stand_in != label.replace("*", "x"):
        return None
    return Pattern(scheme, f"{label}.{base}", site.port, "label" if label == "*" else "partial")


def is_in(host: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    """Whether a host is an address in one of these networks. A name is in none."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in networks)


@cache
def suffix_list() -> "PublicSuffixList":
    """Return the Public Suffix List that is shipped with its package; nothing is fetched."""
    # Imported here: it takes longer to read than everything else at a start, and a policy without
    # patterns never asks.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
