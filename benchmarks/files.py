"""Files: how fast they are read, and how much memory that takes at most, whatever is in them.

Each file is read in a process of its own (`python -m benchmarks.files`, a JSON job on stdin), with all that the
function `files` loads. Its bytes are made as they are read, and its parts are counted as they are stored: S3 and the
queue take neither time nor memory.
"""

import json
import sys
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import repeat
from subprocess import run as run_process
from typing import Final

from benchmarks import workload
from benchmarks.row import BenchmarkRow, Say
from benchmarks.worker import ROOT, peak
from destination.composition import files as composition
from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.file import File, FileObject, FileStatus, Mode, OutcomesKey, RowOutcome
from destination.domain.file_form import form_of_name
from destination.domain.parking import Bundle
from destination.domain.person import LedgerRow
from destination.files.reading import ReadFiles
from testing.memory import MemoryFiles
from testing.persons import EMAIL_MAPPING, START

CHUNK: Final = 1_048_576
ROWS_TOGETHER: Final = 10_000
ROWS: Final = 100_000
MOST_MEMORY: Final = 256
"""MiB, a quarter of what the function has (template.yaml)."""

HEADER: Final = "email,firstName,lastName,company,score,country,city,phone"


@dataclass(frozen=True, slots=True)
class FileJob:
    """`kind`: one of KINDS; `size`: how many rows, columns or bytes it has."""

    kind: str
    size: int
    name: str = "people.csv"
    mode: Mode = Mode.ADD


@dataclass(frozen=True, slots=True)
class FileReport:
    """Seconds of wall and CPU time; the most memory, and that before, in MiB. `texts`: bytes of what was stored."""

    status: str
    code: str | None
    rows: int
    rejected: int
    seconds: float
    cpu: float
    before: float
    peak: float
    texts: int


def run(say: Say) -> list[BenchmarkRow]:
    """Rows of the usual kind, and a line that has no end."""
    say(f"reading a file of {ROWS:,} rows")
    usual = measure(FileJob("plain", ROWS))
    assert usual.rows == ROWS
    say("reading a line of 400 MB")
    line = measure(FileJob("one line", 400_000_000))
    assert (line.rows, line.rejected) == (3, 1)
    rate = usual.rows / usual.cpu
    of_parts = f"{ROWS:,} rows of eight columns; before it {usual.before:.0f}. A part of 5,000 is in memory at a time"
    return [
        BenchmarkRow(
            "files: rows read a second of CPU",
            rate,
            None,
            "",
            f"{ROWS:,} rows of eight columns in {usual.cpu:.1f} s of CPU, {usual.seconds:.1f} s in all; "
            f"a million in {1e6 / rate:.0f} s of CPU, in {usual.texts / usual.rows:.0f} MB of parts",
        ),
        BenchmarkRow("files: memory of a file that is read", usual.peak, MOST_MEMORY, "MiB", f"peak RSS, {of_parts}"),
        BenchmarkRow(
            "files: memory of a line of 400 MB",
            line.peak,
            MOST_MEMORY,
            "MiB",
            f"peak RSS, before it {line.before:.0f}; the rows before and behind it are read, {line.cpu:.1f} s of CPU",
        ),
    ]


def measure(job: FileJob) -> FileReport:
    """Read a file in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.files"]
    done = run_process(command, cwd=ROOT, input=json.dumps(asdict(job)), text=True, capture_output=True, check=True)  # noqa: S603
    return FileReport(**json.loads(done.stdout))


def _plain(size: int) -> Iterator[bytes]:
    """Rows of 8 columns, some 100 bytes each."""
    yield f"{HEADER}\n".encode()
    for start in range(0, size, ROWS_TOGETHER):
        yield "".join(
            f"ada.{number}@example.org,Ada,Lovelace,Analytical Engines,{number % 100},United Kingdom,London,"
            f"+44 20 7946 {number % 10_000:04}\n"
            for number in range(start, min(start + ROWS_TOGETHER, size))
        ).encode()


def _one_line(size: int) -> Iterator[bytes]:
    """A line of so many bytes between two rows."""
    yield f"{HEADER}\nada@example.org,Ada,Lovelace,,,,,\n".encode()
    yield from repeat(b"x" * CHUNK, size // CHUNK)
    yield b"\nbob@example.org,Bob,Lovelace,,,,,\n"


def _open_quote(size: int) -> Iterator[bytes]:
    """Rows of so many bytes behind a quote that is never closed."""
    yield f'{HEADER}\nada@example.org,"Ada,Lovelace,,,,,\n'.encode()
    yield from repeat(b"bob@example.org,Bob,Lovelace,,,,,\n" * (CHUNK // 34), size // CHUNK)


def _bomb(size: int) -> Iterator[bytes]:
    """Packed zeros behind a header, that unpack to so many bytes."""
    packing = zlib.compressobj(9, wbits=31)
    yield packing.compress(f"{HEADER}\n".encode())
    for one in repeat(bytes(CHUNK), size // CHUNK + 1):
        if packed := packing.compress(one):
            yield packed
    yield packing.flush()


def _empty_lines(size: int) -> Iterator[bytes]:
    """So many bytes of lines in which nothing stands."""
    yield f"{HEADER}\n".encode()
    yield from repeat(b"\n" * CHUNK, size // CHUNK + 1)


def _bomb_of_rows(size: int) -> Iterator[bytes]:
    """Packed rows, all the same, that unpack to so many bytes: short, so that there are as many as can be."""
    packing = zlib.compressobj(9, wbits=31)
    yield packing.compress(b"email\n")
    for one in repeat(b"a@b\n" * (CHUNK // 4), size // CHUNK):
        if packed := packing.compress(one):
            yield packed
    yield packing.flush()


def _columns(size: int) -> Iterator[bytes]:
    """So many columns."""
    yield (",".join(["email", *(f"column_{number}" for number in range(size))]) + "\n").encode()
    for _ in range(10):
        yield ("ada@example.org," + ",".join("x" for _ in range(size)) + "\n").encode()


def _nested(size: int) -> Iterator[bytes]:
    """An array of JSON that goes so deep."""
    yield b"["
    yield from repeat(b'{"a":' * (CHUNK // 5), size * 5 // CHUNK + 1)


KINDS: Final[Mapping[str, Callable[[int], Iterator[bytes]]]] = {
    "plain": _plain,
    "one line": _one_line,
    "open quote": _open_quote,
    "bomb": _bomb,
    "bomb of rows": _bomb_of_rows,
    "columns": _columns,
    "nested": _nested,
    "empty lines": _empty_lines,
}


@dataclass(slots=True)
class _Objects:
    """One object, whose bytes are made as they are read."""

    make: Callable[[], Iterator[bytes]]

    def read(self, _: FileObject) -> Iterator[bytes]:
        return self.make()

    def remove(self, _: File) -> None:
        """Nothing is kept."""

    def put(self, _connection_id: str, _key: OutcomesKey, outcomes: Sequence[RowOutcome]) -> None:
        json.dumps([asdict(one) for one in outcomes])


@dataclass(slots=True)
class _Parking:
    size: int = 0

    def put(self, _: Bundle, bodies: Iterable[str]) -> None:
        self.size += sum(len(one.encode()) for one in bodies)


@dataclass(frozen=True, slots=True)
class _Connections:
    target: ActiveConnection

    def active(self, _: str) -> ActiveConnection:
        return self.target


class _NoQueue:
    def send(self, _connection_id: str, _bodies: Sequence[str]) -> list[int]:
        return []


class _Ledger:
    """It knows nobody."""

    def rows(
        self, _connection_id: str, _keys: Collection[str], _audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]:
        return {}


def main() -> None:
    given = json.load(sys.stdin)
    job = FileJob(**given | {"mode": Mode(given["mode"])})
    assert composition.carry_files_on is not None  # It is what the function loads.
    print(json.dumps(asdict(_read(job))))


def _read(job: FileJob) -> FileReport:
    target = workload.active(replace(workload.connection(), mapping=EMAIL_MAPPING))
    files, parking = MemoryFiles(), _Parking()
    activation = target.activations[workload.audience(0)].id
    is_mirror = job.mode is Mode.MIRROR
    file = File(
        id="20261121T100000Z-0000000000000000",
        connection_id=target.connection.id,
        name=job.name,
        key=job.name,
        mode=job.mode,
        activation_id=activation,
        form=form_of_name(job.name),
        status=FileStatus.COUNTING if is_mirror else FileStatus.READING,
        created_at=START,
        received_at=START,
        objects=(FileObject(job.name, "1", 1, START),),
    )
    files.create(file)
    objects = _Objects(lambda: KINDS[job.kind](job.size))
    read = ReadFiles(
        _Connections(target), files, objects, parking, _NoQueue(), _Ledger(), lambda: START + timedelta(minutes=1)
    )
    before, start, cpu = peak(), time.monotonic(), time.process_time()
    ended = read.count(file, None, lambda: True) if is_mirror else read(file, lambda: True)
    return FileReport(
        status=ended.status,
        code=ended.code,
        rows=(ended.counted or 0) if is_mirror else ended.rows,
        rejected=ended.rejected,
        seconds=time.monotonic() - start,
        cpu=time.process_time() - cpu,
        before=before,
        peak=peak(),
        texts=parking.size,
    )


if __name__ == "__main__":
    main()
