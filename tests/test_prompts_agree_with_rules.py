"""A prompt refuses nothing that the service accepts, and suggests nothing that it refuses.

The prompts are plain Jinja and know the usual slips. The service has a URL parser and a rule book.
Here both judge the same texts: well-formed, mutated and hostile ones, for every question.

`HYPOTHESIS_EXAMPLES=20000 pytest tests/test_prompts_agree_with_rules.py` searches longer.
"""

import os
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service.cors import sources
from service.cors.fetch_standard import FORBIDDEN_REQUEST_HEADERS, STANDARD_METHODS
from service.cors.findings import errors_among
from service.cors.rules import REQUEST_ONLY_HEADERS
from service.cors.settings import CORSSettings, read_settings

from .project import TEMPLATE
from .prompts import EVERYWHERE, JINJA, refusal

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))
# The default run is the same on every machine. A longer one explores.
thorough = settings(
    max_examples=EXAMPLES or 500,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

# --- The service as the judge -------------------------------------------------------------------

VARIABLES = {
    "allow_methods": "CORS_ALLOW_METHODS",
    "request_headers": "CORS_ALLOW_HEADERS",
    "exposed_headers": "CORS_EXPOSE_HEADERS",
    "preflight_max_age": "CORS_MAX_AGE",
    "public_paths": "CORS_PUBLIC_PATHS",
    "guard_exempt_paths": "CORS_GUARD_EXEMPT_PATHS",
}
ORIGINS = [f"{environment}_origins" for environment in ("development", *EVERYWHERE)]
DEFAULTS = dict.fromkeys(VARIABLES.values(), "") | {
    "CORS_ALLOWED_ORIGINS": "",
    "CORS_MAX_AGE": "7200",
}
# How the dotenv files write a list, from the macro in their template.
(DOTENV_FILE,) = (TEMPLATE / "template").glob("*.env.*yield*")
WRITTEN = JINJA.from_string(DOTENV_FILE.read_text().partition("\n")[0] + "{{ listed(answer) }}")


class Answer(NamedTuple):
    """An answer to one question, and the answers that its judgement depends on."""

    question: str
    text: str
    environments: tuple[str, ...] = EVERYWHERE
    credentials: str = "none"


def rules_against(answer: Answer) -> set[str]:
    """Return the rules that keep a service with this answer from starting in some environment.

    The text is judged as Docker and Kubernetes hand it over. python-dotenv would remove quotes.
    """
    name = VARIABLES.get(answer.question, "CORS_ALLOWED_ORIGINS")
    is_list = name != "CORS_MAX_AGE"
    value = WRITTEN.render(answer=answer.text) if is_list else answer.text
    environments = ("development", *answer.environments)
    if answer.question in ORIGINS:
        environments = (answer.question.removesuffix("_origins"),)
    cookies = answer.credentials in ("cookies", "both")
    return {rule for each in environments for rule in rules_in(each, name, value, cookies)}


@cache
def rules_in(environment: str, name: str, value: str, cookies: bool) -> set[str]:
    """Return the rules that keep a service with this variable from starting in an environment."""
    switch = str(cookies).lower()
    values = {"CORS_ALLOW_CREDENTIALS": switch, "CORS_GUARD_WRITES": switch, name: value}
    process = [
        sources.Variable(each, text, sources.PROCESS) for each, text in (DEFAULTS | values).items()
    ]
    with patch.object(sources, "process_variables", lambda: process):
        _, found = read_settings(CORSSettings, sources.Sources(environment, Path(), ()))
    return {finding.rule for finding in errors_among(found)}


# --- Texts to judge -----------------------------------------------------------------------------

HOME = "https://app.acme.com"
ODD = "_-\"{}+^!~`;|&'()*,$=\\\t\0\n\x0b %"
ATTACKS = [
    *("", "/", "h", "https://a", "https://app.acme", "app.acme.com", "null", "NULL", "*"),
    *("https://*", "https://*.acme.com", f"null {HOME}", f"{HOME} {HOME}", f"{HOME},{HOME}"),
    *(HOME + tail for tail in (".evil.net", "evil.net", "-evil.net", ".evil", ".", "/", "?", "#")),
    *(HOME + tail for tail in ("%23", "%00", "%0d%0a", "\0", " ", "\t", "@evil.net")),
    *(HOME + tail for tail in (":443", ":80", ":8443", ":0", ":65536", ":0443", ":", ":evil")),
    *(HOME + odd + ".evil.net" for odd in ODD),
    *(f"https://app.{odd}.acme.com" for odd in ODD),
    *(scheme + "app.acme.com" for scheme in ("http://", "ftp://", "ws://", "file://", "HTTPS://")),
    *("//app.acme.com", "https:/app.acme.com", "https:app.acme.com", "https:///app.acme.com"),
    *("https://evilapp.acme.com", "https://appxacme.com", "https://evil.app.acme.com"),
    *("https://App.acme.com", "https://\u0430pp.acme.com", "https://xn--pp-6kc.acme.com"),
    *("https://app\uff0eacme.com", "https://app\u3002acme.com", "https://xn--.acme.com"),
    *("https://evil.net/app.acme.com", "https://evil.net#app", "https://evil.net\\app.acme.com"),
    *("http://localhost", "http://127.0.0.1.evil.net", "http://2130706433", "http://[::1]"),
    *("http://[::ffff:7f00:1]", "http://[::ffff:a00:1]", "http://[::]", "http://0.0.0.0:3000"),
    *("https://acme.com", "https://.acme.com", "https://a..acme.com", "https://a.b.acme.com"),
    *("https://127.acme.com", "https://localhost.acme.com", "https://example.com.acme.com"),
    *("https://user@app.acme.com", "https://user@evil.net:1.acme.com", "https://" + "a" * 10_000),
    *("https://1a.xn--4dbb.com", "https://1.xn--4dbb.com", "https://a.xn--4dbb.com"),
    *("https://xn--ls8h.com", "https://xn--10cl1a0b660p.com", "https://xn--fa-hia.de"),
    *("['https://app.acme.com']", '["https://app.acme.com"]', "[]", "[::1]", "https://[::1]]"),
]

# Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Japanese, Korean, Thai, emoji.
SCRIPTS = [
    *("m\xfcller\xdf\xf8\xe9", "\u03b1\u03b2\u03b3\u03c2\u0390", "\u0434\u0436\u044f\u0439"),
    *("\u05d0\u05d1\u05d21", "\u0628\u062a\u062d\u06cc2", "\u0928\u092e\u0938\u094d\u0924\u0947"),
    *("\u65e5\u672c\u30c6\u30b9", "\ud55c\uad6d\uc5b4", "\u0e44\u0e17\u0e22", "\u2603\U0001f389"),
]

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
international_labels = st.sampled_from(SCRIPTS).flatmap(
    lambda letters: st.text(letters + "abc1", min_size=1, max_size=6)
)


def punycode(label: str) -> str:
    label = unicodedata.normalize("NFC", label.lower())
    return label if label.isascii() else "xn--" + label.encode("punycode").decode()


names = st.builds(
    lambda parts, last: ".".join([*parts, last]),
    st.lists(
        labels | labels | international_labels | international_labels.map(punycode), max_size=3
    ),
    st.sampled_from(["com", "de", "example", "test", "invalid", "localhost", "internal"])
    | st.sampled_from(["1", "0x1", "xn--p1ai", "com."])
    | labels,
)
known_hosts = st.sampled_from(
    [
        *("localhost", "app.localhost", "app.acme.com", "example.com", "app.example.org"),
        *("example.net", "notexample.com", "127.0.0.1", "127.255.0.1", "10.1.2.3", "172.16.0.1"),
        *("172.32.0.1", "192.168.1.1", "169.254.0.1", "8.8.8.8", "acme.vercel.app", "0.0.0.0"),
    ]
)
numbers = st.integers(0, 255).flatmap(
    lambda n: st.sampled_from([str(n), str(n), str(n), hex(n), f"0{n:o}", f"0{n}", str(n * 300)])
)
ipv4_hosts = st.lists(numbers, min_size=1, max_size=5).map(".".join)
groups = st.sampled_from(
    ["0", "0", "0", "1", "ffff", "fe80", "fc00", "00ab", "AB", "12345", "7f00", ""]
)
tails = st.sampled_from(["", "1", "0:1", "1.2.3.4", "1.2.3.04", "ffff:10.0.0.1", "ffff:7f00:1"])
ipv6_hosts = st.one_of(
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=6).map(lambda address: address.exploded),
    st.lists(groups, min_size=1, max_size=9).map(":".join),
    st.builds("{}::{}".format, st.lists(groups, max_size=4).map(":".join), tails),
    st.builds("{}:{}".format, st.lists(groups, min_size=6, max_size=6).map(":".join), ipv4_hosts),
).map("[{}]".format)
pattern_hosts = st.builds(
    lambda label, base: f"{label}.{base}" if base else label,
    st.sampled_from(["*", "*", "app-*", "*-team", "app-*-team", "a*b*", "**", "-*", "xn--*", "X*"]),
    names | known_hosts | ipv4_hosts | st.just(""),
)
hosts = st.one_of(names, names, known_hosts, ipv4_hosts, ipv6_hosts, pattern_hosts)
ports = st.one_of(
    st.just(""),
    st.just(""),
    st.integers(1, 65535).map(":{}".format),
    st.sampled_from(
        [":80", ":443", ":3000", ":*", ":0", ":080", ":65535", ":65536", ":", ":1:", ":3*"]
    ),
)
schemes = st.sampled_from(["http", "http", "https", "https", "https", "HTTPS", "ftp"])
app_schemes = st.sampled_from(
    [
        *("capacitor", "ionic", "tauri", "app", "chrome-extension", "moz-extension"),
        *("safari-web-extension", "edge-extension"),
    ]
)
app_hosts = st.one_of(
    hosts,
    st.text("abcp", min_size=31, max_size=33),
    st.uuids().map(str),
    st.uuids().map(lambda uuid: str(uuid).upper()),
    st.sampled_from(["localhost", ".", "..", "LOCALHOST", "localhost:3000", "-", ""]),
)
web_origins = st.builds("{}://{}{}".format, schemes, hosts, ports)
app_origins = st.builds("{}://{}".format, app_schemes, app_hosts)
without_scheme = st.builds("{}{}".format, hosts, ports)
origins = st.one_of(
    web_origins, web_origins, web_origins, app_origins, without_scheme, st.sampled_from(ATTACKS)
)

HEADERS = [
    *sorted({*FORBIDDEN_REQUEST_HEADERS, *REQUEST_ONLY_HEADERS}),
    *("Set-Cookie", "Set-Cookie2", "Sec-Fetch-Site", "proxy-x", "Proxy", "sec", "X-Sec-Id"),
    *("Access-Control-Request-Method", "Access-Control-Allow-Origin", "X-HTTP-Method-Override"),
    *("Content-Type", "content-type", "X-Requested-With", "X-Request-ID", "ETag", "Link", "x"),
    *("Content-Type: application/json", "Cookie: a=b", '"X-A"', "'X-A'", "X-A X-B", "X;Y", "*"),
]
METHODS = [
    *sorted(STANDARD_METHODS),
    *("get", "query", "Patch", "trace", "CONNECT", "TRACK", "MKCOL", "purge", "*", "GET POST"),
    *('"GET"', "GET;POST", "GET: /", "opt\u0131ons", "\u212a"),
]
headers = st.sampled_from(HEADERS) | st.sampled_from(HEADERS).map(str.swapcase)
methods = st.sampled_from(METHODS)
SECONDS = [
    *("0", "60", "7200", "86400", "86401", "-1", "-0", "+60", "007", " 60 ", "60,60", "60.0"),
    *("", "1h", "7200s", "1e3", "0x10", "1_000", "NaN", "true", "\u0661\u0662"),
    *("9" * 18, "9" * 19, "-" + "0" * 18),
]
seconds = st.integers(-5, 90_000).map(str) | st.sampled_from(SECONDS)
BEGINNINGS = ["/", "", "//", "https://api.acme.com/", "\\", '"/', "'/", "*"]
SEGMENTS = [
    *("public", "v1.2", "~me", "", ".", "..", "*", "a'b'", "a?b", "a#b", "a;v=1", "a%20b", "a b"),
    *("{name}", "callback"),
]
PATHS = [beginning + segment for beginning in BEGINNINGS for segment in SEGMENTS]
paths = st.builds(
    "{}{}".format,
    st.just("/") | st.sampled_from(BEGINNINGS),
    st.lists(st.sampled_from(SEGMENTS), max_size=4).map("/".join),
)

characters = st.one_of(
    st.sampled_from("./:@?#*-_%\\[]{}\"' ,;$\t\n\0\ufeff\u200b\xad\u3002\xe9\xc9A0x1"),
    # A dotenv file is UTF-8, which has no surrogates.
    st.characters(exclude_categories=["Cs"]),
)


@st.composite
def mutated(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text after a few slips of the keyboard."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        old = text[at : at + 1]
        slips = [old + draw(characters), draw(characters), "", old.swapcase(), old + old]
        text = text[:at] + draw(st.sampled_from(slips)) + text[at + 1 :]
    return text


def lists(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Answers that are lists: mostly a single item, so that it alone decides."""
    several = st.lists(items, max_size=3).map(",".join)
    notations = ["{}", '["{}"]', "['{}']", "[{}]", '[ "{}" ]', '"{}"', "({})", '{{"{}"}}', " {} ,"]
    return items | items | st.builds(str.format, st.sampled_from(notations), several)


KNOWN = dict.fromkeys(ORIGINS, ATTACKS) | {
    "allow_methods": METHODS,
    "request_headers": HEADERS,
    "exposed_headers": HEADERS,
    "preflight_max_age": SECONDS,
    "public_paths": PATHS,
    "guard_exempt_paths": PATHS,
}
GENERATED = dict.fromkeys(ORIGINS, lists(mutated(origins))) | {
    "allow_methods": lists(mutated(methods)),
    "request_headers": lists(mutated(headers)),
    "exposed_headers": lists(mutated(headers)),
    "preflight_max_age": mutated(seconds),
    "public_paths": lists(mutated(paths)),
    "guard_exempt_paths": lists(mutated(paths)),
}
ENVIRONMENTS = [(), ("staging",), EVERYWHERE]
CREDENTIALS = ["none", "bearer", "cookies", "both"]


# --- The promises -------------------------------------------------------------------------------


def suggestions(message: str) -> list[str]:
    """Return what a refusal tells one to write, literally."""
    return re.findall(r"(?:\bwrite|such as) ([^\s,;()]\S*[^\s,;()]|[^\s,;()])", message)


def check(answer: Answer) -> str:
    """Check that the service refuses what the prompt refuses, and that both accept its suggestions.

    Return what the prompt says.
    """
    message = refusal(*answer)
    if message:
        assert rules_against(answer), f"the service accepts {answer}: {message}"
    for text in suggestions(message):
        better = answer._replace(text=text)
        assert refusal(*better) == "", f"the prompt refuses what it suggests: {message}"
        assert rules_against(better) == set(), f"the service refuses a suggestion: {message}"
    return message


@pytest.mark.parametrize("question", KNOWN)
def test_no_known_text_is_refused_by_the_prompt_alone(question: str) -> None:
    for text in KNOWN[question]:
        for credentials in ("none", "cookies"):
            for environments in ENVIRONMENTS:
                check(Answer(question, text, environments, credentials))


@pytest.mark.parametrize("question", GENERATED)
def test_no_text_is_refused_by_the_prompt_alone(question: str) -> None:
    messages = []

    @thorough
    @given(
        st.builds(
            Answer,
            st.just(question),
            GENERATED[question],
            st.sampled_from(ENVIRONMENTS),
            st.sampled_from(CREDENTIALS),
        )
    )
    def search(answer: Answer) -> None:
        messages.append(check(answer))

    search()
    # The search has seen refusals, and suggestions in them.
    assert sum(map(bool, messages)) > len(messages) / 10
    assert sum(map(len, map(suggestions, messages))) > len(messages) / 50


@pytest.mark.parametrize("name", sorted(FORBIDDEN_REQUEST_HEADERS))
def test_every_forbidden_request_header_is_refused(name: str) -> None:
    assert refusal("request_headers", name.title())


@pytest.mark.parametrize("name", sorted(REQUEST_ONLY_HEADERS))
def test_every_request_header_is_refused_among_exposed_ones(name: str) -> None:
    assert refusal("exposed_headers", name.title())


@pytest.mark.parametrize("name", sorted(STANDARD_METHODS))
def test_every_standard_method_is_refused_in_lower_case(name: str) -> None:
    assert refusal("allow_methods", name.lower()).startswith(f"write {name} ")


# What a prompt leaves to the rule book, and the rule that judges it.
LEFT_TO_THE_RULES = {
    "an IP address as one number": ("development_origins", "http://2130706433", "CORS007"),
    "a long IPv6 address": ("development_origins", "http://[0:0:0::1]:3000", "CORS007"),
    "a Unicode host": ("development_origins", "https://m\xfcller.de", "CORS007"),
    "broken punycode": ("development_origins", "https://xn--.acme.com", "CORS007"),
    "any port of a host": ("development_origins", "https://app.acme.com:*", "CORS016"),
    "an unknown scheme": ("development_origins", "wss://app.acme.com", "CORS008"),
    "two wildcards": ("staging_origins", "https://*.*.acme.com", "CORS015"),
    "a public suffix": ("staging_origins", "https://*.vercel.app", "CORS014"),
    "a registry": ("production_origins", "https://*.com", "CORS014"),
    "a part of a label": ("production_origins", "https://app-*-team.acme.com", "CORS013"),
    "a private address": ("production_origins", "https://10.0.0.7", "CORS011"),
    "a slash within JSON": ("production_origins", '["https://app.acme.com/"]', "CORS006"),
}


@pytest.mark.parametrize(
    ("question", "text", "rule"), LEFT_TO_THE_RULES.values(), ids=LEFT_TO_THE_RULES
)
def test_the_rule_book_judges_what_a_prompt_leaves(question: str, text: str, rule: str) -> None:
    assert refusal(question, text) == ""
    assert rules_against(Answer(question, text)) == {rule}
