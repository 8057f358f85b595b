"""Standard fields, unset values, dates and what Marketo fills in, as recorded."""

import time
from typing import Any, Final

import pytest

from marketo_simulator.fields import Field, InvalidValueError
from tests.unit.simulator.simulator_api import Api, code

DESCRIBE: Final = "/rest/v1/leads/describe.json"
LEAD: Final[dict[str, Any]] = {"email": "ada@example.org", "firstName": "Ada", "lastName": "Lovelace"}


def described(api: Api) -> dict[str, dict[str, Any]]:
    return {row["rest"]["name"]: row for row in api.get(DESCRIBE)["result"] if "rest" in row}


def read(api: Api, lead_id: int, *names: str) -> dict[str, Any]:
    (row,) = api.find("id", lead_id, fields=",".join(names))["result"]
    return {name: row[name] for name in names}


@pytest.mark.parametrize(
    ("name", "data_type", "length", "read_only"),
    [
        ("billingStreet", "text", None, False),
        ("postalCode", "string", 255, False),
        ("billingPostalCode", "string", 255, False),
        ("salutation", "string", 255, False),
        ("leadRole", "string", 50, False),
        ("personType", "string", 50, False),
        ("relativeUrgency", "integer", None, False),
        ("urgency", "float", None, False),
        ("personTimeZone", "string", 255, True),
        ("mainPhone", "string", 255, False),
        ("phone", "phone", 255, False),
        ("contactCompany", "reference", None, True),
        ("originalSourceInfo", "string", 2000, True),
        ("registrationSourceType", "string", 255, False),
        ("registrationSourceInfo", "string", 2000, False),
        ("originalReferrer", "url", 255, True),
        ("unsubscribedReason", "string", 2000, False),
        ("doNotCallReason", "string", 2000, False),
        ("marketingSuspendedCause", "string", 255, False),
        ("anonymousIP", "string", 255, False),
        ("mktoDoNotCallCause", "string", 255, False),
        ("blackListed", "boolean", None, False),
        ("inferredStateRegion", "string", 255, True),
        ("emailSuspendedAt", "datetime", None, False),
        ("leadPerson", "reference", None, True),
        ("personPrimaryLeadInterest", "reference", None, True),
        ("leadRevenueCycleModelId", "reference", None, False),
        ("leadRevenueStageId", "reference", None, False),
        ("ecids", "string", 255, True),
    ],
)
def test_standard_fields_are_those_that_were_described(
    name: str, data_type: str, length: int | None, read_only: bool
) -> None:
    row = described(Api())[name]
    assert (row["dataType"], row.get("length"), row["rest"]["readOnly"]) == (data_type, length, read_only)


def test_what_no_instance_described_is_not_there() -> None:
    invented = ("behaviorScore", "grade", "expectedRevenue", "acquisitionDate", "leadRevenueStageName", "fullAddress")
    assert not described(Api()).keys() & set(invented)


def test_fields_come_in_the_order_of_their_numbers_and_say_what_soap_calls_them() -> None:
    rows = Api().get(DESCRIBE)["result"]
    numbers = [row["id"] for row in rows]
    assert numbers == sorted(set(numbers))
    named = {row["rest"]["name"]: row for row in rows}
    assert named["sicCode"]["soap"] == {"name": "SICCode", "readOnly": False}
    assert named["mktoName"]["rest"]["readOnly"] is True
    assert "soap" not in named["mktoName"]
    assert (named["numberOfEmployees"]["id"], named["numberOfEmployees"]["displayName"]) == (16, "Num Employees")


def test_unset_booleans_read_false_and_other_unset_fields_null() -> None:
    api = Api({"fields": [{"name": "consent", "data_type": "boolean"}], "leads": [LEAD]})
    flags = [name for name, row in described(api).items() if row["dataType"] == "boolean" and name != "isLead"]
    assert "consent" in flags
    assert read(api, 1, *flags) == dict.fromkeys(flags, False)
    assert read(api, 1, "leadScore", "city", "dateOfBirth") == {"leadScore": None, "city": None, "dateOfBirth": None}


@pytest.mark.parametrize("given", [False, "false", 0, None])
def test_writing_false_to_an_unset_boolean_changes_nothing(given: object) -> None:
    api = Api({"leads": [LEAD]})
    before = api.lead(1)["updatedAt"]
    api.time.sleep(60)
    assert api.outcomes({"email": "ada@example.org", "doNotCall": given}) == ["updated"]
    assert api.lead(1)["updatedAt"] == before
    assert api.outcomes({"email": "ada@example.org", "doNotCall": True}) == ["updated"]
    assert api.lead(1)["updatedAt"] > before


@pytest.mark.parametrize("path", ["/rest/v1/lead/1.json", "/rest/v1/lists/7/leads.json"])
def test_every_call_that_shows_leads_reads_them_alike(path: str) -> None:
    api = Api({"leads": [LEAD], "lists": [{"id": 7, "name": "L", "members": [1]}]})
    (row,) = api.get(path, fields="unsubscribed,mktoName,isLead")["result"]
    assert row == {"id": 1, "unsubscribed": False, "mktoName": "Ada Lovelace", "isLead": True}


def test_marketo_fills_in_name_type_and_origin() -> None:
    api = Api()
    api.sync(LEAD, {"email": "b@example.org", "registrationSourceInfo": "Booth"})
    names = ("mktoName", "personType", "isLead", "isAnonymous", "leadPerson", "leadPartitionId")
    assert read(api, 1, *names) == {
        "mktoName": "Ada Lovelace",
        "personType": "contact",
        "isLead": True,
        "isAnonymous": False,
        "leadPerson": 1,
        "leadPartitionId": 1,
    }
    assert read(api, 1, "originalSourceType", "registrationSourceInfo") == {
        "originalSourceType": "Web service API",
        "registrationSourceInfo": "Web service API",
    }
    assert read(api, 2, "mktoName", "registrationSourceInfo") == {"mktoName": None, "registrationSourceInfo": "Booth"}


def test_what_is_filled_in_may_be_written_where_the_field_can_be() -> None:
    api = Api({"leads": [LEAD]})
    assert api.outcomes({"email": "ada@example.org", "personType": "partner", "isLead": None}) == ["updated"]
    assert read(api, 1, "personType", "isLead") == {"personType": "partner", "isLead": False}
    assert api.outcomes({"email": "ada@example.org", "mktoName": "X"}) == ["1003"]


def test_a_boolean_is_nothing_to_look_leads_up_by() -> None:
    api = Api()
    assert code(api.find("unsubscribed", "true")) == "1011"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2020-08-30T05:49:48.000Z", "2020-08-30"),
        ("2020-08-30T23:30:00-05:00", "2020-08-30"),
        ("2020-08-30T05:49:48", "2020-08-30"),
        ("2020-08-30 05:49:48Z", "2020-08-30"),
        ("0001-01-01", "0001-01-01"),
    ],
)
def test_a_date_takes_a_time_and_keeps_its_day(given: str, stored: str) -> None:
    api = Api()
    assert api.outcomes(LEAD | {"dateOfBirth": given}) == ["created"]
    assert read(api, 1, "dateOfBirth") == {"dateOfBirth": stored}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("dateOfBirth", "2020-08-30T"),
        ("dateOfBirth", "2020-08-30Tnoon"),
        ("dateOfBirth", "2020-W35-1"),
        ("dateOfBirth", "٢٠٢٠-08-30"),
        ("emailSuspendedAt", "0001-01-01T00:00:00+14:00"),
        ("emailSuspendedAt", "9999-12-31T23:59:59-14:00"),
        ("emailSuspendedAt", "2020-W35-1T00:00:00Z"),
        ("annualRevenue", 10**400),
        ("annualRevenue", "1_000"),
        ("annualRevenue", "Infinity"),
        ("leadScore", "٣"),
        ("leadScore", "9" * 5_000),
        ("leadScore", -(2**63) - 1),
        ("firstName", "\ud800"),
        ("address", "\ud800"),
    ],
)
def test_values_at_the_edge_are_refused_like_any_other(name: str, given: object) -> None:
    assert Api().outcomes(LEAD | {name: given}) == ["1003"]


def test_the_first_years_are_written_with_four_digits() -> None:
    api = Api()
    assert api.outcomes(LEAD | {"emailSuspendedAt": "0001-01-02T00:00:00Z"}) == ["created"]
    assert api.lead(1)["emailSuspendedAt"] == "0001-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("given", "shown"),
    [(True, "true"), (["a"], '["a"]'), ({"a": None}, '{"a": null}'), (5.5, "5.5")],
)
def test_reasons_spell_values_as_the_request_did(given: object, shown: str) -> None:
    (row,) = Api().sync(LEAD | {"city": given})["result"]
    assert row["reasons"][0]["message"] == f"Invalid value for field 'city' and value '{shown}'"


def test_a_long_number_is_read_in_no_time() -> None:
    visits = Field("visits", "float")
    started = time.process_time()
    for wrong in ("1" * 40_000 + "x", "1" * 40_000 + ".x", "." + "1" * 40_000 + "x"):
        with pytest.raises(InvalidValueError):
            visits.take(wrong)
    assert time.process_time() - started < 1
    assert [visits.take(text) for text in ("5", "5.", ".5", "-5.4", "5e2", "+5.5E-1")] == [5, 5, 0.5, -5.4, 500, 0.55]
