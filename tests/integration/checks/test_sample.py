"""What the check of the mapping finds in a sample."""

from collections.abc import Mapping
from typing import Any

import pytest

from functions.connections import app
from marketo_simulator import Simulator
from testing.checks import DEDUPE, FIRST, LAST, check, checked, errors, verdicts
from testing.control_plane import call, created, logged

SAMPLE: Mapping[str, Any] = {
    "personalEmail": {"address": "ada@example.org"},
    "person": {"name": {"firstName": "Ada", "lastName": "Lovelace"}},
}


@pytest.mark.parametrize("sample", [SAMPLE, [SAMPLE], {"profiles": [SAMPLE]}])
def test_a_sample_that_has_every_source_fits(sample: object) -> None:
    report = checked(created(), sample)
    assert report["ok"] is True
    assert check(report, "mapping")["detail"] == "rows that fit Marketo's fields: 3, and the sample"


def test_what_a_sample_lacks_is_named_by_its_path_and_never_by_a_value() -> None:
    sample = {"personalEmail": {"address": "not an address"}, "person": {"name": {"firstname": "Adalbert"}}}
    report = checked(created(), sample)
    assert verdicts(report) == {"mapping": False}
    assert errors(report, "mapping") == {
        "mapping[0].source": "the value at personalEmail.address does not fit email: not an e-mail address; "
        "map another source or field",
        "mapping[1].source": "person.name.firstName is not in the sample (did you mean person.name.firstname?); "
        "correct the path, or give a sample that has it",
        "mapping[2].source": "person.name.lastName is not in the sample (did you mean person.name.firstname?); "
        "correct the path, or give a sample that has it",
    }
    assert "not an address" not in str(report)
    assert "Adalbert" not in str(report)


def test_a_source_may_be_in_any_event_of_a_sample() -> None:
    halves = [{"personalEmail": SAMPLE["personalEmail"]}, {"person": SAMPLE["person"]}]
    assert checked(created(), halves)["ok"] is True


EMAILS = [{"address": "ada@example.org"}, {"address": "home@example.org"}]


def of_emails(emails: list[dict[str, str]], **row: str | None) -> Any:
    """What is checked of a sample with several addresses, and of a row for them."""
    rows = [DEDUPE, FIRST, LAST, {"source": "emails[*].address", "target": "company", **row}]
    return checked(created(mapping=rows), {**SAMPLE, "emails": emails})


def test_a_sample_tells_of_several_values() -> None:
    report = of_emails(EMAILS)
    assert [one for one in report["warnings"] if one["path"] == "mapping[3].source"] == [
        {
            "path": "mapping[3].source",
            "message": "emails[*].address has several values in the sample, and the first is sent; choose one by an "
            "index or a condition in the path, or set join",
        }
    ]


@pytest.mark.parametrize(("source", "join"), [("emails[0].address", None), ("emails[*].address", ";")])
def test_a_path_into_an_array_fits_its_sample(source: str, join: str | None) -> None:
    report = of_emails(EMAILS, source=source, join=join)
    assert (report["ok"], report["warnings"]) == (True, [])


def test_a_path_that_leads_to_an_array_is_told_the_way_into_it() -> None:
    nowhere = of_emails(EMAILS, source="emails.address")
    assert "(did you mean emails[0].address?)" in errors(nowhere, "mapping")["mapping[3].source"]


def test_values_that_are_joined_may_be_too_long() -> None:
    too_long = of_emails([{"address": "a" * 200}, {"address": "b" * 200}], join=";")
    assert "longer than 255 characters" in errors(too_long, "mapping")["mapping[3].source"]


def test_identities_are_looked_for_in_a_sample() -> None:
    rows = [{"source": "identityMap.Email", "target": "DedupeField"}, FIRST, LAST]
    named = {**SAMPLE, "identityMap": {"Email": [{"id": "ada@example.org"}]}}
    assert checked(created(mapping=rows), named)["ok"] is True
    assert errors(checked(created(mapping=rows), SAMPLE), "mapping").keys() == {"mapping[0].source"}


@pytest.mark.parametrize(
    ("sample", "path"),
    [(7, "sample[0]"), ([], "sample"), ({"identityMap": 7}, "sample[0].identityMap"), ("text", "sample[0]")],
)
def test_a_sample_that_is_no_event_is_refused(marketo: Simulator, sample: object, path: str) -> None:
    answer = call("POST", f"/connections/{created()}/checks", {"sample": sample})
    assert (answer.status, set(answer.errors)) == (422, {path})
    assert marketo.log() == []


def test_no_value_of_a_sample_shows_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", app.logger.name)
    checked(created(), {**SAMPLE, "person": {"name": {"firstName": "Adalbert"}}})
    assert "marketo call answered" in logged(caplog)
    assert "Adalbert" not in logged(caplog)
