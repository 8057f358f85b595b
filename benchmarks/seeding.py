"""A simulator with many leads, in a process of its own: `python -m benchmarks.seeding NUMBER` prints one JSON line."""

import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from subprocess import run
from typing import Final

from benchmarks.worker import ROOT
from marketo_simulator import Request, Simulator

CHUNK: Final = 10_000
"""Leads of a seed: as many as a test hands over at a time, or the control interface takes in some MB."""


@dataclass(frozen=True, slots=True)
class SeedingReport:
    """CPU seconds, and the most memory that the process ever held, MiB; seconds of a page in the browser."""

    seconds: float
    peak: float
    page_seconds: float


def lead(number: int, revision: int = 0) -> Mapping[str, object]:
    """One of the leads: eight fields, most values its own."""
    return {
        "email": f"person{number}@example.org",
        "firstName": f"Ada{number % 1000}",
        "lastName": f"Lovelace{number}",
        "company": f"Analytical Engines {number % 5000}",
        "country": "United Kingdom",
        "phone": f"+44 20 {number:08}",
        "leadScore": number % 100,
        "title": f"Countess {revision}",
    }


def seeded(number: int) -> SeedingReport:
    """What it takes to seed so many leads, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.seeding", str(number)]
    done = run(command, cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S603
    return SeedingReport(**json.loads(done.stdout))


def main(number: int) -> None:
    simulator = Simulator()
    start = time.process_time()
    for first in range(0, number, CHUNK):
        simulator.seed({"leads": [lead(each) for each in range(first, first + CHUNK)]})
    seeded_at = time.process_time()
    page = simulator.handle(Request.of("GET", f"/_simulator/pages/leads?after={number // 2}"))
    shown_at = time.process_time()
    assert f"person{number // 2}@example.org".encode() in page.body
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(asdict(SeedingReport(seeded_at - start, peak, shown_at - seeded_at))))


if __name__ == "__main__":
    main(int(sys.argv[1]))
