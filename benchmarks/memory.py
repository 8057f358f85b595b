"""The most memory that the sync function ever holds for a batch of 6 MB."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import marketo, workload
from benchmarks.row import BenchmarkRow, Say
from benchmarks.worker import WorkerJob, follow

MAX_BYTES: Final = 6_000_000
"""What Lambda hands a function over at once."""


def run(say: Say) -> list[BenchmarkRow]:
    """A batch of usual profiles, and one of the smallest, which holds the most persons."""
    rows = []
    with marketo.running(workload.NO_LIMITS) as simulator:
        kinds: list[tuple[str, str, Callable[[int], workload.Payload], int]] = [
            ("usual", "123-ABC-456", workload.profile, 7_500),
            ("smallest", "456-DEF-789", workload.small, 19_000),
        ]
        for name, munchkin_id, profile, persons in kinds:
            say(f"memory of sync, {name} profiles")
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "batch.json")
                size = file.write_text(json.dumps(workload.batch(workload.messages(map(profile, range(persons))))))
                assert 0.95 * MAX_BYTES < size < 1.05 * MAX_BYTES, size
                idle, done = follow(WorkerJob(munchkin_id, simulator.url, workload.LIMITLESS, [str(file)], {}))
            how = (
                f"peak RSS of the function's process with AWS's tables in it, {persons:,} new persons in "
                f"{size / 1e6:.1f} MB; before the batch {idle.peak:.0f}"
            )
            rows.append(BenchmarkRow(f"memory of sync for a 6 MB batch, {name} profiles", done.peak, 300, "MiB", how))
    return rows
