"""Imports of leads and their rows: in memory as in the table and the bucket."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import pytest

from destination.domain.lead_extract import ExtractStage, LeadExtract
from destination.domain.lead_import import Group, ImportPart, ImportStage, LeadImport, shard_of_imports
from destination.store.lead_imports import ImportsOfConnections
from destination.store.leases import Lease, LeaseLostError, Leases
from testing.aws import Aws
from testing.memory import MemoryImports, MemoryLeases
from testing.persons import MUNCHKIN, START

GROUP = Group(1001, ("company", "firstName"))
MADE = LeadImport("0" * 32, "c-1", GROUP, START, START, START, START)
ROWS = '7,"Engines, Ltd",Ada\r\n8,Ünited,Bob\r\n'


class Imports(Protocol):
    def get(self, connection_id: str, import_id: str, /) -> LeadImport | None: ...
    def of(self, connection_id: str, /) -> Iterable[LeadImport]: ...
    def gathering(self, connection_id: str, group: Group, /) -> LeadImport | None: ...
    def create(self, one: LeadImport, lease: Lease, /) -> LeadImport: ...
    def put(self, one: LeadImport, lease: Lease, /) -> LeadImport: ...
    def put_part(self, one: LeadImport, part: str, rows: str, /) -> None: ...
    def rows(self, one: LeadImport, /) -> Sequence[str] | None: ...
    def put_exceptions(self, one: LeadImport, names: Collection[str], /) -> None: ...
    def exceptions(self, one: LeadImport, /) -> Collection[str] | None: ...
    def put_ids(self, one: LeadImport, ids: Mapping[str, int], /) -> None: ...
    def ids(self, one: LeadImport, names: Collection[str], /) -> Mapping[str, int] | None: ...
    def forget_rows(self, one: LeadImport, /) -> None: ...
    def erase(self, connection_id: str, /) -> bool: ...


@dataclass
class Kept:
    imports: Imports
    leases: Leases | MemoryLeases

    def lease(self) -> Lease:
        """The instance's lease, by whoever comes next."""
        until = START + timedelta(minutes=5)
        lease = self.leases.acquire(MUNCHKIN, START, until)
        assert lease is not None
        self.leases.enter(lease, {shard_of_imports("c-1")})
        self.leases.release(lease, lease.pace, None)
        return lease


@pytest.fixture(params=["memory", "table"])
def kept(request: pytest.FixtureRequest) -> Kept:
    if request.param == "memory":
        in_memory = MemoryLeases()
        return Kept(MemoryImports(in_memory), in_memory)
    stack: Aws = request.getfixturevalue("stack")
    leases = Leases(stack.dynamodb, "ConnectionsTable")
    return Kept(ImportsOfConnections(stack.dynamodb, "RunsTable", stack.s3, stack.bucket, leases=leases), leases)


def test_what_was_put_last_is_read(kept: Kept) -> None:
    lease = kept.lease()
    made = kept.imports.create(MADE, lease)
    assert kept.imports.get("c-1", MADE.id) == made == replace(MADE, version=1)
    later = START + timedelta(minutes=3, microseconds=5)
    changed = replace(
        made,
        stage=ImportStage.SENT,
        parts=(ImportPart("a" * 32, 500, 4_000), ImportPart("b" * 32, 7, 90)),
        closed_at=later,
        sent_at=later,
        batch_id=3404,
        asked_at=later,
        attempts=1,
        lost_at=later,
        is_given_up=True,
        polls=2,
        code="1016",
    )
    assert kept.imports.put(changed, lease) == kept.imports.get("c-1", MADE.id) == replace(changed, version=2)
    assert kept.imports.get("c-2", MADE.id) is None


def test_the_import_of_a_group_is_the_one_that_gathers(kept: Kept) -> None:
    lease = kept.lease()
    assert kept.imports.gathering("c-1", GROUP) is None
    first = kept.imports.create(MADE, lease)
    assert kept.imports.gathering("c-1", GROUP) == first
    assert kept.imports.gathering("c-1", Group(None, GROUP.columns)) is None
    kept.imports.put(replace(first, stage=ImportStage.SENDING), lease)
    assert kept.imports.gathering("c-1", GROUP) is None
    second = kept.imports.create(replace(MADE, id="1" * 32), lease)
    assert kept.imports.gathering("c-1", GROUP) == second


def test_nobody_writes_who_held_the_lease_before(kept: Kept) -> None:
    before = kept.lease()
    made = kept.imports.create(MADE, before)
    now = kept.lease()
    with pytest.raises(LeaseLostError):
        kept.imports.put(made, before)
    with pytest.raises(LeaseLostError):
        kept.imports.create(replace(MADE, id="1" * 32), before)
    kept.imports.put(made, now)
    with pytest.raises(LeaseLostError):
        kept.imports.put(made, now)


def test_rows_and_exceptions_are_kept_as_they_are(kept: Kept) -> None:
    one = replace(MADE, parts=(ImportPart("a" * 32, 2, 40), ImportPart("b" * 32, 1, 9)))
    kept.imports.put_part(one, "a" * 32, ROWS)
    assert kept.imports.rows(one) is None
    kept.imports.put_part(one, "b" * 32, "9,x,y\r\n")
    assert kept.imports.rows(one) == [ROWS, "9,x,y\r\n"]
    assert kept.imports.exceptions(one) is None
    kept.imports.put_exceptions(one, {"8", "7"})
    kept.imports.forget_rows(one)
    assert kept.imports.rows(one) is None
    assert kept.imports.exceptions(one) == {"7", "8"}


def test_of_the_leads_that_were_created_those_of_some_persons_are_read(kept: Kept) -> None:
    assert kept.imports.ids(MADE, {"0a"}) is None
    kept.imports.put_ids(MADE, {"0a": 7, "0b": 8, "0c": 9})
    assert kept.imports.ids(MADE, {"0a", "0c", "0d"}) == {"0a": 7, "0c": 9}
    kept.imports.put_ids(MADE, {})
    assert kept.imports.ids(MADE, {"0a"}) == {}


def test_one_that_creates_is_kept_with_how_far_its_ids_are_read(kept: Kept) -> None:
    group = GROUP._replace(by="email", partition="EMEA")
    made = kept.imports.create(replace(MADE, group=group, asked_at=START), lease := kept.lease())
    assert kept.imports.get("c-1", MADE.id) == kept.imports.gathering("c-1", group) == made
    assert kept.imports.gathering("c-1", GROUP) is None
    begun_at = START + timedelta(microseconds=5)
    extract = LeadExtract(begun_at, ExtractStage.WAITING, "extract-1", ("id", "email"), 460, 2, START)
    changed = kept.imports.put(replace(made, stage=ImportStage.READING, extract=extract), lease)
    assert kept.imports.get("c-1", MADE.id) == changed


def test_rows_of_parts_that_were_never_noted_are_removed_with_the_others(kept: Kept) -> None:
    one, other = replace(MADE, parts=(ImportPart("a" * 32, 2, 40),)), replace(MADE, id="1" * 32)
    for made in (one, other):
        kept.imports.put_part(made, "a" * 32, ROWS)
        kept.imports.put_part(made, "b" * 32, ROWS)
    kept.imports.forget_rows(one)
    noted = ImportPart("b" * 32, 2, 40)
    assert kept.imports.rows(replace(one, parts=(noted,))) is None
    assert kept.imports.rows(replace(other, parts=(noted,))) == [ROWS]


def test_all_of_a_connection_are_found(kept: Kept) -> None:
    lease = kept.lease()
    assert list(kept.imports.of("c-1")) == []
    made = [kept.imports.create(replace(MADE, id=digit * 32), lease) for digit in "12"]
    assert sorted(kept.imports.of("c-1"), key=lambda one: one.id) == made
    assert list(kept.imports.of("c-2")) == []


def test_a_connection_takes_its_rows_with_it(kept: Kept) -> None:
    one = kept.imports.create(replace(MADE, parts=(ImportPart("a" * 32, 2, 40),)), kept.lease())
    kept.imports.put_part(one, "a" * 32, ROWS)
    assert kept.imports.erase("c-2")
    assert kept.imports.rows(one) == [ROWS]
    kept.imports.erase("c-1")
    assert kept.imports.erase("c-1")
    assert kept.imports.rows(one) is None
