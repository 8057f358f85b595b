"""How a row of the ledger is written: in few bytes, since somebody may be in a thousand audiences, and quickly.

    memberships   one entry of 31 bytes an audience:
                  code of the audience 6 | said at 8 | received at 8 | flags 1 | list id 4 | lead id 4
    rest          89 bytes; what its flags say that there is not is zero, and what follows them is left out:
                  flags 1 | lead id 4 | looked up at 8
                  attributes: digest 32 | said at 8 | received at 8 | sent at 8 | lead id 4
                  consent: said at 8 | received at 8
    refusals      JSON, of those whom calls are refused for: by the name of the calls the code, since when and when
                  last, how often while others were served, and among how many
    named         of those who were named in audiences that are resynced, where it does not show by the memberships; one
                  entry of 14 bytes an audience: code of the audience 6 | when its resync was opened 8
    importing     JSON, of those of whom an import tells Marketo: its id, the part, lead, list, the attributes' digest,
                  since when

Times are microseconds since 1970. Somebody who is put on the list with several leads has an entry for each: all but the
last say that one more follows. An audience in any namespace has one more for each namespace that something was said in,
with the code of the namespace in place of list and lead. The code of an audience does not tell its name, so whoever
reads a row says which audiences there are; entries of others, which were deactivated long ago, are left out.

So is what was desired of an audience before its beginning, as nobody knows what was said since then and before it was
activated again. What was applied then may be so still or not: others may have had the list meanwhile.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from destination.domain.audience import AudienceKey, code_of
from destination.domain.coalescing import in_any_namespace
from destination.domain.event import MembershipStatus
from destination.domain.person import Applied, Attributes, ConsentWord, Desired, Importing, LedgerRow, Said
from destination.domain.refusal import Refusals
from destination.domain.times import EPOCH
from destination.store.items import Item

_ENTRY: Final = struct.Struct(">6sqqBII")
_NAMED: Final = struct.Struct(">6sq")
_REST: Final = struct.Struct(">BIq32sqqqIqq")
_BESIDE: Final = 600
"""Bytes that a row takes at most beside its memberships: names, keys and the rest."""

_REFUSALS_BYTES: Final = 200
"""What is known of calls of one name that somebody was refused."""

_IMPORTING_BYTES: Final = 250

_RARE: Final = frozenset({"refusals", "named", "importing"})
"""What few rows have."""

_EXITED, _HAS_DESIRED, _HAS_APPLIED, _IS_SURE, _HAS_LEAD, _MORE_FOLLOW, _IS_PART = (1 << place for place in range(7))
_HAS_ATTRIBUTES, _HAS_DIGEST, _HAS_SENT_LEAD, _HAS_CONSENT, _IS_GIVEN, _HAS_FOUND, _WAS_LOOKED_UP = (
    1 << place for place in range(7)
)

_HALF: Final = 32
_LOWER: Final = 2**_HALF - 1
"""Of the 64 bits of a namespace's code."""

_MICROSECOND: Final = timedelta(microseconds=1)

Codes = Mapping[bytes, tuple[AudienceKey, int]]
"""By code the audience, and its beginning."""


def encoded(row: LedgerRow) -> Item:
    """The row's attributes in its item."""
    item: Item = {"rest": {"B": _rest(row)}}
    if row.refusals:
        item["refusals"] = {"S": _refusals(row.refusals)}
    if row.named:
        item["named"] = {"B": b"".join(_NAMED.pack(code_of(one), _microseconds(at)) for one, at in row.named.items())}
    if (one := row.importing) is not None:
        item["importing"] = {"S": json.dumps([*one[:-1], _microseconds(one.at)])}
    if entries := b"".join(_entries(row)):
        item["memberships"] = {"B": entries}
    return item


def decoded(item: Mapping[str, Any], audiences: Codes) -> LedgerRow:
    """The row, as far as it is of these audiences and counts."""
    desired: dict[AudienceKey, Desired] = {}
    applied: dict[AudienceKey, Applied] = {}
    leads: tuple[int, ...] = ()
    parts: dict[AudienceKey, list[tuple[int, Desired]]] = {}
    entries = item["memberships"]["B"] if "memberships" in item else b""
    for code, at, received_at, flags, list_id, lead_id in _ENTRY.iter_unpack(entries):
        if flags & _HAS_LEAD:
            leads = (*leads, lead_id)
        if flags & _MORE_FOLLOW:
            continue
        if code in audiences:
            audience, begun_at = audiences[code]
            counts = received_at >= begun_at or not flags & _HAS_DESIRED
            if counts and flags & _IS_PART:
                parts.setdefault(audience, []).append((list_id << _HALF | lead_id, _wanted(flags, at, received_at)))
            elif counts and flags & _HAS_DESIRED:
                desired[audience] = _wanted(flags, at, received_at)
            if flags & _HAS_APPLIED and (counts or leads):
                applied[audience] = Applied(list_id, leads, counts and bool(flags & _IS_SURE))
        leads = ()
    for audience, found in parts.items():
        desired[audience] = in_any_namespace(found)
    row = _with_rest(desired, applied, item["rest"]["B"])
    return row if _RARE.isdisjoint(item) else _with_rarer(row, item, audiences)


def _with_rarer(row: LedgerRow, item: Mapping[str, Any], audiences: Codes) -> LedgerRow:
    """With what few rows have."""
    if "named" in item:
        row = replace(row, named=_named(item["named"]["B"], audiences))
    if "importing" in item:
        row = replace(row, importing=_importing(item["importing"]["S"]))
    return replace(row, refusals=_refusals_of(item["refusals"]["S"])) if "refusals" in item else row


def _named(entries: bytes, audiences: Codes) -> dict[AudienceKey, datetime]:
    return {audiences[code][0]: _time(at) for code, at in _NAMED.iter_unpack(entries) if code in audiences}


def _importing(stored: str) -> Importing:
    import_id, part, lead_id, list_id, digest, at, *_ = json.loads(stored)
    return Importing(import_id, part, lead_id, list_id, digest, _time(at))


def _wanted(flags: int, at: int, received_at: int) -> Desired:
    status = MembershipStatus.EXITED if flags & _EXITED else MembershipStatus.REALIZED
    return Desired(status, Said(_time(at), _time(received_at)))


def by_code(audiences: Mapping[AudienceKey, datetime]) -> Codes:
    """The audiences, given with their beginnings, by the codes that rows know them by."""
    return {code_of(audience): (audience, _microseconds(begun_at)) for audience, begun_at in audiences.items()}


def bytes_of(row: LedgerRow) -> int:
    """How much the row's item takes at most."""
    entries = len(row.desired) + sum([len(one.parts) for one in row.desired.values()])
    for audience, told in row.applied.items():
        if len(told.leads) > 1:
            entries += len(told.leads) - 1
        if audience not in row.desired:
            entries += 1
    beside = _BESIDE + _NAMED.size * len(row.named) + _REFUSALS_BYTES * len(row.refusals or ())
    return beside + _ENTRY.size * entries + (0 if row.importing is None else _IMPORTING_BYTES)


def _entries(row: LedgerRow) -> list[bytes]:
    """Written out, for every person that is recorded passes here."""
    entries: list[bytes] = []
    for audience, wanted in row.desired.items():
        at, received_at = wanted.said
        flags = _HAS_DESIRED if wanted.status is MembershipStatus.REALIZED else _HAS_DESIRED | _EXITED
        told = row.applied.get(audience)
        _add_entries(entries, code_of(audience), _microseconds(at), _microseconds(received_at), flags, told)
        if wanted.parts:
            entries += [_part(code_of(audience), namespace, part) for namespace, part in wanted.parts]
    if not row.applied.keys() <= row.desired.keys():
        for audience, told in row.applied.items():
            if audience not in row.desired:
                _add_entries(entries, code_of(audience), 0, 0, 0, told)
    return entries


def _part(code: bytes, namespace: int, part: Desired) -> bytes:
    flags = _HAS_DESIRED | _IS_PART | (0 if part.is_realized else _EXITED)
    return _ENTRY.pack(code, *_said(part.said), flags, namespace >> _HALF, namespace & _LOWER)


def _add_entries(
    entries: list[bytes], code: bytes, at: int, received_at: int, flags: int, told: Applied | None
) -> None:
    """One entry, with what was told, or one for each lead."""
    if told is None:
        entries.append(_ENTRY.pack(code, at, received_at, flags, 0, 0))
        return
    flags |= _HAS_APPLIED | (_IS_SURE if told.is_sure else 0)
    if not told.leads:
        entries.append(_ENTRY.pack(code, at, received_at, flags, told.list_id, 0))
        return
    flags |= _HAS_LEAD
    if len(told.leads) > 1:
        more = flags | _MORE_FOLLOW
        entries += [_ENTRY.pack(code, at, received_at, more, told.list_id, one) for one in told.leads[:-1]]
    entries.append(_ENTRY.pack(code, at, received_at, flags, told.list_id, told.leads[-1]))


def _rest(row: LedgerRow) -> bytes:
    flags = lead_id = looked_up_at = 0
    digest, attributes_at, attributes_received_at, sent_at, sent_lead = b"", 0, 0, 0, 0
    consent_at = consent_received_at = 0
    if row.lead_id is not None:
        flags |= _HAS_FOUND
        lead_id = row.lead_id
    if row.looked_up_at is not None:
        flags |= _WAS_LOOKED_UP
        looked_up_at = _microseconds(row.looked_up_at)
    if (sent := row.attributes) is not None:
        flags |= _HAS_ATTRIBUTES
        attributes_at, attributes_received_at = _said(sent.said)
        sent_at = _microseconds(sent.sent_at)
        if sent.digest is not None:
            flags |= _HAS_DIGEST
            digest = bytes.fromhex(sent.digest)
        if sent.lead_id is not None:
            flags |= _HAS_SENT_LEAD
            sent_lead = sent.lead_id
    if row.consent is not None:
        flags |= _HAS_CONSENT | (_IS_GIVEN if row.consent.is_given else 0)
        consent_at, consent_received_at = _said(row.consent.said)
    return _REST.pack(
        flags,
        lead_id,
        looked_up_at,
        digest,
        attributes_at,
        attributes_received_at,
        sent_at,
        sent_lead,
        consent_at,
        consent_received_at,
    )


def _with_rest(
    desired: Mapping[AudienceKey, Desired], applied: Mapping[AudienceKey, Applied], rest: bytes
) -> LedgerRow:
    flags, lead_id, looked_up_at, digest, at, received_at, sent_at, sent_lead, *consent_said = _REST.unpack_from(rest)
    attributes = consent = None
    if flags & _HAS_ATTRIBUTES:
        attributes = Attributes(
            digest.hex() if flags & _HAS_DIGEST else None,
            Said(_time(at), _time(received_at)),
            _time(sent_at),
            sent_lead if flags & _HAS_SENT_LEAD else None,
        )
    if flags & _HAS_CONSENT:
        consent = ConsentWord(bool(flags & _IS_GIVEN), Said(*map(_time, consent_said)))
    return LedgerRow(
        desired,
        applied,
        attributes,
        consent,
        lead_id if flags & _HAS_FOUND else None,
        _time(looked_up_at) if flags & _WAS_LOOKED_UP else None,
    )


def _refusals(refusals: Mapping[str, Refusals]) -> str:
    return json.dumps(
        {
            call: [one.code, _microseconds(one.since), _microseconds(one.at), one.times, one.among]
            for call, one in refusals.items()
        }
    )


def _refusals_of(stored: str) -> dict[str, Refusals]:
    return {
        call: Refusals(code, _time(since), _time(at), times, among)
        for call, (code, since, at, times, among, *_) in json.loads(stored).items()
    }


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
