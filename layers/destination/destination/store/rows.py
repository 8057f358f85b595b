"""How a row of the ledger is written: its memberships in few bytes, since somebody may be in a thousand audiences.

    memberships   one entry of 31 bytes an audience:
                  code of the audience 6 | said at 8 | received at 8 | flags 1 | list id 4 | lead id 4
    rest          compact JSON: attributes, consent, lead id and when it was looked up

Times are microseconds since 1970. Somebody who is put on the list with several leads has an entry for each: all but the
last say that one more follows. The code is that of an audience's name, which it does not tell, so whoever reads a row
says which audiences there are; entries of others, which were deactivated long ago, are left out.
"""

import hashlib
import json
import struct
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.event import MembershipStatus
from destination.domain.person import EPOCH, Applied, Attributes, ConsentWord, Desired, LedgerRow, Said
from destination.store.items import Item

_ENTRY: Final = struct.Struct(">6sqqBII")
_CODE_BYTES: Final = 6
_BESIDE: Final = 600
"""Bytes that a row takes at most beside its memberships: names, keys and the rest."""

_EXITED, _HAS_DESIRED, _HAS_APPLIED, _IS_SURE, _HAS_LEAD, _MORE_FOLLOW = (1 << place for place in range(6))

_MICROSECOND: Final = timedelta(microseconds=1)

_encode = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


def encoded(row: LedgerRow) -> Item:
    """The row's attributes in its item."""
    item: Item = {"rest": {"S": _encode(_rest(row))}}
    if entries := b"".join(_entries(row)):
        item["memberships"] = {"B": entries}
    return item


def decoded(item: Mapping[str, Any], audiences: Mapping[bytes, AudienceKey]) -> LedgerRow:
    """The row, as far as it is of these audiences, by their codes."""
    desired: dict[AudienceKey, Desired] = {}
    applied: dict[AudienceKey, Applied] = {}
    leads: tuple[int, ...] = ()
    entries = item["memberships"]["B"] if "memberships" in item else b""
    for code, at, received_at, flags, list_id, lead_id in _ENTRY.iter_unpack(entries):
        if flags & _HAS_LEAD:
            leads = (*leads, lead_id)
        if flags & _MORE_FOLLOW:
            continue
        audience = audiences.get(code)
        if audience is not None and flags & _HAS_DESIRED:
            status = MembershipStatus.EXITED if flags & _EXITED else MembershipStatus.REALIZED
            desired[audience] = Desired(status, Said(_time(at), _time(received_at)))
        if audience is not None and flags & _HAS_APPLIED:
            applied[audience] = Applied(list_id, leads, bool(flags & _IS_SURE))
        leads = ()
    return _with_rest(desired, applied, json.loads(item["rest"]["S"]))


def by_code(audiences: Collection[AudienceKey]) -> dict[bytes, AudienceKey]:
    """The audiences by the codes that rows know them by."""
    return {_code(audience): audience for audience in audiences}


def bytes_of(row: LedgerRow) -> int:
    """How much the row's item takes at most."""
    entries = len(row.desired)
    for audience, told in row.applied.items():
        if len(told.leads) > 1:
            entries += len(told.leads) - 1
        if audience not in row.desired:
            entries += 1
    return _BESIDE + _ENTRY.size * entries


@lru_cache(maxsize=16_384)
def _code(audience: AudienceKey) -> bytes:
    return hashlib.sha256(f"{audience.namespace}\0{audience.id}".encode()).digest()[:_CODE_BYTES]


def _entries(row: LedgerRow) -> list[bytes]:
    """Written out, for every person that is recorded passes here."""
    entries: list[bytes] = []
    for audience, wanted in row.desired.items():
        at, received_at = wanted.said
        flags = _HAS_DESIRED if wanted.status is MembershipStatus.REALIZED else _HAS_DESIRED | _EXITED
        told = row.applied.get(audience)
        _add_entries(entries, _code(audience), _microseconds(at), _microseconds(received_at), flags, told)
    if not row.applied.keys() <= row.desired.keys():
        for audience, told in row.applied.items():
            if audience not in row.desired:
                _add_entries(entries, _code(audience), 0, 0, 0, told)
    return entries


def _add_entries(
    entries: list[bytes], code: bytes, at: int, received_at: int, flags: int, told: Applied | None
) -> None:
    """One entry, with what was told, or one for each lead."""
    if told is None:
        entries.append(_ENTRY.pack(code, at, received_at, flags, 0, 0))
        return
    flags |= _HAS_APPLIED | (_IS_SURE if told.is_sure else 0)
    entries.extend(
        _ENTRY.pack(code, at, received_at, flags | _HAS_LEAD | _MORE_FOLLOW, told.list_id, lead_id)
        for lead_id in told.leads[:-1]
    )
    if told.leads:
        entries.append(_ENTRY.pack(code, at, received_at, flags | _HAS_LEAD, told.list_id, told.leads[-1]))
    else:
        entries.append(_ENTRY.pack(code, at, received_at, flags, told.list_id, 0))


def _rest(row: LedgerRow) -> dict[str, object]:
    rest: dict[str, object] = {}
    if row.attributes is not None:
        one = row.attributes
        rest["attributes"] = [one.digest, *_said(one.said), _microseconds(one.sent_at), one.lead_id]
    if row.consent is not None:
        rest["consent"] = [row.consent.is_given, *_said(row.consent.said)]
    if row.lead_id is not None:
        rest["lead_id"] = row.lead_id
    if row.looked_up_at is not None:
        rest["looked_up_at"] = _microseconds(row.looked_up_at)
    return rest


def _with_rest(
    desired: Mapping[AudienceKey, Desired], applied: Mapping[AudienceKey, Applied], rest: Mapping[str, Any]
) -> LedgerRow:
    attributes = consent = None
    if "attributes" in rest:
        digest, at, received_at, sent_at, lead_id = rest["attributes"]
        attributes = Attributes(digest, Said(_time(at), _time(received_at)), _time(sent_at), lead_id)
    if "consent" in rest:
        is_given, at, received_at = rest["consent"]
        consent = ConsentWord(is_given, Said(_time(at), _time(received_at)))
    looked_up_at = _time(rest["looked_up_at"]) if "looked_up_at" in rest else None
    return LedgerRow(desired, applied, attributes, consent, rest.get("lead_id"), looked_up_at)


def _said(said: Said) -> tuple[int, int]:
    return _microseconds(said.at), _microseconds(said.received_at)


@lru_cache(maxsize=4_096)
def _microseconds(time: datetime) -> int:
    """Kept, as `_time` is."""
    return (time - EPOCH) // _MICROSECOND


@lru_cache(maxsize=4_096)
def _time(microseconds: int) -> datetime:
    """Kept, as the rows of a batch, and the audiences of a row, have many times in common."""
    return EPOCH + timedelta(microseconds=microseconds)
