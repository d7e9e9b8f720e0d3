"""The pytest plugin that puts the fault named by FAULT into the service before its tests run."""

import os
from pathlib import Path

from .configuration import FAULTS_OF_THE_CONFIGURATION
from .faults import FAULTS_FOR_CHROMIUM, FAULTS_OF_THE_POLICY
from .owners import COVERED, FAULTS_OF_OWNERS
from .replacing import Core, Edit

FAULTS = [*FAULTS_OF_THE_POLICY, *FAULTS_OF_THE_CONFIGURATION, *FAULTS_OF_OWNERS]


def pytest_configure() -> None:
    """Replace what the fault replaces; the service is the working directory."""
    sentence = os.environ["FAULT"]
    (package,) = (path.name for path in Path("src").iterdir() if path.is_dir())
    faults = [*FAULTS, *FAULTS_FOR_CHROMIUM, *(fault for _, fault in COVERED)]
    (fault,) = (each for each in faults if each.sentence == sentence)
    if not isinstance(fault.change, Edit):
        fault.change(Core(package))
