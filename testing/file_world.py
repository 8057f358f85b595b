"""A world into which files are dropped: who reads, ends, cancels and approves them, and the delivery beside them."""

import csv
import io
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from unittest import mock

from destination.control.errors import IncompleteError, VerifyingError
from destination.control.files import ManageFiles
from destination.domain.capabilities import NOTHING_KNOWN
from destination.domain.connection import OPEN
from destination.domain.file import File, Mode
from destination.domain.verification import AudienceCheck, Repair, Verification, VerificationStatus
from destination.files import reading
from destination.files.carrying_on import CarriedOn, CarryFilesOn, Untaken
from destination.files.finishing import FinishFiles
from destination.files.leaving import TakeOff
from destination.files.reading import ReadFiles
from destination.queue import verification_message
from destination.store.errors import NotFoundError
from testing.crashes import Life, Mortal, mortal
from testing.memory import MemoryFileObjects, MemoryFiles
from testing.world import World, audience


@dataclass
class Meddled(Life):
    """A life in which at one moment somebody else does something: `meddle`, after so many moments (None: nobody)."""

    until_meddled: int | None = None
    meddle: Callable[[], None] = lambda: None

    def moment(self) -> None:
        if self.until_meddled is not None:
            self.until_meddled -= 1
            if self.until_meddled < 0:
                self.until_meddled = None
                self.meddle()
        super().moment()


@dataclass
class Verifying:
    """Requests verifications as the control plane does: one of a connection at a time, while it delivers."""

    world: World
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def request(
        self,
        connection_id: str,
        activation_ids: Collection[str] | None,
        repair: frozenset[Repair],
        named_since: datetime | None = None,
    ) -> Verification:
        if self.world.target.connection.status not in OPEN:
            raise IncompleteError([])
        if any(not one.at(self.world.now).is_finished for one in self.world.verifications.stored.values()):
            raise VerifyingError("another one goes on")
        checks = [
            replace(AudienceCheck.of(one, one.list_id or 0), named_since=named_since)
            for one in self.world.target.activations.values()
            if activation_ids is None or one.id in activation_ids
        ]
        made = Verification(
            f"20261121T{next(self.numbers):012}Z-0a1b2c3d",
            connection_id,
            repair,
            self.world.now,
            len(checks),
            is_whole=activation_ids is None,
        )
        self.world.verifications.create(made, checks)
        self._queue(made)
        return made

    def get(self, connection_id: str, verification_id: str) -> tuple[Verification, Sequence[AudienceCheck]]:
        found = self.world.verifications.get(connection_id, verification_id)
        if found is None:
            raise NotFoundError(f"there is no verification {verification_id}")
        return found.at(self.world.now), self.world.verifications.checks(found)

    def cancel(self, connection_id: str, verification_id: str) -> None:
        found, _ = self.get(connection_id, verification_id)
        if not found.is_finished:
            status = VerificationStatus.CANCELLED
            self.world.verifications.put(replace(found, status=status, finished_at=self.world.now))

    def resume(self) -> None:
        """Queue those again whose message may be lost, as the monitor does."""
        for one in list(self.world.verifications.stored.values()):
            if not one.at(self.world.now).is_finished and one.is_silent(self.world.now):
                self._queue(self.world.verifications.put(replace(one, requeued_at=self.world.now)))

    def _queue(self, made: Verification) -> None:
        body = verification_message(made.connection_id, made.id, made.queued_at)
        self.world.queue.send(made.connection_id, [body])


@dataclass
class FileWorld:
    """`reader`: the life of who reads files and ends them; `worker`: that of who delivers."""

    world: World = field(default_factory=World)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    objects: MemoryFileObjects = field(default_factory=MemoryFileObjects)
    reader: Meddled = field(default_factory=Meddled)
    worker: Meddled = field(default_factory=Meddled)

    def __post_init__(self) -> None:
        mortal(self.world, self.worker, outcomes=self.objects, files=self.files)
        self.verifying = Verifying(self.world)
        world: Any = self.world
        files: Any = self.files
        objects: Any = self.objects
        self.manage = ManageFiles(
            world.connections,
            files,
            objects,
            world.parking,
            self.verifying.cancel,
            self.world.verifications.list_sizes,
            lambda _: NOTHING_KNOWN,
            lambda *_: None,  # type: ignore[arg-type]  # no records are kept
            lambda: f"{next(self.world.numbers):016x}",
            self._clock,
        )

    @property
    def connection_id(self) -> str:
        return self.world.connection.id

    def drop(self, mode: Mode, name: str | None, file_name: str, content: bytes) -> str:
        """Put an object below the connection's prefix, of an audience or of none; its key."""
        folders = [] if name is None else [self.world.target.activations[audience(name)].id]
        key = "/".join(["uploads", self.connection_id, mode.value, *folders, file_name])
        self.objects.drop(key, content, self.world.now)
        return key

    def tell(self, key: str, has_time: Callable[[], bool] = lambda: True) -> None:
        """S3 tells of an object, once, again, or late."""
        list(self._carry_on().object_created(key, has_time))

    def tick(self, has_time: Callable[[], bool] = lambda: True) -> list[CarriedOn | Untaken]:
        """What is done every few minutes."""
        return list(self._carry_on()(has_time))

    def all_files(self) -> list[File]:
        return list(self.files.stored.values())

    def result(self, file: File) -> list[dict[str, str]]:
        """The lines of a file's result."""
        return list(csv.DictReader(io.StringIO(self.objects.results[file.id].decode())))

    def _carry_on(self) -> CarryFilesOn:
        files, objects = self._mortal(self.files), self._mortal(self.objects)
        connections = self.world.connections
        parking, queue = self._mortal(self.world.parking), self._mortal(self.world.queue)
        read = ReadFiles(connections, files, objects, parking, queue, self.world.ledger, self._clock)
        finish = FinishFiles(files, objects, self.world.ledger, self._clock)
        take_off = TakeOff(connections, parking, files, self._mortal(self.verifying), self._clock)
        return CarryFilesOn(connections, files, objects, read, finish, take_off, self._clock)

    def _mortal(self, used: object) -> Any:
        return Mortal(used, self.reader)

    def _clock(self) -> datetime:
        return self.world.now


@contextmanager
def parts_of(rows: int) -> Iterator[None]:
    """While the block runs, a part has so many rows."""
    with mock.patch.object(reading, "PART_ROWS", rows):
        yield
