# fmt: off
"""The tests of the CORS policy, managed by the template: updates replace this folder.

Every environment that has a dotenv file gets the requests that browsers, attackers and caches send.
The expected responses are read from the dotenv files alone, never from the code under test.
"""

# The release of the template that these tests are of. The code in cors/ is of one, too.
RELEASE = "2.0.0"

# What an update replaces, with * for the package; `test_configuration` compares.
MANAGED = (
    "src/*/cors/__init__.py",
    "src/*/cors/__main__.py",
    "src/*/cors/app.py",
    "src/*/cors/cli.py",
    "src/*/cors/fetch_standard.py",
    "src/*/cors/findings.py",
    "src/*/cors/middleware.py",
    "src/*/cors/origin.py",
    "src/*/cors/origin_errors.py",
    "src/*/cors/policy.py",
    "src/*/cors/provider.py",
    "src/*/cors/refusals.py",
    "src/*/cors/ruff.toml",
    "src/*/cors/rules.py",
    "src/*/cors/settings.py",
    "src/*/cors/sources.py",
    "src/*/cors/tool/__init__.py",
    "src/*/cors/tool/browser.py",
    "src/*/cors/tool/cli.py",
    "src/*/cors/tool/console_messages.toml",
    "src/*/cors/tool/cors_check.py",
    "src/*/cors/tool/development_rules.py",
    "src/*/cors/tool/explain.py",
    "src/*/cors/tool/explain_message.py",
    "src/*/cors/tool/explain_question.py",
    "src/*/cors/tool/lab.html",
    "src/*/cors/tool/lab.py",
    "src/*/cors/tool/probe.py",
    "src/*/cors/tool/probe_findings.py",
    "src/*/cors/tool/rules.toml",
    "src/*/cors/tool/show.py",
    "tests/cors/__init__.py",
    "tests/cors/conftest.py",
    "tests/cors/real_browser.py",
    "tests/cors/ruff.toml",
    "tests/cors/service.py",
    "tests/cors/test_allowed.py",
    "tests/cors/test_caches.py",
    "tests/cors/test_configuration.py",
    "tests/cors/test_other_sites.py",
    "tests/cors/test_real_browser.py",
    "tests/cors/test_writes.py",
)
