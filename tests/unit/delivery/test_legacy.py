"""The legacy generation: people are found by their e-mail address, and those who are not by their ECID."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from destination.domain.connection import Connection, Consent, Generation, MappingRow, PersonAction, SyncType
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from marketo_simulator import Fault
from testing.counts import assert_balanced, changes, outcomes, reasons
from testing.world import START, World, audience, connection

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
MINUTE = timedelta(minutes=1)
ADA, BOB, ECID = "ada@example.org", "bob@example.org", "40410000000000000000000000000000000001"
ATTRIBUTES = (
    MappingRow("firstName", "firstName"),
    MappingRow("lastName", "lastName"),
    MappingRow("company", "company"),
)
EMAIL, BY_ECID = MappingRow("identityMap.Email", "Email"), MappingRow("identityMap.ECID", "ECID")


def legacy(**changed: object) -> Connection:
    settings = {"mapping": (EMAIL, BY_ECID, *ATTRIBUTES), "ecid_field": "ecid__c", "generation": Generation.LEGACY_V2}
    return connection(**{**settings, **changed})


def known(*leads: Mapping[str, object], of: Connection | None = None, **settings: object) -> World:
    """A world whose instance has the field for ECIDs, and leads."""
    world = World(of or legacy(**settings))
    world.simulator.seed({"fields": [{"name": "ecid__c", "searchable": True}], "leads": list(leads)})
    return world


def said(
    *emails: str,
    ecid: tuple[str, ...] = (),
    status: MembershipStatus = REALIZED,
    name: str = "a",
    minute: int = 0,
    **profile: object,
) -> ProfileEvent:
    at = START + minute * MINUTE
    attributes = {"firstName": "Ada", "lastName": "Lovelace", **profile}
    present = {name: value for name, value in attributes.items() if value is not None}
    identities = {"email": emails, "ecid": ecid}
    return ProfileEvent(at, present, identities, (Membership(audience(name), status, at),), at)


def lookups(world: World) -> int:
    return world.calls().count("GET /rest/v1/leads.json")


# Whom an event finds


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (said(ADA), 7),
        (said(" ADA@Example.org "), 7),
        (said(ADA, ecid=(ECID,)), 7),
        (said("new@example.org", ecid=(ECID,)), 8),
        (said(ecid=(ECID,)), 8),
        (said("", ecid=(ECID,)), 8),
        (said("no address", ecid=(ECID,)), 8),
        (said(ecid=(ECID, "2")), 8),
    ],
    ids=["email", "spelling", "email first", "then ECID", "no email", "empty email", "invalid email", "first ECID"],
)
def test_a_person_is_found_by_email_first_and_then_by_ecid(event: ProfileEvent, found: int) -> None:
    world = known({"id": 7, "email": ADA}, {"id": 8, "email": BOB, "ecid__c": ECID})
    world.deliver(replace(event, profile={**event.profile, "company": "Engines"}))
    assert world.members("a") == [found]
    assert world.leads_now()[found]["company"] == "Engines"
    assert len(world.leads_now()) == 2
    assert changes(world) == {"updated": 1, "added": 1}


def test_identities_of_a_lead_that_is_there_are_not_written() -> None:
    world = known({"id": 8, "email": BOB, "ecid__c": ECID}, {"id": 7, "email": ADA, "ecid__c": "old"})
    world.deliver(said("new@example.org", ecid=(ECID,)), said(ADA, ecid=("2",)))
    assert [(one["email"], one["ecid__c"]) for _, one in sorted(world.leads_now().items())] == [
        (ADA, "old"),
        (BOB, ECID),
    ]


def test_of_several_leads_with_an_ecid_the_most_recently_updated_one_is_used() -> None:
    world = known({"id": 8, "email": BOB, "ecid__c": ECID})
    world.now += MINUTE
    world.simulator.seed({"leads": [{"id": 5, "email": "old@example.org", "ecid__c": ECID}]})
    world.deliver(said(ecid=(ECID,)))
    assert world.members("a") == [5]


def test_one_person_for_each_email_value() -> None:
    world = known({"id": 7, "email": ADA}, {"id": 8, "email": BOB})
    world.deliver(said(ADA, BOB, ecid=(ECID,)))
    assert world.members("a") == [7, 8]
    assert outcomes(world) == {"activated": 2}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (said(), "MISSING_DEDUPE_VALUE"),
        (said("", ecid=("",)), "MISSING_DEDUPE_VALUE"),
        (said("no address"), "INVALID_DEDUPE_VALUE"),
        (said(ecid=("1,2",)), "INVALID_DEDUPE_VALUE"),
    ],
    ids=["nothing", "empty", "invalid email", "invalid ECID"],
)
def test_who_has_no_identity_is_excluded(event: ProfileEvent, code: str) -> None:
    world = known()
    world.deliver(event)
    assert reasons(world) == {code: 1}
    assert lookups(world) == 0


@pytest.mark.parametrize(
    ("rows", "event", "found"),
    [((EMAIL,), said(ADA, ecid=(ECID,)), 7), ((BY_ECID,), said(ADA, ecid=(ECID,)), 8)],
    ids=["Email", "ECID"],
)
def test_one_of_the_identities_is_enough(rows: tuple[MappingRow, ...], event: ProfileEvent, found: int) -> None:
    ecid_field = "ecid__c" if BY_ECID in rows else None
    world = known(
        {"id": 7, "email": ADA},
        {"id": 8, "email": BOB, "ecid__c": ECID},
        of=legacy(mapping=(*rows, *ATTRIBUTES), ecid_field=ecid_field),
    )
    world.deliver(event)
    assert world.members("a") == [found]
    assert lookups(world) == 1


# Creation


def test_who_is_not_there_is_created_with_both_identities() -> None:
    world = known()
    world.deliver(said(ADA, ecid=(ECID,), company="Engines"), said(BOB))
    leads = {one["email"]: (one.get("ecid__c"), one.get("company")) for one in world.leads_now().values()}
    assert leads == {ADA: (ECID, "Engines"), BOB: (None, None)}
    assert changes(world) == {"created": 2, "added": 2}


@pytest.mark.parametrize("is_together", [True, False])
@pytest.mark.parametrize(
    "events",
    [[said(ADA, ecid=(ECID,)), said(BOB, ecid=(ECID,), minute=1)], [said(ADA, BOB, ecid=(ECID,))]],
    ids=["two events", "two addresses"],
)
def test_who_has_the_ecid_of_somebody_who_is_just_created_is_that_lead(
    events: list[ProfileEvent], is_together: bool
) -> None:
    """As if the one had come after the other: a lead is found by its ECID where no address is known."""
    world = known()
    if is_together:
        world.deliver(*events)
    else:
        for one in events:
            world.deliver(one)
    ((lead_id, lead),) = world.leads_now().items()
    assert (lead["ecid__c"], world.members("a")) == (ECID, [lead_id])
    assert len(events) == 1 or lead["email"] == ADA
    assert (changes(world)["created"], changes(world)["added"]) == (1, 1)
    assert outcomes(world) == {"activated": 2}
    assert_balanced(world)


def test_where_the_first_of_an_ecid_is_refused_the_next_is_created() -> None:
    world = known()
    world.simulator.script(Fault("skip", "1018", path="^/rest/v1/leads.json$", records=(0,), nth=3))
    world.deliver(said(ADA, ecid=(ECID,)), said(BOB, ecid=(ECID,), minute=1))
    assert [one["email"] for one in world.leads_now().values()] == [BOB]
    assert reasons(world) == {"MARKETO_1018": 1}


@pytest.mark.parametrize(
    "event",
    [said(ecid=(ECID,)), said(ADA, ecid=(ECID,), firstName=None), said(ADA, lastName="")],
    ids=["ECID only", "no first name", "empty last name"],
)
def test_who_lacks_what_a_creation_takes_is_excluded(event: ProfileEvent) -> None:
    world = known()
    world.deliver(event)
    assert reasons(world) == {"MISSING_REQUIRED_ATTRIBUTE": 1}
    assert world.leads_now() == {}


def test_an_email_that_is_only_an_attribute_creates_nobody() -> None:
    world = known(of=legacy(mapping=(BY_ECID, *ATTRIBUTES, MappingRow("mail", "email"))))
    world.deliver(said(ecid=(ECID,), mail=ADA))
    assert reasons(world) == {"MISSING_REQUIRED_ATTRIBUTE": 1}


@pytest.mark.parametrize("event", [said(ADA, ecid=(ECID,)), said(ecid=(ECID,))], ids=["both", "ECID only"])
def test_who_is_only_to_be_matched_is_not_created(event: ProfileEvent) -> None:
    world = known(person_action=PersonAction.UPDATE_EXISTING_ONLY)
    world.deliver(event)
    assert reasons(world) == {"PERSON_NOT_FOUND": 1}
    assert world.leads_now() == {}


@pytest.mark.parametrize("sync_type", list(SyncType))
def test_the_sync_type_says_what_is_done_to_who_is_found_by_ecid(sync_type: SyncType) -> None:
    world = known({"id": 8, "email": BOB, "ecid__c": ECID}, sync_type=sync_type)
    world.deliver(said(ecid=(ECID,), company="Engines"))
    assert world.leads_now()[8].get("company") == (None if sync_type is SyncType.AUDIENCE_ONLY else "Engines")
    assert world.members("a") == ([] if sync_type is SyncType.PROFILE_ONLY else [8])


# What the ledger remembers


def test_an_email_cannot_be_taken_for_an_ecid() -> None:
    world = known({"id": 7, "email": ADA}, {"id": 8, "email": BOB, "ecid__c": ADA})
    world.deliver(said(ADA), said(ecid=(ADA,)))
    assert world.members("a") == [7, 8]
    assert len(world.ledger.people) == 2


def test_the_newest_wins_among_events_with_the_ecid_alone() -> None:
    world = known({"id": 8, "email": BOB, "ecid__c": ECID}, lead_cache=timedelta(hours=24))
    world.deliver(said(ecid=(ECID,), minute=2, company="Now"))
    world.deliver(said(ecid=(ECID,), status=EXITED, minute=1, company="Older"))
    assert (world.members("a"), world.leads_now()[8]["company"]) == ([8], "Now")
    assert reasons(world) == {"SUPERSEDED": 1}
    world.deliver(said(ecid=(ECID,), status=EXITED, minute=3))
    assert world.members("a") == []
    assert lookups(world) == 1


def test_a_lead_that_is_gone_is_looked_up_again_by_both() -> None:
    world = known({"id": 8, "email": BOB, "ecid__c": ECID}, lead_cache=timedelta(hours=24))
    world.deliver(said(ADA, ecid=(ECID,)))
    state = world.simulator.state
    state.delete_lead(state.leads[8])
    world.simulator.seed({"leads": [{"id": 9, "email": "merged@example.org", "ecid__c": ECID}]})
    world.deliver(said(ADA, ecid=(ECID,), minute=1, company="Engines"))
    assert world.members("a") == [9]
    assert world.leads_now()[9]["company"] == "Engines"
    assert_balanced(world)


def test_who_withdraws_consent_is_taken_off_under_either_identity() -> None:
    world = known({"id": 7, "email": ADA}, {"id": 8, "email": BOB, "ecid__c": ECID}, consent=Consent("consent", ("y",)))
    world.deliver(said(ADA, consent="y"), said(ecid=(ECID,), consent="y"))
    assert world.members("a") == [7, 8]
    world.deliver(said(ADA, consent="n", minute=1), said(ecid=(ECID,), consent="n", minute=1))
    assert world.members("a") == []
    assert reasons(world) == {"NO_CONSENT": 2}


# What it costs, and what goes wrong


def test_only_who_is_not_found_by_email_is_looked_up_by_ecid_in_full_calls() -> None:
    people = range(900)
    leads = [
        {"email": f"person-{one}@example.org"} if one < 300 else {"email": f"x-{one}@example.org", "ecid__c": f"{one}"}
        for one in people
    ]
    world = known(*leads)
    world.deliver(*(said(f"person-{one}@example.org", ecid=(f"{one}",)) for one in people))
    assert lookups(world) == 3 + 2
    assert len(world.members("a")) == 900
    assert len(world.leads_now()) == 900


@pytest.mark.parametrize("nth", [1, 2])
def test_who_could_not_be_looked_up_by_both_is_not_created(nth: int) -> None:
    world = known({"id": 8, "email": BOB, "ecid__c": ECID})
    world.simulator.script(Fault(code="713", nth=nth, path="^/rest/v1/leads.json"))
    assert len(world.deliver(said(ADA, ecid=(ECID,))).requeued) == 1
    assert (len(world.leads_now()), outcomes(world)) == (1, {})
    world.now += timedelta(minutes=20)
    assert world.deliver().requeued == ()
    assert world.members("a") == [8]


def test_an_ecid_that_too_many_leads_share_fails_that_person_alone() -> None:
    leads = [{"email": f"x-{one}@example.org", "ecid__c": ECID} for one in range(1_001)]
    world = known(*leads, {"id": 7_000, "email": BOB, "ecid__c": "2"})
    world.deliver(said(ADA, ecid=(ECID,)), said(ecid=("2",)))
    assert world.members("a") == [7_000]
    assert reasons(world) == {"TOO_MANY_MATCHES": 1}
    assert_balanced(world)


def test_a_field_for_ecids_that_cannot_be_searched_blocks_the_connection() -> None:
    world = World(legacy())
    world.deliver(said(ADA, ecid=(ECID,)))
    [target] = world.connections.stored.values()
    assert (target.connection.status, len(world.waiting)) == ("blocked", 1)
    cause = "1011: the field is not searchable: field email or ecid__c (look up leads by ecid__c)"
    assert target.connection.blocked_cause == cause
