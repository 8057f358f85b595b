"""The documented example of a source on the deployed stack, which has it in a layer of its own (SourceLayerArn).

The stack is deployed with the layer for all tests. It disturbs none: a source is imported only where a connection
names it.
"""

import requests

from tests.e2e.system import HTTP_SECONDS, Destination, System

TIER = "gold"
MAPPING = [
    {"source": "mail", "target": "DedupeField"},
    {"source": "first", "target": "firstName"},
    {"source": "last", "target": "lastName"},
]
ADA = {"mail": "ada@acme.example", "first": "Ada", "last": "Lovelace"}
BOB = {"mail": "bob@acme.example", "first": "Bob", "last": "Lovelace"}
TAKEN = {"ok": True, "why": None}


def post(destination: Destination, members: list[object]) -> requests.Response:
    return destination.system.send(destination.id, destination.token, {"batch": "b-1", "members": members})


def member(person: dict[str, str], is_in: bool, since: str) -> dict[str, object]:
    return {**person, "tiers": [{"tier": TIER, "in": is_in, "since": since}]}


def test_a_source_in_an_extra_layer_takes_its_senders_bodies_and_answers_as_it_understands(system: System) -> None:
    instance = system.instance()
    destination = system.connect(instance, TIER, source={"format": "acme"}, mapping=MAPPING)
    url = f"{system.stack.api_url}/connections/{destination.id}/events"
    entered = [member(one, True, "2026-11-20T09:00:00Z") for one in (ADA, BOB)]

    assert system.http.post(url, json={"members": entered}, timeout=HTTP_SECONDS).status_code == 401
    answer = post(destination, [*entered, "nobody"])
    said = [TAKEN, TAKEN, {"ok": False, "why": "must be a JSON object"}]
    assert (answer.status_code, answer.json()) == (200, {"members": said})
    assert destination.accounted(2)["created"] == 2
    assert instance.members(TIER) == [ADA["mail"], BOB["mail"]]

    assert post(destination, [member(ADA, False, "2026-11-20T10:00:00Z")]).json() == {"members": [TAKEN]}
    assert destination.accounted(3)["removed"] == 1
    assert post(destination, list(entered)).status_code == 200
    assert destination.accounted(5)["unchanged"] == 2
    assert instance.members(TIER) == [BOB["mail"]]


def test_what_the_layer_does_not_bring_is_no_source(system: System) -> None:
    made = system.create(system.instance(), source={"format": "acme"}, mapping=MAPPING)
    answer = system.request("PATCH", f"/connections/{made.id}", {"source": {"format": "pigeon"}})
    assert (answer.status_code, "acme" in answer.json()["errors"][0]["message"]) == (422, True)
