"""Asks a deployed service, over the network, what its policy promises, and says what differs.

Between a service that is right and the browsers lie proxies and caches, and what is deployed may
be older than what is tested. Each question is a page's `Fetch`; the browser model sends it, the
answer is compared with what the middleware itself answers to the same request in this process.

    target.py      the URL that is probed
    promise.py     what an environment's policy promises
    questions.py   what is asked, and in which order
    wire.py        one request over the network: GET or OPTIONS, headers as they came
    answers.py     one question asked: what came, what was promised, in what they differ
    evidence.py    which answers a cause explains, by the signs it leaves
    causes.py      what goes wrong on the way, and how to mend it
    diagnosis.py   which causes explain what differs
    run.py         all of it together
    report.py      how the result is printed
"""

from .causes import CAUSES, Cause
from .diagnosis import Finding
from .promise import Promise, PromiseError
from .run import Probe, Report
from .target import Target, TargetError
from .wire import UnreachableError, Wire

__all__ = [
    "CAUSES",
    "Cause",
    "Finding",
    "Probe",
    "Promise",
    "PromiseError",
    "Report",
    "Target",
    "TargetError",
    "UnreachableError",
    "Wire",
]
