"""Alerts and who is told, labels and policies, the audit log, and the migration of a legacy dataflow."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AUDIENCE
from tests.browser.window import Window
from tests.e2e.system import System

EXPORT = Path(__file__).parents[2] / "events" / "migrations" / "legacy-v2.json"


def saved(window: Window) -> None:
    """Saves, and waits until the page shows what the stack has then."""
    with window.page.expect_response(lambda answer: answer.request.method == "GET" and answer.ok):
        window.button("Save").click()
    expect(window.page.get_by_text(re.compile(r"^Saved at \d"))).to_be_visible()
    window.settled()


def test_alerts_are_subscribed_to_and_somebody_is_told(window: Window, system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    page = window.page
    window.open(f"/connections/{destination.id}/alerts")
    expect(page.get_by_text("No alert is subscribed to.")).to_be_visible()
    page.get_by_text("Delivery late", exact=True).click()
    page.get_by_label("Threshold of Delivery late").fill("120")
    window.button("Save: Subscriptions").click()
    expect(window.table("Subscriptions").get_by_role("row").filter(has_text="Delivery late")).to_contain_text("120")
    [alert] = system.call("GET", f"/connections/{destination.id}/alerts")["alerts"]
    assert (alert["alert"], alert["threshold"]) == ("delivery_delay", 120)

    page.get_by_label("Address").fill("on-call@alerts.example")
    window.button("Add").click()
    window.button("Save: Recipients").click()
    expect(window.table("Recipients").get_by_role("row").filter(has_text="on-call@alerts.example")).to_be_visible()
    window.button("Send a test alert").click()
    expect(page.get_by_text("A test alert is on its way")).to_be_visible()
    [recipient] = system.call("GET", f"/connections/{destination.id}/recipients")["recipients"]
    assert recipient["endpoint"] == "on-call@alerts.example"


def test_a_threshold_out_of_bounds_is_refused_in_the_interfaces_words(window: Window, system: System) -> None:
    window.expect_error("422")
    destination = system.connect(system.instance(), AUDIENCE)
    window.open(f"/connections/{destination.id}/alerts")
    window.page.get_by_text("Delivery late", exact=True).click()
    window.page.get_by_label("Threshold of Delivery late").fill("1")
    window.button("Save: Subscriptions").click()
    expect(window.page.get_by_text(re.compile("threshold"))).to_be_visible()
    assert system.call("GET", f"/connections/{destination.id}/alerts")["alerts"] == []


def test_a_share_is_typed_digit_by_digit(window: Window, system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    window.open(f"/connections/{destination.id}/alerts")
    window.page.get_by_text("Persons failed", exact=True).click()
    threshold = window.page.get_by_label("Threshold of Persons failed")
    threshold.press_sequentially("0.05")
    expect(threshold).to_have_value("0.05")
    window.button("Save: Subscriptions").click()
    expect(window.table("Subscriptions").get_by_role("row").filter(has_text="Persons failed")).to_contain_text("0.05")


def test_an_address_is_added_once_and_as_what_it_is(window: Window, system: System) -> None:
    destination = system.create(system.instance())
    window.open(f"/connections/{destination.id}/alerts")
    for address in (" HTTPS://alerts.example/hook", "HTTPS://alerts.example/hook "):
        window.page.get_by_label("Address").fill(address)
        window.button("Add").click()
    expect(window.page.get_by_role("button", name="Remove HTTPS://alerts.example/hook")).to_have_count(1)
    with window.page.expect_request(lambda request: request.method == "PUT") as put:
        window.button("Save: Recipients").click()
    assert put.value.post_data_json == [{"protocol": "https", "endpoint": "HTTPS://alerts.example/hook"}]


def test_labels_are_given_and_taken_off(window: Window, system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    window.open(f"/connections/{destination.id}/labels")
    labels = window.page.get_by_label("Labels of _acme.company")
    labels.fill("C2, S1")
    saved(window)
    assert system.call("GET", f"/connections/{destination.id}/labels")["sources"]["_acme.company"] == ["C2", "S1"]
    labels.fill("")
    saved(window)
    assert system.call("GET", f"/connections/{destination.id}/labels")["sources"]["_acme.company"] == []


def test_labels_that_met_others_are_not_written_over_them(window: Window, system: System) -> None:
    window.expect_error("412")
    destination = system.connect(system.instance(), AUDIENCE)
    path = f"/connections/{destination.id}/labels"
    window.open(path)
    labels = window.page.get_by_label("Labels of _acme.company")
    labels.fill("C2")
    system.call("PATCH", path, {"sources": {"_acme.company": ["S1"]}})
    window.button("Save").click()
    meanwhile = window.page.get_by_role("dialog", name="Somebody else changed this meanwhile")
    expect(meanwhile.get_by_role("row").filter(has_text="_acme.company")).to_contain_text("S1")
    assert system.call("GET", path)["sources"]["_acme.company"] == ["S1"]
    meanwhile.get_by_role("button", name="Do it all the same").click()
    expect(window.page.get_by_text(re.compile(r"^Saved at \d"))).to_be_visible()
    expect(labels).to_have_value("C2")
    assert system.call("GET", path)["sources"]["_acme.company"] == ["C2"]


@pytest.fixture
def policies(system: System) -> Iterator[None]:
    """The policies are of the whole stack: afterwards they are as they were."""
    before = system.call("GET", "/governance/policies")
    yield
    system.call("PUT", "/governance/policies", before)


@pytest.mark.usefixtures("policies")
def test_a_policy_is_added_and_disabled(window: Window, system: System) -> None:
    page = window.page
    window.open("/governance")
    add_policy(page)
    saved(window)
    assert status(system, "no-partners") == "draft"
    page.get_by_role("button", name=re.compile("Status of Nothing of partners")).click()
    page.get_by_role("option", name="disabled").click()
    saved(window)
    assert status(system, "no-partners") == "disabled"


@pytest.mark.usefixtures("policies")
def test_policies_that_met_others_stay_until_somebody_has_decided(window: Window, system: System) -> None:
    window.expect_error("412")
    window.open("/governance")
    add_policy(window.page)
    there = system.call("GET", "/governance/policies")["policies"]
    beside = there[-1] | {"id": "of-a-colleague", "name": "Of a colleague", "status": "draft"}
    system.call("PUT", "/governance/policies", {"policies": [*there, beside]})
    window.button("Save").click()
    meanwhile = window.page.get_by_role("dialog", name="Somebody else changed this meanwhile")
    expect(meanwhile).to_contain_text("of-a-colleague")
    window.page.wait_for_timeout(1_000)  # nothing is loaded anew that would take it away
    expect(meanwhile).to_be_visible()
    meanwhile.get_by_role("button", name="Do it all the same").click()
    expect(window.page.get_by_text(re.compile(r"^Saved at \d"))).to_be_visible()
    assert status(system, "no-partners") == "draft"


def add_policy(page: Page) -> None:
    page.get_by_label("Id", exact=True).fill("no-partners")
    page.get_by_label("Name", exact=True).fill("Nothing of partners")
    page.get_by_label("Marketing actions").last.fill("emailTargeting")
    page.get_by_label("Label that it denies").fill("Partners")
    page.get_by_role("button", name="Add", exact=True).click()


def status(system: System, policy: str) -> str:
    found = system.call("GET", "/governance/policies")["policies"]
    return str(next(one["status"] for one in found if one["id"] == policy))


def test_the_audit_log_says_who_changed_what(window: Window, system: System) -> None:
    destination = system.create(system.instance(), name="Audited")
    window.open("/audit")
    row = window.page.get_by_role("row").filter(has_text=destination.id)
    expect(row).to_contain_text("create_connection")
    expect(row).to_contain_text("local")
    row.get_by_role("link", name=destination.id).click()
    expect(window.heading("Audited")).to_be_visible()


def test_an_empty_audit_log_says_so(window: Window) -> None:
    window.answer("/audit*", lambda route: route.fulfill(json={"records": [], "cursor": None}))
    window.open("/audit")
    expect(window.page.get_by_text("Nothing was changed yet.")).to_be_visible()


def test_a_legacy_dataflow_becomes_a_draft_in_the_wizard(window: Window) -> None:
    page = window.page
    window.open("/migration")
    page.get_by_label("Export").fill("no JSON")
    window.button("Read the export").click()
    expect(page.get_by_text("This is no JSON.")).to_be_visible()
    page.get_by_label("Export").fill(EXPORT.read_text())
    window.button("Read the export").click()
    expect(window.table("Report").get_by_text("carried over").first).to_be_visible()
    assert window.violations() == []
    window.button("Open the draft in the wizard").click()
    expect(page.get_by_label("Munchkin ID")).to_be_visible()
    expect(page.get_by_text("This is your draft")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).not_to_have_value("")
