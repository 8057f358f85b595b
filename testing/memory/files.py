"""Files in memory: what was asked for, the objects, and what became of their rows."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from destination.domain.file import File, FileCode, FileObject, OutcomesKey, RowOutcome, counts_in
from destination.domain.file_text import FileBrokenError
from destination.store.errors import StaleVersionError

CHUNK = 1_000


@dataclass
class MemoryFiles:
    stored: dict[tuple[str, str], File] = field(default_factory=dict)

    def create(self, file: File, _record: object = None) -> bool:
        return self.stored.setdefault((file.connection_id, file.id), file) is file

    def put(self, file: File, _record: object = None) -> File:
        if self.stored[file.connection_id, file.id].version != file.version:
            raise StaleVersionError(f"file {file.id} is no longer at version {file.version}")
        changed = replace(file, version=file.version + 1)
        self.stored[file.connection_id, file.id] = changed
        return changed

    def get(self, connection_id: str, file_id: str) -> File | None:
        return self.stored.get((connection_id, file_id))

    def newest(self, connection_id: str, limit: int) -> list[File]:
        own = [one for one in self.stored.values() if one.connection_id == connection_id]
        return sorted(own, key=lambda one: one.id, reverse=True)[:limit]

    def going_on(self) -> Iterator[File]:
        yield from [one for one in self.stored.values() if not one.is_ended]


@dataclass
class MemoryFileObjects:
    """`refuses` says whether outcomes cannot be stored now."""

    uploads: dict[str, tuple[FileObject, bytes]] = field(default_factory=dict)
    stored: dict[str, dict[str, list[RowOutcome]]] = field(default_factory=dict)
    results: dict[str, bytes] = field(default_factory=dict)
    refuses: bool = False
    versions: Iterator[int] = field(default_factory=itertools.count)

    def drop(self, key: str, content: bytes, now: datetime) -> FileObject:
        """Put an object, over the one that was there; S3 tells the second of it."""
        version = f'"{next(self.versions)}"'
        self.uploads[key] = FileObject(key, version, len(content), now.replace(microsecond=0)), content
        return self.uploads[key][0]

    def upload_key(self, connection_id: str, file_id: str, name: str) -> str:
        return f"uploads/{connection_id}/asked/{file_id}/{name}"

    def upload_address(self, key: str, _size: int, _within: timedelta) -> str:
        return f"https://upload.invalid/{key}"

    def forget_upload(self, file: File) -> None:
        self.uploads.pop(file.key, None)

    def find(self, key: str) -> FileObject | None:
        return self.uploads[key][0] if key in self.uploads else None

    def uploaded(self) -> Iterator[FileObject]:
        yield from [found for found, _ in self.uploads.values()]

    def beside(self, found: FileObject) -> dict[str, FileObject]:
        folder = found.key.rpartition("/")[0]
        return {
            key.removeprefix(f"{folder}/"): one
            for key, (one, _) in self.uploads.items()
            if key.startswith(f"{folder}/")
        }

    def manifest(self, found: FileObject) -> bytes:
        return b"".join(self.read(found))

    def read(self, found: FileObject) -> Iterator[bytes]:
        if found.key not in self.uploads:
            raise FileBrokenError(FileCode.GONE)
        there, content = self.uploads[found.key]
        if there.version != found.version:
            raise FileBrokenError(FileCode.CHANGED)
        return iter([content[at : at + CHUNK] for at in range(0, len(content), CHUNK)])

    def remove(self, file: File) -> None:
        versions = {one.key: one.version for one in file.objects}
        for key in {file.key, *versions}:
            there = self.find(key)
            if there is not None and versions.get(key, there.version) == there.version:
                del self.uploads[key]

    def put(self, _connection_id: str, key: OutcomesKey, outcomes: Sequence[RowOutcome]) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
        self.stored.setdefault(key.file_id, {})[key.name] = list(outcomes)

    def counts(self, file: File) -> dict[str, tuple[int, Counter[str]]]:
        return {name: counts_in(name) for name in sorted(self.stored.get(file.id, {}))}

    def outcomes(self, file: File, name: str) -> list[RowOutcome]:
        return self.stored[file.id][name]

    def write_result(self, file: File, pieces: Iterable[bytes]) -> None:
        self.results[file.id] = b"".join(pieces)
