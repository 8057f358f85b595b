"""What instances can be told to do differently: dedupe rules, blocked fields, CRM refusals, unsubscribing, search."""

from typing import Any, Final

import pytest

from tests.unit.simulator.simulator_api import Api, code

ADA: Final = "ada@example.org"


def flags(api: Api) -> dict[int, Any]:
    return {lead_id: lead.get("unsubscribed", False) for lead_id, lead in api.leads().items()}


# Access to the default partition


def restricted(*partitions: str) -> Api:
    client = {"client_id": "client", "client_secret": "secret", "partitions": list(partitions)}
    leads = [{"email": ADA, "partition": "EMEA"}, {"email": "bob@example.org"}]
    return Api({"partitions": [{"name": "EMEA"}], "clients": [client], "leads": leads})


@pytest.mark.parametrize("action", ["createOnly", "createOrUpdate", "createDuplicate"])
def test_who_does_not_see_the_default_partition_must_name_another(action: str) -> None:
    api = restricted("EMEA")
    assert api.outcomes({"email": "new@example.org"}, action=action) == ["1009"]
    assert len(api.leads()) == 2
    assert api.outcomes({"email": "new@example.org"}, action=action, partitionName="EMEA") == ["created"]
    assert api.outcomes({"email": "other@example.org"}, action=action, partitionName="Default") == ["1008"]


def test_who_does_not_see_the_default_partition_updates_without_naming_one() -> None:
    api = restricted("EMEA")
    assert api.outcomes({"email": ADA, "city": "Paris"}) == ["updated"]
    assert api.outcomes({"email": "bob@example.org", "city": "Paris"}, action="updateOnly") == ["1004"]


def test_a_refused_partition_is_named() -> None:
    (row,) = restricted("EMEA").sync({"email": "new@example.org"}, partitionName="Default")["result"]
    assert row["reasons"] == [{"code": "1008", "message": "Access denied to partition 'Default'"}]


def test_an_import_without_a_partition_updates_and_creates_nobody() -> None:
    api = restricted("EMEA")
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    body = head + b"email,city\nada@example.org,Paris\nnew@example.org,Rome\n\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert api.call("POST", "/bulk/v1/leads.json", {"format": "csv"}, body=body, headers=headers)["success"]
    api.simulator.advance(60)
    assert (api.lead(1)["city"], len(api.leads())) == ("Paris", 2)
    failures = api.send("GET", "/bulk/v1/leads/batch/1/failures.json").body.decode()
    assert failures.splitlines()[1] == "new@example.org,Rome,Partition name must be specified"


# Blocked, refused and managed fields


def test_a_blocked_field_keeps_its_value_and_the_record_is_updated_all_the_same() -> None:
    seed = {"fields": [{"name": "city", "blocks_updates": True}], "leads": [{"email": ADA, "city": "Paris"}]}
    api = Api(seed)
    before = api.lead(1)["updatedAt"]
    api.time.sleep(60)
    assert api.outcomes({"email": ADA, "city": "Rome"}, {"email": ADA, "city": None}) == ["updated", "updated"]
    assert (api.lead(1)["city"], api.lead(1)["updatedAt"]) == ("Paris", before)
    assert api.outcomes({"email": ADA, "city": "Rome", "title": "CEO"}) == ["updated"]
    assert (api.lead(1)["city"], api.lead(1)["title"]) == ("Paris", "CEO")


def test_a_blocked_field_that_is_empty_is_filled_once() -> None:
    api = Api({"fields": [{"name": "city", "blocks_updates": True}], "leads": [{"email": ADA}]})
    api.outcomes({"email": ADA, "city": "Rome"}, {"email": ADA, "city": "Oslo"})
    assert api.lead(1)["city"] == "Rome"


def test_company_fields_are_refused_where_companies_are_managed() -> None:
    api = Api({"leads": [{"email": ADA}]}, companies_managed=True)
    assert api.outcomes({"email": ADA, "company": "Acme"}, {"email": ADA, "city": "Rome"}) == ["1021", "updated"]
    assert "company" not in api.lead(1)
    api.simulator.configure(companies_managed=False)
    assert api.outcomes({"email": ADA, "company": "Acme"}) == ["updated"]


def test_a_field_can_be_refused_with_a_code_of_its_own() -> None:
    api = Api({"fields": [{"name": "accountKey", "crm_managed": True, "refused_with": "1018"}]})
    (row,) = api.sync({"email": ADA, "accountKey": "A-1"})["result"]
    assert row == {"status": "skipped", "reasons": [{"code": "1018", "message": "CRM enabled"}]}


# Durable unsubscribe


def test_who_unsubscribed_stays_so_when_the_lead_is_made_again() -> None:
    api = Api({"leads": [{"email": ADA, "unsubscribed": True}]})
    api.call("POST", "/rest/v1/leads/delete.json", {"id": "1"})
    api.sync({"email": "ADA@example.org"}, {"email": "bob@example.org"})
    assert flags(api) == {2: True, 3: False}


def test_the_leads_of_one_address_are_unsubscribed_and_subscribed_together() -> None:
    api = Api({"leads": [{"email": ADA}, {"email": ADA}, {"email": "bob@example.org"}]})
    by_id = {"action": "updateOnly", "lookupField": "id"}
    api.sync({"id": 1, "unsubscribed": True}, **by_id)
    assert flags(api) == {1: True, 2: True, 3: False}
    api.sync({"id": 2, "unsubscribed": False}, **by_id)
    assert flags(api) == {1: False, 2: False, 3: False}
    api.call("POST", "/rest/v1/leads/delete.json", {"id": "1,2"})
    api.sync({"email": ADA})
    assert flags(api) == {3: False, 4: False}


def test_a_duplicate_and_a_changed_address_follow_the_address() -> None:
    api = Api({"leads": [{"email": ADA, "unsubscribed": True}, {"email": "bob@example.org"}]})
    api.sync({"email": ADA}, action="createDuplicate")
    api.sync({"id": 2, "email": ADA}, action="updateOnly", lookupField="id")
    assert flags(api) == {1: True, 2: True, 3: True}


def test_an_address_left_behind_stays_unsubscribed() -> None:
    api = Api({"leads": [{"email": ADA, "unsubscribed": True}], "unsubscribed": ["Old@example.org"]})
    api.sync({"id": 1, "email": "a@example.org"}, action="updateOnly", lookupField="id")
    api.sync({"email": ADA}, {"email": "old@example.org"})
    assert flags(api) == {1: True, 2: True, 3: True}


def test_unsubscribing_can_be_of_the_lead_alone() -> None:
    api = Api({"leads": [{"email": ADA, "unsubscribed": True}, {"email": ADA}]}, durable_unsubscribe=False)
    api.sync({"email": ADA}, action="createDuplicate")
    assert flags(api) == {1: True, 2: False, 3: False}


# Dedupe rules


def test_a_rule_of_several_fields_applies_where_no_key_is_named() -> None:
    api = Api({"fields": [{"name": "accountKey"}]}, dedupe_fields=["email", "accountKey"])
    first, second, bare = ({"email": ADA, "accountKey": "A"}, {"email": ADA, "accountKey": "B"}, {"email": ADA})
    assert api.outcomes(first, second, bare) == ["created"] * 3
    assert api.outcomes(first | {"city": "A"}, second | {"city": "B"}, bare | {"city": "C"}) == ["updated"] * 3
    assert [lead["city"] for lead in api.leads().values()] == ["A", "B", "C"]
    assert api.outcomes(first, lookupField="email") == ["1007"]


def test_a_rule_with_the_partition_keeps_partitions_apart() -> None:
    api = Api({"partitions": [{"name": "EMEA"}]}, dedupe_fields=["email", "leadPartitionId"])
    assert api.outcomes({"email": ADA}) == ["created"]
    assert api.outcomes({"email": ADA}, partitionName="EMEA") == ["created"]
    assert api.outcomes({"email": ADA, "city": "Rome"}, partitionName="EMEA") == ["updated"]
    assert [lead.get("city") for lead in api.leads().values()] == [None, "Rome"]


def test_a_rule_of_a_field_that_is_gone_fails_the_call() -> None:
    api = Api({}, dedupe_fields=["email", "accountKey"])
    assert code(api.sync({"email": ADA})) == "1011"
    assert code(api.sync({"email": ADA}, lookupField="email")) == ""


# Search and text


def test_keys_are_searched_with_their_case_or_without_as_the_switch_says() -> None:
    api = Api({"fields": [{"name": "customerKey"}], "leads": [{"email": ADA, "customerKey": "K-1a"}]})
    assert api.find("customerKey", "k-1A")["result"] == []
    assert len(api.find("customerKey", " K-1a ")["result"]) == 1
    api.simulator.configure(search_ignores_case=True)
    assert len(api.find("customerKey", "k-1A")["result"]) == 1
    assert api.outcomes({"customerKey": "K-1A", "city": "Rome"}, lookupField="customerKey") == ["updated"]
    api.simulator.configure(search_ignores_case=False)
    assert api.outcomes({"customerKey": "K-1A"}, lookupField="customerKey") == ["created"]
    assert [row["id"] for row in api.find("customerKey", "K-1A", "K-1a")["result"]] == [1, 2]


def test_text_ends_at_its_first_character_beyond_the_bmp_as_the_switch_says() -> None:
    api = Api()
    api.sync({"email": ADA, "city": "Köln 😀 am Rhein", "title": "ß→"})
    api.simulator.configure(text_ends_beyond_bmp=True)
    api.sync({"email": "bob@example.org", "city": "Köln 😀 am Rhein", "title": "ß→"})
    assert [lead["city"] for lead in api.leads().values()] == ["Köln 😀 am Rhein", "Köln "]
    assert [lead["title"] for lead in api.leads().values()] == ["ß→", "ß→"]
