"""Calls to Marketo for files by the bulk lane, counted by the simulator at its default limits, in simulated time."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from benchmarks.calls import CHUNK, MILLION, calls_of, how, of_a_million
from benchmarks.row import BenchmarkRow, Say
from destination.domain.capabilities import Capabilities
from destination.domain.file import FileStatus, Mode
from testing.file_world import FileWorld
from testing.world import MUNCHKIN, World, connection

ROWS: Final = 60_000
"""As many as one import gathers with room to spare, and of which all parts are full calls."""

SHARE: Final = 0.05
"""Of a mirror, who join and who leave."""

TRUSTED: Final = timedelta(hours=24)
DONE_IN: Final = timedelta(hours=2)
"""After that nothing waits any more but the file itself, which is carried on."""

_JOBS: Final = {
    **{"import_queue_seconds": 60, "import_seconds": 540},
    **{"export_queue_seconds": 60, "export_seconds": 540},
}
"""Imports and extracts of ten minutes."""


@dataclass(slots=True)
class _CountedImports:
    """A world of files, and the calls made in it since it was asked last."""

    files: FileWorld
    seen: int = field(default=0, init=False)
    made: int = field(default=0, init=False)

    @classmethod
    def of(cls, people: int) -> "_CountedImports":
        """A Marketo that has these people, and is known to put them, and whom imports create, on lists."""
        leads = [{"id": 1 + one, "email": _address(one)} for one in range(people)]
        world = World(connection(lead_cache=TRUSTED), leads, _JOBS)
        world.capabilities.put(MUNCHKIN, Capabilities(joins_by_id=True, creates_on_list=True))
        return cls(FileWorld(world))

    def take(self, mode: Mode, people: Iterable[int], revision: int = 0) -> Counter[str]:
        """Have a file of these people delivered, of audience `a`; a mirror is approved."""
        lines = [f"{_address(one)},Ada,Lovelace,Company {revision}" for one in people]
        content = "\n".join(["email,firstName,lastName,company", *lines]).encode()
        self.made += 1
        self.files.world.ledger.page_rows = len(lines)  # In memory each page goes through all rows.
        self.files.tell(self.files.drop(mode, "a", f"people-{self.made}.csv", content))
        while not all(one.is_ended for one in self.files.all_files()):
            for one in self.files.all_files():
                if one.status is FileStatus.HELD:
                    self.files.manage.approve(one.connection_id, one.id)
            self.files.tick()
            self.files.world.run(self.files.world.now + DONE_IN)
        assert all(one.code is None for one in self.files.all_files())
        calls = self.files.world.calls()
        found = calls_of(calls[self.seen :])
        self.seen = len(calls)
        return found


def run(say: Say) -> list[BenchmarkRow]:
    """A file of people of an `audience_and_profile` connection, attributes and one list."""
    turned = round(ROWS * SHARE)
    counted = _CountedImports.of(ROWS + turned)
    say(f"calls by imports for a file of {ROWS:,} people to be looked up")
    looked_up = counted.take(Mode.ADD, range(ROWS))
    say("for the same, known and trusted, changed")
    known = counted.take(Mode.ADD, range(ROWS), revision=1)
    say("for a mirror of them")
    mirror = counted.take(Mode.MIRROR, range(turned, ROWS + turned), revision=1)
    assert counted.files.world.members("a") == list(range(turned + 1, ROWS + turned + 1))
    say("for people who are new")
    fresh = _CountedImports.of(0)
    created = fresh.take(Mode.ADD, range(ROWS))
    assert len(fresh.files.world.members("a")) == ROWS
    return [
        _row("ids known and trusted", known, 200, imports=10),
        _row("to be looked up", looked_up, 3_600, imports=10),
        _row("new", created, 3_700, imports=10, also="extract"),
        _row("mirror, 5 % in and 5 % out", mirror, 400, imports=1),
    ]


def _row(what: str, calls: Counter[str], target: float, imports: int, also: str = "import") -> BenchmarkRow:
    """`imports`: how many a million people take, where there was one; `also`: calls that each of them takes besides."""
    own = {one: calls[one] for one in ("import", also)}
    of_imports = sum(own.values())
    others = calls - Counter(own)
    return BenchmarkRow(
        f"calls per 1,000,000 people of a file by imports, {what}",
        of_a_million(others, ROWS) + of_imports * imports,
        target,
        "calls",
        f"{how(calls)} for {ROWS:,}; of a million {MILLION / ROWS:.1f} times as many for {CHUNK} people, "
        f"and {_told(imports)}",
    )


def _told(imports: int) -> str:
    return "one import" if imports == 1 else f"{imports} imports"


def _address(number: int) -> str:
    return f"ada.{number}@example.org"
