"""Imports of the functions, each in a fresh process, in turns with boto3's; the least of several is what counts."""

import subprocess
import sys
from typing import Final

from benchmarks.row import BenchmarkRow, Say
from benchmarks.worker import ROOT

ROUNDS: Final = 9
_IMPORT: Final = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
_MODULES: Final = ("boto3", "functions.ingest.app", "functions.sync.app", "functions.connections.app")


def run(say: Say) -> list[BenchmarkRow]:
    """Of the function that answers a sender, judged; of two others, shown."""
    taken: dict[str, list[float]] = {module: [] for module in _MODULES}
    for module in _MODULES:
        _seconds(module)  # writes the bytecode
    for number in range(ROUNDS):
        say(f"imports, round {number + 1} of {ROUNDS}")
        for module, seconds in taken.items():
            seconds.append(_seconds(module))
    least = {module: min(seconds) for module, seconds in taken.items()}
    boto3 = least.pop("boto3")
    return [
        BenchmarkRow(
            f"imports of {module.split('.')[1]}",
            seconds / boto3,
            2.5 if module == "functions.ingest.app" else None,
            "of boto3",
            f"{seconds * 1000:.0f} ms to boto3's {boto3 * 1000:.0f}; bytecode warm, least of {ROUNDS}, in turns",
        )
        for module, seconds in least.items()
    ]


def _seconds(module: str) -> float:
    command = [sys.executable, "-c", _IMPORT.format(module)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)  # noqa: S603
