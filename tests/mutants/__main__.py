"""Print, for every fault, who caught it when the whole suite is run: `python -m tests.mutants`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from .owners import ADDITIONS, COVERED
from .plugin import FAULTS
from .running import Workshop, catches, failures

with TemporaryDirectory() as folder:
    workshop = Workshop(Path(folder))
    print("| fault | service | caught by, first of those to expect | failures in all |")
    print("|---|---|---|---|")
    for edits, fault in [
        *(((), each) for each in FAULTS),
        *((ADDITIONS[name].edits, each) for name, each in COVERED),
    ]:
        _, output = workshop.run(fault, "tests/cors", edits=edits)
        expected = [line.partition(" - ")[0] for line in catches(fault, output)]
        by = expected[0].replace("|", "\\|") if expected else "**survived**"
        count = len(failures(output))
        print(f"| {fault.sentence} | {fault.service} | `{by}` | {count} |", flush=True)
