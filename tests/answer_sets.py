"""The answers that must work: the example files and a table of what else people answer."""

from typing import Any

from .project import EXAMPLES, example

APP = "https://app.acme.com"

TABLE: dict[str, dict[str, Any]] = {
    "everything by default": {},
    "only development": {"environments": []},
    "only production": {"environments": ["production"], "production_origins": APP},
    "only staging": {"environments": ["staging"], "staging_origins": "https://staging.acme.com"},
    "only preview": {"environments": ["preview"], "preview_origins": "https://*.preview.acme.com"},
    "all environments, all closed": {"environments": ["preview", "staging", "production"]},
    "all environments, all open to one": {
        "environments": ["preview", "staging", "production"],
        "preview_origins": "https://preview.acme.com",
        "staging_origins": "https://staging.acme.com",
        "production_origins": APP,
    },
    "no front end even in development": {"development_origins": ""},
    "one front end in development": {"development_origins": "http://localhost:5173"},
    "development by address": {"development_origins": "http://127.0.0.1:5173,http://[::1]:5173"},
    "development on any local port": {"development_origins": "http://localhost:*"},
    "development over https": {"development_origins": "https://localhost:5173"},
    "development on a local name": {"development_origins": "http://app.localhost:3000"},
    "bearer": {"credentials": "bearer", "production_origins": APP},
    "cookies": {"credentials": "cookies", "production_origins": APP},
    "both": {"credentials": "both", "production_origins": APP},
    "public data for a listed site": {"credentials": "none", "production_origins": APP},
    "cookies, all closed": {"credentials": "cookies"},
    "bearer, all closed": {"credentials": "bearer"},
    "two sites": {"production_origins": f"{APP},https://acme.org"},
    "blanks between origins": {"production_origins": f" {APP} , https://www.acme.com "},
    "a comma at the end": {"production_origins": f"{APP},"},
    "a port": {"production_origins": "https://app.acme.com:8443"},
    "an internationalized name": {"production_origins": "https://xn--mnchen-3ya.de"},
    "an IP address": {"production_origins": "https://203.0.113.7"},
    "an IPv6 address": {"production_origins": "https://[2606:4700::6810:84e5]"},
    "twenty origins": {
        "production_origins": ",".join(f"https://shop{n}.acme.com" for n in range(20))
    },
    "an app shell": {"production_origins": f"{APP},capacitor://localhost"},
    "a browser extension": {"production_origins": "chrome-extension://" + "abcdefghijklmnop" * 2},
    "whole-label previews": {
        "environments": ["preview"],
        "preview_origins": "https://*.preview.acme.com",
        "credentials": "cookies",
    },
    "partial-label previews": {
        "environments": ["preview", "production"],
        "preview_origins": "https://app-*-team.acme.dev,https://preview.acme.com",
        "credentials": "bearer",
    },
    "a whole-label wildcard in production": {"production_origins": "https://*.acme.com"},
    "GET only": {"allow_methods": "GET", "production_origins": APP},
    "GET and HEAD": {"allow_methods": "GET,HEAD", "production_origins": APP},
    "blanks between methods": {"allow_methods": "GET, POST, PUT", "production_origins": APP},
    "a method of one's own": {"allow_methods": "GET,POST,PURGE", "production_origins": APP},
    "no request headers": {"request_headers": "", "production_origins": APP},
    "many request headers": {
        "request_headers": "Authorization,Content-Type,If-Match,X-CSRF-Token,X-Request-ID",
        "production_origins": APP,
        "credentials": "both",
    },
    "no exposed headers": {"exposed_headers": "", "production_origins": APP},
    "many exposed headers": {
        "exposed_headers": "X-Total-Count,ETag,Link,Location,X-Request-ID",
        "production_origins": APP,
    },
    "no preflight cache": {"preflight_max_age": 0, "production_origins": APP},
    "a day of preflight cache": {"preflight_max_age": 86400, "production_origins": APP},
    "one public path": {"public_paths": "/items", "production_origins": APP},
    "two public paths beside cookies": {
        "public_paths": "/health,/items",
        "credentials": "cookies",
        "production_origins": APP,
    },
    "everything public, one site listed": {"public_paths": "/", "production_origins": APP},
    "a name with an apostrophe": {"project_name": "Wile's Orders & Returns"},
    "a name in another script": {
        "project_name": "Bestellungen für Zürich",
        "package_name": "orders",
    },
    "on GitHub": {"forge": "github", "production_origins": APP},
    "on GitLab": {"forge": "gitlab", "credentials": "cookies", "production_origins": APP},
    "a long package name": {"package_name": "orders_and_returns_and_everything_else_v2"},
}

ANSWER_SETS: dict[str, dict[str, Any]] = {
    **{f"examples/{path.name}": example(path.stem) for path in EXAMPLES},
    **TABLE,
}
