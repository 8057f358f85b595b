"""Files are found, read, and ended: when an object is created, and every few minutes for whatever was missed.

an object ─▶ a file, if it is new ─▶ read ─▶ ended once what became of its rows is known
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.file import (
    File,
    FileCode,
    FileObject,
    FileStatus,
    Mode,
    audience_in_name,
    file_id_of,
    is_file_id,
    is_manifest,
    parts_in,
)
from destination.domain.file_form import form_of_name
from destination.domain.file_text import FileBrokenError
from destination.files.finishing import FinishFiles
from destination.files.leaving import TakeOff
from destination.files.reading import ReadFiles
from destination.queue import CONNECTION_ID
from destination.store.errors import AWS_ERRORS, NotFoundError, StaleVersionError, aws_code

AWAITED_FOR: Final = timedelta(days=1)
"""How long an upload that was asked for is awaited."""

COMPLETE_WITHIN: Final = timedelta(hours=1)
"""After its manifest all parts of an export are there."""

HELD_FOR: Final = timedelta(days=7)
"""How long a mirror that is held before it is read waits for a yes: its object is kept no longer (template.yaml)."""

MAX_PARTS: Final = 300
"""Of an export that is one file: what an item of the table holds, whatever their names are."""

MAX_TOLD: Final = 10
"""Of the names of parts that are not as the manifest says."""

LOOKED_AT: Final = 200
"""Files, among which the mirror before is looked for."""

ASKED: Final = "asked"
UPLOADS: Final = "uploads"


class Connections(Protocol):
    def active(self, connection_id: str, /) -> ActiveConnection: ...


class Files(Protocol):
    """Where files are kept."""

    def create(self, file: File, /) -> bool: ...
    def get(self, connection_id: str, file_id: str, /) -> File | None: ...
    def put(self, file: File, /) -> File: ...
    def newest(self, connection_id: str, limit: int, /) -> list[File]: ...
    def going_on(self) -> Iterator[File]: ...


class FileObjects(Protocol):
    """The objects of files."""

    def find(self, key: str, /) -> FileObject | None: ...
    def uploaded(self) -> Iterator[FileObject]: ...
    def beside(self, found: FileObject, /) -> Mapping[str, FileObject]: ...
    def manifest(self, found: FileObject, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class CarriedOn:
    """A file as it stands after something was done for it; `trouble`: what AWS refused, if it did."""

    file: File
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Untaken:
    """An object of a connection that could not be taken; `trouble`: what AWS refused."""

    connection_id: str
    trouble: str


@dataclass(frozen=True, slots=True)
class CarryFilesOn:
    """Finds files and carries them on."""

    connections: Connections
    files: Files
    objects: FileObjects
    read: ReadFiles
    finish: FinishFiles
    take_off: TakeOff
    clock: Callable[[], datetime]

    def object_created(self, key: str, has_time: Callable[[], bool]) -> Iterator[CarriedOn]:
        """Take an object that was uploaded or dropped. Raises AWS's errors."""
        found = self.objects.find(key)
        file = None if found is None else self._arrived(found)
        if file is not None:
            yield from self._step(file, has_time)

    def __call__(self, has_time: Callable[[], bool]) -> Iterator[CarriedOn | Untaken]:
        """Carry every file on that is not at its end, and take what nobody was told of, as long as there is time.

        What one of them is refused does not keep the others from it, nor does any number of objects that are no files.
        """
        for file in self.files.going_on():
            if not has_time():
                return
            yield from self._step(file, has_time)
        for found in self.objects.uploaded():
            if not has_time():
                return
            try:
                file_of = self._arrived(found)
            except AWS_ERRORS as error:
                yield Untaken(_owner_of(found.key), aws_code(error))
            else:
                if file_of is not None:
                    yield from self._step(file_of, has_time)

    def _step(self, file: File, has_time: Callable[[], bool]) -> Iterator[CarriedOn]:
        try:
            changed = self._carried_on(file, has_time)
        except StaleVersionError:
            return  # Somebody cancelled it, or carries it on.
        except AWS_ERRORS as error:
            yield CarriedOn(file, aws_code(error))
        else:
            if changed.version != file.version:
                yield CarriedOn(changed)

    def _carried_on(self, file: File, has_time: Callable[[], bool]) -> File:
        """The file after the next step, if there is one to be taken now."""
        now = self.clock()
        match file.status:
            case FileStatus.AWAITED | FileStatus.HELD if _is_given_up(file, now):
                return self.files.put(file.cancelled(now))
            case FileStatus.COUNTING if not file.is_claimed(now):
                return self.read.count(file, self._before(file), has_time)
            case FileStatus.READING if not file.is_claimed(now):
                return self.read(file, has_time)
            case FileStatus.DELIVERING | FileStatus.CANCELLING:
                return self.finish(file, has_time)
            case FileStatus.LEAVING:
                return self.take_off(file)
        return file

    def _before(self, file: File) -> int | None:
        """How many rows the last mirror of the same audience had, as far as it is among the newest files."""
        for one in self.files.newest(file.connection_id, LOOKED_AT):
            is_same = one.mode is Mode.MIRROR and one.activation_id == file.activation_id
            if is_same and one.status is FileStatus.COMPLETED and one.code is None:
                return one.rows
        return None

    def _arrived(self, found: FileObject) -> File | None:
        """The file that an object is, if it is one that nobody took yet."""
        parts = found.key.split("/")
        if len(parts) < 2 or not CONNECTION_ID.fullmatch(parts[1]):
            return None
        match parts:
            case [uploads, connection_id, asked, file_id, _] if (uploads, asked) == (UPLOADS, ASKED):
                return self._asked(connection_id, file_id, found)
            case [uploads, connection_id, mode, *folders, name] if uploads == UPLOADS and name and mode in set(Mode):
                return self._dropped(connection_id, Mode(mode), folders, name, found)
        return None

    def _asked(self, connection_id: str, file_id: str, found: FileObject) -> File | None:
        file = self.files.get(connection_id, file_id) if is_file_id(file_id) else None
        if file is None or file.status is not FileStatus.AWAITED:
            return None
        try:
            return self.files.put(file.arrived(found, self.clock()))
        except StaleVersionError:
            return None

    def _dropped(self, connection_id: str, mode: Mode, folders: list[str], name: str, found: FileObject) -> File | None:
        """A file of its own, but for an export that is to be a mirror: all its parts are one, once its manifest is
        there. Other manifests tell nothing that is not known.
        """
        if self.files.get(connection_id, file_id_of(found)) is not None:
            return None
        is_whole = is_manifest(name)
        is_part = mode is Mode.MIRROR and audience_in_name(name) is not None
        if is_part or (is_whole and mode is not Mode.MIRROR):
            return None
        try:
            target = self.connections.active(connection_id)
        except NotFoundError:
            return None
        now = self.clock()
        try:
            parts, differing = self._parts(found) if is_whole else ((), ())
        except FileBrokenError:
            return None  # It was removed, or written again, of which S3 tells anew.
        if differing and now - found.modified_at < COMPLETE_WITHIN:
            return None  # It is looked at again by then.
        first = parts[0].key.rpartition("/")[2] if parts else name
        dropped = File(
            id=file_id_of(found),
            connection_id=connection_id,
            name=name,
            key=found.key,
            mode=mode,
            activation_id=_activation_of(target, folders, first),
            form=form_of_name(first),
            status=FileStatus.AWAITED,
            created_at=now,
        ).arrived(found, now, parts)
        if differing:
            dropped = dropped.refused(FileCode.MANIFEST_DIFFERS, now, differing[:MAX_TOLD])
        return dropped if self.files.create(dropped) and not dropped.is_ended else None

    def _parts(self, manifest: FileObject) -> tuple[tuple[FileObject, ...], tuple[str, ...]]:
        """The objects that a manifest names, and the names of what is not there, or of another size."""
        try:
            named = parts_in(self.objects.manifest(manifest))
        except ValueError:
            return (), (manifest.key.rpartition("/")[2],)
        if len(named) > MAX_PARTS:
            return (), (manifest.key.rpartition("/")[2],)
        there = self.objects.beside(manifest)
        differing = tuple(name for name, size in named.items() if name not in there or there[name].size != size)
        return tuple(there[name] for name in sorted(named, key=_number_of) if name in there), differing


def _owner_of(key: str) -> str:
    return key.split("/")[1]


def _is_given_up(file: File, now: datetime) -> bool:
    """Whether nobody uploads a file any more that is awaited, or says yes to one that is held."""
    if file.status is FileStatus.AWAITED:
        return now - file.created_at >= AWAITED_FOR
    return now - file.began_at >= HELD_FOR if file.read_at is None else file.is_over(now)


def _number_of(name: str) -> tuple[int, str]:
    """The order of an export's parts: `x.csv`, `x_2.csv`, …, `x_10.csv`."""
    return len(name), name


def _activation_of(target: ActiveConnection, folders: list[str], name: str) -> str | None:
    """The audience of a file that was dropped: that of the folder, or the one that Adobe names in the file's name."""
    if folders:
        return folders[0]
    in_name = audience_in_name(name)
    known: dict[str, AudienceKey] = {audience.id: audience for audience in target.activations}
    return None if in_name is None or in_name not in known else target.activations[known[in_name]].id
