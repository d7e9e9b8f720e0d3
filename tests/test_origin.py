"""What the service takes for an origin, what it says about the rest, and what it takes for near."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service.cors.findings import shown
from service.cors.origin import SHARED_HOSTING, Origin, Pattern, suffix_list
from service.cors.origin_errors import NearMiss, OriginError, near_miss, parse
from service.cors.tool.browser import registrable_domain

from .project import TEMPLATE

ID = "abcdefghijklmnopabcdefghijklmnop"
UUID = "0b5f8c1e-12ab-4cde-9f00-0123456789ab"


def cases(*rows: tuple[object, ...]) -> list[object]:
    """Parameters whose first column is the sentence that names the case."""
    return [pytest.param(*row[1:], id=str(row[0])) for row in rows]


def refusal(text: str) -> OriginError:
    with pytest.raises(OriginError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port"),
    cases(
        ("a site", "https://app.acme.com", "https", "app.acme.com", None),
        ("a port", "https://app.acme.com:8443", "https", "app.acme.com", 8443),
        ("the highest port", "https://app.acme.com:65535", "https", "app.acme.com", 65535),
        ("the port of the other scheme", "http://app.acme.com:443", "http", "app.acme.com", 443),
        ("plain http", "http://app.acme.com", "http", "app.acme.com", None),
        ("a dev server", "http://localhost:5173", "http", "localhost", 5173),
        ("an IPv4 address", "http://127.0.0.1:3000", "http", "127.0.0.1", 3000),
        ("an IPv6 address", "http://[::1]:3000", "http", "[::1]", 3000),
        ("an IPv4 address inside IPv6", "http://[::ffff:7f00:1]", "http", "[::ffff:7f00:1]", None),
        ("a host of one label", "http://intranet", "http", "intranet", None),
        ("a label of digits", "https://24.acme.com", "https", "24.acme.com", None),
        ("an underscore", "https://my_app.acme.com", "https", "my_app.acme.com", None),
        ("underscores at the edges", "https://_a_.acme.com", "https", "_a_.acme.com", None),
        ("two hyphens in a label", "https://a--b.acme.com", "https", "a--b.acme.com", None),
        ("punycode", "https://xn--mller-kva.de", "https", "xn--mller-kva.de", None),
        ("punycode of a sharp s", "https://xn--fa-hia.de", "https", "xn--fa-hia.de", None),
        ("an iOS app", "capacitor://localhost", "capacitor", "localhost", None),
        ("an older iOS app", "ionic://localhost", "ionic", "localhost", None),
        ("a desktop app", "tauri://localhost", "tauri", "localhost", None),
        ("an Electron app", "app://orders.acme.com", "app", "orders.acme.com", None),
        ("an Electron app without a name", "app://.", "app", ".", None),
        ("a Chrome extension", f"chrome-extension://{ID}", "chrome-extension", ID, None),
        ("a Firefox extension", f"moz-extension://{UUID}", "moz-extension", UUID, None),
        (
            "a Safari extension, whose id is upper case",
            f"safari-web-extension://{UUID.upper()}",
            "safari-web-extension",
            UUID.upper(),
            None,
        ),
    ),
)
def test_origin(text: str, scheme: str, host: str, port: int | None) -> None:
    assert parse(text) == Origin(scheme, host, port)
    assert str(parse(text)) == text


REFUSED = cases(
    ("empty", "", "CORS006", None),
    ("blank", " \t", "CORS006", None),
    ("everyone", "*", "CORS003", None),
    ("null", "null", "CORS005", None),
    ("null in upper case", "NULL", "CORS005", None),
    ("a file", "file:///index.html", "CORS005", None),
    ("a data URL", "data:text/html,x", "CORS005", None),
    ("about:blank", "about:blank", "CORS005", None),
    ("a blob", "blob:https://app.acme.com/1", "CORS005", None),
    ("a slash at the end", "https://app.acme.com/", "CORS006", "https://app.acme.com"),
    ("a path", "https://app.acme.com/login", "CORS006", "https://app.acme.com"),
    ("a path of a wildcard", "https://app.acme.com/*", "CORS006", "https://app.acme.com"),
    ("a query", "https://app.acme.com?x=1", "CORS006", "https://app.acme.com"),
    ("a fragment", "https://app.acme.com#", "CORS006", "https://app.acme.com"),
    ("a user", "https://me:pw@app.acme.com", "CORS006", "https://app.acme.com"),
    ("a host as user", "https://app.acme.com@evil.net", "CORS006", None),
    ("a backslash", "https://evil.net\\app.acme.com", "CORS006", "https://evil.net"),
    ("spaces around", " https://app.acme.com\n", "CORS006", "https://app.acme.com"),
    ("a space inside", "https://app .acme.com", "CORS006", None),
    ("two in one", "https://a.io https://b.io", "CORS006", "https://a.io,https://b.io"),
    ("a comma left", "https://a.io,https://b.io/", "CORS006", "https://a.io,https://b.io"),
    ("quotes", '"https://app.acme.com"', "CORS006", "https://app.acme.com"),
    ("half a list", "['https://app.acme.com'", "CORS006", "https://app.acme.com"),
    ("typographic quotes", "\u201chttps://a.acme.com\u201d", "CORS006", "https://a.acme.com"),
    ("a byte order mark", "\ufeffhttps://app.acme.com", "CORS006", "https://app.acme.com"),
    ("a zero-width space", "https://app.acme.com\u200b", "CORS006", "https://app.acme.com"),
    ("a soft hyphen", "https://app.ac\xadme.com", "CORS006", "https://app.acme.com"),
    ("a NUL", "https://app.acme.com\0", "CORS006", "https://app.acme.com"),
    ("half a surrogate pair", "https://\ud800.acme.com", "CORS006", None),
    ("one slash", "https:/app.acme.com", "CORS006", "https://app.acme.com"),
    ("no slash", "https:app.acme.com", "CORS006", "https://app.acme.com"),
    ("three slashes", "https:///app.acme.com", "CORS006", "https://app.acme.com"),
    ("no host", "https://", "CORS006", None),
    ("a port alone", "https://:8080", "CORS006", None),
    ("upper-case host", "https://App.acme.com", "CORS007", "https://app.acme.com"),
    ("upper-case scheme", "HTTPS://app.acme.com", "CORS007", "https://app.acme.com"),
    ("the default port", "https://app.acme.com:443", "CORS007", "https://app.acme.com"),
    ("http's default port", "http://app.acme.com:80", "CORS007", "http://app.acme.com"),
    ("zeros before the port", "https://acme.com:08443", "CORS007", "https://acme.com:8443"),
    ("a colon alone", "https://app.acme.com:", "CORS007", "https://app.acme.com"),
    ("port 0", "https://app.acme.com:0", "CORS007", None),
    ("too high a port", "https://app.acme.com:65536", "CORS007", None),
    ("a port of letters", "https://app.acme.com:evil", "CORS007", None),
    ("Unicode", "https://m\xfcller.de", "CORS007", "https://xn--mller-kva.de"),
    ("a sharp s", "https://fa\xdf.de", "CORS007", "https://xn--fa-hia.de"),
    ("an ideographic dot", "https://app\u3002acme.com", "CORS007", "https://app.acme.com"),
    ("an escape", "https://app%2eacme.com", "CORS007", "https://app.acme.com"),
    ("a short IPv4 address", "http://127.1:3000", "CORS007", "http://127.0.0.1:3000"),
    ("an IPv4 number", "http://2130706433", "CORS007", "http://127.0.0.1"),
    ("a hexadecimal IPv4 address", "http://0x7f.1", "CORS007", "http://127.0.0.1"),
    ("an octal IPv4 address", "http://0177.0.0.1", "CORS007", "http://127.0.0.1"),
    ("three numbers", "http://1.2.3", "CORS007", "http://1.2.0.3"),
    ("five numbers", "http://1.2.3.4.5", "CORS007", None),
    ("a byte above 255", "http://1.2.3.256", "CORS007", None),
    ("a number at the end", "https://acme.1", "CORS007", None),
    ("a long IPv6 address", "http://[0:0:0:0:0:0:0:1]", "CORS007", "http://[::1]"),
    ("an upper-case IPv6 address", "http://[FE80::1]", "CORS007", "http://[fe80::1]"),
    ("dots in IPv6", "http://[::ffff:1.2.3.4]", "CORS007", "http://[::ffff:102:304]"),
    ("an open bracket", "http://[::1", "CORS007", None),
    ("a zone", "http://[fe80::1%25en0]", "CORS007", None),
    ("a dot at the end", "https://app.acme.com.", "CORS007", "https://app.acme.com"),
    ("an empty label", "https://app..acme.com", "CORS007", None),
    ("an empty first label", "https://.acme.com", "CORS007", None),
    ("a plus sign", "https://my+app.acme.com", "CORS007", None),
    ("a hyphen first", "https://-app.acme.com", "CORS007", None),
    ("a hyphen last", "https://app-.acme.com", "CORS007", None),
    ("a label of 64", f"https://{'a' * 64}.acme.com", "CORS007", None),
    ("a host of 254", f"https://{'a.' * 125}acme", "CORS007", None),
    ("broken punycode", "https://xn--a.acme.com", "CORS007", None),
    ("punycode of ASCII", "https://xn--acme-.com", "CORS007", None),
    ("an app with a port", "capacitor://localhost:3000", "CORS007", None),
    ("an app in upper case", "tauri://LocalHost", "CORS007", "tauri://localhost"),
    ("an app with a slash", "ionic://localhost/", "CORS006", "ionic://localhost"),
    ("too short an id", "chrome-extension://abc", "CORS007", None),
    ("no UUID", "moz-extension://orders", "CORS007", None),
    ("no scheme", "app.acme.com", "CORS008", "https://app.acme.com"),
    ("no scheme but a port", "app.acme.com:8443", "CORS008", "https://app.acme.com:8443"),
    ("a local host without scheme", "localhost:3000", "CORS008", "http://localhost:3000"),
    ("slashes without scheme", "//app.acme.com/x", "CORS008", "https://app.acme.com"),
    ("a pattern without scheme", "*.acme.com", "CORS008", "https://*.acme.com"),
    ("a word", "production", "CORS008", None),
    ("a slash alone", "/", "CORS008", None),
    ("ftp", "ftp://app.acme.com", "CORS008", None),
    ("a WebSocket", "wss://app.acme.com", "CORS008", "https://app.acme.com"),
    ("another app", "edge-extension://abc", "CORS008", None),
    ("a wildcard for everything", "https://*", "CORS015", None),
    ("a wildcard scheme", "*://app.acme.com", "CORS015", None),
    ("a wildcard in the scheme", "http*://app.acme.com", "CORS015", None),
    ("two wildcards", "https://*.*.acme.com", "CORS015", None),
    ("a double wildcard", "https://**.acme.com", "CORS015", None),
    ("a wildcard in a later label", "https://app.*.com", "CORS015", None),
    ("a wildcard top-level domain", "https://acme.*", "CORS015", None),
    ("a wildcard with no domain", "http://local*", "CORS015", None),
    ("a wildcard in an IP address", "http://*.0.0.1", "CORS015", None),
    ("a wildcard after an IP address", "http://192.168.0.*", "CORS015", None),
    ("a wildcard in punycode", "https://xn--*.acme.com", "CORS015", None),
    ("a wildcard app", "chrome-extension://*", "CORS015", None),
    ("a wildcard inside a port", "https://app.acme.com:8*", "CORS015", None),
    ("any port of a host", "https://app.acme.com:*", "CORS016", "https://app.acme.com"),
    ("any port of a pattern", "http://*.localhost:*", "CORS015", "http://*.localhost"),
    ("a pattern with a slash", "https://*.acme.com/", "CORS006", "https://*.acme.com"),
    ("a pattern in upper case", "https://*.Acme.com", "CORS007", "https://*.acme.com"),
    ("any port, upper case", "http://LocalHost:*", "CORS007", "http://localhost:*"),
)


@pytest.mark.parametrize(("text", "rule", "suggestion"), REFUSED)
def test_refused(text: str, rule: str, suggestion: str | None) -> None:
    error = refusal(text)
    assert (error.rule, error.suggestion) == (rule, suggestion)
    for part in (suggestion or "").split(","):
        assert part == "" or str(parse(part)) == part


@pytest.mark.parametrize(
    ("text", "message"),
    cases(
        (
            "one fault",
            "https://app.acme.com/",
            "`https://app.acme.com/` ends in a slash: write `https://app.acme.com`",
        ),
        (
            "all faults at once",
            "HTTPS://App.Acme.com:443/x",
            "`HTTPS://App.Acme.com:443/x` has a path, has upper-case letters and names the port "
            "that https uses anyway: write `https://app.acme.com`",
        ),
        (
            "nothing to suggest",
            "https://my+app.acme.com",
            "`https://my+app.acme.com` has `+` in its host: correct it",
        ),
        (
            "a dot at the end",
            "https://app.acme.com.",
            "`https://app.acme.com.` ends its host in a dot, which browsers send only for a page "
            "that was opened with it: write `https://app.acme.com`",
        ),
        (
            "a dot after an address, which browsers never send",
            "https://127.0.0.1.",
            "`https://127.0.0.1.` has an IP address that browsers write differently: "
            "write `https://127.0.0.1`",
        ),
        (
            "no password",
            "https://me:secret@app.acme.com",
            "`https://***@app.acme.com` has a user name: write `https://app.acme.com`",
        ),
        (
            "invisible characters can be seen",
            "https://app.acme.com\0",
            r"`https://app.acme.com\x00` has an invisible character in it: "
            "write `https://app.acme.com`",
        ),
    ),
)
def test_message(text: str, message: str) -> None:
    error = refusal(text)
    assert str(error) == message == f"`{error.value}` {error.reason}: {error.fix}"


@pytest.mark.parametrize("text", ["a" * 1000, "https://" + "\n" * 1000, "\ud800" * 1000])
def test_messages_are_one_short_printable_line(text: str) -> None:
    message = str(refusal(text))
    assert len(message) < 700
    assert message.isprintable()


@pytest.mark.parametrize(
    ("text", "kind", "covered", "not_covered"),
    cases(
        (
            "a whole label",
            "https://*.acme.com",
            "label",
            [
                *("https://a.acme.com", "https://a-1.acme.com", f"https://{'a' * 63}.acme.com"),
                *("https://a_b.acme.com", "https://_a.acme.com"),
            ],
            [
                *("https://acme.com", "https://.acme.com", "https://a..acme.com"),
                *("https://a.b.acme.com", "https://evil.net/.acme.com", "http://a.acme.com"),
                *("https://user@evil.net:1.acme.com", "https://a.acme.com:8443"),
                *("https://aacme.com", "https://a.acmexcom", "https://a.acme.com.evil.net"),
                *("https://a.acme.com\n", "https://-a.acme.com", "https://a-.acme.com"),
                *("https://A.acme.com", "https://*.acme.com", "https://a+b.acme.com"),
                *(f"https://{'a' * 64}.acme.com", "https://\u0430.acme.com", " https://a.acme.com"),
            ],
        ),
        (
            "part of a label",
            "https://app-*-team.acme.com",
            "partial",
            ["https://app-1-team.acme.com", "https://app-a-b-team.acme.com"],
            [
                *("https://app--team.acme.com", "https://app-a.b-team.acme.com"),
                *("https://app-1-team.acme.com.evil.net", "https://xapp-1-team.acme.com"),
                *("https://app-/-team.acme.com", f"https://app-{'a' * 60}-team.acme.com"),
            ],
        ),
        (
            "the start of a label",
            "https://*-team.acme.com",
            "partial",
            ["https://a-team.acme.com"],
            ["https://-team.acme.com", "https://--team.acme.com", "https://a-team-b.acme.com"],
        ),
        (
            "the end of a label",
            "https://app*.acme.com:8443",
            "partial",
            ["https://app2.acme.com:8443"],
            ["https://app.acme.com:8443", "https://app-.acme.com:8443", "https://app2.acme.com"],
        ),
        (
            "any port of the own machine",
            "http://localhost:*",
            "port",
            ["http://localhost", "http://localhost:1", "http://localhost:65535"],
            [
                *("https://localhost:1", "http://localhost:", "http://localhost:0"),
                *("http://localhost:1.evil.net", "http://localhost.evil.net", "http://127.0.0.1:1"),
            ],
        ),
        ("any port of IPv6", "http://[::1]:*", "port", ["http://[::1]:3000"], ["http://x:1"]),
        ("below localhost", "http://*.localhost", "label", ["http://a.localhost"], ["http://a"]),
    ),
)
def test_pattern(text: str, kind: str, covered: list[str], not_covered: list[str]) -> None:
    pattern = parse(text)
    assert isinstance(pattern, Pattern)
    assert (str(pattern), pattern.kind) == (text, kind)
    assert [site for site in covered if not pattern.covers(site)] == []
    assert [site for site in not_covered if pattern.covers(site)] == []
    assert all(pattern.covers(parse(site)) for site in covered)  # type: ignore[arg-type]
    assert re.search(pattern.regex, "x" + covered[0]) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    cases(
        ("a registry", "https://*.com", True),
        ("a registry's second level", "https://*.co.uk", True),
        ("a hosting company", "https://*.vercel.app", True),
        ("part of a label there", "https://app-*-team.vercel.app", True),
        ("every label is a suffix there", "https://*.ck", True),
        ("the own domain", "https://*.acme.com", False),
        ("the own domain at a hosting company", "https://*.acme.vercel.app", False),
        ("the own machine", "http://*.localhost", False),
        ("any port", "http://localhost:*", False),
    ),
)
def test_public_suffix(text: str, expected: bool) -> None:
    pattern = parse(text)
    assert isinstance(pattern, Pattern)
    assert pattern.is_under_public_suffix is expected


def test_the_suffix_list_is_read_for_patterns_only() -> None:
    code = "import sys; from service.cors.origin_errors import parse; parse('https://app.acme.com')"
    code += "; parse('http://localhost:*').is_under_public_suffix"
    code += "; sys.exit('publicsuffixlist' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent / "lib")}
    result = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("text", "properties"),
    cases(
        ("a site", "https://app.acme.com", ""),
        ("plain http", "http://app.acme.com", ""),
        ("localhost", "http://localhost:3000", "loopback"),
        ("localhost by https", "https://localhost", "loopback"),
        ("below localhost", "https://app.localhost", "loopback"),
        ("a look-alike of localhost", "https://notlocalhost", ""),
        ("127.0.0.1", "https://127.0.0.1", "loopback"),
        ("all of 127/8", "https://127.9.9.9", "loopback"),
        ("a host that starts like it", "https://127.0.0.1.acme.com", ""),
        ("IPv6 loopback", "https://[::1]", "loopback"),
        ("loopback wrapped in IPv6", "https://[::ffff:7f00:1]", "private"),
        ("10/8", "https://10.1.2.3", "private"),
        ("10/8 wrapped in IPv6", "https://[::ffff:a01:203]", "private"),
        ("172.16/12", "https://172.31.0.1", "private"),
        ("beside 172.16/12", "https://172.32.0.1", ""),
        ("192.168/16", "https://192.168.1.1", "private"),
        ("link-local", "https://169.254.1.1", "private"),
        ("unspecified", "https://0.0.0.0:3000", "private"),
        ("unique local", "https://[fd00::1]", "private"),
        ("link-local IPv6", "https://[fe80::1]", "private"),
        ("a public address", "https://8.8.8.8", ""),
        ("an internal name", "https://orders.acme.internal", ""),
        ("example.com", "https://example.com", "placeholder"),
        ("below example.org", "https://app.example.org", "placeholder"),
        ("a host that ends like it", "https://notexample.com", ""),
        ("example.net, which the rule book uses itself", "https://app.example.net", ""),
        (".example", "https://acme.example", "placeholder"),
        (".test", "https://acme.test", "placeholder"),
        (".invalid", "https://acme.invalid", "placeholder"),
        ("an app's own pages", "capacitor://localhost", ""),
        ("an app named like an address", "ionic://10.0.0.1", ""),
        ("a pattern of placeholders", "https://*.example.com", "placeholder"),
        ("a pattern of ports", "http://localhost:*", "loopback"),
    ),
)
def test_properties(text: str, properties: str) -> None:
    site = parse(text)
    names = ["loopback", "private", "placeholder"]
    assert [name for name in names if getattr(site, f"is_{name}")] == properties.split()


@pytest.mark.parametrize("suffix", SHARED_HOSTING)
def test_shared_hosting_has_its_source_in_the_docs(suffix: str) -> None:
    text = (TEMPLATE / "docs" / "origins.md").read_text(encoding="utf-8")
    assert f"| `{suffix.removeprefix('.')}` |" in text


@pytest.mark.parametrize("suffix", SHARED_HOSTING)
def test_the_public_suffix_list_lacks_our_shared_hosting(suffix: str) -> None:
    """Where this fails, the list has learned a suffix, and ours can forget it."""
    host = suffix.removeprefix(".")
    asked = (host, f"x.{host}", f"x.x.{host}")
    assert host not in [suffix_list().publicsuffix(each) for each in asked]


ALLOWED = ["https://app.acme.com", "https://www.acme.com", "http://localhost:5173"]


@pytest.mark.parametrize(
    ("refused", "allowed", "closest", "difference"),
    cases(
        ("scheme", "http://app.acme.com", ALLOWED, 0, "the scheme is http, not https"),
        ("port", "http://localhost:3000", ALLOWED, 2, "the port is 3000, not 5173"),
        ("no port", "http://localhost", ALLOWED, 2, "the port is 80, not 5173"),
        ("slash", "https://app.acme.com/", ALLOWED, 0, "the refused text ends in a slash"),
        ("case", "https://APP.acme.com", ALLOWED, 0, "the refused text has upper-case letters"),
        (
            "dot",
            "https://app.acme.com.",
            ALLOWED,
            0,
            "the refused text ends its host in a dot, which browsers send only for a page that was "
            "opened with it",
        ),
        (
            "default port",
            "https://app.acme.com:443",
            ALLOWED,
            0,
            "the refused text names the port that https uses anyway",
        ),
        ("www. missing", "https://acme.com", ALLOWED, 1, "it lacks the `www.`"),
        ("www. too many", "https://www.app.acme.com", ALLOWED, 0, "it has a `www.` too many"),
        (
            "localhost by number",
            "http://127.0.0.1:5173",
            ALLOWED,
            2,
            "to a browser `127.0.0.1` and `localhost` are different hosts",
        ),
        (
            "a letter too many",
            "https://appp.acme.com",
            ALLOWED,
            0,
            "`appp.acme.com` is one slip away from `app.acme.com`",
        ),
        (
            "two letters swapped",
            "https://app.amce.com",
            ALLOWED,
            0,
            "`app.amce.com` is one slip away from `app.acme.com`",
        ),
        ("child", "https://x.app.acme.com", ALLOWED, 0, "it is a subdomain of `app.acme.com`"),
        (
            "parent",
            "https://acme.com",
            ["https://app.acme.com"],
            0,
            "it is the parent domain of `app.acme.com`",
        ),
        (
            "a label too many for a pattern",
            "https://a.b.acme.com",
            ["https://*.acme.com"],
            0,
            "the `*` of a pattern stands for exactly one label",
        ),
        (
            "a label too few for a pattern",
            "https://acme.com",
            ["https://*.acme.com"],
            0,
            "the pattern needs a label before the domain",
        ),
        (
            "a label that does not fit a pattern",
            "https://web-1-team.acme.com",
            ["https://app-*-team.acme.com"],
            0,
            "`web-1-team` does not fit `app-*-team`",
        ),
        (
            "the scheme of a pattern",
            "http://a.acme.com",
            ["https://*.acme.com"],
            0,
            "the scheme is http, not https",
        ),
        (
            "scheme and port",
            "http://app.acme.com:8080",
            ALLOWED,
            0,
            "the scheme is http, not https and the port is 8080, not 443",
        ),
    ),
)
def test_near_miss(refused: str, allowed: list[str], closest: int, difference: str) -> None:
    found = near_miss(refused, map(parse, allowed))
    sentence = f"`{refused}` is not allowed but `{allowed[closest]}` is: {difference}"
    assert found == NearMiss(parse(allowed[closest]), difference, sentence)


@pytest.mark.parametrize(
    "refused",
    [
        *("https://evil.net", "https://app.acme.com.evil.net", "https://evilapp.acme.com", "null"),
        *("", "*", "https://com", "http://localhost.evil.net", "\ud800", "https://app.acme.com"),
        *("app://localhost", "http://app.acme.co:8080"),
    ],
)
def test_no_near_miss(refused: str) -> None:
    assert near_miss(refused, map(parse, ALLOWED)) is None


def test_a_password_stays_out_of_near_misses() -> None:
    found = near_miss("https://me:secret@app.acme.com", map(parse, ALLOWED))
    assert found is not None
    assert "secret" not in found.sentence


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_any_text_gets_an_answer(text: str) -> None:
    for candidate in (text, f"https://{text}", f"https://*.{text}", f"http://localhost:{text}"):
        near_miss(candidate, map(parse, ALLOWED))
        try:
            assert str(parse(candidate)) == candidate
        except OriginError as error:
            message = str(error)
        else:
            continue
        assert message.isprintable()


@pytest.mark.parametrize(
    "unit", ["a", ":", "@", "a@", ".", "*", " ", ",", "\0", "\xfc", "[", "xn--"]
)
def test_a_huge_text_is_refused_at_once(unit: str) -> None:
    started = time.perf_counter()
    for text in (unit * 1_000_000, "https://" + unit * 1_000_000):
        assert len(str(refusal(text))) < 1000
    assert time.perf_counter() - started < 10


def test_shown_is_short() -> None:
    assert shown("x" * 200) == "x" * 100 + "\u2026 (200 characters)"
    assert shown("https://app.acme.com/@me") == "https://app.acme.com/@me"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://u:hunter2@a.com,https://v:hunter3@b.com", "https://***@b.com"),
        ("u:hunter2@a.com,https://v:hunter3@b.com", "***@b.com"),
        ("https://a.com,https://v:hunter3@b.com", "https://a.com,https://***@b.com"),
        ("https://a.com/@me,https://v:hunter3@b.com", "https://***@b.com"),
        ("https://u:hunter@2@a.com", "https://***@a.com"),
        ("https://u:hunt/er2@a.com", "https://***@a.com"),
    ],
)
def test_no_password_of_a_list_is_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("app.acme.com", "acme.com"),
        ("acme.co.uk", "acme.co.uk"),
        ("vercel.app", "vercel.app"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]", "[::1]"),
    ],
)
def test_the_site_of_a_host(host: str, site: str) -> None:
    assert registrable_domain(host) == site
