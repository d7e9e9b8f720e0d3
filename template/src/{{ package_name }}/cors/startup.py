"""The last look before the first request, when every route and middleware has been added."""

import logging

from .checks import Subject
from .findings import ConfigurationError
from .policy import CORSPolicy
from .rules import RULES, audit

log = logging.getLogger(__name__)

# The others were judged when the settings were read.
NEED_THE_APP = frozenset(rule.id for rule in RULES if rule.needs_app)


def refusal(app: object, policy: CORSPolicy) -> str:
    """Return the text that stops the start, empty if no rule refuses; warnings are logged."""
    findings = [found for found in audit(Subject(policy, app=app)) if found.rule in NEED_THE_APP]
    refused = [found for found in findings if found.severity == "error"]
    for found in findings:
        if found.severity == "warning":
            log.warning("%s", found)
    return str(ConfigurationError(refused)) if refused else ""
