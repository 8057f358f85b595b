"""What senders post, in each of their forms, becomes people and lists in Marketo; signed or not at all."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest

from destination.domain.connection import Proof
from destination.ingest.admission import SourceRequest
from destination.ingest.sources import source as named
from testing.control_plane import CREATE, audience_path, call
from testing.senders import AUDIENCE, ENTERED, FORMS, LEFT, identifies, people, tracks
from testing.source_calls import source_call
from testing.stack import MAPPING, RunningStack, stack

FIELDS = ("email", "firstName", "lastName", "company", "leadScore")
SOURCES_OF_FIELDS = [
    *MAPPING[:3],
    {"source": "company", "target": "company"},
    {"source": "score", "target": "leadScore"},
]


def connected(running: RunningStack, source: Mapping[str, object]) -> tuple[tuple[str, str], str | None, int]:
    """A connection that is enabled and has the audience; its signing key, if it has one, and the audience's list."""
    made = call("POST", "/connections", {**CREATE, "source": source, "mapping": SOURCES_OF_FIELDS})
    assert made.status == 201, made.text
    connection_id = made.json["id"]
    activated = call("POST", f"/connections/{connection_id}/audiences", {"id": AUDIENCE, "name": "Webinar"})
    assert (activated.status, call("POST", f"/connections/{connection_id}/enable").status) == (201, 200)
    ingest = made.json["ingest"]
    return (connection_id, ingest["token"]), ingest.get("signing_key"), activated.json["list"]["id"]


def state(running: RunningStack, list_id: int) -> dict[str, tuple[Any, ...]]:
    """What Marketo has of everybody: the fields, and whether they are on the list."""
    dumped: Any = running.marketo.dump()
    (members,) = (set(one["members"]) for one in dumped["lists"] if one["id"] == list_id)
    return {lead["email"]: (*(lead.get(name) for name in FIELDS), lead["id"] in members) for lead in dumped["leads"]}


@pytest.mark.parametrize("name", FORMS)
def test_what_a_sender_posts_becomes_people_and_lists(name: str) -> None:
    """All enter, every third leaves, and the first body comes again."""
    form, who = FORMS[name], people(4)
    with stack({}) as running:
        connection, _, list_id = connected(running, form.configured)
        for _, body in form.course(who):
            assert running.send(connection, body) == form.status
            assert running.deliver() == set()
        assert state(running, list_id) == {
            one["email"]: (*(one["score" if name == "leadScore" else name] for name in FIELDS), number % 3 != 0)
            for number, one in enumerate(who)
        }


def test_rows_alone_are_read_by_the_query_of_the_address() -> None:
    who = people(2)
    with stack({}) as running:
        connection, _, list_id = connected(running, {"format": "rudderstack"})
        for rows, action in ((who, "add"), (who[:1], "remove")):
            assert running.send(connection, rows, query={"audience": AUDIENCE, "action": action}) == 202
            assert running.deliver() == set()
        assert running.members(list_id) == {who[1]["firstName"]}


# Signed bodies, by the connection's own key. A signature tells who wrote a body, and not when it was posted: whoever
# has recorded one can post it again.

SIGNED = [name for name, form in FORMS.items() if named(form.source).signature is not None]


def as_signed(key: str, text: bytes, source: str) -> Mapping[str, str]:
    """As its sender signs it: of what it may sign, the least."""
    signs = named(source).signature
    assert signs is not None
    return {signs.header: signs.of(key.encode(), signs.signed(SourceRequest(text))[-1])}


@pytest.mark.parametrize("proof", [Proof.SIGNATURE, Proof.BOTH])
@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_body_that_somebody_posts_again_changes_nothing(name: str, proof: Proof) -> None:
    """Each body is recorded and posted once more, in their order and against it."""
    form, who = FORMS[name], people(4)
    with stack({}, has_signing_keys=True) as running:
        source = form.configured | {"admission": {"proof": proof}}
        connection, key, list_id = connected(running, source)
        assert key is not None
        said = [compact(form.body(who, ENTERED, True)), compact(form.body(who[::3], LEFT, False))]
        recorded = [(text, as_signed(key, text, form.source)) for text in said]
        for text, headers in recorded:
            assert running.send(connection, text, headers) == 202
            assert running.deliver() == set()
        before = state(running, list_id)
        assert {email: found[-1] for email, found in before.items()} == {
            one["email"]: number % 3 != 0 for number, one in enumerate(who)
        }
        for text, headers in (*recorded, *reversed(recorded)):
            assert running.send(connection, text, headers) == 202
            assert running.deliver() == set()
        assert state(running, list_id) == before


@pytest.mark.parametrize("name", SIGNED)
def test_a_signature_opens_no_other_connection_and_nothing_once_its_key_is_replaced(name: str) -> None:
    form = FORMS[name]
    text = compact(form.body(people(2), ENTERED, True))
    with stack({}, has_signing_keys=True) as running:
        source = form.configured | {"admission": {"proof": "signature"}}
        connection, key, _ = connected(running, source)
        other = call(
            "POST", "/connections", {**CREATE, "name": "Other", "source": source, "mapping": SOURCES_OF_FIELDS}
        )
        assert key is not None
        headers = as_signed(key, text, form.source)
        assert running.send((other.json["id"], other.json["ingest"]["token"]), text, headers) == 401
        replaced = call("POST", f"/connections/{connection[0]}/ingest-token", {"grace": "PT0S"})
        assert replaced.status == 201
        assert running.send(connection, text, headers) == 401
        assert running.aws.receive() == []


# Segment's signature.


def compact(body: object) -> bytes:
    """As JavaScript's JSON.stringify writes it."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def signature(key: str, text: bytes) -> Mapping[str, str]:
    return {"X-Signature": hmac.new(key.encode(), text, hashlib.sha1).hexdigest()}


def test_segments_signed_batches_open() -> None:
    ada, bo = people(2)
    with stack({}, has_signing_keys=True) as running:
        source = {"format": "segment", "admission": {"proof": "both"}}
        connection, key, list_id = connected(running, source)
        assert key is not None
        entered, left = identifies([ada, bo], ENTERED, True), identifies([ada], LEFT, False)
        first: Any = entered
        batch = signature(key, compact(first[0]))
        for body, headers in ((entered, batch), (left, signature(key, compact(left)))):
            assert running.send(connection, compact(body), headers) == 202
            assert running.deliver() == set()
        assert {email: found[-1] for email, found in state(running, list_id).items()} == {
            ada["email"]: False,
            bo["email"]: True,
        }


def test_nothing_is_read_of_a_call_whose_signature_is_missing_or_another() -> None:
    ada, bo = people(2)
    with stack({}, has_signing_keys=True) as running:
        connection, key, _ = connected(running, {"format": "segment", "admission": {"proof": "both"}})
        assert key is not None
        body: Any = identifies([ada, bo], ENTERED, True)
        for headers in (
            {},
            signature("another", compact(body[0])),
            signature(key, compact(body[1])),
            signature(key, compact(body[0]) + b" "),
            {**signature(key, compact(body[0])), "Authorization": "Bearer another"},
        ):
            assert running.send(connection, compact(body), headers) == 401
        assert running.aws.receive() == []


def test_an_audience_that_was_given_an_id_here_is_known_by_it() -> None:
    ada, bo = people(2)
    with stack({}) as running:
        connection, _, _ = connected(running, {"format": "segment"})
        assert call("DELETE", audience_path(connection[0], AUDIENCE)).status == 204
        given = call("POST", f"/connections/{connection[0]}/audiences", {"id": "webinar_q4", "name": "By its given id"})
        assert given.status == 201
        calls: Any = [*identifies([ada], ENTERED, True), *tracks([bo], ENTERED, True)]  # type: ignore[misc]
        calls[0]["context"]["personas"]["external_audience_id"] = "webinar_q4"
        assert running.send(connection, calls) == 202
        assert running.deliver() == set()
        assert running.members(given.json["list"]["id"]) == {ada["firstName"]}


def test_an_audience_that_segment_makes_gets_the_events_that_name_its_id() -> None:
    """The requests that make and show it are not signed, the events are."""
    ada, bo = people(2)
    with stack({}, has_signing_keys=True) as running:
        source = {"format": "segment", "admission": {"proof": "both"}, "calls": {}}
        connection, key, _ = connected(running, source)
        assert key is not None
        bearer = {"Authorization": f"Bearer {connection[1]}"}
        create = compact({"audienceName": "webinar_q4", "connection": "conn_01"})
        refused = source_call(connection[0], "POST", "audiences", create, {"Authorization": "Bearer another"})
        assert refused.status == 401
        made = [source_call(connection[0], "POST", "audiences", create, bearer) for _ in range(2)]
        assert [one.status for one in made] == [200, 200]
        assert made[0].json == made[1].json
        external_id = made[0].json["externalId"]
        shown = source_call(connection[0], "POST", "audiences", compact({"externalId": external_id}), bearer)
        assert (shown.status, shown.json) == (200, {"externalId": external_id})
        unknown = source_call(connection[0], "POST", "audiences", compact({"externalId": "another"}), bearer)
        assert unknown.status == 404

        calls: Any = [*identifies([ada], ENTERED, True), *tracks([bo], ENTERED, True)]  # type: ignore[misc]
        for one in calls:
            one["context"]["personas"] |= {"computation_id": "aud_other", "external_audience_id": external_id}
        assert running.send(connection, compact(calls), signature(key, compact(calls[0]))) == 202
        assert running.deliver() == set()
        lists: Any = running.marketo.dump()["lists"]
        (webinar,) = (one["id"] for one in lists if one["name"] == "webinar_q4")
        assert running.members(webinar) == {ada["firstName"], bo["firstName"]}
