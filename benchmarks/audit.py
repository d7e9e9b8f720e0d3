"""What the audit adds to a start: all rules over one policy, without and with patterns.

    python benchmarks/audit.py

Prints the median of many runs in milliseconds. The first run with a pattern also reads the Public
Suffix List and is printed apart.
"""

import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

from service.cors.policy import CORSPolicy  # noqa: E402
from service.cors.rules import RULES, Subject, findings_of  # noqa: E402

POLICIES = {
    "no origin": (),
    "1 origin": ("https://app.acme.com",),
    "20 origins": tuple(f"https://shop{n}.acme.com" for n in range(20)),
    "20 origins and a pattern": (
        "https://*.preview.acme.com",
        *(f"https://shop{n}.acme.com" for n in range(20)),
    ),
}


def measure(origins: tuple[str, ...]) -> tuple[float, float]:
    """Return the first and the median time of an audit, in milliseconds."""
    times = []
    for _ in range(200):
        policy = CORSPolicy(
            environment="production",
            allow_origins=origins,
            allow_credentials=True,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("Authorization", "Content-Type"),
            expose_headers=("X-Total-Count",),
            guard_writes=True,
        )
        begun = perf_counter()
        list(findings_of(Subject(policy), RULES))
        times.append((perf_counter() - begun) * 1000)
    return times[0], median(times)


def main() -> None:
    """Print the table."""
    table = Table("policy", "first, ms", "median, ms")
    for name, origins in POLICIES.items():
        first, middle = measure(origins)
        table.add_row(name, f"{first:.2f}", f"{middle:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
