"""People as the domain sees them: what is said of them, what the ledger knows of them, and for which connection."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from destination.domain.audience import Activation, AudienceKey
from destination.domain.coalescing import coalesce
from destination.domain.connection import (
    ActiveConnection,
    Connection,
    MappingRow,
    PersonAction,
    Status,
    SyncType,
)
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.matching import Lead
from destination.domain.person import (
    Applied,
    Attributes,
    ConsentWord,
    Desired,
    LedgerRow,
    Origin,
    Person,
    Reach,
    Said,
    Unit,
    hash_of,
)
from destination.domain.plan import reach_of
from destination.domain.pseudonym import pseudonym
from destination.domain.schema import FieldValue
from destination.domain.times import EPOCH

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
RUN = "2026-11-21T10:00Z"
"""The run of what is received from the start on."""

MUNCHKIN = "123-ABC-456"
EMAIL_MAPPING = (
    MappingRow("email", "DedupeField"),
    MappingRow("firstName", "firstName"),
    MappingRow("lastName", "lastName"),
    MappingRow("company", "company"),
    MappingRow("score", "leadScore"),
)

ADA = "ada@example.org"
FIELDS: Mapping[str, FieldValue] = {"firstName": "Ada", "lastName": "Lovelace", "company": "Engines"}


def name_of(dedupe_key: str) -> str:
    """The pseudonym of a person."""
    return pseudonym(b"secret", dedupe_key)


def audience(name: str) -> AudienceKey:
    return AudienceKey("ups", name)


def connection(**changes: Any) -> Connection:
    """An enabled connection by e-mail, `audience_and_profile` and creating, unless said otherwise."""
    plain = Connection(
        id="connection-1",
        version=1,
        name="Webinar leads",
        munchkin_id=MUNCHKIN,
        workspace="Default",
        sync_type=SyncType.AUDIENCE_AND_PROFILE,
        person_action=PersonAction.UPDATE_EXISTING_AND_CREATE_NEW,
        dedupe_field="email",
        source_format="canonical",
        status=Status.ENABLED,
        mapping=EMAIL_MAPPING,
    )
    return replace(plain, **changes)


def activation(name: str, **changes: Any) -> Activation:
    """An audience on a list of our own: of `a` it is 1001, of `b` 1002."""
    list_id = 1001 + ord(name) - ord("a")
    return replace(Activation(audience(name), name, list_id=list_id, may_hold_others=False), **changes)


def active(*activations: Activation, dormant: str = "", **changes: Any) -> ActiveConnection:
    """A connection with audiences, `a` and `b` unless said otherwise; each letter of `dormant` names one of old."""
    audiences = activations or (activation("a"), activation("b"))
    return ActiveConnection(
        connection(**changes),
        {one.audience: one for one in audiences},
        {audience(name): EPOCH for name in dormant},
    )


def event(
    email: str | None,
    *memberships: tuple[str, MembershipStatus],
    at: datetime = START,
    **profile: object,
) -> ProfileEvent:
    """An event of one profile, its memberships as old as itself; the names are filled unless said otherwise."""
    attributes = {"email": email, "firstName": "Ada", "lastName": "Lovelace", **profile}
    return ProfileEvent(
        at=at,
        profile={name: value for name, value in attributes.items() if value is not None},
        identities={},
        memberships=tuple(Membership(audience(name), status, at) for name, status in memberships),
        received_at=at,
    )


def minute(number: float) -> datetime:
    """So many minutes after the start, or before it."""
    return START + timedelta(minutes=number)


def said(at: float, received: float | None = None) -> Said:
    """What was said in a minute, and received in one: in the same unless said otherwise."""
    return Said(minute(at), minute(at if received is None else received))


def entered(*names: str, at: float = 0) -> tuple[Membership, ...]:
    return tuple(Membership(audience(name), MembershipStatus.REALIZED, minute(at)) for name in names)


def left(*names: str, at: float = 0) -> tuple[Membership, ...]:
    return tuple(Membership(audience(name), MembershipStatus.EXITED, minute(at)) for name in names)


def unit(
    number: int = 0,
    *memberships: Membership,
    at: float = 0,
    received: float | None = None,
    fields: Mapping[str, FieldValue] | None = None,
    run: str = RUN,
    **others: Any,
) -> Unit:
    """A unit of Ada, said in a minute and received in one; without fields unless they are given."""
    when = said(at, received)
    origin = Origin("envelope-1", str(number), run)
    plain = Unit(origin, when.at, ADA, "Ada@example.org", fields or {}, (), memberships, received_at=when.received_at)
    return replace(plain, **others)


def desired(status: MembershipStatus, at: float, received: float | None = None) -> Desired:
    return Desired(status, said(at, received))


def in_audience(at: float = -60) -> Desired:
    """Realized, an hour ago unless said otherwise."""
    return desired(MembershipStatus.REALIZED, at)


def out_of_audience(at: float = -60) -> Desired:
    return desired(MembershipStatus.EXITED, at)


def on(name: str, *leads: int, list_id: int | None = None, is_sure: bool = True) -> dict[AudienceKey, Applied]:
    """The leads that were put on the audience's list; without any they were taken off."""
    return {audience(name): Applied(list_id or activation(name).list_id or 0, leads, is_sure)}


def sent(
    fields: Mapping[str, FieldValue] = FIELDS, *, at: float = -60, lead_id: int | None = 7, sent_at: float | None = None
) -> Attributes:
    """Attributes that were sent to a lead: all of them, an hour ago, unless said otherwise."""
    return Attributes(hash_of(fields), said(at), minute(at if sent_at is None else sent_at), lead_id)


def word(*, given: bool, at: float = -60) -> ConsentWord:
    return ConsentWord(given, said(at))


def row(**changes: Any) -> LedgerRow:
    """A row of lead 7, looked up an hour ago, that has all attributes and is on list `a`, unless said otherwise."""
    plain = LedgerRow({audience("a"): in_audience()}, on("a", 7), sent(), None, 7, minute(-60))
    return replace(plain, **changes)


def lead(number: int = 7, *, updated: float = 0, key: str = ADA, others: tuple[str | None, ...] = ()) -> Lead:
    return Lead(number, key, minute(updated), others)


def adding_up(
    *units: Unit,
    row: LedgerRow | None = None,
    target: ActiveConnection | None = None,
    reach: Reach | None = None,
    now: datetime = START,
) -> Person:
    """What is wanted of Ada by units, given the ledger's row."""
    return coalesce(ADA, units, row, reach or reach_of(target or active(), now))
