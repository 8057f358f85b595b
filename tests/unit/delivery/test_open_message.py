"""Open messages: by what their events are known for ever, and what is still to be done of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from destination.delivery.open_message import OpenMessage, holder, opened, receipts, uncounted, units_of
from destination.domain.audience import Activation
from destination.domain.connection import ActiveConnection
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.mapping import Mapper
from destination.domain.outcome import UNREADABLE_EVENT
from destination.domain.person import Origin, Unit
from destination.domain.schema import Field, Schema
from destination.queue import Envelope, Message, decode, encode_event, pack
from testing.world import START, audience, connection, event

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
HOUR = timedelta(hours=1)
RUN = "2026-11-21T10:00Z"
CODE = "MARKETO_1003"
TARGET = ActiveConnection(connection(), {audience("a"): Activation(audience("a"), "a", list_id=1001)})
SCHEMA = Schema({name: Field(name, "string", 255) for name in ("email", "firstName", "lastName", "company")})
MAPPER = Mapper.of(TARGET, SCHEMA, START)


def told(
    email: str | None, *, at: datetime = START, event_id: str | None = None, audience_id: str = "a"
) -> ProfileEvent:
    return replace(event(email, (audience_id, REALIZED), at=at), id=event_id)


def message(
    *events: ProfileEvent, envelope_id: str = "envelope-1", first: int = 0, received_at: datetime = START
) -> OpenMessage:
    """An open message of these events, as received."""
    [(_, body)] = pack(
        "connection-1", received_at, map(encode_event, events), envelope_id=envelope_id, first=first, correlation_id="r"
    )
    return of(body)


def of(body: str) -> OpenMessage:
    found = opened(Message("message-1", "receipt-1", body), {"connection-1": TARGET}.__getitem__)
    assert isinstance(found, OpenMessage)
    return found


def numbers(units: list[Unit]) -> list[str]:
    return [unit.origin.number for unit in units]


NO_RECEIPTS: Mapping[str, datetime] = {}


# The key of an event


def test_persons_are_known_by_the_envelope_and_the_number_of_their_event_in_it() -> None:
    units = message(told("a@example.org", at=START - HOUR), told("b@example.org"), first=7).units(MAPPER, NO_RECEIPTS)
    assert [unit.origin for unit in units] == [Origin("envelope-1", "7", RUN), Origin("envelope-1", "8", RUN)]
    assert [unit.received_at - START for unit in units] == [timedelta(microseconds=7), timedelta(microseconds=8)]


def test_further_persons_of_an_event_have_its_number_too() -> None:
    mapper = Mapper.of(
        replace(
            TARGET,
            connection=connection(mapping=(replace(connection().mapping[0], source="identityMap.email"),)),
        ),
        SCHEMA,
        START,
    )
    many = replace(told("a@example.org"), identities={"email": ("a@example.org", "b@example.org")})
    held = message(told("c@example.org"), many, first=4)
    units = held.units(mapper, NO_RECEIPTS)
    assert numbers(units)[-2:] == ["5", "5.1"]
    assert [event.identities for event in decode(held.letter("5.1", CODE).body).events] == [many.identities]
    assert held.holds(units[-1].origin)


def test_a_letter_of_an_event_is_the_same_event_when_it_is_redriven() -> None:
    events = [told(f"{number}@example.org", event_id=f"event-{number}") for number in range(3)]
    held = message(*events, first=10)
    before = held.units(MAPPER, NO_RECEIPTS)
    letter = of(held.letter("11", CODE).body)
    assert as_read(letter) == replace(held.envelope, first=11, events=(held.envelope.events[1],), attempt=1)
    assert letter.units(MAPPER, NO_RECEIPTS) == [replace(before[1], origin=before[1].origin._replace(attempt=1))]
    assert as_read(of(letter.letter("11", CODE).body)) == replace(as_read(letter), attempt=2)


def as_read(held: OpenMessage) -> Envelope:
    return replace(held.envelope, events=tuple(held.envelope.events))


def test_an_event_that_cannot_be_read_fails_alone_and_its_letter_is_what_was_found() -> None:
    whole = message(*[told(f"{number}@example.org") for number in range(3)], first=4)
    _, _, broken, *_ = lines = whole.message.body.split("\n")
    lines[2] = broken.replace('"profile":{', '"profile":[{', 1)
    held = of("\n".join(lines))
    units = held.units(MAPPER, NO_RECEIPTS)
    assert [(unit.key, unit.refusal) for unit in units] == [
        ("0@example.org", None),
        (None, UNREADABLE_EVENT),
        ("2@example.org", None),
    ]
    assert numbers(units) == ["4", "5", "6"]
    assert held.event(units[1].origin).profile == {}
    letter = of(held.letter("5", UNREADABLE_EVENT.code).body)
    assert [unit.refusal for unit in letter.units(MAPPER, NO_RECEIPTS)] == [UNREADABLE_EVENT]
    assert lines[2].removesuffix(",") in letter.message.body


@pytest.mark.parametrize(
    ("origin", "holds"),
    [
        (Origin("envelope-1", "4", RUN), False),
        (Origin("envelope-1", "5", RUN), True),
        (Origin("envelope-1", "6.13", RUN), True),
        (Origin("envelope-1", "7", RUN), False),
        (Origin("envelope-2", "5", RUN), False),
    ],
)
def test_an_origin_leads_to_its_message(origin: Origin, holds: bool) -> None:
    first = message(*[told("a@example.org")] * 5)
    held = message(told("b@example.org"), told("c@example.org"), first=5)
    assert held.holds(origin) is holds
    if holds:
        assert holder([first, held], origin) is held
    else:
        with pytest.raises(LookupError, match=rf"event {origin.number} of envelope {origin.envelope_id}"):
            holder([held], origin)


# What is still to be done


def test_everything_is_pending_until_it_is_recorded() -> None:
    held = message(told("a@example.org"), told(None, audience_id="other"))
    assert not held.is_done
    assert numbers(held.units(MAPPER, NO_RECEIPTS)) == ["0"]
    assert (held.pending, held.ignored) == ({"0", "1"}, [Origin("envelope-1", "1", RUN)])
    assert numbers(held.units(MAPPER, NO_RECEIPTS)) == ["0"]
    assert (held.pending, held.ignored) == ({"0", "1"}, [Origin("envelope-1", "1", RUN)])
    held.recorded({"1", "17"})
    assert (held.pending, held.ignored, held.is_done) == ({"0"}, [], False)
    held.recorded({"0"})
    assert held.is_done


def test_what_was_counted_before_is_not_delivered_again() -> None:
    events = [told("a@example.org"), told(None, audience_id="other")]
    first, second = message(*events), message(*events, first=2)
    other = message(*events, envelope_id="envelope-2")
    batch = [first, second, other]
    counted = {("envelope-1", "0"), ("envelope-1", "1"), ("envelope-1", "2"), ("envelope-3", "0")}
    left = uncounted(batch, units_of(batch, MAPPER, NO_RECEIPTS), counted)
    assert [unit.origin for unit in left] == [Origin("envelope-2", "0", RUN)]
    assert [one.pending for one in batch] == [set(), {"3"}, {"0", "1"}]
    assert [numbers_of(one.ignored) for one in batch] == [[], ["3"], ["1"]]


def numbers_of(origins: list[Origin]) -> list[str]:
    return [origin.number for origin in origins]


def test_an_event_that_several_messages_hold_is_one_event_and_pending_in_each() -> None:
    events = [told("a@example.org"), told(None, audience_id="other"), told("c@example.org")]
    whole = message(*events)
    batch = [whole, message(*events), of(whole.letter("1", CODE).body), of(whole.letter("2", CODE).body)]
    assert numbers(units_of(batch, MAPPER, NO_RECEIPTS)) == ["0", "2"]
    assert [origin for one in batch for origin in one.ignored] == [Origin("envelope-1", "1", RUN)]
    assert [one.pending for one in batch] == [{"0", "1", "2"}, {"0", "1", "2"}, {"1"}, {"2"}]
    for one in batch:
        one.recorded({"0", "2"})
    assert [one.is_done for one in batch] == [False, False, False, True]


# What is sent again


def test_an_event_that_is_sent_again_says_what_it_said_at_its_first_receipt() -> None:
    before = message(told("a@example.org", event_id="event-1"))
    again = message(
        told("a@example.org", at=START + HOUR, event_id="event-1"), envelope_id="e-2", received_at=START + HOUR
    )
    [unit] = again.units(MAPPER, {"event-1": START})
    assert (unit.at, unit.received_at) == (START, START)
    assert [one.at for one in unit.memberships] == [START]
    assert unit.origin == Origin("e-2", "0", "2026-11-21T11:00Z")
    assert unit.repeated_at == again.envelope.received_at
    assert [replace(unit, origin=before_origin(before), repeated_at=None)] == before.units(MAPPER, {"event-1": START})


def test_an_event_that_names_no_activated_audience_may_be_of_somebody_who_is_in_one() -> None:
    held = message(told("a@example.org", audience_id="other"))
    [unit] = held.units(MAPPER, NO_RECEIPTS)
    assert (unit.key, unit.names_audience, held.ignored) == ("a@example.org", False, [])


def before_origin(held: OpenMessage) -> Origin:
    return Origin(held.envelope.id, "0", RUN)


def test_an_event_without_an_id_or_with_another_one_is_as_new_as_its_receipt() -> None:
    held = message(told("a@example.org", at=START + HOUR), told("b@example.org", event_id="event-2"))
    units = held.units(MAPPER, {"event-1": START - HOUR})
    assert [(unit.at, unit.received_at) for unit in units] == [
        (START + HOUR, START),
        (START, START + timedelta(microseconds=1)),
    ]


def test_a_receipt_that_turns_out_to_be_earlier_than_the_first_one_known_counts() -> None:
    [unit] = message(told("a@example.org", event_id="event-1")).units(MAPPER, {"event-1": START + HOUR})
    assert unit.received_at == START


def test_a_batch_tells_the_first_receipt_of_what_was_sent_again_within_it() -> None:
    again = message(
        told("b@example.org", event_id="event-2"),
        told("a@example.org", event_id="event-1"),
        envelope_id="e-2",
        received_at=START + HOUR,
    )
    before = message(told("c@example.org"), told("a@example.org", event_id="event-1"), first=3)
    found = {"event-2": START + HOUR, "event-1": START + timedelta(microseconds=4)}
    assert len(units_of([again, before], MAPPER, NO_RECEIPTS)) == 4
    assert receipts([again, before]) == receipts([before, again]) == found


def test_an_exit_that_carries_the_time_of_the_entry_is_received_later() -> None:
    entered = told("a@example.org", at=START - HOUR)
    left = replace(entered, memberships=(Membership(audience("a"), EXITED, START - HOUR),))
    units = message(entered, left).units(MAPPER, NO_RECEIPTS)
    assert units[0].said < units[1].said
    assert units[1].memberships[0].status is EXITED
