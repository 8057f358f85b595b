"""Migrations through the control plane's handler: what is answered, that it can be posted, and that nothing is kept."""

import json
from typing import Any

import pytest

from destination.domain.audience import ANY_NAMESPACE, AudienceKey, WhenListMissing, activation_id
from destination.domain.migration.export import MAX_VALUES
from marketo_simulator import Simulator
from testing.control_plane import audiences, call, items, lists, logged, secret_names
from testing.legacy import export, flow, selector
from testing.template import ROOT

pytestmark = pytest.mark.usefixtures("marketo")

MIGRATIONS = "/migrations/legacy-v2"
SAMPLE = json.loads((ROOT / "events/migrations/legacy-v2.json").read_text())
CREDENTIALS = {"client_id": "client", "client_secret": "secret"}


def test_the_answer_can_be_posted_as_it_is(marketo: Simulator) -> None:
    marketo.seed({"lists": [{"name": "Typed by hand", "id": 4711, "workspace": "Default"}]})
    migrated = call("POST", MIGRATIONS, SAMPLE)
    assert migrated.status == 200
    created = call("POST", "/connections", migrated.json["connection"] | {"credentials": CREDENTIALS})
    assert created.status == 201, created.text
    assert [one["path"] for one in created.json["warnings"]] == ["marketing_actions[1]"]  # one of their own
    path = f"/connections/{created.json['id']}"
    for audience in migrated.json["activations"]:
        activated = call("POST", f"{path}/audiences", audience)
        assert activated.status == 201, activated.text
    assert call("POST", f"{path}/enable").status == 200
    assert sorted(lists(marketo).values()) == ["Spring fair", "Typed by hand", "Webinar attendees; EMEA"]
    kept = audiences().get(
        created.json["id"], activation_id(AudienceKey(ANY_NAMESPACE, "5a8c1f6e-0f4d-4f7e-9a44-2b1c7d9e0002"))
    )
    assert (kept.list_id, kept.when_list_missing) == (4711, WhenListMissing.BLOCK)


def test_nothing_is_kept_and_marketo_is_not_asked(marketo: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        assert call("POST", MIGRATIONS, SAMPLE, query={"generation": "legacy_v2"}).status == 200
    assert items() == []
    assert secret_names() == []
    assert marketo.calls.total == 0
    assert "Marketo EMEA" not in logged(caplog)


@pytest.mark.parametrize(
    "wrap", [lambda sample: [sample], lambda sample: {"items": [sample["flow"]]}], ids=["list", "items"]
)
def test_a_list_or_a_page_is_taken_whole(wrap: Any) -> None:
    report = call("POST", MIGRATIONS, wrap(SAMPLE)).json["report"]
    whole = call("POST", MIGRATIONS, SAMPLE).json["report"]
    assert sum("Selectors" in one["item"] for one in report) == sum("Selectors" in one["item"] for one in whole)


def test_a_list_of_the_parts_is_read_to_its_end() -> None:
    parts = list(SAMPLE.values())
    whole, listed = call("POST", MIGRATIONS, SAMPLE).json, call("POST", MIGRATIONS, parts).json
    assert listed["connection"] == whole["connection"]
    assert call("POST", MIGRATIONS, parts[::-1]).json["connection"] == whole["connection"]


def test_two_dataflows_are_named_and_refused() -> None:
    other = SAMPLE["flow"] | {"id": "another", "name": "Marketo APAC"}
    answer = call("POST", MIGRATIONS, [SAMPLE["flow"], other])
    assert answer.status == 422
    assert "Marketo EMEA (V2), Marketo APAC" in answer.errors["flow"]


def test_a_dataflow_by_ecid_becomes_no_connection() -> None:
    answer = call("POST", MIGRATIONS, export(flow(selector("identityMap.ECID", "ECID"))))
    assert answer.status == 200
    assert answer.json["connection"] is None
    assert {one["item"]: one["result"] for one in answer.json["report"]}["connection"] == "cannot_carry"


@pytest.mark.parametrize(
    ("body", "query", "path"),
    [
        ({"items": []}, None, "flow"),
        ([], None, "flow"),
        ("flow", None, "flow"),
        (SAMPLE, {"generation": "v1"}, "generation"),
        ({"flow": SAMPLE["flow"], "more": [0] * MAX_VALUES}, None, ""),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_read_is_refused(body: object, query: dict[str, str] | None, path: str) -> None:
    answer = call("POST", MIGRATIONS, body, query=query)
    assert answer.status == 422
    assert list(answer.errors) == [path]


def test_an_answer_that_would_be_too_large_is_refused() -> None:
    padded = {**SAMPLE["flow"], **{f"{number:0>90}": 7 for number in range(30_000)}}
    answer = call("POST", MIGRATIONS, {"flow": padded})
    assert (answer.status, answer.json["type"]) == (413, "urn:marketo-destination:problem:too-large")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"flow": \ud800}'], ids=["cut", "deep", "half"])
def test_what_is_no_json_is_refused(text: str) -> None:
    assert call("POST", MIGRATIONS, text=text).status == 400


def test_secrets_are_neither_answered_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    sample = json.loads(json.dumps(SAMPLE))
    sample["baseConnection"]["auth"]["params"] |= {
        "clientId": "hush-id",
        "clientSecret": "hush-secret",
        "more": "hush-more",
    }
    with caplog.at_level("DEBUG"):
        answer = call("POST", MIGRATIONS, sample)
    assert answer.status == 200
    assert "hush" not in answer.text
    assert "hush" not in logged(caplog)
