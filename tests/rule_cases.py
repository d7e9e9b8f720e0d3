"""What each rule refuses, warns of and accepts: a sentence, the lines, the verdict per class.

A verdict has a letter for development, staging and production: E refuses, W warns, - is fine.
Lines are those of a dotenv file; they replace the line of the same name in a good one, and
`-NAME` takes that line out.
"""

from typing import NamedTuple


class Case(NamedTuple):
    """One row: what it is about, what is written, what the rule says of it."""

    rule: str
    sentence: str
    lines: tuple[str, ...]
    verdict: str


def case(rule: str, sentence: str, *lines: str) -> Case:
    *written, verdict = lines
    return Case(rule, sentence, tuple(written), verdict)


def origins(rule: str, sentence: str, text: str, verdict: str) -> Case:
    return Case(rule, sentence, (f"CORS_ALLOWED_ORIGINS={text}",), verdict)


APP = "https://app.acme.com"
WITH_CREDENTIALS = "CORS_ALLOW_CREDENTIALS=true"

CASES: tuple[Case, ...] = (
    origins("CORS001", "JSON without its closing bracket", f'["{APP}"', "E E E"),
    origins("CORS001", "JSON that is an object", '{"a": 1}', "E E E"),
    origins("CORS001", "JSON with a number in it", f'["{APP}", 1]', "E E E"),
    origins("CORS001", "JSON with a list in it", f'[["{APP}"]]', "E E E"),
    origins("CORS001", "a closing bracket without its opening one", f"{APP}]", "E E E"),
    origins("CORS001", "a list as Python prints it", "['https://app.acme.com']", "E E E"),
    case("CORS001", "half a quote in the methods", "CORS_ALLOW_METHODS=GET,PO'ST", "E E E"),
    case("CORS001", "JSON that is not finished", 'CORS_ALLOW_HEADERS=["X-A",', "E E E"),
    origins("CORS001", "a JSON list of strings", f'["{APP}"]', "- - -"),
    origins("CORS001", "a JSON list in one pair of quotes", f"'[\"{APP}\"]'", "- - -"),
    origins("CORS001", "a comma separated list", f"{APP},https://www.acme.com", "- - -"),
    origins("CORS001", "an empty JSON list", "[]", "- - -"),
    origins("CORS001", "a comma too many", f"{APP},", "- - -"),
    origins(
        "CORS001", "an IPv6 address, which has brackets too", "https://[2606:4700::1]", "- - -"
    ),
    origins("CORS001", "an IPv6 address and a port", "http://[::1]:5173", "- - -"),
    case("CORS002", "no line for the origins at all", "-CORS_ALLOWED_ORIGINS", "W E E"),
    origins("CORS002", "an empty line, which is an answer", "", "- - -"),
    origins("CORS002", "an origin", APP, "- - -"),
    origins("CORS003", "a lone wildcard", "*", "E E E"),
    origins("CORS003", "a wildcard among origins", f"{APP},*", "E E E"),
    case("CORS003", "a wildcard as JSON", 'CORS_ALLOWED_ORIGINS=["*"]', "E E E"),
    case("CORS003", "an open API, said as public paths", "CORS_PUBLIC_PATHS=/", "- - -"),
    case("CORS004", "all public, with cookies", "CORS_PUBLIC_PATHS=/", WITH_CREDENTIALS, "W E E"),
    case(
        "CORS004",
        "all public among others, with cookies",
        "CORS_PUBLIC_PATHS=/items,/",
        WITH_CREDENTIALS,
        "W E E",
    ),
    case("CORS004", "all public, without cookies", "CORS_PUBLIC_PATHS=/", "- - -"),
    case(
        "CORS004", "a part public, with cookies", "CORS_PUBLIC_PATHS=/a", WITH_CREDENTIALS, "- - -"
    ),
    origins("CORS005", "the null origin", "null", "E E E"),
    origins("CORS005", "null among others", f"{APP},null", "E E E"),
    origins("CORS005", "a local file", "file://", "E E E"),
    origins("CORS005", "a path of a local file", "file:///srv/index.html", "E E E"),
    origins("CORS005", "a data URL", "data:text/html", "E E E"),
    origins("CORS005", "an ordinary origin", APP, "- - -"),
    origins("CORS006", "a slash at the end", f"{APP}/", "E E E"),
    origins("CORS006", "a path", f"{APP}/login", "E E E"),
    origins("CORS006", "a query", f"{APP}?a=1", "E E E"),
    origins("CORS006", "user info", "https://me@app.acme.com", "E E E"),
    origins("CORS006", "a blank inside", "https://app .acme.com", "E E E"),
    case("CORS006", "quotes that Docker left", f"CORS_ALLOWED_ORIGINS='\"{APP}\"'", "E E E"),
    origins("CORS006", "two origins with a blank between", f"'{APP} https://b.acme.com'", "E E E"),
    origins("CORS006", "a bare origin", APP, "- - -"),
    origins("CORS006", "blanks around it, which nobody sends", f"  {APP}  ", "- - -"),
    origins("CORS007", "upper case in the host", "https://App.acme.com", "E E E"),
    origins("CORS007", "upper case in the scheme", "HTTPS://app.acme.com", "E E E"),
    origins("CORS007", "the default port of https", f"{APP}:443", "E E E"),
    origins("CORS007", "the default port of http", "http://localhost:80", "E E E"),
    origins("CORS007", "zeros before the port", f"{APP}:08443", "E E E"),
    origins("CORS007", "a Unicode host", "https://münchen.de", "E E E"),
    origins("CORS007", "an address in short", "http://127.1:3000", "E E E"),
    origins("CORS007", "an address as one number", "http://2130706433", "E E E"),
    origins("CORS007", "a dot at the end", "https://app.acme.com.", "E E E"),
    origins("CORS007", "two dots", "https://app..acme.com", "E E E"),
    origins("CORS007", "an IPv6 address written out", "https://[2606:4700:0:0:0:0:0:1]", "E E E"),
    origins("CORS007", "a port that does not exist", f"{APP}:65536", "E E E"),
    origins("CORS007", "an underscore", "https://my_app.acme.com", "E E E"),
    origins("CORS007", "a punycode host", "https://xn--mnchen-3ya.de", "- - -"),
    origins("CORS007", "an unusual port", f"{APP}:8443", "- - -"),
    origins("CORS007", "a short IPv6 address", "https://[2606:4700::1]", "- - -"),
    origins("CORS008", "a host without a scheme", "app.acme.com", "E E E"),
    origins("CORS008", "a host and port without a scheme", "app.acme.com:8443", "E E E"),
    origins("CORS008", "a misspelt scheme", "htps://app.acme.com", "E E E"),
    origins("CORS008", "a WebSocket's scheme", "wss://app.acme.com", "E E E"),
    origins("CORS008", "an app shell's scheme", "capacitor://localhost", "- - -"),
    origins("CORS008", "an extension", "chrome-extension://" + "abcdefghijklmnop" * 2, "- - -"),
    origins("CORS008", "https", APP, "- - -"),
    case(
        "CORS009",
        "http with cookies",
        "CORS_ALLOWED_ORIGINS=http://app.acme.com",
        WITH_CREDENTIALS,
        "W E E",
    ),
    case(
        "CORS009",
        "an http pattern with cookies",
        "CORS_ALLOWED_ORIGINS=http://*.acme.com",
        WITH_CREDENTIALS,
        "W E E",
    ),
    case(
        "CORS009",
        "http on loopback with cookies",
        "CORS_ALLOWED_ORIGINS=http://localhost:5173",
        WITH_CREDENTIALS,
        "- - -",
    ),
    case("CORS009", "https with cookies", WITH_CREDENTIALS, "- - -"),
    origins("CORS009", "http without cookies", "http://app.acme.com", "- - -"),
    origins("CORS010", "http without cookies", "http://app.acme.com", "- W E"),
    origins("CORS010", "http among https", f"{APP},http://www.acme.com", "- W E"),
    origins("CORS010", "http on loopback", "http://localhost:5173", "- - -"),
    origins("CORS010", "https", APP, "- - -"),
    case(
        "CORS010",
        "http with cookies, which is another rule's",
        "CORS_ALLOWED_ORIGINS=http://app.acme.com",
        WITH_CREDENTIALS,
        "- - -",
    ),
    origins("CORS011", "localhost", "http://localhost:5173", "- W E"),
    origins("CORS011", "a name under localhost", "http://app.localhost:3000", "- W E"),
    origins("CORS011", "a loopback address", "https://127.0.0.1", "- W E"),
    origins("CORS011", "the IPv6 loopback", "https://[::1]", "- W E"),
    origins("CORS011", "an address of a home network", "https://192.168.1.7", "- W E"),
    origins("CORS011", "an address of an office network", "https://10.0.0.5:8443", "- W E"),
    origins("CORS011", "a link-local address", "https://169.254.1.1", "- W E"),
    origins("CORS011", "a private IPv6 address", "https://[fd00::1]", "- W E"),
    origins("CORS011", "any port on localhost", "http://localhost:*", "- W E"),
    origins(
        "CORS011", "an app shell, which is localhost by name only", "capacitor://localhost", "- - -"
    ),
    origins("CORS011", "a public address", "https://203.0.113.7", "- - -"),
    origins("CORS011", "a host that begins like it", "https://localhost.acme.com", "- - -"),
    origins("CORS012", "every subdomain", "https://*.acme.com", "- W W"),
    origins("CORS012", "every preview", "https://*.preview.acme.com", "- W W"),
    origins("CORS012", "one subdomain", APP, "- - -"),
    origins("CORS013", "previews by name", "https://app-*-team.acme.dev", "W W E"),
    origins("CORS013", "names with an ending", "https://*-app.acme.com", "W W E"),
    origins("CORS013", "a whole label, which is another rule's", "https://*.acme.com", "- - -"),
    origins("CORS013", "an exact origin", APP, "- - -"),
    origins("CORS014", "everybody in com", "https://*.com", "W E E"),
    origins("CORS014", "everybody in co.uk", "https://*.co.uk", "W E E"),
    origins("CORS014", "every customer of a hoster", "https://*.vercel.app", "W E E"),
    origins("CORS014", "every page of a forge", "https://*.github.io", "W E E"),
    origins(
        "CORS014", "names at a hoster, which others may take", "https://a-*.vercel.app", "W E E"
    ),
    origins("CORS014", "names in com", "https://acme-*.com", "W E E"),
    origins(
        "CORS013", "names at a hoster, which is another rule's", "https://a-*.vercel.app", "- - -"
    ),
    origins("CORS014", "previews at a hoster", "https://shop-*-acme.vercel.app", "W E E"),
    origins("CORS014", "names on one's own domain", "https://app-*-team.acme.dev", "- - -"),
    origins("CORS014", "one's own domain", "https://*.acme.com", "- - -"),
    origins("CORS014", "one's own domain under co.uk", "https://*.acme.co.uk", "- - -"),
    origins("CORS014", "a hoster's one customer", "https://acme.vercel.app", "- - -"),
    origins("CORS015", "a wildcard in a later label", "https://app.*.com", "E E E"),
    origins("CORS015", "two wildcards", "https://*.*.acme.com", "E E E"),
    origins("CORS015", "two stars", "https://**.acme.com", "E E E"),
    origins("CORS015", "a wildcard in an address", "https://10.0.0.*", "E E E"),
    origins("CORS015", "a wildcard as the scheme", "*://app.acme.com", "E E E"),
    origins("CORS015", "a wildcard as the host", "https://*", "E E E"),
    origins("CORS015", "a wildcard in the first label", "https://*.acme.com", "- - -"),
    origins("CORS016", "any port of a host", f"{APP}:*", "E E E"),
    origins("CORS016", "any port of an address", "https://203.0.113.7:*", "E E E"),
    origins("CORS016", "any port on localhost", "http://localhost:*", "- - -"),
    origins("CORS016", "one port of a host", f"{APP}:8443", "- - -"),
    case("CORS017", "TRACE", "CORS_ALLOW_METHODS=GET,TRACE", "E E E"),
    case("CORS017", "CONNECT", "CORS_ALLOW_METHODS=CONNECT", "E E E"),
    case("CORS017", "track in lower case", "CORS_ALLOW_METHODS=track", "E E E"),
    case("CORS017", "blanks instead of commas", "CORS_ALLOW_METHODS=GET POST", "E E E"),
    case("CORS017", "semicolons instead of commas", "CORS_ALLOW_METHODS=GET;POST", "E E E"),
    case("CORS017", "methods that exist", "CORS_ALLOW_METHODS=GET,POST,QUERY", "- - -"),
    case("CORS017", "a method of one's own", "CORS_ALLOW_METHODS=PURGE", "- - -"),
    case("CORS018", "put", "CORS_ALLOW_METHODS=put", "E E E"),
    case("CORS018", "Patch", "CORS_ALLOW_METHODS=GET,Patch", "E E E"),
    case("CORS018", "PUT", "CORS_ALLOW_METHODS=PUT", "- - -"),
    case("CORS018", "a method of one's own in lower case", "CORS_ALLOW_METHODS=purge", "- - -"),
    case("CORS019", "Cookie", "CORS_ALLOW_HEADERS=Cookie", "E E E"),
    case("CORS019", "host in lower case", "CORS_ALLOW_HEADERS=host", "E E E"),
    case("CORS019", "Origin", "CORS_ALLOW_HEADERS=Content-Type,Origin", "E E E"),
    case("CORS019", "a Sec- header", "CORS_ALLOW_HEADERS=Sec-Fetch-Site", "E E E"),
    case("CORS019", "a Proxy- header", "CORS_ALLOW_HEADERS=Proxy-Authorization", "E E E"),
    case("CORS019", "a response header", "CORS_ALLOW_HEADERS=Access-Control-Allow-Origin", "E E E"),
    case("CORS019", "no name of a header", "CORS_ALLOW_HEADERS=X Request ID", "E E E"),
    case("CORS019", "ordinary names", "CORS_ALLOW_HEADERS=Authorization,X-Request-ID", "- - -"),
    case("CORS019", "a name that only begins alike", "CORS_ALLOW_HEADERS=Secret-Key", "- - -"),
    case("CORS020", "an override", "CORS_ALLOW_HEADERS=X-HTTP-Method-Override", "W W W"),
    case("CORS020", "another override", "CORS_ALLOW_HEADERS=x-method-override", "W W W"),
    case("CORS020", "no override", "CORS_ALLOW_HEADERS=X-Method", "- - -"),
    case("CORS021", "every method", "CORS_ALLOW_METHODS=*", "W W E"),
    case("CORS021", "every request header", "CORS_ALLOW_HEADERS=*", "W W E"),
    case("CORS021", "lists", "CORS_ALLOW_METHODS=GET", "- - -"),
    case("CORS021", "every readable header", "CORS_EXPOSE_HEADERS=*", "- - -"),
    case("CORS022", "every method with cookies", "CORS_ALLOW_METHODS=*", WITH_CREDENTIALS, "E E E"),
    case("CORS022", "every header with cookies", "CORS_ALLOW_HEADERS=*", WITH_CREDENTIALS, "E E E"),
    case(
        "CORS022", "all readable with cookies", "CORS_EXPOSE_HEADERS=*", WITH_CREDENTIALS, "E E E"
    ),
    case("CORS022", "every method without cookies", "CORS_ALLOW_METHODS=*", "- - -"),
    case("CORS022", "lists with cookies", WITH_CREDENTIALS, "- - -"),
    case("CORS023", "Set-Cookie", "CORS_EXPOSE_HEADERS=Set-Cookie", "E E E"),
    case("CORS023", "set-cookie2", "CORS_EXPOSE_HEADERS=set-cookie2", "E E E"),
    case("CORS023", "a request header", "CORS_EXPOSE_HEADERS=Authorization", "E E E"),
    case("CORS023", "no name of a header", "CORS_EXPOSE_HEADERS=X:Y", "E E E"),
    case("CORS023", "a response header", "CORS_EXPOSE_HEADERS=ETag,X-Total-Count", "- - -"),
    case("CORS024", "Content-Type", "CORS_EXPOSE_HEADERS=Content-Type", "W W W"),
    case("CORS024", "cache-control", "CORS_EXPOSE_HEADERS=X-A,cache-control", "W W W"),
    case("CORS024", "ETag, which needs it", "CORS_EXPOSE_HEADERS=ETag", "- - -"),
    case("CORS025", "a negative number", "CORS_MAX_AGE=-1", "E E E"),
    case("CORS025", "more than a day", "CORS_MAX_AGE=86401", "E E E"),
    case("CORS025", "a unit", "CORS_MAX_AGE=1h", "E E E"),
    case("CORS025", "half a second", "CORS_MAX_AGE=0.5", "E E E"),
    case("CORS025", "a fraction that is none", "CORS_MAX_AGE=60.0", "E E E"),
    case("CORS025", "nothing", "CORS_MAX_AGE=", "E E E"),
    case("CORS025", "digits of another script", "CORS_MAX_AGE=٦٠", "E E E"),
    case("CORS025", "a number that is no number of seconds", "CORS_MAX_AGE=" + "9" * 400, "E E E"),
    case("CORS025", "never", "CORS_MAX_AGE=0", "- - -"),
    case("CORS025", "a day", "CORS_MAX_AGE=86400", "- - -"),
    case("CORS026", "a day", "CORS_MAX_AGE=86400", "W W W"),
    case("CORS026", "a second too long", "CORS_MAX_AGE=7201", "W W W"),
    case("CORS026", "as long as Chromium keeps it", "CORS_MAX_AGE=7200", "- - -"),
    case("CORS028", "nobody", "CORS_ALLOWED_ORIGINS=", WITH_CREDENTIALS, "W W W"),
    case("CORS028", "somebody", WITH_CREDENTIALS, "- - -"),
    case("CORS028", "nobody, without cookies", "CORS_ALLOWED_ORIGINS=", "- - -"),
    origins("CORS029", "twice the same", f"{APP},{APP}", "W W W"),
    origins("CORS029", "covered by a pattern", f"https://*.acme.com,{APP}", "W W W"),
    origins("CORS029", "covered by a later pattern", f"{APP},https://*.acme.com", "W W W"),
    origins("CORS029", "beside a pattern", "https://*.acme.com,https://acme.com", "- - -"),
    origins("CORS029", "two different ones", f"{APP},https://www.acme.com", "- - -"),
    case("CORS030", "a letter missing", "CORS_ALOW_METHODS=GET", "W E E"),
    case("CORS030", "Starlette's name", "CORS_ALLOW_ORIGINS=https://app.acme.com", "W E E"),
    case("CORS030", "another template's name", "CORS_ORIGINS=https://app.acme.com", "W E E"),
    case("CORS030", "hyphens in a name", "CORS-GUARD-WRITES=true", "W E E"),
    case("CORS030", "an underscore missing", "CORSGUARD_WRITES=true", "W E E"),
    case("CORS030", "a byte order mark inside a file", "\ufeffCORS_GUARD_WRITES=true", "W E E"),
    case("CORS030", "a switch that browsers need no more", "CORS_ALLOW_PRIVATE_NETWORK=1", "W E E"),
    case("CORS030", "another program's variable", "CORSAIR_KEY=1", "- - -"),
    case("CORS030", "a variable of somebody else", "DATABASE_URL=sqlite://", "- - -"),
    case("CORS030", "a name in lower case", "cors_max_age=60", "- - -"),
    case("CORS030", "what the test suite reads", "CORS_REQUIRE_BROWSER=1", "- - -"),
    case("CORS031", "a file that names another", "ENVIRONMENT=qa", "E E E"),
    case("CORS031", "a file that names none", "-ENVIRONMENT", "- - -"),
    origins("CORS032", "a placeholder", "https://app.example.com", "- W E"),
    origins("CORS032", "the bare placeholder", "https://example.org", "- W E"),
    origins("CORS032", "a name under .test", "https://app.test", "- W E"),
    origins("CORS032", "a name under .invalid", "https://acme.invalid", "- W E"),
    origins("CORS032", "a placeholder's pattern", "https://*.example.com", "- W E"),
    origins("CORS032", "a name that contains it", "https://example.acme.com", "- - -"),
    origins("CORS032", "a name that ends alike", "https://myexample.com", "- - -"),
    case("CORS033", "the first marker", "<<<<<<< before updating", "E E E"),
    case("CORS033", "the middle marker", "=======", "E E E"),
    case("CORS033", "the last marker", ">>>>>>> after updating", "E E E"),
    case("CORS033", "a comment of equals signs", "# =======", "- - -"),
    case("CORS038", "yes and no", "CORS_ALLOW_CREDENTIALS=maybe", "E E E"),
    case("CORS038", "nothing", "CORS_GUARD_WRITES=", "E E E"),
    case("CORS038", "true in capitals", "CORS_GUARD_WRITES=TRUE", "- - -"),
    case("CORS038", "off", "CORS_ALLOW_CREDENTIALS=off", "- - -"),
    case("CORS039", "no slash", "CORS_PUBLIC_PATHS=public", "E E E"),
    case("CORS039", "a wildcard", "CORS_PUBLIC_PATHS=/public/*", "E E E"),
    case("CORS039", "dots", "CORS_PUBLIC_PATHS=/public/../admin", "E E E"),
    case("CORS039", "two slashes", "CORS_PUBLIC_PATHS=//public", "E E E"),
    case("CORS039", "a query", "CORS_PUBLIC_PATHS=/public?a", "E E E"),
    case("CORS040", "cookies without the guard", WITH_CREDENTIALS, "W E E"),
    case(
        "CORS040",
        "cookies and no line for the guard",
        WITH_CREDENTIALS,
        "-CORS_GUARD_WRITES",
        "W E E",
    ),
    case("CORS040", "cookies with the guard", WITH_CREDENTIALS, "CORS_GUARD_WRITES=true", "- - -"),
    case("CORS040", "neither", "CORS_GUARD_WRITES=false", "- - -"),
    case("CORS039", "a prefix", "CORS_PUBLIC_PATHS=/public,/v1/open", "- - -"),
    case("CORS039", "a slash at its end", "CORS_PUBLIC_PATHS=/public/", "- - -"),
    case("CORS039", "nothing but slashes", "CORS_PUBLIC_PATHS=//", "E E E"),
    case("CORS039", "a slash too many at its end", "CORS_PUBLIC_PATHS=/public//", "E E E"),
    case("CORS039", "a list with semicolons", "CORS_PUBLIC_PATHS=/public;/v1", "E E E"),
    case("CORS039", "the root", "CORS_PUBLIC_PATHS=/", "- - -"),
    case("CORS041", "a quote that is never closed", 'CORS_GUARD_WRITES="true', "E E E"),
    case("CORS041", "a colon for the equals sign", "CORS_GUARD_WRITES: true", "E E E"),
    case("CORS041", "no equals sign", "CORS_GUARD_WRITES", "E E E"),
    case("CORS041", "a word after the quotes", 'CORS_GUARD_WRITES="true"x', "E E E"),
    case("CORS041", "as cmd.exe sets variables", "set CORS_GUARD_WRITES=true", "E E E"),
    case(
        "CORS041",
        "a line after a quote that is never closed, which swallows nothing",
        'MOTTO="we\nCORS_GUARD_WRITES=true\n#',
        "- - -",
    ),
    case(
        "CORS041",
        "a line that the quotes of another swallow",
        'MOTTO="we\nCORS_GUARD_WRITES=true\nAND="you"',
        "E E E",
    ),
    case("CORS041", "a line of one's own that is not read", 'MOTTO="we', "- - -"),
    case("CORS041", "a comment", "# CORS_GUARD_WRITES", "- - -"),
    case("CORS041", "quotes in a pair", 'CORS_MAX_AGE="60"', "- - -"),
    case("CORS043", "braces around a name", "CORS_PUBLIC_PATHS=${PREFIX}/", "E E E"),
    case("CORS043", "a name without braces", "CORS_EXPOSE_HEADERS=X-$NAME", "E E E"),
    case("CORS043", "single quotes, which do not help", "CORS_PUBLIC_PATHS='${A}/x'", "E E E"),
    case("CORS043", "a name in lower case", "cors_public_paths=/$a", "E E E"),
    case("CORS043", "the environment's own name", "ENVIRONMENT=${STAGE}", "E E E"),
    case("CORS043", "a variable of one's own", "DATABASE_URL=postgres://${HOST}/db", "- - -"),
    case("CORS043", "plain text", "CORS_PUBLIC_PATHS=/public", "- - -"),
    case("CORS044", "the same line again", "CORS_MAX_AGE=60\n#\nCORS_MAX_AGE=60", "E E E"),
    case("CORS044", "another case of letters", "CORS_MAX_AGE=60", "cors_max_age=600", "E E E"),
    case("CORS044", "a third one", "Cors_Max_Age=60", "cors_max_age=600", "E E E"),
    case("CORS044", "the environment twice", "environment=production", "E E E"),
    case("CORS044", "a variable of one's own twice", "OWN=1\n#\nOWN=2", "- - -"),
    case("CORS044", "once", "CORS_MAX_AGE=60", "- - -"),
    case("CORS053", "a day that is no day", "CORS_WAIVERS=CORS012:2027-02-30:https://a", "E E E"),
    case("CORS053", "a day in another form", "CORS_WAIVERS=CORS012:31.1.2027:https://a", "E E E"),
    case("CORS053", "no day", "CORS_WAIVERS=CORS012:https://*.acme.com", "E E E"),
    case("CORS053", "no value", "CORS_WAIVERS=CORS012:2027-01-31:", "E E E"),
    case("CORS053", "a blank in it", "CORS_WAIVERS=CORS012:2027-01-31: https://a", "E E E"),
    case("CORS053", "a number for the rule", "CORS_WAIVERS=12:2027-01-31:https://a", "E E E"),
    case("CORS053", "one among others", "CORS_WAIVERS=CORS012:2027-01-31:a,all", "E E E"),
    case("CORS053", "a waiver", "CORS_WAIVERS=CORS012:2027-01-31:https://*.acme.com", "- - -"),
    case("CORS053", "a list in its value", 'CORS_WAIVERS=["CORS027:2027-01-31:A,B"]', "- - -"),
    case("CORS053", "nothing", "CORS_WAIVERS=", "- - -"),
    case("CORS041", "a shell's export", "export CORS_MAX_AGE=60", "- - -"),
)


class WaiverCase(NamedTuple):
    """A row about a waiver, in a file where CORS_MAX_AGE=86400 breaks CORS026 everywhere.

    Today is 24 November 2026. `in_process` is the variable of the process.
    """

    rule: str
    sentence: str
    lines: tuple[str, ...]
    verdict: str
    in_process: str = ""


WHY = "# CORS026: our users have Firefox; ask the web team"
WAIVER = "CORS_WAIVERS=CORS026:{}:86400"

WAIVER_CASES = (
    WaiverCase("CORS054", "over since yesterday", (WHY, WAIVER.format("2026-11-23")), "E E E"),
    WaiverCase("CORS054", "over in a month", (WHY, WAIVER.format("2026-12-24")), "W W W"),
    WaiverCase("CORS054", "over in a year", (WHY, WAIVER.format("2027-11-24")), "- - -"),
    WaiverCase("CORS055", "within a year", (WHY, WAIVER.format("2027-11-24")), "- - -"),
    WaiverCase("CORS055", "longer than a year", (WHY, WAIVER.format("2027-11-26")), "E E E"),
    WaiverCase("CORS055", "for ever", (WHY, WAIVER.format("9999-12-31")), "E E E"),
    WaiverCase("CORS055", "no comment", ("#", WAIVER.format("2027-01-31")), "E E E"),
    WaiverCase(
        "CORS055", "an id without a why", ("# CORS026:", WAIVER.format("2027-01-31")), "E E E"
    ),
    WaiverCase(
        "CORS055",
        "a comment that begins with another id",
        ("# CORS012: as for CORS026", WAIVER.format("2027-01-31")),
        "E E E",
    ),
    WaiverCase(
        "CORS055", "a comment further up", (WHY, "OWN=1", WAIVER.format("2027-01-31")), "E E E"
    ),
    WaiverCase(
        "CORS055",
        "a comment of two lines",
        (WHY, "# Until the new app is out.", WAIVER.format("2027-01-31")),
        "- - -",
    ),
    WaiverCase(
        "CORS055",
        "variables of the process, which have no comments",
        (),
        "- - -",
        "CORS026:2027-01-31:86400",
    ),
    WaiverCase(
        "CORS055",
        "a finding that is not there",
        ("# CORS012: why", "CORS_WAIVERS=CORS012:2027-01-31:https://*.acme.com"),
        "E E E",
    ),
    WaiverCase(
        "CORS055",
        "another value than the one that is there",
        (WHY, "CORS_WAIVERS=CORS026:2027-01-31:8640"),
        "E E E",
    ),
    WaiverCase(
        "CORS055",
        "a rule that cannot be waived",
        ("# CORS003: why", "CORS_WAIVERS=CORS003:2027-01-31:*"),
        "E E E",
    ),
    WaiverCase(
        "CORS055",
        "a rule that does not exist",
        ("# CORS999: why", "CORS_WAIVERS=CORS999:2027-01-31:*"),
        "E E E",
    ),
)
