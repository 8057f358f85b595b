"""`python -m benchmarks.soak`: many events through the delivery while everything goes wrong, and what became of them.

The sync use case, stores in memory and the Marketo simulator, in this process and on a clock of their own, so that
waiting costs nothing. Marketo refuses, fails, is slow or loses answers; leads are merged by hand; workers die or lose
their lease between any two effects; the queue delivers twice and in any order, the source sends twice. When all has
come to rest, Marketo and the accounts are compared with what the events alone say. Exit code 1 if anything differs.
"""

import argparse
import resource
import sys
import time
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.soak.course import MARKETO, Soak
from benchmarks.soak.oracle import SoakDifferences, compare
from testing.world import START


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description="Deliver events while everything goes wrong.")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--concurrency", type=int, default=4, help="calls at once; with 1 the same seed takes the same course"
    )
    given = parser.parse_args(arguments)
    soak = Soak(given.events, given.seed, given.concurrency)
    start = time.monotonic()
    columns = (
        TextColumn("soak"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[at]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task("soak", total=given.events, at="")

        def progress(sent: int, waiting: int) -> None:
            shown.update(task, completed=sent, at=f"{waiting} messages wait, {soak.now:%d %b %H:%M} by its clock")

        soak.run(progress)
    seconds = time.monotonic() - start
    found = compare(soak)
    by_limit = soak.simulator.stats()["by_limit"]
    console = Console(highlight=False)
    console.print(_table(soak, found, sum(by_limit.values()), seconds))
    differences = [*found.lost, *found.duplicated, *found.accounts, *(f"{code} by us" for code in by_limit)]
    for text in differences[:20]:
        console.print(text, style="red")
    return 1 if differences else 0


def _table(soak: Soak, found: SoakDifferences, by_limit: int, seconds: float) -> Table:
    stats, counts = soak.simulator.stats(), soak.counts
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    persons = len({one.person for one in soak.said if one.person is not None})
    table = Table(caption="stores and Marketo in memory, on a clock of their own")
    table.add_column("what")
    table.add_column("measured", justify="right")
    table.add_column("must be", justify="right")
    rows: list[tuple[str, str, int | None]] = [
        ("events, by two connections to one instance", f"{len(soak.said):,}", None),
        ("persons", f"{persons:,}", None),
        ("lost", str(len(found.lost)), 0),
        ("duplicated", str(len(found.duplicated)), 0),
        ("accounting differences", str(len(found.accounts)), 0),
        ("606 and 615 caused by us", str(by_limit), 0),
        ("calls", f"{stats['calls']:,}", None),
        ("calls per 1,000 events", f"{stats['calls'] * 1000 / len(soak.said):.0f}", None),
        (
            f"most calls in 20 s, of {MARKETO['calls_per_window']} that Marketo takes",
            str(stats["most_in_window"]),
            None,
        ),
        (f"most calls at once, of {MARKETO['concurrency']}", str(stats["most_executing"]), None),
        ("faults of Marketo", f"{counts['faults']:,}", None),
        ("leads merged by hand", f"{counts['merged']:,}", None),
        ("deliveries", f"{counts['deliveries']:,}", None),
        ("workers that died", f"{counts['crashes']:,}", None),
        ("leases lost", f"{counts['leases lost']:,}", None),
        ("messages requeued", f"{counts['requeued']:,}", None),
        ("messages delivered again", f"{counts['delivered again']:,}", None),
        ("dead letters redriven", f"{counts['redriven']:,}", None),
        ("time by its clock", str(timedelta(seconds=round((soak.now - START).total_seconds()))), None),
        ("time it took", f"{seconds:.0f} s", None),
        ("events delivered a second", f"{len(soak.said) / seconds:,.0f}", None),
        ("peak memory, stores and Marketo included", f"{megabytes:,.0f} MB", None),
    ]
    for what, measured, wanted in rows:
        judged = "" if wanted is None else f"[{'green' if measured == str(wanted) else 'red'}]{wanted}"
        table.add_row(what, measured, judged)
    return table


if __name__ == "__main__":
    sys.exit(main())
