"""Files: an address to upload one to, what became of those that were uploaded or dropped, and their end before time."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from destination.control.audit import Recorder
from destination.control.errors import IncompleteError
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.capabilities import Capabilities
from destination.domain.connection import OPEN, Status
from destination.domain.file import (
    MAX_FILE_BYTES,
    MAX_NAME_LENGTH,
    UPLOAD_WITHIN,
    File,
    FileProgress,
    FileStatus,
    Mode,
    bundle_id_of,
    progress_of,
)
from destination.domain.file_form import form_of_name, form_problems
from destination.domain.file_preview import MirrorPreview, Strangers, preview_of
from destination.domain.matching import rule_of
from destination.domain.problem import ConfigurationError, Problem
from destination.domain.text import hidden_at
from destination.domain.verification import ListSize
from destination.store.connections import Connections
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from destination.store.files import FileObjects, Files
from destination.store.parking import Parking

SHOWN: Final = 50
"""How many files a list of them shows; they are known for 90 days."""

LOOKED_AT: Final = 200
"""Files, among which a newer mirror is looked for."""

RESULT_WITHIN: Final = timedelta(minutes=15)
"""How long the address of a result is good."""

MARGIN: Final = 5


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file that somebody wants to upload. `form`: what is said of it beside its name."""

    name: str
    size: int
    mode: Mode
    activation_id: str | None
    form: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """Where a file is to be put, and until when that is possible."""

    file: File
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ShownFile:
    """`preview`: of a mirror that is held before it was read."""

    file: File
    progress: FileProgress
    preview: MirrorPreview | None


@dataclass(frozen=True, slots=True)
class ManageFiles:
    """Lets files be uploaded, shows, approves and cancels them.

    `cancel_verification`: by the ids of connection and verification, has that go on no longer.
    `sizes`: how many people were on the lists of a connection when they were verified last, by activation.
    `capabilities`: what a Marketo instance is known to do. `new_id`: 16 hexadecimal digits by chance.
    """

    connections: Connections
    files: Files
    objects: FileObjects
    parking: Parking
    cancel_verification: Callable[[str, str], object]
    sizes: Callable[[str], Mapping[str, ListSize]]
    capabilities: Callable[[str], Capabilities]
    record: Recorder
    new_id: Callable[[], str]
    clock: Callable[[], datetime]

    def request(self, connection_id: str, wanted: WantedFile) -> Upload:
        """An address for a file. Raises NotFoundError, DeletingError, ConfigurationError, and IncompleteError when the
        connection takes no events now.
        """
        target = self.connections.active(connection_id)
        if target.connection.status is Status.DELETING:
            raise DeletingError(f"connection {connection_id} is being deleted")
        if target.connection.status not in OPEN:
            raise IncompleteError([Problem("status", f"it is {target.connection.status}: enable the connection first")])
        form = replace(form_of_name(wanted.name), **wanted.form)
        audience = next((one for one, found in target.activations.items() if found.id == wanted.activation_id), None)
        problems = [*_problems(wanted), *form_problems(form)]
        if wanted.mode is Mode.MIRROR and not rule_of(target.connection).keeps_lists:
            problems.append(Problem("mode", "must be add or incremental: profile_only keeps no lists"))
        if wanted.activation_id is not None and audience is None:
            problems.append(Problem("activation_id", "must be that of an audience that is activated"))
        if problems:
            raise ConfigurationError(problems)
        now = self.clock()
        file_id = f"{now:%Y%m%dT%H%M%SZ}-{self.new_id()}"
        made = File(
            id=file_id,
            connection_id=connection_id,
            name=wanted.name,
            key=self.objects.upload_key(connection_id, file_id, wanted.name),
            mode=wanted.mode,
            activation_id=wanted.activation_id,
            form=form,
            status=FileStatus.AWAITED,
            created_at=now,
            size=wanted.size,
        )
        change = AuditChange(f"files.{file_id}", None, {"name": made.name, "mode": made.mode.value})
        self.files.create(made, self.record(AuditAction.REQUEST_UPLOAD, connection_id, [change], audience))
        return Upload(made, self.objects.upload_address(made.key, made.size, UPLOAD_WITHIN), now + UPLOAD_WITHIN)

    def get(self, connection_id: str, file_id: str) -> ShownFile:
        """One file, and how far it is. Raises NotFoundError."""
        return self._shown(self._found(connection_id, file_id))

    def newest(self, connection_id: str) -> Sequence[ShownFile]:
        """The newest, newest first. Raises NotFoundError."""
        self.connections.get(connection_id)
        return [self._shown(one) for one in self.files.newest(connection_id, SHOWN)]

    def result_address(self, connection_id: str, file_id: str) -> tuple[str, datetime]:
        """Where the result of a file can be had, and until when. Raises NotFoundError when there is none yet."""
        file, now = self._found(connection_id, file_id), self.clock()
        if not file.has_result(now):
            raise NotFoundError(
                f"there is no result of file {file_id} now; it is there for 30 days from the file's end"
            )
        return self.objects.result_address(file, RESULT_WITHIN), now + RESULT_WITHIN

    def cancel(self, connection_id: str, file_id: str) -> ShownFile:
        """Have nothing more of a file delivered, and nobody more taken off; what is on its way still is. One that is at
        its end stays as it is.

        Raises NotFoundError, StaleVersionError.
        """
        file = self._found(connection_id, file_id)
        for _ in range(MARGIN):
            if file.is_ended or file.cancelled_at is not None:
                break
            change = AuditChange(f"files.{file_id}.status", file.status.value, FileStatus.CANCELLED.value)
            try:
                file = self.files.put(
                    file.cancelled(self.clock()), self.record(AuditAction.CANCEL_FILE, connection_id, [change])
                )
            except StaleVersionError:  # It was read on meanwhile.
                file = self._found(connection_id, file_id)
            else:
                break
        else:
            raise StaleVersionError(f"file {file_id} is being read")
        if file.cancelled_at is not None:
            if file.verification is not None:
                self.cancel_verification(connection_id, file.verification)
            self._unpark(file)
        if file.status is FileStatus.CANCELLED and file.key == self.objects.upload_key(
            connection_id, file_id, file.name
        ):
            self.objects.forget_upload(file)
        return self._shown(file)

    def approve(self, connection_id: str, file_id: str) -> ShownFile:
        """Have a file carried on that is held.

        Raises NotFoundError, IncompleteError where it is not held, or was overtaken, StaleVersionError.
        """
        file = self._found(connection_id, file_id)
        if file.status is not FileStatus.HELD:
            raise IncompleteError([Problem("status", f"it is {file.status}, and waits for nobody's yes")])
        if file.read_at is None and (newer := self._overtaking(file)) is not None:
            message = f"mirror {newer.id} of the same audience came after it, and is {newer.status}; cancel this one"
            raise IncompleteError([Problem("status", message)])
        change = AuditChange(f"files.{file_id}.holds", list(file.holds), None)
        record = self.record(AuditAction.APPROVE_FILE, connection_id, [change])
        return self._shown(self.files.put(file.approved(self.clock()), record))

    def _overtaking(self, file: File) -> File | None:
        """A newer mirror that has taken people off: who is in this one alone would join, and stay."""
        newest = self.files.newest(file.connection_id, LOOKED_AT)
        return next((one for one in newest if one.has_overtaken(file)), None)

    def _unpark(self, file: File) -> None:
        """Remove what waits of the file; the part that is being stored just now may be the next one."""
        own = {bundle_id_of(file.id, part) for part in range(len(file.parts) + 1)}
        for bundle in self.parking.of(file.connection_id):
            if bundle.id in own:
                self.parking.remove(bundle)

    def _found(self, connection_id: str, file_id: str) -> File:
        self.connections.get(connection_id)
        found = self.files.get(connection_id, file_id)
        if found is None:
            raise NotFoundError(f"there is no file {file_id}")
        return found

    def _shown(self, file: File) -> ShownFile:
        counts: Counter[str] = Counter()
        if file.parts and not file.persons:
            for _, one in self.objects.counts(file).values():
                counts += one
        return ShownFile(file, progress_of(file, counts, self.clock()), self._preview(file))

    def _preview(self, file: File) -> MirrorPreview | None:
        if file.status is not FileStatus.HELD or file.counted is None or file.read_at is not None:
            return None
        connection = self.connections.get(file.connection_id)
        size = self.sizes(file.connection_id).get(file.activation_id or "")
        strangers = Strangers(file.looked_at, file.unknown) if file.looked_at or not file.counted else None
        capabilities = self.capabilities(connection.munchkin_id)
        return preview_of(file.counted, None if size is None else size.people, strangers, connection, capabilities)


def _problems(wanted: WantedFile) -> Iterator[Problem]:
    name = wanted.name
    is_path = "/" in name or name in {".", ".."}
    if not 0 < len(name) <= MAX_NAME_LENGTH or is_path or hidden_at(name) is not None:
        yield Problem("name", f"must be a file's name of 1 to {MAX_NAME_LENGTH} characters, without a path")
    if not 0 < wanted.size <= MAX_FILE_BYTES:
        yield Problem("size", f"must be the file's size in bytes, {MAX_FILE_BYTES} at most; split a larger one")
    if wanted.activation_id is None and (wanted.mode is Mode.MIRROR or "status" in wanted.form):
        yield Problem("activation_id", "must say of which audience the rows are")
