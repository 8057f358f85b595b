"""An import of leads as this release stores it, and as it reads what a release has stored (testing/recorded.py)."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from destination.domain.lead_extract import ExtractStage, LeadExtract
from destination.domain.lead_import import Group, ImportPart, ImportStage, LeadImport, shard_of_imports
from destination.domain.person import Importing
from destination.store.lead_imports import ImportsOfConnections
from destination.store.leases import Leases
from testing.aws import Aws
from testing.persons import MUNCHKIN, START

_MINUTE: Final = timedelta(minutes=1)
_PART: Final = "b" * 32
IMPORT: Final = LeadImport(
    id="a" * 32,
    connection_id="connection-1",
    group=Group(1001, ("company", "firstName")),
    opened_at=START,
    queued_at=START,
    touched_at=START + 9 * _MINUTE,
    added_at=START + _MINUTE,
    stage=ImportStage.ENDED,
    parts=(ImportPart(_PART, 1, 15),),
    closed_at=START + 4 * _MINUTE,
    attempts=1,
    lost=1,
    lost_at=START + 4 * _MINUTE,
    asked_at=START + 5 * _MINUTE,
    is_given_up=True,
    batch_id=3404,
    sent_at=START + 5 * _MINUTE,
    polls=3,
    reads=1,
    seen_at=START + 8 * _MINUTE,
    is_through=True,
    ended_at=START + 9 * _MINUTE,
    exceptions=1,
    code="1016",
)
CREATING: Final = replace(
    IMPORT,
    id="c" * 32,
    group=Group(1001, ("company", "firstName"), "email", "EMEA"),
    extract=LeadExtract(START + 8 * _MINUTE, ExtractStage.READ, "extract-1", ("id", "email"), 460),
)
_NAME: Final = "0f" * 16
IMPORTING: Final = Importing(IMPORT.id, _PART, 7, 1001, "0f" * 32, START)


def write(stack: Aws) -> None:
    """An import with its rows, and one that created, with the leads that it did."""
    stores = _stores(stack)
    leases = Leases(stack.dynamodb, "ConnectionsTable")
    lease = leases.acquire(MUNCHKIN, START, START + _MINUTE)
    assert lease is not None
    leases.enter(lease, {shard_of_imports(IMPORT.connection_id)})
    made = stores.create(IMPORT, lease)
    creating = stores.create(CREATING, lease)
    leases.release(lease, lease.pace, lease.pause)
    stores.put_ids(creating, {_NAME: 7})
    stores.put_part(made, _PART, "7,Engines,Ada\r\n")
    stores.put_exceptions(made, {"7"})


def read(stack: Aws) -> dict[str, object]:
    """The same, as the store tells it."""
    stores = _stores(stack)
    return {
        "import": stores.get(IMPORT.connection_id, IMPORT.id),
        "import that gathers": stores.gathering(IMPORT.connection_id, IMPORT.group),
        "import that creates": stores.get(CREATING.connection_id, CREATING.id),
        "leads that an import created": stores.ids(CREATING, {_NAME}),
        "rows of an import": stores.rows(IMPORT),
        "exceptions of an import": stores.exceptions(IMPORT),
    }


def _stores(stack: Aws) -> ImportsOfConnections:
    leases = Leases(stack.dynamodb, "ConnectionsTable")
    return ImportsOfConnections(stack.dynamodb, "RunsTable", stack.s3, stack.bucket, leases=leases)
