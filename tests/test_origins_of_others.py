"""The texts with which jub0bs/cors tests its patterns (pattern_test.go), and what each is here.

The facts are theirs: which text, and whether that library takes it. The sentences are ours. Every
difference is explained in docs/origins.md.
"""

from typing import NamedTuple

import pytest
from service.cors.origin_errors import OriginError, parse

from .project import TEMPLATE

# A host of 251 characters.
LONG = ".".join(["a" * 60] * 4) + "." + "a" * 7
SCHEME = "a" * 64


class Row(NamedTuple):
    """A text, what it is about, whether they take it, and the rule that refuses it here.

    `heading` is that of the section in docs/origins.md which explains a difference.
    """

    text: str
    sentence: str
    is_theirs: bool
    rule: str
    heading: str = ""


SCHEMES = "Schemes of apps"
ROWS = [
    Row(f"https://*.a{LONG}", "a pattern with no room for its label", False, "CORS007"),
    Row(f"https://*.{LONG}", "the longest pattern", True, ""),
    Row(f"{SCHEME}://*.a{LONG}:65535", "longer than any origin", False, "CORS008"),
    Row(f"{SCHEME}://*.{LONG}:65535", "as long as can be", True, "CORS008", SCHEMES),
    Row("null", "what a sandboxed frame sends", False, "CORS005"),
    Row("https://me:secret@acme.com:6060", "a login before the host", False, "CORS006"),
    Row("https://acme.com:6060/login", "a path", False, "CORS006"),
    Row("https://acme.com:6060?", "an empty query", False, "CORS006"),
    Row("https://acme.com:6060?a=b", "a query", False, "CORS006"),
    Row("https://acme.com:6060#top", "a fragment", False, "CORS006"),
    Row("ab", "two letters", False, "CORS008"),
    Row("ab:", "two letters and a colon", False, "CORS008"),
    Row(" http://acme.com:6060 ", "blanks around it", False, "CORS006"),
    Row("connector://shop", "a scheme that only one app has", True, "CORS008", SCHEMES),
    Row("a://acme.com", "the scheme a", True, "CORS008", SCHEMES),
    Row("b://acme.com", "the scheme b", True, "CORS008", SCHEMES),
    Row("y://acme.com", "the scheme y", True, "CORS008", SCHEMES),
    Row("z://acme.com", "the scheme z", True, "CORS008", SCHEMES),
    Row("file:///index.html", "a file", False, "CORS005"),
    Row("file://acme.com", "a file of a host", False, "CORS005"),
    Row("4-chrome-extension://shop", "a scheme that begins with a digit", False, "CORS008"),
    Row("chrome-extension*://shop", "a star in the scheme", False, "CORS015"),
    Row("http://intranet:80", "http and its port", False, "CORS007"),
    Row("https://intranet:443", "https and its port", False, "CORS007"),
    Row("https://^acme", "a caret first in the host", False, "CORS007"),
    Row("http://1:6060", "one digit for an address", False, "CORS007"),
    Row("https://m\xfcller.com", "a letter with two dots", False, "CORS007"),
    Row("https://app.^acme", "a caret first in a label", False, "CORS007"),
    Row("https://intranet:", "a colon and no port", False, "CORS007"),
    Row("https://intranet:-1", "a port below zero", False, "CORS007"),
    Row("https://intranet:0", "the port zero", False, "CORS007"),
    Row("https://intranet:abc", "letters for a port", False, "CORS007"),
    Row("https://intranet:06060", "a port with a zero before it", False, "CORS007"),
    Row("https://intranet:12345app", "five digits of a port, and letters", False, "CORS007"),
    Row("https://intranet:123456", "six digits of a port", False, "CORS007"),
    Row("https://intranet:65536", "one port too high", False, "CORS007"),
    Row("https://intranet:12390abc", "another port, and letters", False, "CORS007"),
    Row("http://app.acme.255:6060", "a last label of digits", False, "CORS007"),
    Row(f"http://a.b.c.{'0123456789' * 3}:6060", "thirty digits at the end", False, "CORS007"),
    Row("http://[::1]1:6060", "a digit after the bracket", False, "CORS007"),
    Row("http://127.0.0.1:", "an address, a colon and no port", False, "CORS007"),
    Row("http://127.0.0.1:-1", "an address, and a port below zero", False, "CORS007"),
    Row("http://127.0.0.1:0", "an address and the port zero", False, "CORS007"),
    Row("https://127.0.0.1:90", "https on loopback", True, ""),
    Row("https://127.0.0.1.:90", "an address with a dot after it", False, "CORS007"),
    Row("http://127.0.0.1.1", "five numbers", False, "CORS007"),
    Row("http://69.254.169.254", "an address of somebody", True, ""),
    Row("http://127.0.0.1:90", "http on loopback", True, ""),
    Row("https://[::1]:90", "https on loopback of IPv6", True, ""),
    Row("http://[acme]:90", "a word in brackets", False, "CORS007"),
    Row("https://::1:90", "IPv6 without brackets", False, "CORS007"),
    Row("http://[::1:90", "a bracket left open", False, "CORS007"),
    Row("https://::1]:90", "a bracket that nothing opened", False, "CORS007"),
    Row("https://abc[::1]:90", "letters before a bracket", False, "CORS007"),
    Row("https://[::1]abc:90", "letters after a bracket", False, "CORS007"),
    Row("http://[2001:db8:aaaa:1111::100]:9090", "an address of IPv6", True, ""),
    Row("http://[::1]:90", "http on loopback of IPv6", True, ""),
    Row("http://127.1:3999", "a short form of an address", False, "CORS007"),
    Row("http://[::::::::::::::::1]:90", "more colons than IPv6 has", False, "CORS007"),
    Row("http://[2001:db8:0000:0000:0000:0000:0000:1]:9", "a long form of IPv6", False, "CORS007"),
    Row("http://[fe80::1ff:fe23:4567:890a%eth2]:90", "a network interface", False, "CORS007"),
    Row("http://[::ffff:7f7f:7f7f]:90", "IPv4 inside IPv6", False, "", "IPv4 inside IPv6"),
    Row("http://aCme.coM:3999", "upper case", False, "CORS007"),
    Row("http://my_a-pp.com:3999", "an underscore and a hyphen", True, ""),
    Row("http://acme.com.:3999", "a dot at the end", True, "CORS007", "A dot at the end"),
    Row("http://acme.com..:3999", "two dots at the end", False, "CORS007"),
    Row("http://acme..com:3999", "a label of nothing", False, "CORS007"),
    Row("http://xn--f", "punycode of nothing", False, "CORS007"),
    Row("http://*.acme.com:3999", "any label", True, ""),
    Row("http://*.acme.com:*", "any label and any port", True, "CORS015", "Any port"),
    Row("http://**.acme.com:3999", "two stars", False, "CORS015"),
    Row("http://app.*.acme.com:3999", "a star in the second label", False, "CORS015"),
    Row("http://*acme.com:3999", "a star before letters", False, "", "Part of a label"),
    Row("http://*.[::1]:3999", "a star before IPv6", False, "CORS007"),
    Row("http://*.127.0.0.1:3999", "a star before an address", False, "CORS015"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_each_text_is_judged_as_documented(row: Row) -> None:
    if row.rule:
        with pytest.raises(OriginError) as caught:
            parse(row.text)
        assert caught.value.rule == row.rule
    else:
        assert str(parse(row.text)) == row.text
    differs = row.is_theirs == bool(row.rule)
    assert differs == bool(row.heading)


def test_every_difference_has_its_section() -> None:
    text = (TEMPLATE / "docs" / "origins.md").read_text(encoding="utf-8")
    headings = {row.heading for row in ROWS if row.heading}
    assert [each for each in headings if f"\n### {each}\n" not in text] == []
