"""Files as JSON: what is to be uploaded, where to, and what became of it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from destination.api.audiences import ActivationId
from destination.api.representation import Representation
from destination.domain.file import MEANINGS, File, FileCode, FileProgress, FileStatus, MirrorHold, Mode
from destination.domain.file_form import ENCODINGS, FileFormat
from destination.domain.file_preview import MirrorPreview


class FileIn(Representation):
    """A file that is to be uploaded."""

    name: str = Field(
        description="The file's name, which says its form: .csv, .tsv, .json, .jsonl, packed (.gz) or not."
    )
    size: int = Field(description="Its bytes, as they are uploaded: another number of them is refused.")
    mode: Mode = Field(
        Mode.ADD,
        description="`add`: whoever is named is in the audience. `incremental`: the status of each row says who is in "
        "it and who has left. `mirror`: whoever is named is in it, and nobody else is.",
    )
    activation_id: ActivationId | None = Field(
        None, description="Of which audience the rows are. Null: rows say it, or bring attributes alone."
    )
    format: FileFormat | None = Field(None, description="Null: as the name says.")
    separator: str | None = Field(
        None, description="Of CSV. Null: the one of comma, semicolon, tab and bar of which the header has most."
    )
    encoding: str | None = Field(
        None, description=f"One of {', '.join(ENCODINGS)}. Null: that of the byte-order mark, else UTF-8."
    )
    status: str | None = Field(
        None, description="The column, or the path, of the status. Null: `status`, or Adobe's column."
    )

    @property
    def form(self) -> dict[str, str]:
        """What is said of its form beside the name."""
        said = {name: getattr(self, name) for name in ("format", "separator", "encoding", "status")}
        return {name: value for name, value in said.items() if value is not None}


class MirrorPreviewOut(Representation):
    """What a mirror would do: how many people it names, and how many were on the list when it was verified last. At
    least so many join and leave. `creating`: so many leads are created at most, by a sample where it has many rows;
    null: nobody was looked at. `updating`: fields of so many leads are written at most; a CRM that is synchronised with
    all of these takes some `crm_hours` for it; null: less than one. `calls`: to Marketo, at most; `share`: of the calls
    of a day; `seconds`: how long these take at the connection's pace; `bulk_calls`: by imports; null: nobody is told
    by these.
    """

    named: int
    on_list: int | None
    joining: int | None
    leaving: int | None
    creating: int | None
    updating: int
    crm_hours: int | None
    calls: int
    share: float
    seconds: int
    bulk_calls: int | None


class FileOut(Representation):
    """One file. `rows`: how many were read so far; `rejected`: how many of them are no events. `settled`: of how many
    it is known what became of them; `outcomes`: what did, by persons at the end. `ends_at`: when all will be, as far as
    can be told. `absent`: columns that are mapped and not there; `missing`: those without which it was refused. `code`:
    why it was refused, or not read to its end.

    Of a mirror: `counted`: how many rows it has; `before`: how many the one before had. `holds`: why it waits for a
    person's yes. `left`: how many were taken off. `verification`: by which they were.
    """

    id: str
    name: str
    mode: Mode
    activation_id: str | None
    status: FileStatus
    size: int
    rows: int
    rejected: int
    settled: int
    outcomes: dict[str, int]
    absent: list[str]
    missing: list[str]
    code: FileCode | None
    message: str | None
    created_at: datetime
    received_at: datetime | None
    read_at: datetime | None
    ends_at: datetime | None
    finished_at: datetime | None
    counted: int | None
    before: int | None
    holds: list[MirrorHold]
    approved_at: datetime | None
    preview: MirrorPreviewOut | None
    left: int
    verification: str | None

    @classmethod
    def of(cls, file: File, progress: FileProgress, preview: MirrorPreview | None) -> Self:
        return cls(
            id=file.id,
            name=file.name,
            mode=file.mode,
            activation_id=file.activation_id,
            status=file.status,
            size=file.size,
            rows=file.rows,
            rejected=file.rejected,
            settled=progress.settled,
            outcomes=dict(progress.counts),
            absent=list(file.absent),
            missing=list(file.missing),
            code=file.code,
            message=None if file.code is None else MEANINGS[file.code],
            created_at=file.created_at,
            received_at=file.received_at,
            read_at=file.read_at,
            ends_at=progress.ends_at,
            finished_at=file.finished_at,
            counted=file.counted,
            before=file.before,
            holds=list(file.holds),
            approved_at=file.approved_at,
            preview=None if preview is None else MirrorPreviewOut.model_validate(asdict(preview)),
            left=file.left,
            verification=file.verification,
        )


class UploadOut(Representation):
    """Where a file is to be put: with this method, as it is, without other credentials."""

    method: Literal["PUT"]
    url: str
    expires_at: datetime


class RequestedFile(Representation):
    file: FileOut
    upload: UploadOut


class FileList(Representation):
    """The newest ones, newest first."""

    files: list[FileOut]

    @classmethod
    def of(cls, files: Sequence[tuple[File, FileProgress, MirrorPreview | None]]) -> Self:
        return cls(files=[FileOut.of(*one) for one in files])


class FileResult(Representation):
    """Where the result is: CSV, with a row for each of the file's, and what became of it."""

    url: str
    expires_at: datetime
