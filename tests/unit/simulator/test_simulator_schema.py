"""The schema of lead fields: reading, creating and updating it by calls."""

from typing import Any

import pytest

from tests.unit.simulator.simulator_api import Api, code

FIELDS = "/rest/v1/leads/schema/fields"
STANDARD, CUSTOM = "Read-Write Schema Standard Field", "Read-Write Schema Custom Field"
SEED: dict[str, Any] = {"fields": [{"name": "customerKey", "data_type": "string", "length": 40}]}
NEW = {"displayName": "Loyalty Tier", "name": "loyaltyTier", "dataType": "string"}


def field(api: Api, name: str) -> dict[str, Any]:
    row: dict[str, Any] = api.get(f"{FIELDS}/{name}.json")["result"][0]
    return row


def create(api: Api, *records: object) -> dict[str, Any]:
    return api.call("POST", f"{FIELDS}.json", content={"input": records})


def update(api: Api, name: str, record: object) -> dict[str, Any]:
    return api.call("POST", f"{FIELDS}/{name}.json", content={"input": [record]})


def test_a_custom_field_and_a_standard_one() -> None:
    api = Api(SEED)
    assert field(api, "customerKey") == {
        "displayName": "customerKey",
        "name": "customerKey",
        "description": None,
        "dataType": "string",
        "length": 40,
        "isHidden": False,
        "isHtmlEncodingInEmail": True,
        "isSensitive": False,
        "isCustom": True,
        "isApiCreated": False,
    }
    assert (field(api, "email")["isCustom"], field(api, "email")["dataType"]) == (False, "email")


def test_all_fields_are_paged_and_agree_with_describe() -> None:
    api = Api(SEED)
    first = api.get(f"{FIELDS}.json", batchSize=50)
    names = [row["name"] for row in first["result"]]
    assert (len(names), first["moreResult"]) == (50, True)
    rest = api.get(f"{FIELDS}.json", nextPageToken=first["nextPageToken"])
    described = [row["rest"]["name"] for row in api.get("/rest/v1/leads/describe.json")["result"] if "rest" in row]
    assert names + [row["name"] for row in rest["result"]] == described


def test_created_fields_can_be_written_and_searched() -> None:
    api = Api(SEED)
    record = NEW | {"description": "Bronze to gold", "isSensitive": True}
    assert create(api, record)["result"] == [{"name": "loyaltyTier", "status": "created"}]
    shown = field(api, "loyaltyTier")
    assert (shown["isApiCreated"], shown["isCustom"], shown["isSensitive"]) == (True, True, True)
    assert (shown["displayName"], shown["description"]) == ("Loyalty Tier", "Bronze to gold")
    assert api.outcomes({"email": "a@example.org", "loyaltyTier": "gold"}) == ["created"]
    assert len(api.find("loyaltyTier", "gold")["result"]) == 1


@pytest.mark.parametrize(
    ("records", "refusal"),
    [
        ([], "1002"),
        (["x"], "1003"),
        ([{"name": "a", "dataType": "string"}], "1002"),
        ([NEW | {"name": "email"}], "1017"),
        ([NEW | {"name": "leadPerson"}], "1017"),
        ([NEW | {"name": "1st"}], "1003"),
        ([NEW | {"name": "née"}], "1003"),
        ([NEW | {"name": ["a"]}], "1003"),
        ([NEW | {"dataType": "formula"}], "1003"),
        ([NEW | {"dataType": {"a": 1}}], "1003"),
        ([NEW | {"displayName": "a/b"}], "1003"),
        ([NEW | {"displayName": "Email Address"}], "1003"),
        ([NEW | {"isHidden": "yes"}], "1003"),
        ([NEW | {"description": 5}], "1003"),
        ([NEW | {"colour": "red"}], "1003"),
        ([NEW, NEW | {"name": "other"}], "1003"),
        ([NEW, NEW | {"displayName": "Other"}], "1003"),
        ([NEW | {"name": f"f{number}", "displayName": f"F {number}"} for number in range(101)], "1003"),
        ([NEW | {"name": "good", "displayName": "Good"}, NEW | {"name": "email"}], "1017"),
    ],
)
def test_refused_creations_create_nothing(records: list[object], refusal: str) -> None:
    api = Api(SEED)
    before = api.get(f"{FIELDS}.json")["result"]
    assert code(create(api, *records)) == refusal
    assert api.get(f"{FIELDS}.json")["result"] == before


def test_a_hidden_field_is_known_to_the_schema_alone() -> None:
    api = Api(SEED)
    create(api, NEW)
    assert api.outcomes({"email": "a@example.org", "loyaltyTier": "gold"}) == ["created"]
    update(api, "loyaltyTier", {"isHidden": True})
    assert api.outcomes({"email": "a@example.org", "loyaltyTier": "silver"}) == ["1006"]
    assert "loyaltyTier" not in {row["rest"]["name"] for row in api.get("/rest/v1/leads/describe.json")["result"]}
    assert field(api, "loyaltyTier")["isHidden"] is True
    update(api, "loyaltyTier", {"isHidden": False})
    assert api.find("loyaltyTier", "gold", fields="loyaltyTier")["result"][0]["loyaltyTier"] == "gold"


def test_a_hundred_fields_can_be_created_in_all() -> None:
    api = Api(SEED)
    for start in (0, 50):
        records = [{"name": f"f{n}", "displayName": f"F {n}", "dataType": "url"} for n in range(start, start + 50)]
        assert create(api, *records)["success"]
    assert code(create(api, NEW)) == "1003"


def test_what_can_be_updated_depends_on_whose_field_it_is() -> None:
    api = Api(SEED)
    create(api, NEW)
    notes = {"description": "d", "isHtmlEncodingInEmail": False, "isSensitive": True}
    for name in ("email", "customerKey", "loyaltyTier"):
        assert update(api, name, notes)["result"] == [{"name": name, "status": "updated"}]
        assert notes.items() <= field(api, name).items()
    assert code(update(api, "email", {"displayName": "Mail"})) == "1003"
    assert update(api, "customerKey", {"displayName": "Customer Key"})["success"]
    assert code(update(api, "customerKey", {"isHidden": True})) == "1003"
    assert update(api, "loyaltyTier", {"isHidden": True})["success"]
    assert field(api, "loyaltyTier")["isHidden"] is True
    assert field(api, "customerKey")["displayName"] == "Customer Key"


@pytest.mark.parametrize(
    ("name", "content", "refusal"),
    [
        ("nope", {"input": [{"description": "d"}]}, "1006"),
        ("customerKey", {"input": [{"dataType": "url"}]}, "1003"),
        ("customerKey", {"input": [{"description": "d"}, {"description": "e"}]}, "1003"),
        ("customerKey", {"input": [{"displayName": 5}]}, "1003"),
        ("customerKey", {"input": {}}, "1002"),
    ],
)
def test_refused_updates(name: str, content: object, refusal: str) -> None:
    api = Api(SEED)
    assert code(api.call("POST", f"{FIELDS}/{name}.json", content=content)) == refusal


def test_permissions() -> None:
    clients = [
        {"client_id": str(number), "client_secret": "secret", "permissions": permissions}
        for number, permissions in enumerate((["Read-Write Lead"], [STANDARD], [CUSTOM]))
    ]
    api = Api(SEED | {"clients": [{"client_id": "client", "client_secret": "secret"}, *clients]})
    seen = []
    for number in range(3):
        api.sign_in(str(number))
        answers = (
            api.get(f"{FIELDS}.json"),
            api.get(f"{FIELDS}/email.json"),
            create(api, NEW),
            update(api, "email", {"description": "d"}),
            update(api, "customerKey", {"description": "d"}),
        )
        seen.append([code(answer) for answer in answers])
    assert seen == [["603"] * 5, ["", "", "603", "", "603"], ["", "", "", "603", ""]]
