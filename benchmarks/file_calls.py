"""Calls to Marketo for files, counted by the simulator at its default limits, in simulated time."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import Final

from benchmarks.calls import CHUNK, MILLION, calls_of, how, of_a_million
from benchmarks.row import BenchmarkRow, Say
from destination.domain.event import MembershipStatus
from destination.domain.file import FileStatus, Mode
from testing.file_world import FileWorld
from testing.world import World, connection, event

ROWS: Final = 15_000
"""As many as are delivered together, so that a million takes as often as many calls."""

SHARE: Final = 0.05
"""Of a mirror, who join and who leave."""

TRUSTED: Final = timedelta(hours=24)


@dataclass(slots=True)
class _CountedFiles:
    """A world of files, and the calls made in it since it was asked last."""

    files: FileWorld
    seen: int = field(default=0, init=False)

    @classmethod
    def of(cls, leads: Sequence[Mapping[str, object]] = (), lead_cache: timedelta = timedelta(0)) -> "_CountedFiles":
        return cls(FileWorld(World(connection(lead_cache=lead_cache), leads)))

    def take(self, mode: Mode, people: Iterable[int], revision: int = 0) -> Counter[str]:
        """Have a file of these people delivered, of audience `a`; a mirror is approved."""
        lines = [f"{_address(one)},Ada,Lovelace,Company {revision}" for one in people]
        content = "\n".join(["email,firstName,lastName,company", *lines]).encode()
        self.files.tell(self.files.drop(mode, "a", f"people-{self.seen}-{revision}.csv", content))
        while not all(one.is_ended for one in self.files.all_files()):
            for one in self.files.all_files():
                if one.status is FileStatus.HELD:
                    self.files.manage.approve(one.connection_id, one.id)
            self.files.world.deliver()
            self.files.world.now += timedelta(minutes=5)
            self.files.tick()
        assert all(one.code is None for one in self.files.all_files())
        return self.fresh()

    def fresh(self) -> Counter[str]:
        calls = self.files.world.calls()
        found = calls_of(calls[self.seen :])
        self.seen = len(calls)
        return found


def run(say: Say) -> list[BenchmarkRow]:
    """A file of people of an `audience_and_profile` connection, attributes and one list."""
    say(f"calls for files of {ROWS:,} people: new, and a mirror of them")
    fresh = _CountedFiles.of()
    new = fresh.take(Mode.ADD, range(ROWS))
    turned = round(ROWS * SHARE)
    mirror = fresh.take(Mode.MIRROR, range(turned, ROWS + turned))
    say("calls for people to be looked up, and for known ones")
    there = _CountedFiles.of([{"id": 1 + one, "email": _address(one)} for one in range(ROWS)])
    looked_up = there.take(Mode.ADD, range(ROWS))
    trusted = _CountedFiles.of(lead_cache=TRUSTED)
    realized = MembershipStatus.REALIZED
    trusted.files.world.deliver(*(event(_address(one), ("b", realized)) for one in range(ROWS)))
    trusted.fresh()
    known = trusted.take(Mode.ADD, range(ROWS), revision=1)
    of_mirror = "for 5 % look-up, creation and list, for 5 % removal, without the list, which is read by an extract"
    return [
        _row("ids known and trusted", known, "write and list", 2),
        _row("to be looked up", looked_up, "look-up, write and list", 3),
        _row("new", new, "look-up, creation and list", 3),
        _row("mirror, 5 % in and 5 % out", mirror, of_mirror, 4 * SHARE),
    ]


def _row(what: str, calls: Counter[str], steps: str, chunks: float) -> BenchmarkRow:
    floor = f"{steps}: floor {chunks:g} * 1,000,000 / {CHUNK} = {ceil(chunks * MILLION / CHUNK):,}"
    return BenchmarkRow(
        f"calls per 1,000,000 people of a file, {what}",
        of_a_million(calls, ROWS),
        None,
        "calls",
        f"{how(calls)} for {ROWS:,}, times {MILLION / ROWS:.1f}; {floor}",
    )


def _address(number: int) -> str:
    return f"ada.{number}@example.org"
