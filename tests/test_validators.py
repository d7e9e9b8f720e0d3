"""What each prompt accepts, and the exact words with which it refuses the rest."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from copier import run_copy

from .project import TEMPLATE
from .prompts import JINJA, QUESTIONS, refusal

APP = "https://app.acme.com"
PRODUCTION = "production_origins"
STAGING = "staging_origins"
PREVIEW = "preview_origins"
DEVELOPMENT = "development_origins"


@pytest.mark.parametrize(
    ("question", "value", "credentials"),
    [
        (PRODUCTION, "", "both"),
        (PRODUCTION, None, "both"),
        (PRODUCTION, " , ", "both"),
        (PRODUCTION, APP, "both"),
        (PRODUCTION, f"{APP}, https://www.acme.com,", "cookies"),
        (PRODUCTION, '["https://app.acme.com", "https://www.acme.com"]', "cookies"),
        (PRODUCTION, "https://*.acme.com", "cookies"),
        (PRODUCTION, "https://xn--mller-kva.de", "cookies"),
        (PRODUCTION, "capacitor://localhost", "bearer"),
        (PRODUCTION, "https://orders.acme.internal", "none"),
        (STAGING, "http://app.acme.com", "bearer"),
        (STAGING, "http://localhost:3000", "cookies"),
        (PREVIEW, "https://app-*-team.acme.com", "cookies"),
        (STAGING, "https://staging.example.com", "cookies"),
        (DEVELOPMENT, "http://10.0.0.7:3000", "both"),
        (DEVELOPMENT, "http://localhost:*,http://127.0.0.1:*,http://[::1]:*", "both"),
        (DEVELOPMENT, "https://*.vercel.app", "both"),
        (DEVELOPMENT, "[]", "none"),
    ],
)
def test_good_origins_are_accepted(question: str, value: str, credentials: str) -> None:
    assert refusal(question, value, credentials=credentials) == ""


SLASH = "no slash at the end, as browsers send none"
PATH = "no path after the host, as browsers send none"
LOWER = "lower case only, as browsers send it"
HTTPS = "https only, as anyone on the way can change http"
SCHEME = "https:// comes first, as in the address bar"
LOCAL_SCHEME = "http:// comes first, as in the address bar"
QUOTES = "no quotes, no brackets"
COMMAS = "put commas between origins"
PORT = "no default port, as browsers leave it out"
NOBODY = "use your own host name, as this one belongs to nobody"
OWN = "in production it is a different machine for every user"
SHELL = f"{OWN}; an app shell needs a host name of its own"
BRACKETS = "no brackets, only a,b (a list is items and commas)"
DOLLAR = "no $, spell the value out (python-dotenv replaces ${NAME}, Docker does not)"
LONG = "https://a-long-name.retail.acme.com"


@pytest.mark.parametrize(
    ("question", "value", "credentials", "message"),
    [
        (DEVELOPMENT, f"{APP}/", "none", f"write {APP} ({SLASH})"),
        (DEVELOPMENT, f"{LONG}/", "none", f"{SLASH}: write {LONG}"),
        (
            DEVELOPMENT,
            f"{APP},*,localhost:3000",
            "none",
            "list the sites one by one (* lets every site in); "
            f"write http://localhost:3000 ({LOCAL_SCHEME})",
        ),
        (DEVELOPMENT, f"{APP}/login?next=/", "none", f"write {APP} ({PATH})"),
        (DEVELOPMENT, "https://App.acme.com:443/x", "none", f"write {APP} ({LOWER})"),
        (
            DEVELOPMENT,
            "https://M\xfcller.de:443/x",
            "none",
            f"{LOWER}: https://M\xfcller.de:443/x",
        ),
        (DEVELOPMENT, f"{APP}:443", "none", f"write {APP} ({PORT})"),
        (DEVELOPMENT, "http://app.acme.com:80", "none", f"write http://app.acme.com ({PORT})"),
        (DEVELOPMENT, "app.acme.com", "none", f"write {APP} ({SCHEME})"),
        (DEVELOPMENT, "//App.acme.com/", "none", f"write {APP} ({SCHEME})"),
        (DEVELOPMENT, "acme", "none", f"{SCHEME}: acme"),
        (DEVELOPMENT, "null", "none", f"{SCHEME}: null"),
        (
            DEVELOPMENT,
            "https://me:secret@app.acme.com",
            "none",
            "no user name, no password: ***@app.acme.com",
        ),
        (
            DEVELOPMENT,
            "https://a.acme.com https://b.acme.com",
            "none",
            f"{COMMAS}: https://a.acme.com https://b.acme.com",
        ),
        (DEVELOPMENT, f"'{APP}'", "none", f"write {APP} ({QUOTES})"),
        (
            DEVELOPMENT,
            f'"{APP},https://acme.org"',
            "none",
            f"write {APP} ({QUOTES}); write https://acme.org ({QUOTES})",
        ),
        (DEVELOPMENT, "['https://a.acme.com', \"https://b.acme.com\"]", "none", BRACKETS),
        (DEVELOPMENT, "[::1]:3000", "none", BRACKETS),
        (DEVELOPMENT, "https://${HOST}", "none", DOLLAR),
        (DEVELOPMENT, "https://a\x07.acme.com/", "none", SLASH + r": https://a\x07.acme.com/"),
        (STAGING, "http://app.acme.com", "cookies", f"write {APP} ({HTTPS})"),
        (PREVIEW, "http://app.acme.com", "both", f"write {APP} ({HTTPS})"),
        (PRODUCTION, "http://app.acme.com:8080", "none", f"write {APP} ({HTTPS})"),
        (PRODUCTION, "http://localhost:3000", "none", f"remove http://localhost:3000 ({OWN})"),
        (PRODUCTION, "http://localhost:*", "none", f"remove http://localhost:* ({OWN})"),
        (PRODUCTION, "https://localhost", "bearer", f"remove https://localhost ({SHELL})"),
        (
            PRODUCTION,
            "http://tauri.localhost",
            "bearer",
            f"remove http://tauri.localhost ({SHELL})",
        ),
        (PRODUCTION, "127.0.0.1:5173", "none", f"remove 127.0.0.1:5173 ({OWN})"),
        (PRODUCTION, "http://10.0.0.7", "none", f"{HTTPS}: http://10.0.0.7"),
        (PRODUCTION, "http://app.acme.test", "both", f"{NOBODY}: http://app.acme.test"),
    ],
)
def test_bad_origins_are_refused_with_the_fix(
    question: str, value: str, credentials: str, message: str
) -> None:
    assert refusal(question, value, credentials=credentials) == message


NAMES = "names and commas only"
CASE = "browsers send methods in upper case"
NO_SCRIPT = "no script can send it"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", ""),
        ("GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS,QUERY", ""),
        ("GET, MKCOL", ""),
        ('["GET", "POST"]', ""),
        ("*", "list the methods, such as GET,POST (nobody can review *)"),
        ("get", f"write GET ({CASE})"),
        ("GET,query", f"write QUERY ({CASE})"),
        ("GET,Patch", f"write PATCH ({CASE})"),
        ("GET POST", f"write GET,POST ({NAMES})"),
        ("'GET'", f"write GET ({NAMES})"),
        ("G\0T", rf"{NAMES}: G\x00T"),
        ("trace", f"remove trace ({NO_SCRIPT})"),
        ("CONNECT", f"remove CONNECT ({NO_SCRIPT})"),
        ("TRACK", f"remove TRACK ({NO_SCRIPT})"),
        ("['GET', 'POST']", BRACKETS),
        ("GET,$METHOD", DOLLAR),
    ],
)
def test_methods_are_judged(value: str, message: str) -> None:
    assert refusal("allow_methods", value) == message


FORBIDDEN = "scripts do not set it"
LIST_HEADERS = "list the headers, such as Content-Type,X-Request-ID (nobody can review *)"


@pytest.mark.parametrize(
    ("value", "credentials", "message"),
    [
        ("", "none", ""),
        ("Content-Type,X-Request-ID", "cookies", ""),
        ("Content-Type, authorization", "bearer", ""),
        ("Set-Cookie2", "none", ""),
        ("*", "none", LIST_HEADERS),
        ("Cookie", "none", f"remove Cookie ({FORBIDDEN}; cookies need no entry)"),
        ("host", "none", f"remove host ({FORBIDDEN})"),
        ("Sec-Fetch-Site", "none", f"remove Sec-Fetch-Site ({FORBIDDEN})"),
        ("Proxy-Anything", "none", f"remove Proxy-Anything ({FORBIDDEN})"),
        (
            "Access-Control-Request-Method",
            "none",
            f"remove Access-Control-Request-Method ({FORBIDDEN})",
        ),
        (
            "Access-Control-Allow-Origin",
            "none",
            f"remove Access-Control-Allow-Origin ({FORBIDDEN})",
        ),
        ("X-A X-B", "none", f"write X-A,X-B ({NAMES})"),
        ("X-Token: 1", "none", f"write X-Token ({NAMES})"),
        ("\xc4h", "none", f"{NAMES}: \xc4h"),
        ("['X-A']", "none", BRACKETS),
        # Whether a route takes a bearer token, only the service knows: CORS027.
        ("Content-Type", "bearer", ""),
        ("", "both", ""),
        ("X-Authorization", "cookies", ""),
        ("X-Authorization", "both", ""),
    ],
)
def test_request_headers_are_judged(value: str, credentials: str, message: str) -> None:
    assert refusal("request_headers", value, credentials=credentials) == message


REQUEST = "it is a request header"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", ""),
        ("X-Total-Count,ETag,Link,Date,Content-Length", ""),
        ("X-Requested-With", ""),
        ("Sec-Fetch-Site", ""),
        ("*", "list the headers, such as X-Total-Count,ETag (with cookies, * is only a name)"),
        ("Set-Cookie", "remove Set-Cookie (no script can read it)"),
        ("Authorization", f"remove Authorization ({REQUEST})"),
        ("if-none-match", f"remove if-none-match ({REQUEST})"),
        ("X A", f"write X,A ({NAMES})"),
        ("['X-A', 'X-B']", BRACKETS),
    ],
)
def test_exposed_headers_are_judged(value: str, message: str) -> None:
    assert refusal("exposed_headers", value, credentials="cookies") == message


@pytest.mark.parametrize(
    ("question", "environments", "credentials", "accepted"),
    [
        ("allow_methods", ("staging",), "none", True),
        ("allow_methods", ("staging",), "cookies", False),
        ("allow_methods", ("production",), "none", False),
        ("request_headers", (), "bearer", True),
        ("request_headers", (), "both", False),
        ("request_headers", ("production",), "none", False),
        ("exposed_headers", ("production",), "none", True),
    ],
)
def test_a_wildcard_is_refused_where_the_service_refuses_it(
    question: str, environments: tuple[str, ...], credentials: str, accepted: bool
) -> None:
    assert (refusal(question, "*", environments, credentials) == "") is accepted


SECONDS = "only seconds, such as 7200, from 0 to 86400"
RANGE = "0 to 86400 seconds, which is a day"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, ""),
        (600, ""),
        ("7200", ""),
        (86400, ""),
        (86401, f"write 86400 ({RANGE})"),
        ("9" * 5000, f"{SECONDS}: {'9' * 80}"),
        (-1, f"write 0 ({RANGE})"),
        ("1.5", f"{SECONDS}: 1.5"),
        (600.0, f"{SECONDS}: 600.0"),
        ("+600", f"{SECONDS}: +600"),
        ("1h", f"{SECONDS}: 1h"),
        ("2h", f"{SECONDS}: 2h"),
        ("", SECONDS),
        (True, f"{SECONDS}: True"),
        ("\u0661", f"{SECONDS}: \u0661"),
        ("$AGE", f"{SECONDS}: $AGE"),
    ],
)
def test_a_maximum_age_is_judged(value: object, message: str) -> None:
    assert refusal("preflight_max_age", value) == message


BEGIN = "begin with a slash"
STAR = "no *, as a path covers all below it"
END = "end before ?, # or ;"
DOTS = "no empty or dotted parts"
ESCAPED = "no % and no backslash"


@pytest.mark.parametrize(
    ("value", "credentials", "message"),
    [
        ("", "both", ""),
        ("/public,/docs/", "both", ""),
        ("/", "none", ""),
        ("/", "bearer", ""),
        ("/", "cookies", "list paths, such as /public, as cookies rule out /: /"),
        ("public", "none", f"write /public ({BEGIN})"),
        ("/public/*", "none", f"write /public ({STAR})"),
        ("/*", "none", f"write / ({STAR})"),
        ("/*", "both", f"{STAR}: /*"),
        ("https://api.acme.com/a?x", "none", f"write /a ({BEGIN})"),
        ("/a?x=1", "none", f"write /a ({END})"),
        ("/a#x", "none", f"write /a ({END})"),
        ("/files;v=1", "none", f"write /files ({END})"),
        ("/a//b", "none", f"write /a/b ({DOTS})"),
        ("/a/../b", "none", f"{DOTS}: /a/../b"),
        ("/a\\b", "none", f"write /a/b ({ESCAPED})"),
        ("/a%20b", "none", f"{ESCAPED}: /a%20b"),
        ("https://me:pass/word@acme.com/a b", "none", "put commas between paths: ***@acme.com/a b"),
        ("/a b", "none", "put commas between paths: /a b"),
        ("'/a'", "none", f"write /a ({BEGIN})"),
        ("['/a', '/b']", "none", BRACKETS),
        ("${PREFIX}/", "none", DOLLAR),
        ("/a'b'", "none", ""),
    ],
)
def test_public_paths_are_judged(value: str, credentials: str, message: str) -> None:
    assert refusal("public_paths", value, credentials=credentials) == message


ONE_PATH = "one exact path, such as /auth/callback"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", ""),
        ("/auth/callback", ""),
        ("/auth/callback/, /saml/acs", ""),
        ("/", f"{ONE_PATH}: /"),
        ("/auth/*", f"{ONE_PATH}: /auth/*"),
        ("/auth/{provider}", f"{ONE_PATH}: /auth/{{provider}}"),
        ("auth/callback", f"write /auth/callback ({BEGIN})"),
        ("https://api.acme.com/acs", f"write /acs ({BEGIN})"),
        ("/auth/callback?code=1", f"write /auth/callback ({END})"),
        ("/a b", "put commas between paths: /a b"),
    ],
)
def test_exempt_paths_are_judged(value: str, message: str) -> None:
    assert refusal("guard_exempt_paths", value, credentials="cookies") == message


PYTHON_NAME = "lower case, digits and _ only"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("orders", ""),
        ("orders_api2", ""),
        ("match", ""),
        ("orders-api", f"write orders_api ({PYTHON_NAME})"),
        ("OrdersAPI", f"write orders_api ({PYTHON_NAME})"),
        ("1orders", f"write orders ({PYTHON_NAME})"),
        ("_orders", f"write orders ({PYTHON_NAME})"),
        ("orders\n", f"write orders ({PYTHON_NAME})"),
        ("\u0441ors", f"write ors ({PYTHON_NAME})"),
        ("", f"write service ({PYTHON_NAME})"),
        ("class", "write class_api (class is a keyword of Python)"),
        ("JSON", f"write json_api ({PYTHON_NAME})"),
        ("json", "write json_api (json is a module of Python)"),
        ("fastapi", "write fastapi_api (fastapi is used by the service)"),
        ("tests", "write tests_api (tests is used by the service)"),
    ],
)
def test_a_package_name_is_judged(value: str, message: str) -> None:
    assert refusal("package_name", value) == message
    suggestion = re.match(r"write (\S+)", message)
    assert not suggestion or refusal("package_name", suggestion[1]) == ""


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("Orders API", "orders_api"),
        ("OrdersAPI", "ordersapi"),
        ("  B\xfccher & S\xf6hne ", "b_cher_s_hne"),
        ("Test", "test_api"),
        ("class", "class_api"),
        ("2nd Orders", "nd_orders"),
        ("\u6ce8\u6587", "service"),
    ],
)
def test_the_default_package_name_is_accepted(name: str, package: str) -> None:
    """Copier ends with a traceback when a default is refused, in the middle of the questions."""
    context = {"project_name": name, "_copier_conf": {"defaults": False}}
    assert JINJA.from_string(QUESTIONS["package_name"]["default"]).render(context) == package
    assert refusal("package_name", package) == ""


MARKS = "no quotes, backslashes, {{, {% or {#"
VISIBLE = "only visible characters"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Orders API", ""),
        ("B\xfccher & S\xf6hne {2}", ""),
        ("x" * 80, ""),
        ("", "write Orders API (a service needs a name)"),
        ("  ", "write Orders API (a service needs a name)"),
        ('The "best"', f"write The best ({MARKS})"),
        ("a`b", f"write ab ({MARKS})"),
        ("a\\b", f"write ab ({MARKS})"),
        ("{{ name }}", f"write name ({MARKS})"),
        ("{% raw %}", f"write raw ({MARKS})"),
        ("Orders\nAPI", f"write Orders API ({VISIBLE})"),
        ("Orders\u202eAPI", rf"{VISIBLE}: Orders\u202eAPI"),
        ("x" * 81, f"80 characters at most: {'x' * 80}"),
    ],
)
def test_a_project_name_is_judged(value: str, message: str) -> None:
    assert refusal("project_name", value) == message


def test_the_table_of_modules_is_complete() -> None:
    """For the Python that runs this; the table is the union over all that are supported."""
    text = (TEMPLATE / "hooks" / "validators.jinja").read_text(encoding="utf-8")
    (table,) = re.findall(r"set _standard_library = '([^']*)'", text)
    public = {name for name in sys.stdlib_module_names if not name.startswith("_")}
    public = {name for name in public if name.islower()}
    assert public - set(table.split()) == set()


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
        "    {% import 'hooks/validators.jinja' as refusal -%}\n"
        "    {{ refusal.origins(production_origins, ['production'], 'cookies') }}\n",
        encoding="utf-8",
    )
    (template / "files").mkdir()
    (template / "files" / "out.jinja").write_text("{{ production_origins }}", encoding="utf-8")

    def copy(answer: str) -> None:
        data = {"production_origins": answer}
        run_copy(str(template), project, data=data, defaults=True, overwrite=True, quiet=True)

    copy("https://app.acme.com")
    assert (project / "out").read_text() == "https://app.acme.com"
    with pytest.raises(ValueError, match=r"question 'production_origins': write https://app\."):
        copy("https://app.acme.com/")
