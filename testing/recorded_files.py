"""What is stored of files and resyncs, as testing/recorded.py has it of everything else."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from destination.domain.file import (
    File,
    FileCode,
    FileObject,
    FileStatus,
    MirrorHold,
    Mode,
)
from destination.domain.file_form import FileForm, FileFormat
from destination.domain.resync import ClosedBy, Named, Resync, ResyncCode, ResyncHold, ResyncStatus
from destination.store.files import Files
from destination.store.resyncs import Resyncs
from testing.aws import Aws
from testing.persons import START

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

LATER: Final[datetime] = START + timedelta(hours=1)
FILE: Final = File(
    "20261121T100000Z-0123456789abcdef",
    "connection-1",
    "manifest-s3.json",
    "uploads/connection-1/mirror/manifest-s3.json",
    Mode.MIRROR,
    "2cf24dba5fb0",
    FileForm(FileFormat.CSV, ";", "utf-8", "status"),
    FileStatus.LEAVING,
    START,
    objects=(FileObject("uploads/connection-1/mirror/x.csv", '"0f"', 600, START),),
    size=600,
    received_at=START,
    rejected=1,
    parts=(5_000, 3),
    absent=("city",),
    missing=("email",),
    code=FileCode.CUT_OFF,
    persons={"activated": 5_002, "rejected": 1},
    claimed_until=LATER,
    read_at=LATER,
    finished_at=LATER,
    cancelled_at=LATER,
    counted=5_003,
    before=6_000,
    holds=(MirrorHold.FIRST,),
    approved_at=LATER,
    verification="20261121T100000000000Z-0a1b2c3d",
    left=7,
    looked_at=2_000,
    unknown=40,
)


RESYNC: Final = Resync(
    "20261121T100000Z-0123456789abcdef",
    "connection-1",
    ResyncStatus.LEAVING,
    START,
    activation_ids=("2cf24dba5fb0",),
    label="November",
    quiet=timedelta(minutes=45),
    longest=timedelta(hours=2),
    closed_at=LATER,
    closed_by=ClosedBy.QUIET,
    heard_at=START,
    drained_since=LATER,
    cursor="next",
    counts={"2cf24dba5fb0": Named(5, 3)},
    counted_at=LATER,
    lost=1,
    holds=(ResyncHold.FIRST,),
    approved_at=LATER,
    verification="20261121T100000000000Z-0a1b2c3d",
    left=2,
    code=ResyncCode.NOT_TAKEN_OFF,
    finished_at=LATER,
)


def write(stack: Aws, record: "TransactWriteItemTypeDef") -> None:
    """`record`: the audit record of the resync."""
    Files(stack.dynamodb, "RunsTable").create(FILE)
    Resyncs(stack.dynamodb, "RunsTable", "ConnectionsTable").create(RESYNC, record)


def read(stack: Aws) -> dict[str, Any]:
    files = Files(stack.dynamodb, "RunsTable")
    resyncs = Resyncs(stack.dynamodb, "RunsTable", "ConnectionsTable")
    return {
        "file": files.get(FILE.connection_id, FILE.id),
        "files": list(files.going_on()),
        "resync": resyncs.get(RESYNC.connection_id, RESYNC.id),
        "resyncs": list(resyncs.going_on()),
    }
