"""Defects of other connectors to Marketo, one test each: what must hold here instead."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from requests import PreparedRequest

from destination.domain.audience import Activation
from destination.domain.connection import OPT_OUTS, ActiveConnection, Connection, MappingRow, OptIn, WhenEmpty
from destination.domain.credentials import ClientCredentials
from destination.domain.event import MembershipStatus
from destination.domain.outcome import Class
from destination.domain.pace import PaceState
from destination.marketo.errors import FailureClass, classify
from destination.marketo.instance import Marketo
from destination.queue import MAX_MESSAGE_BYTES, encode_event, pack
from marketo_simulator import Fault
from testing.codes import UNKNOWN
from testing.counts import changes, outcomes, reasons
from testing.events import having
from testing.meddler import meddle
from testing.memory import MemoryToken
from testing.world import EMAIL_MAPPING, START, World, audience, connection, event

ADA, BOB = "ada@example.org", "bob@example.org"
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
MINUTE = timedelta(minutes=1)
LEADS, LISTS = "^/rest/v1/leads.json", "^/rest/v1/lists/"


def people(count: int) -> list[str]:
    return [f"person-{number}@example.org" for number in range(count)]


def put_on_list(world: World, list_id: int, *lead_ids: int) -> None:
    world.simulator.state.lists[list_id].members.update(lead_ids)


def test_lead_ids_of_one_instance_never_reach_another() -> None:
    """RudderStack kept lead ids by e-mail alone, and wrote to the first instance's id in the second one."""
    world = World()
    second = replace(world.connection, id="connection-2", munchkin_id="987-XYZ-654")
    activation = Activation(audience("a"), "a", list_id=1001, list_name="a")
    world.connections.stored[second.id] = ActiveConnection(second, {audience("a"): activation})
    instances = {one.munchkin_id: world.simulator.instance(one.munchkin_id) for one in (world.connection, second)}
    for number, instance in enumerate(instances.values()):
        instance.seed({"leads": [{"id": 70 + number, "email": ADA}, {"id": 71 - number, "email": BOB}]})
    clients: dict[str, Marketo] = {}

    def marketo(of: Connection) -> Marketo:
        if of.id not in clients:
            clients[of.id] = Marketo(
                munchkin_id=of.munchkin_id,
                credentials=ClientCredentials("client", "secret"),
                tokens=MemoryToken(),
                http=world.http,
                pace=world.pace(of.limits, PaceState(), timedelta(minutes=5)),
                url="https://marketo.example.net/{munchkin_id}",
                clock=lambda: world.now,
                sleep=world.sleep,
            )
        return clients[of.id]

    world.sync = world.delivery(marketo=marketo)
    for of in (world.connection, second):
        said = event(ADA, ("a", REALIZED), company=of.id)
        world.queue.send(of.id, [body for _, body in pack(of.id, world.now, [encode_event(said)], envelope_id=of.id)])
        world.deliver()
    for number, (instance, of) in enumerate(zip(instances.values(), (world.connection, second), strict=True)):
        held: Any = instance.dump()
        assert [lead["id"] for lead in held["leads"] if lead.get("company")] == [70 + number]
        assert [lead.get("company") for lead in held["leads"] if lead["email"] == ADA] == [of.id]
        assert [one["members"] for one in held["lists"] if one["name"] == "a"] == [[70 + number]]


def test_one_unknown_lead_among_three_hundred_fails_alone() -> None:
    """RudderStack reported all 300 as failed, although Marketo had added 299."""
    addresses = people(300)
    world = World(leads=[{"email": address} for address in addresses])
    world.simulator.script(Fault("skip", "1003", records=(150,), path=LISTS))
    world.deliver(*(event(address, ("a", REALIZED)) for address in addresses))
    assert outcomes(world) == {"activated": 299, "failed": 1}
    assert reasons(world) == {"MARKETO_1003": 1}
    assert len(world.members("a")) == 299


def test_of_several_leads_with_one_address_the_most_recently_updated_is_written() -> None:
    """RudderStack wrote to whichever came first."""
    world = World(leads=[{"id": 3, "email": ADA}, {"id": 4, "email": ADA}], now=START - MINUTE)
    state = world.simulator.state
    world.now = START
    state.update_lead(state.leads[3], {"middleName": "M."}, START)
    world.deliver(event(ADA, ("a", REALIZED)))
    assert world.members("a") == [3]
    assert [lead_id for lead_id, lead in world.leads_now().items() if lead.get("firstName")] == [3]


@pytest.mark.parametrize("by", ["email", "customerNumber"])
def test_creation_needs_no_field_but_the_chosen_one(by: str) -> None:
    """RudderStack needed custom fields of its own in the instance."""
    rest = EMAIL_MAPPING[1:] if by == "email" else (MappingRow("email", "email"), *EMAIL_MAPPING[1:])
    world = World(connection(dedupe_field=by, mapping=(MappingRow(by, "DedupeField"), *rest)))
    if by != "email":
        world.simulator.seed({"fields": [{"name": by}]})
    world.deliver(event(ADA, ("a", REALIZED), customerNumber="C-1"))
    assert outcomes(world) == {"activated": 1}
    assert [lead["email"] for lead in world.leads_now().values()] == [ADA]


def test_equal_rows_are_told_apart_and_tokens_stand_in_headers_only() -> None:
    """RudderStack joined failures to rows by their text, and put the token among the parameters."""
    mapping = (MappingRow("customer", "DedupeField"), MappingRow("email", "email"), *EMAIL_MAPPING[1:])
    world = World(connection(dedupe_field="customerNumber", mapping=mapping))
    world.simulator.seed({"fields": [{"name": "customerNumber"}]})
    tokens: list[bool] = []

    def has_token(request: PreparedRequest) -> bool:
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        tokens.append("access_token" in (request.url or "") or b"access_token" in body)
        return False

    meddle(world, has_token, lambda: None)
    world.simulator.script(Fault("skip", "1003", records=(1,), path=LEADS, nth=2))
    world.deliver(*(event(ADA, ("a", REALIZED), customer=f"C-{number}") for number in range(3)))
    assert sorted(lead["customerNumber"] for lead in world.leads_now().values()) == ["C-0", "C-2"]
    [letter] = world.letters.bodies
    assert json.loads(letter)["events"][0]["profile"]["customer"] == "C-1"
    assert tokens
    assert not any(tokens)


@pytest.mark.parametrize(
    "text",
    ["Acme, Inc.", 'The "Best" Ltd.', "two\nlines", "tab\there", "back\\slash, \\n", "Zoë & Søn 株式会社", "a;b|c%2C"],
    ids=repr,
)
def test_text_arrives_as_it_is(text: str) -> None:
    """RudderStack escaped twice; Segment shifted and split rows at commas and line ends."""
    world = World()
    world.deliver(event(ADA, ("a", REALIZED), company=text), event(BOB, ("a", REALIZED), company="Next"))
    assert {lead["email"]: lead["company"] for lead in world.leads_now().values()} == {ADA: text, BOB: "Next"}


@pytest.mark.parametrize("address", ["o'neil+tag&co=1%@example.org", "a b@example.org"])
def test_an_address_is_looked_up_as_it_is(address: str) -> None:
    world = World(leads=[{"id": 7, "email": BOB}])
    world.deliver(event(address, ("a", REALIZED)), event(BOB, ("a", REALIZED)))
    world.deliver(event(address, ("a", REALIZED), at=START + MINUTE, score=1))
    valid = " " not in address
    assert len(world.leads_by_email(address)) == (1 if valid else 0)
    assert len(world.leads_now()) == (2 if valid else 1)
    assert outcomes(world) == ({"activated": 3} if valid else {"activated": 1, "excluded": 2})


@pytest.mark.parametrize(
    ("name", "target", "value", "held"),
    [
        ("score", "leadScore", 0, 0),
        ("unsubscribed", "unsubscribed", False, False),
        ("company", "company", "", None),
        ("site", "site", False, "false"),
        ("site", "site", 0, "0"),
    ],
)
def test_zero_false_and_empty_text_survive_the_mapping(name: str, target: str, value: object, held: object) -> None:
    """Segment's `value || ''` lost them."""
    opt_in = OptIn.SEND if target in OPT_OUTS else None
    mapping = (*EMAIL_MAPPING[:3], MappingRow(name, target, when_empty=WhenEmpty.SEND, opt_in=opt_in))
    before = {"leadScore": 5, "unsubscribed": True, "company": "Old", "site": "Old"}
    world = World(connection(mapping=mapping), [{"id": 7, "email": ADA, **before}])
    world.deliver(having(event(ADA, ("a", REALIZED)), {name: value}))
    assert world.leads_now()[7].get(target) == held


def test_nobody_is_activated_before_marketo_said_so() -> None:
    """Segment never asked what became of an import, and reported 200."""
    world = World()
    world.simulator.script(Fault("drop", path=LEADS, nth=2, executes=True))
    world.deliver(event(ADA, ("a", REALIZED)))
    assert len(world.leads_now()) == 1
    assert outcomes(world) == {}
    world.sleep(100)
    world.deliver()
    assert outcomes(world) == {"activated": 1}
    assert len(world.leads_now()) == 1


def test_taking_off_unknown_people_is_nothing_to_do_and_hinders_nobody() -> None:
    """Segment removed the known ones and then threw for all; all unknown sent an empty `id=`."""
    world = World(leads=[{"id": 7, "email": ADA}])
    put_on_list(world, 1001, 7)
    world.deliver(event(ADA, ("a", EXITED)), event(BOB, ("a", EXITED)))
    assert world.members("a") == []
    assert outcomes(world) == {"activated": 1, "unchanged": 1}
    world.deliver(event("carl@example.org", ("a", EXITED)))
    list_calls = [call for call in world.simulator.log() if call.path.startswith("/rest/v1/lists/")]
    assert [call.records for call in list_calls] == [1]


def test_three_hundred_long_addresses_are_one_call() -> None:
    """Segment's lookup became an address of 15,000 characters: 414, for ever."""
    addresses = [f"{'x' * 60}.{number:03}@{'y' * 60}.example.org" for number in range(300)]
    world = World(leads=[{"email": address} for address in addresses])
    world.deliver(*(event(address, ("a", REALIZED)) for address in addresses))
    assert outcomes(world) == {"activated": 300}
    assert world.calls().count("GET /rest/v1/leads.json") == 1


def test_all_pages_of_a_lookup_are_read() -> None:
    """Segment left whoever was on the second page on the list."""
    addresses = people(200)
    leads = [{"id": number + 1, "email": addresses[number % 200]} for number in range(800)]
    world = World(leads=leads)
    put_on_list(world, 1001, *range(601, 801))
    world.deliver(*(event(address, ("a", EXITED)) for address in addresses))
    assert world.members("a") == []
    assert changes(world)["removed"] == 200


def test_in_a_mixed_batch_each_person_lands_on_the_own_list() -> None:
    """Segment took the list from the first payload of the batch."""
    addresses = people(20)
    world = World(leads=[{"id": number + 1, "email": address} for number, address in enumerate(addresses)])
    world.deliver(*(event(address, ("ab"[number % 2], REALIZED)) for number, address in enumerate(addresses)))
    assert world.members("a") == list(range(1, 21, 2))
    assert world.members("b") == list(range(2, 21, 2))


def test_a_large_input_is_split_at_every_border() -> None:
    """Segment had all 250,000 rows refused because the body was too large."""
    mapping = (*EMAIL_MAPPING[:3], MappingRow("notes", "mktoPersonNotes"))
    world = World(connection(mapping=mapping))
    world.deliver(*(event(address, ("a", REALIZED), notes="ä" * 14_000) for address in people(120)))
    assert len(world.queue.waiting) == 0
    assert len(world.members("a")) == 120
    assert all(call.body_bytes <= 1_000_000 for call in world.simulator.log())
    assert outcomes(world) == {"activated": 120}


def test_messages_are_split_below_the_limit_of_the_queue() -> None:
    world = World()
    world.post(*(event(address, ("a", REALIZED), company="x" * 4_000) for address in people(300)))
    bodies = [message.body for message in world.queue.waiting.values()]
    assert len(bodies) > 1
    assert all(len(body.encode()) <= MAX_MESSAGE_BYTES for body in bodies)
    assert sum(len(json.loads(body)["events"]) for body in bodies) == 300


def test_taking_two_off_takes_two_off() -> None:
    """node-marketo-rest sent `id=1%26id%3D2` and took nobody off; its users said success."""
    world = World(leads=[{"id": 7, "email": ADA}, {"id": 8, "email": BOB}])
    put_on_list(world, 1001, 7, 8)
    world.deliver(event(ADA, ("a", EXITED)), event(BOB, ("a", EXITED)))
    assert world.members("a") == []
    assert changes(world)["removed"] == 2


def test_calls_are_full_and_one_token_serves_all_of_them() -> None:
    """Looker's batches were of 100 although Marketo takes 300, with ten token calls at once."""
    world = World()
    world.deliver(*(event(address, ("a", REALIZED)) for address in people(900)))
    log = world.simulator.log()
    assert [call.records for call in log if call.endpoint == "POST /rest/v1/leads.json"] == [300] * 3
    assert [call.records for call in log if "lists" in call.endpoint] == [300] * 3
    assert sum("identity" in call.endpoint for call in log) == 1


def test_an_unchanged_membership_costs_no_list_call() -> None:
    """Grouparoo put members on the list again at every update of a profile."""
    world = World()
    world.deliver(event(ADA, ("a", REALIZED)))
    world.deliver(event(ADA, ("a", REALIZED), at=START + MINUTE, score=5))
    assert world.calls().count("POST /rest/v1/lists/{id}/leads.json") == 1
    assert sum("identity" in call.endpoint for call in world.simulator.log()) == 1
    assert outcomes(world) == {"activated": 2}


@pytest.mark.parametrize("code", ["602", "603", "604", "607", "1003", "1013", "1018", UNKNOWN])
def test_a_code_inside_http_200_is_never_success(code: str) -> None:
    """Hotglue's retries never saw the codes of answers with HTTP 200."""
    world = World(leads=[{"id": 7, "email": ADA}])
    world.simulator.script(Fault(code=code, path=LISTS, every=1))
    world.deliver(event(ADA, ("a", REALIZED)))
    assert outcomes(world).get(Class.ACTIVATED) is None
    rejected = classify(code) is FailureClass.RECORD_REJECTED
    assert (outcomes(world) == {"failed": 1}) is rejected
    assert bool(world.waiting) is not rejected


@pytest.mark.parametrize("code", ["1003", "1008", "1018", "1021"])
def test_skipped_is_not_success(code: str) -> None:
    """Hotglue counted skipped records as existing ones."""
    world = World(leads=[{"id": 7, "email": ADA}])
    world.simulator.script(Fault("skip", code, path=LEADS, nth=2))
    world.deliver(event(ADA, ("a", REALIZED)))
    assert outcomes(world) == {"failed": 1}
    assert "firstName" not in world.leads_now()[7]
    assert world.members("a") == [7]


def test_a_dead_token_means_one_new_one_one_repetition_and_then_a_loud_stop() -> None:
    """marketorestpython called ten times with the dead token, then answered None."""
    world = World()
    world.simulator.script(Fault(code="601", path="describe2", every=1))
    report = world.deliver(event(ADA, ("a", REALIZED)))
    assert len(report.requeued) == 1
    assert "601" in report.halts[world.connection.id]
    endpoints = [call.endpoint for call in world.simulator.log()]
    assert endpoints.count("GET /rest/v1/leads/describe2.json") == 2
    assert "GET /rest/v1/leads.json" not in endpoints
    assert sum("identity" in endpoint for endpoint in endpoints) <= 2


def test_what_seldom_changes_is_not_asked_before_every_write() -> None:
    """cog-marketo asked for the partitions before every write."""
    world = World(connection(partition="EMEA"))
    for number, address in enumerate(people(5)):
        world.deliver(event(address, ("a", REALIZED), at=START + number * MINUTE))
    calls = world.calls()
    assert calls.count("GET /rest/v1/leads/partitions.json") <= 1
    assert calls.count("GET /rest/v1/leads/describe2.json") == 1


def test_lookups_never_carry_addresses_in_the_url() -> None:
    world = World()
    urls: list[str] = []
    forms: list[dict[str, list[str]]] = []

    def note(request: PreparedRequest) -> bool:
        urls.append(request.url or "")
        if isinstance(request.body, str):
            forms.append(parse_qs(request.body))
        return False

    meddle(world, note, lambda: None)
    world.deliver(event(ADA, ("a", REALIZED)))
    assert not any("example.org" in url for url in urls)
    assert any(form.get("filterValues") == [ADA] for form in forms)
