"""The last look before the first request, when every route and middleware has been added."""

import logging
from collections.abc import Iterable
from dataclasses import replace

from .checks import Subject
from .findings import ConfigurationError, Finding
from .policy import CORSPolicy
from .rules import RULES, audit
from .sources import Variable, find_sources

log = logging.getLogger(__name__)

NEED_THE_APP = frozenset(rule.id for rule in RULES if rule.needs_app)


def refusal(app: object, policy: CORSPolicy) -> str:
    """Return the text that stops the start, empty if no rule refuses; warnings are logged.

    The policy is judged as a whole, since an app can be given one that no settings made. Warnings
    about it were logged when the settings were read.
    """
    findings = in_their_places(audit(Subject(policy, app=app)), policy)
    for found in findings:
        if found.severity == "warning" and found.rule in NEED_THE_APP:
            log.warning("%s", found)
    refused = [found for found in findings if found.severity == "error"]
    return str(ConfigurationError(refused)) if refused else ""


def in_their_places(findings: Iterable[Finding], policy: CORSPolicy) -> list[Finding]:
    """Return findings with file and line of their variables, where the policy came from these."""
    found = list(findings)
    if not found:
        return []
    try:
        variables = find_sources(policy.environment).variables
    except ConfigurationError:
        return found
    return [in_its_place(each, variables.get(each.variable)) for each in found]


def in_its_place(finding: Finding, variable: Variable | None) -> Finding:
    """Return a finding with the place of its variable, if that holds what the finding is about."""
    if variable is None or finding.where or finding.value not in variable.value:
        return finding
    return replace(finding, where=variable.where)
