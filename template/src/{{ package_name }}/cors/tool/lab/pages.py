"""At which origins the lab can serve a page: plain http on this machine; and the sockets for it."""

import errno
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...origin import Origin, Pattern
from ...origin_errors import parse
from ...policy import CORSPolicy

# `localhost` is two addresses, and which of them a browser tries first is its own business.
LOCALHOST = ("127.0.0.1", "::1")
# A `*` in a pattern stands for something: this.
SAMPLE_LABEL = "lab"
STRANGERS = ("localhost", "127.0.0.1", "stranger.localhost")


class UnavailableError(Exception):
    """A page cannot be served at an origin; the text is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Page:
    """An origin that has a page here, and whether the policy knows it."""

    origin: Origin
    is_listed: bool


def local_entries(policy: CORSPolicy) -> list[Origin | Pattern]:
    """Return the entries of the policy that a page server on this machine can stand for."""
    return [entry for entry in map(parse, policy.allow_origins) if is_local(entry)]


def is_local(entry: Origin | Pattern) -> bool:
    """Whether a page can be served there: on this machine, and without a certificate."""
    return entry.is_loopback and entry.is_plain_http


class Sockets:
    """The listening sockets. Several origins may share one, as two names of one address do."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, int], socket.socket] = {}

    def listen(self, host: str, port: int = 0) -> int:
        """Listen wherever browsers look for a host, and return the port; 0 takes a free one.

        Raises UnavailableError.
        """
        opened: dict[tuple[str, int], socket.socket] = {}
        try:
            for address in addresses(host):
                if (address, port) not in self.open:
                    listening = listening_socket(address, port)
                    port = listening.getsockname()[1]
                    opened[address, port] = listening
        except OSError as error:
            close(opened.values())
            raise UnavailableError(refusal(error, port)) from None
        self.open |= opened
        return port

    def close(self) -> None:
        """Close them all."""
        close(self.open.values())


def close(sockets: Iterable[socket.socket]) -> None:
    """Close the sockets; one that is closed already stays so."""
    for each in sockets:
        each.close()


def addresses(host: str) -> Iterator[str]:
    """Yield the addresses of this machine that a browser takes a loopback host for."""
    if not f".{host}".endswith(".localhost"):
        yield host.strip("[]")
        return
    for address in LOCALHOST:
        if ":" not in address or has_ipv6():
            yield address


def has_ipv6() -> bool:
    """Whether this machine has an IPv6 loopback address; many containers have none."""
    try:
        listening_socket("::1", 0).close()
    except OSError:
        return False
    return True


def listening_socket(address: str, port: int) -> socket.socket:
    """Return a socket that listens on one address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def refusal(error: OSError, port: int) -> str:
    """Say why a port cannot be had."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken, perhaps by your own development server"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this process has"
    return f"port {port} cannot be had ({error.strerror})"


def page_for(entry: Origin | Pattern, sockets: Sockets) -> Page:
    """Listen at an origin, or at one that the pattern covers. Raises UnavailableError."""
    if not is_local(entry):
        raise UnavailableError("it is not plain http on this machine")
    any_port = isinstance(entry, Pattern) and entry.kind == "port"
    host = entry.host.replace("*", SAMPLE_LABEL)
    port = sockets.listen(host, 0 if any_port else entry.port or 80)
    return Page(Origin(entry.scheme, host, None if port == 80 else port), is_listed=True)


def stranger_page(policy: CORSPolicy, sockets: Sockets) -> Page:
    """Listen at an origin that the policy does not know."""
    entries = [parse(text) for text in policy.allow_origins]
    for host in STRANGERS:
        origin = Origin("http", host, sockets.listen(host))
        if not any(covers(entry, origin) for entry in entries):
            break
    return Page(origin, is_listed=False)


def covers(entry: Origin | Pattern, origin: Origin) -> bool:
    """Whether an entry of the policy means this origin."""
    return entry.covers(origin) if isinstance(entry, Pattern) else entry == origin
