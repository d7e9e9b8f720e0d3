"""Sites: which registrable domain a host belongs to, after the Public Suffix List."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@cache
def suffix_list() -> "PublicSuffixList":
    """Return the list that is shipped with the package; nothing is fetched."""
    # Imported here because the list takes longer to read than everything else at start-up,
    # and a policy without patterns never asks.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def is_public_suffix(host: str) -> bool:
    """Whether anybody can have a name directly under this host, as under co.uk or vercel.app."""
    return bool(suffix_list().publicsuffix(host) == host)


def registrable_domain(host: str) -> str:
    """Return the site a host is of, such as acme.com; an address or public suffix is its own."""
    return suffix_list().privatesuffix(host) or host
