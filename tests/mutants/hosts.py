"""Faults of the hosts that a service answers under, and the addition at which they show."""

from collections.abc import Callable
from typing import Any

from .replacing import (
    Core,
    Edit,
    Fault,
    Replacement,
    Scope,
    fails,
    loses,
    method,
    replace_attribute,
    sent,
)

LISTED_HOSTS = tuple(
    Edit(
        f".env.{name}",
        "# CORS_ALLOWED_HOSTS=api.acme.com",
        "CORS_ALLOWED_HOSTS=api.acme.com,*.preview.acme.com",
    )
    for name in ("staging", "production")
)


def admits(matches: Callable[[Any, str], Any]) -> Replacement:
    """Let in a host, given without its port, that matches in this way."""

    def make(original: Any) -> Any:
        def find(self: Any, *hosts: bytes) -> Any:
            host = b",".join(hosts).decode().lower().partition(":")[0]
            return None if matches(self, host) else original(self, *hosts)

        return find

    return method("_find_other_host", make)


def owns(when: Callable[[Any, str, str], Any], owned: bool) -> Replacement:
    """Say whether an origin is own. `when` gets the middleware, the origin and Host."""

    def make(original: Any) -> Any:
        def is_own(self: Any, scope: Scope, found: dict[bytes, list[bytes]]) -> Any:
            origin, host = found[b"origin"][0].decode(), found[b"host"][0].decode()
            return owned if when(self, origin, host) else original(self, scope, found)

        return is_own

    return method("_is_own_origin", make)


def without_sec_fetch_site(original: Any) -> Any:
    """Take no notice of Sec-Fetch-Site in a handshake."""

    def may_connect(self: Any, scope: Scope) -> Any:
        headers = [pair for pair in scope["headers"] if pair[0] != b"sec-fetch-site"]
        return original(self, scope | {"headers": headers})

    return may_connect


def without_addresses(core: Core) -> None:
    """Take no host for an address."""
    replace_attribute(core, core.origin, "is_address", lambda _: lambda host: False)


def is_listed(self: Any, host: str) -> bool:
    return host in self.allowed_hosts


OTHERS = "test_other_sites: somebody_else_reaches_no_handler"
ALIKE = "test_other_sites: resembles_a_listed_host"
OWN = "test_other_sites: listed_host_is_own"

FAULTS_OF_HOSTS = [
    Fault("every host is let in", admits(lambda self, host: True), f"{OTHERS}: .*evil.net"),
    Fault(
        "a host is let in if it begins with localhost",
        admits(lambda self, host: host.startswith("localhost")),
        f"{OTHERS}: .*localhost.evil.net",
    ),
    Fault(
        "a host is let in if it begins like an address",
        admits(lambda self, host: host.startswith("127.0.0.1")),
        f"{OTHERS}: .*127.0.0.1.evil.net",
    ),
    Fault(
        "a host is let in if it ends like a listed one",
        admits(lambda self, host: host.endswith(tuple(self.allowed_hosts))),
        f"{ALIKE}: .*evilapi.acme.com",
    ),
    Fault(
        "a host is let in if it begins like a listed one",
        admits(lambda self, host: host.startswith("api.acme.com")),
        f"{ALIKE}: .*api.acme.com.evil.net",
    ),
    Fault(
        "a wildcard host stands for several labels",
        admits(lambda self, host: host.endswith(".preview.acme.com")),
        f"{ALIKE}: .*a.b.preview.acme.com",
    ),
    Fault(
        "WebSockets are opened under every host",
        method("_may_connect", lambda _: lambda self, scope: True),
        f"{OTHERS}: .*opens a WebSocket",
    ),
    Fault("addresses are refused", without_addresses, "test_other_sites: addresses_and_own_names"),
    Fault(
        "a port beside the host is compared, too",
        method(
            "_find_other_host",
            lambda original: (
                lambda self, *hosts: (
                    ("host", "x") if b":8000" in b"".join(hosts) else original(self, *hosts)
                )
            ),
        ),
        "test_other_sites: addresses_and_own_names: .*:8000",
    ),
    Fault(
        "the 400 to an allowed origin has no grant",
        loses(b"access-control-", lambda scope, start: start["status"] == 400),
        "test_other_sites: can_read_that_the_host_is_wrong",
    ),
    Fault(
        "a listed host is own over http",
        owns(
            lambda self, origin, host: (
                origin.startswith("http://") and is_listed(self, origin.removeprefix("http://"))
            ),
            True,
        ),
        f"{OWN}: .*http://api.acme.com",
    ),
    Fault(
        "a listed host is own at every port",
        owns(lambda self, origin, host: origin == "https://api.acme.com:8443", True),
        f"{OWN}: .*:8443",
    ),
    Fault(
        "a listed host is own only where Host is the same",
        owns(lambda self, origin, host: origin != f"https://{host}", False),
        f"{OWN}: .*open no WebSocket",
    ),
    Fault(
        "a page at an address is own",
        owns(lambda self, origin, host: origin == f"https://{host}", True),
        "test_other_sites: no_address_is_own",
    ),
    Fault(
        "Sec-Fetch-Site of a handshake is ignored",
        method("_may_connect", without_sec_fetch_site),
        "test_other_sites: says_cross_site",
    ),
    Fault(
        "Sec-Fetch-Site of a handshake is asked before the list",
        fails(
            "_may_connect", lambda self, scope: sent(scope, b"sec-fetch-site") == [b"cross-site"]
        ),
        "test_other_sites: says_cross_site: .*opens no WebSocket",
    ),
]
