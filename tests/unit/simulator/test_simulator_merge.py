"""Two leads that become one: what the winner gets, and what is left of the losers."""

from typing import Any

from tests.unit.simulator.simulator_api import Api

SEED: dict[str, Any] = {
    "partitions": [{"name": "EMEA"}],
    "leads": [
        {"id": 1, "email": "ada@example.org", "firstName": "Ada"},
        {"id": 2, "email": "ada@old.example", "firstName": "A.", "city": "Paris", "partition": "EMEA"},
        {"id": 3, "email": "a@old.example", "city": "Rome", "title": "Countess", "unsubscribed": True},
        {"id": 4, "email": "bob@example.org"},
    ],
    "lists": [
        {"id": 7, "name": "Both", "members": [1, 2, 4]},
        {"id": 8, "name": "Loser's", "members": [3]},
        {"id": 9, "name": "Other", "members": [4]},
    ],
}


def merged(api: Api, winner: int, *losers: int) -> dict[str, Any]:
    state = api.simulator.state
    state.merge_leads(state.leads[winner], [state.leads[each] for each in losers], api.time.now)
    return api.lead(winner)


def test_the_winner_keeps_what_it_has_and_takes_the_rest_from_the_first_loser_that_has_it() -> None:
    api = Api(SEED)
    created = api.lead(1)["createdAt"]
    api.time.sleep(60)
    lead = merged(api, 1, 2, 3)
    assert (lead["id"], lead["email"], lead["firstName"]) == (1, "ada@example.org", "Ada")
    assert (lead["city"], lead["title"], lead["unsubscribed"]) == ("Paris", "Countess", True)
    assert (lead["partition"], lead["createdAt"]) == ("Default", created)
    assert lead["updatedAt"] == "2026-03-02T12:01:00Z"


def test_memberships_move_to_the_winner() -> None:
    api = Api(SEED)
    merged(api, 1, 2, 3)
    assert [api.members(each) for each in (7, 8, 9)] == [[1, 4], [1], [4]]


def test_the_losers_are_gone_for_every_call() -> None:
    api = Api(SEED)
    merged(api, 1, 2, 3)
    assert sorted(api.leads()) == [1, 4]
    assert api.find("email", "ada@old.example", "a@old.example")["result"] == []
    assert api.find("id", 2, 3)["result"] == []
    assert api.outcomes({"id": 2, "city": "x"}, action="updateOnly", lookupField="id") == ["1004"]


def test_what_the_winner_took_over_is_found_by_it() -> None:
    api = Api(SEED | {"fields": [{"name": "customerKey"}]})
    api.sync({"id": 2, "customerKey": "K-2"}, action="updateOnly", lookupField="id")
    merged(api, 1, 2)
    assert [row["id"] for row in api.find("customerKey", "K-2")["result"]] == [1]


def test_a_merge_without_anything_to_take_over_still_changes_the_winner() -> None:
    api = Api(SEED)
    api.time.sleep(60)
    assert merged(api, 2, 4)["updatedAt"] == "2026-03-02T12:01:00Z"
