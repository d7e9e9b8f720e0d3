"""The last look before the first request, when every route and middleware has been added."""

import logging
from dataclasses import replace

from .checks import Subject
from .findings import ConfigurationError, Finding
from .policy import CORSPolicy
from .rules import RULES, audit
from .sources import find_sources

log = logging.getLogger(__name__)

NEED_THE_APP = frozenset(rule.id for rule in RULES if rule.needs_app)


def refusal(app: object, policy: CORSPolicy) -> str:
    """Return the text that stops the start, empty if no rule refuses; warnings are logged.

    The policy is judged as a whole, since an app can be given one that no settings made. Warnings
    about it were logged when the settings were read.
    """
    findings = [in_its_place(found, policy) for found in audit(Subject(policy, app=app))]
    for found in findings:
        if found.severity == "warning" and found.rule in NEED_THE_APP:
            log.warning("%s", found)
    refused = [found for found in findings if found.severity == "error"]
    return str(ConfigurationError(refused)) if refused else ""


def in_its_place(finding: Finding, policy: CORSPolicy) -> Finding:
    """Return a finding with the file and line of its variable, where the policy came from one."""
    try:
        variable = find_sources(policy.environment).variables.get(finding.variable)
    except ConfigurationError:
        variable = None
    if variable is None or finding.where or finding.value not in variable.value:
        return finding
    return replace(finding, where=variable.where)
