"""What each prompt accepts, and the exact words with which it refuses the rest."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from copier import run_copy
from publicsuffixlist import PublicSuffixList

from .prompt_macros import TEMPLATE, validators

JINJA = validators()
TABLES = {
    name: words.split()
    for name, words in re.findall(
        r"set (_\w+) = '([^']*)'\s*\.split\(\)",
        (TEMPLATE / "hooks" / "validators.jinja").read_text(encoding="utf-8"),
    )
}

LIST = "the answer is not a list in brackets: "
HTTP = "is plain http, which anyone on the way can read and change: write"
PARTIAL = "covers part of a label, and whoever can register such names is let in: name the origins"
OWN = "is on a developer's own machine: leave it out of production"
PLACEHOLDER = "is a placeholder: write the site's real name"
BROWSERS = "is set by the browser itself and forbidden to scripts: leave it out"


@pytest.mark.parametrize(
    ("value", "strictness", "credentials"),
    [
        ("", "production", "both"),
        (None, "production", "both"),
        (" , ", "production", "both"),
        ("https://app.acme.com", "production", "both"),
        ("https://app.acme.com, https://www.acme.com,", "production", "cookies"),
        ("https://*.acme.com", "production", "cookies"),
        ("https://xn--mller-kva.de", "production", "cookies"),
        ("capacitor://localhost", "production", "bearer"),
        ("https://orders.acme.internal", "production", "none"),
        ("http://app.acme.com", "shared", "bearer"),
        ("http://localhost:3000", "shared", "cookies"),
        ("https://app-*-team.acme.com", "shared", "cookies"),
        ("https://staging.example.com", "shared", "cookies"),
        ("http://10.0.0.7:3000", "local", "both"),
        ("http://localhost:*,http://127.0.0.1:*,http://[::1]:*", "local", "both"),
        ("https://*.vercel.app", "local", "both"),
    ],
)
def test_good_origins(value: str, strictness: str, credentials: str) -> None:
    assert JINJA.origins(value, strictness, credentials) == ""


@pytest.mark.parametrize(
    ("value", "strictness", "credentials", "message"),
    [
        (
            "https://app.acme.com/",
            "local",
            "none",
            "`https://app.acme.com/` ends in a slash: write `https://app.acme.com`",
        ),
        (
            "https://app.acme.com,*,localhost:3000",
            "local",
            "none",
            "`*` lets every site in: name the sites, or open paths to everyone; "
            "`localhost:3000` has no scheme: write `http://localhost:3000`",
        ),
        (
            "https://M\xfcller.de:443/x",
            "local",
            "none",
            "`https://M\xfcller.de:443/x` has a path, has upper-case letters, has letters outside "
            "ASCII and names the port that https uses anyway: write `https://xn--mller-kva.de`",
        ),
        (
            "http://2130706433",
            "local",
            "none",
            "`http://2130706433` has an IP address that browsers write differently: "
            "write `http://127.0.0.1`",
        ),
        (
            "http://[0:0:0::1]:3000",
            "local",
            "none",
            "`http://[0:0:0::1]:3000` has an IPv6 address that browsers write differently: "
            "write `http://[::1]:3000`",
        ),
        (
            "https://me:secret@app.acme.com",
            "local",
            "none",
            "`https://***@app.acme.com` has a user name: write `https://app.acme.com`",
        ),
        (
            "https://a.acme.com https://b.acme.com",
            "local",
            "none",
            "`https://a.acme.com https://b.acme.com` is more than one origin, or has white space "
            "in it: write `https://a.acme.com,https://b.acme.com`",
        ),
        (
            "https://app.acme.com:*",
            "local",
            "none",
            "`https://app.acme.com:*` has a wildcard for the port of a host: "
            "write `https://app.acme.com`",
        ),
        (
            "['https://a.acme.com', \"https://b.acme.com\"]",
            "local",
            "none",
            LIST + "write `https://a.acme.com,https://b.acme.com`",
        ),
        ("[]", "local", "none", LIST + "leave it empty"),
        (
            "http://app.acme.com",
            "shared",
            "cookies",
            f"`http://app.acme.com` {HTTP} `https://app.acme.com`",
        ),
        (
            "http://app.acme.com:8080",
            "production",
            "none",
            f"`http://app.acme.com:8080` {HTTP} `https://app.acme.com`",
        ),
        ("http://localhost:3000", "production", "none", f"`http://localhost:3000` {OWN}"),
        ("http://localhost:*", "production", "none", f"`http://localhost:*` {OWN}"),
        (
            "https://localhost",
            "production",
            "bearer",
            f"`https://localhost` {OWN}; if it is a Capacitor app on Android, give it a "
            "server.hostname of its own and list that",
        ),
        (
            "http://tauri.localhost",
            "production",
            "bearer",
            f"`http://tauri.localhost` {OWN}; if it is a Tauri app on Windows or Android, let it "
            "call by Tauri's HTTP plugin",
        ),
        (
            "http://10.0.0.7",
            "production",
            "none",
            "`http://10.0.0.7` is a private address: leave it out of production",
        ),
        (
            "https://app-*-team.acme.com",
            "production",
            "none",
            f"`https://app-*-team.acme.com` {PARTIAL}",
        ),
        (
            "https://*.vercel.app",
            "shared",
            "none",
            "`https://*.vercel.app` covers hosts that anyone can register under `vercel.app`: "
            "use a domain of your own",
        ),
        (
            "https://*.com",
            "production",
            "none",
            "`https://*.com` covers hosts that anyone can register under `com`: "
            "use a domain of your own",
        ),
        ("http://app.acme.test", "production", "both", f"`http://app.acme.test` {PLACEHOLDER}"),
    ],
)
def test_bad_origins(value: str, strictness: str, credentials: str, message: str) -> None:
    assert JINJA.origins(value, strictness, credentials) == message


TOO_OPEN = "`*` would allow whatever anyone adds later: list the"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", ""),
        ("GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS", ""),
        ("GET, MKCOL", ""),
        ("*", f"{TOO_OPEN} methods, as in `GET,POST,DELETE`"),
        ("get", "`get` is sent in upper case by browsers: write `GET`"),
        ("GET,Patch", "`Patch` is sent in upper case by browsers: write `PATCH`"),
        ("GET POST", "`GET POST` is not a method: write `GET,POST`"),
        ("'GET'", "`'GET'` is not a method: write `GET`"),
        ("G\0T", r"`G\x00T` is not a method: letters, digits and hyphens only"),
        ("trace", "`trace` is forbidden to scripts by every browser: leave it out"),
        ("CONNECT", "`CONNECT` is forbidden to scripts by every browser: leave it out"),
        ("TRACK", "`TRACK` is forbidden to scripts by every browser: leave it out"),
        ('["GET", "POST"]', LIST + "write `GET,POST`"),
    ],
)
def test_methods(value: str, message: str) -> None:
    assert JINJA.methods(value) == message


@pytest.mark.parametrize(
    ("value", "credentials", "message"),
    [
        ("", "none", ""),
        ("Content-Type,X-Request-ID", "cookies", ""),
        ("Content-Type, authorization", "bearer", ""),
        ("*", "none", f"{TOO_OPEN} headers, as in `Content-Type,X-Request-ID`"),
        ("Cookie", "none", f"`Cookie` {BROWSERS}"),
        ("host", "none", f"`host` {BROWSERS}"),
        ("Sec-Fetch-Site", "none", f"`Sec-Fetch-Site` {BROWSERS}"),
        ("Proxy-Anything", "none", f"`Proxy-Anything` {BROWSERS}"),
        (
            "Access-Control-Request-Method",
            "none",
            f"`Access-Control-Request-Method` {BROWSERS}",
        ),
        (
            "Access-Control-Allow-Origin",
            "none",
            "`Access-Control-Allow-Origin` is a header of responses: leave it out",
        ),
        ("X-A X-B", "none", "`X-A X-B` is not the name of a header: write `X-A,X-B`"),
        ("X-Token: 1", "none", "`X-Token: 1` is not the name of a header: write `X-Token`"),
        ("\xc4h", "none", "`\xc4h` is not the name of a header: letters, digits and hyphens only"),
        ("['X-A']", "none", LIST + "write `X-A`"),
        (
            "Content-Type",
            "bearer",
            "bearer tokens travel in `Authorization`: write `Content-Type,Authorization`",
        ),
        ("", "both", "bearer tokens travel in `Authorization`: write `Authorization`"),
        ("X-Authorization", "cookies", ""),
        (
            "X-Authorization",
            "both",
            "bearer tokens travel in `Authorization`: write `X-Authorization,Authorization`",
        ),
    ],
)
def test_request_headers(value: str, credentials: str, message: str) -> None:
    assert JINJA.request_headers(value, credentials) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", ""),
        ("X-Total-Count,ETag,Link,Date,Content-Length", ""),
        ("*", f"{TOO_OPEN} headers, as in `Content-Type,X-Request-ID`"),
        ("Set-Cookie", "`Set-Cookie` is never shown to scripts: leave it out"),
        ("Authorization", "`Authorization` is a header of requests: leave it out"),
        ("if-none-match", "`if-none-match` is a header of requests: leave it out"),
        ("Sec-Fetch-Site", "`Sec-Fetch-Site` is a header of requests: leave it out"),
        ("X A", "`X A` is not the name of a header: write `X,A`"),
        ("['X-A', 'X-B']", LIST + "write `X-A,X-B`"),
    ],
)
def test_exposed_headers(value: str, message: str) -> None:
    assert JINJA.exposed_headers(value, "cookies") == message


NO_NUMBER = "is not a number: write whole seconds, from 0 to 86400"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, ""),
        (600, ""),
        ("7200", ""),
        (86400, ""),
        (86401, "`86401` is more than a day, the most a browser grants: write `86400`"),
        ("9" * 5000, f"`{'9' * 80}…` is more than a day, the most a browser grants: write `86400`"),
        (-1, "`-1` is negative: write `0` to have nothing remembered"),
        ("1.5", "`1.5` is not a whole number of seconds: write `1`"),
        (600.0, "`600.0` is not a whole number of seconds: write `600`"),
        ("+600", "`+600` is not a whole number of seconds: write `600`"),
        ("2h", f"`2h` {NO_NUMBER}"),
        ("", f"`` {NO_NUMBER}"),
        (True, f"`True` {NO_NUMBER}"),
        ("\u0661", f"`\u0661` {NO_NUMBER}"),
    ],
)
def test_max_age(value: object, message: str) -> None:
    assert JINJA.max_age(value) == message


A_PATH = "write a path, as in `/public`"


@pytest.mark.parametrize(
    ("value", "credentials", "message"),
    [
        ("", "both", ""),
        ("/public,/docs/", "both", ""),
        ("/", "none", ""),
        ("/", "bearer", ""),
        (
            "/",
            "cookies",
            "`/` opens every path to every site, which cookies rule out: "
            "name the public paths, as in `/public`",
        ),
        ("public", "none", "`public` does not start with a slash: write `/public`"),
        (
            "/public/*",
            "none",
            "`/public/*` has a wildcard, and a path covers all below it anyway: write `/public`",
        ),
        (
            "/*",
            "both",
            f"`/*` has a wildcard, and a path covers all below it anyway: {A_PATH}",
        ),
        ("https://api.acme.com/a?x", "none", "`https://api.acme.com/a?x` is a URL: write `/a`"),
        ("/a?x=1", "none", "`/a?x=1` has a query: write `/a`"),
        ("/a#x", "none", "`/a#x` has a fragment: write `/a`"),
        ("/a//b", "none", "`/a//b` has an empty segment: write `/a/b`"),
        ("/a/../b", "none", f"`/a/../b` has a segment of dots: {A_PATH}"),
        ("/a\\b", "none", "`/a\\b` has a backslash: write `/a/b`"),
        ("/a%20b", "none", f"`/a%20b` is escaped: {A_PATH}"),
        (
            "/a b",
            "none",
            f"`/a b` has white space, quotes or an invisible character in it: {A_PATH}",
        ),
        ("'/a'", "none", "`'/a'` does not start with a slash: write `/a`"),
        ("['/a', '/b']", "none", LIST + "write `/a,/b`"),
    ],
)
def test_public_paths(value: str, credentials: str, message: str) -> None:
    assert JINJA.public_paths(value, credentials) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("orders", ""),
        ("orders_api2", ""),
        ("match", ""),
        ("orders-api", "`orders-api` is not a lower-case Python name: write `orders_api`"),
        ("OrdersAPI", "`OrdersAPI` is not a lower-case Python name: write `orders_api`"),
        ("1orders", "`1orders` is not a lower-case Python name: write `orders`"),
        ("_orders", "`_orders` is not a lower-case Python name: write `orders`"),
        ("orders\n", r"`orders\n` is not a lower-case Python name: write `orders`"),
        ("\u0441ors", "`\u0441ors` is not a lower-case Python name: write `ors`"),
        ("", "`` is not a lower-case Python name: write `my_api`"),
        ("class", "`class` is a keyword of Python: write `class_api`"),
        ("JSON", "`JSON` is not a lower-case Python name: write `json_api`"),
        ("json", "`json` is a module of Python's standard library: write `json_api`"),
        (
            "fastapi",
            "`fastapi` is taken by the project or by something it imports: write `fastapi_api`",
        ),
        (
            "tests",
            "`tests` is taken by the project or by something it imports: write `tests_api`",
        ),
    ],
)
def test_package_name(value: str, message: str) -> None:
    assert JINJA.package_name(value) == message
    suggestion = re.search(r"write `(.*)`", message)
    assert not suggestion or JINJA.package_name(suggestion[1]) == ""


MARKS = "has quotes, a backslash or template marks in it: write"
INVISIBLE = "has a line break or an invisible character in it"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Orders API", ""),
        ("B\xfccher & S\xf6hne {2}", ""),
        ("x" * 80, ""),
        ("", "a service needs a name: write one, such as `Orders API`"),
        ("  ", "a service needs a name: write one, such as `Orders API`"),
        ('The "best"', f'`The "best"` {MARKS} `The best`'),
        ("a`b", f"`a`b` {MARKS} `ab`"),
        ("a\\b", f"`a\\b` {MARKS} `ab`"),
        ("{{ name }}", f"`{{{{ name }}}}` {MARKS} `name`"),
        ("{% raw %}", f"`{{% raw %}}` {MARKS} `raw`"),
        ("Orders\nAPI", rf"`Orders\nAPI` {INVISIBLE}: write `Orders API`"),
        ("Orders\u202eAPI", rf"`Orders\u202eAPI` {INVISIBLE}"),
        ("x" * 81, "the name has 81 characters: write 80 at most"),
    ],
)
def test_project_name(value: str, message: str) -> None:
    assert JINJA.project_name(value) == message


def test_the_table_of_modules_is_complete() -> None:
    """For the Python that runs this; the table is the union over all that are supported."""
    public = {name for name in sys.stdlib_module_names if not name.startswith("_")}
    public = {name for name in public if name.islower()}
    assert public - set(TABLES["_standard_library"]) == set()


def test_the_table_of_suffixes_holds_suffixes_only() -> None:
    suffixes = PublicSuffixList()
    table = TABLES["_shared_suffixes"]
    assert len(table) > 50
    assert [name for name in table if suffixes.publicsuffix(name) != name] == []


def test_copier_accepts_the_file_without_trust(tmp_path: Path) -> None:
    """The macros work where they are meant to: in a question's validator."""
    template, project = tmp_path / "template", tmp_path / "project"
    shutil.copytree(TEMPLATE / "hooks", template / "hooks")
    (template / "copier.yml").write_text(
        "_subdirectory: files\n"
        "production_origins:\n"
        "  type: str\n"
        "  default: ''\n"
        "  validator: >-\n"
        "    {% from 'hooks/validators.jinja' import origins -%}\n"
        "    {{ origins(production_origins, 'production', 'cookies') }}\n",
        encoding="utf-8",
    )
    (template / "files").mkdir()
    (template / "files" / "out.jinja").write_text("{{ production_origins }}", encoding="utf-8")

    def copy(answer: str) -> None:
        data = {"production_origins": answer}
        run_copy(str(template), project, data=data, defaults=True, overwrite=True, quiet=True)

    copy("https://app.acme.com")
    assert (project / "out").read_text() == "https://app.acme.com"
    with pytest.raises(ValueError, match=r"ends in a slash: write `https://app\.acme\.com`$"):
        copy("https://app.acme.com/")
