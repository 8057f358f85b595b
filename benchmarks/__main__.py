"""`python -m benchmarks [NAME …]`: measures, prints a table, writes .local/bench.json.

Exit code 1 if a target is missed.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks import (
    calls,
    cpu,
    file_calls,
    file_imports,
    files,
    imports,
    ingest,
    memory,
    parking,
    rate,
    simulator,
    trickle,
    waves,
)
from benchmarks.row import Benchmark, BenchmarkRow
from benchmarks.worker import ROOT

BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "ingest": ingest.run,
    "calls": calls.run,
    "cpu": cpu.run,
    "imports": imports.run,
    "memory": memory.run,
    "rate": rate.run,
    "audiences": rate.by_audiences,
    "trickle": trickle.run,
    "parking": parking.run,
    "files": files.run,
    "file_calls": file_calls.run,
    "file_imports": file_imports.run,
    "waves": waves.run,
    "simulator": simulator.run,
}

WIDTH: Final = 100
"""Columns, where there is no terminal."""
MANY: Final = 10_000
"""From which on numbers are shown whole."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; default: all")
    names = parser.parse_args(arguments).names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"there is no {', '.join(unknown)}; choose from {', '.join(BENCHMARKS)}")
    progress = Console(stderr=True, highlight=False)
    start = time.monotonic()
    rows = [row for name in names for row in BENCHMARKS[name](lambda text: progress.print(text, style="dim"))]
    about = f"Python {platform.python_version()} on {platform.machine()}, {time.monotonic() - start:.0f} s in all"
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(_table(rows, about))
    file = ROOT / ".local" / "bench.json"
    file.parent.mkdir(exist_ok=True)
    content = {"about": about, "rows": [{**asdict(row), "is_reached": row.is_reached} for row in rows]}
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    missed = [row.what for row in rows if not row.is_reached]
    for what in missed:
        console.print(f"missed: {what}", style="red")
    return 1 if missed else 0


def _table(rows: Sequence[BenchmarkRow], about: str) -> Table:
    table = Table(caption=about, show_lines=True)
    table.add_column("what")
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("target", justify="right", no_wrap=True)
    table.add_column("")
    table.add_column("how")
    for row in rows:
        sign = "≥" if row.at_least else "≤"
        target = "" if row.target is None else f"{sign} {row.target:,g}"
        judged = "[green]ok" if row.is_reached else "[red]miss"
        measured = f"{row.measured:,.0f}" if row.measured >= MANY else f"{row.measured:.4g}"
        table.add_row(row.what, f"{measured} {row.unit}", target, "" if row.target is None else judged, row.how)
    return table


if __name__ == "__main__":
    sys.exit(main())
