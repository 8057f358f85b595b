"""What people do in the console, and what comes of it in Marketo."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from destination_client.console_host import ConsoleHost
from tests.browser.conftest import AUDIENCE
from tests.browser.window import Window
from tests.e2e.system import DELIVERY_SECONDS, Destination, System, profile, wait_for

LEADS = r"/leads\.json$"
FAILING = {"effect": "skip", "code": "1003", "records": [0], "path": LEADS, "nth": 2}
"""Marketo refuses the first record of the second call, which creates; the first one is the look-up."""

UNREACHABLE = "The stack cannot be reached"


def eventually(ready: Callable[[], bool], what: str) -> None:
    wait_for(lambda: ready() or None, DELIVERY_SECONDS, what)


def test_a_reason_is_found_in_a_run_and_redriven(window: Window, system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    destination.instance.script(FAILING)
    destination.post(profile("ada@example.org", AUDIENCE))
    destination.accounted(1)

    window.open(f"/connections/{destination.id}/runs")
    expect(window.heading("Runs")).to_be_visible()
    window.page.get_by_role("link", name=re.compile(r"^\d+:\d\d: .*1 failed")).click()
    window.button("Show those with MARKETO_1003").click()
    assert "code=MARKETO_1003" in window.page.url, "who did not arrive for this reason can be sent on as an address"
    person = window.table("Who did not arrive").get_by_role("row").filter(has_text="MARKETO_1003")
    expect(person).to_contain_text("failed")
    window.button("Redrive those with MARKETO_1003").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Redrive", exact=True).click()
    expect(window.page.get_by_text("1 are being delivered again.")).to_be_visible()

    assert destination.made_good() == {"received": 1, "created": 1, "added": 1, "persons": 1}
    assert destination.instance.members(AUDIENCE) == ["ada@example.org"]


def test_who_did_not_arrive_is_exported_as_the_interface_writes_it(window: Window, delivered: Destination) -> None:
    run = delivered.runs()[-1]["id"]
    window.open(f"/connections/{delivered.id}/runs/{run}?outcome=excluded")
    with window.page.expect_download() as saved:
        window.button("Export as CSV").click()
    written = delivered.system.request(
        "GET", f"/connections/{delivered.id}/runs/{run}/persons?format=csv&outcome=excluded"
    )
    assert saved.value.path().read_bytes() == written.content
    assert b"MISSING_REQUIRED_ATTRIBUTE" in written.content
    assert saved.value.suggested_filename.endswith(".csv")


def test_letters_are_discarded_only_after_a_question(window: Window, system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    destination.instance.script(FAILING)
    destination.post(profile("ada@example.org", AUDIENCE))
    destination.accounted(1)

    window.open(f"/connections/{destination.id}/problems")
    window.button("Discard those with MARKETO_1003").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert system.letters(destination.id) == {"MARKETO_1003": 1}
    window.button("Discard those with MARKETO_1003").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Discard", exact=True).click()
    expect(window.page.get_by_text("Nothing failed.")).to_be_visible()
    assert system.letters(destination.id) == {}


def test_a_person_is_looked_up_and_forgotten(window: Window, system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    destination.post(profile("ada@example.org", AUDIENCE))
    destination.accounted(1)

    window.open(f"/connections/{destination.id}/people")
    window.page.get_by_label("Value").fill("Ada@Example.org")
    window.page.keyboard.press("Enter")
    row = window.page.get_by_role("row").filter(has_text=AUDIENCE)
    expect(row).to_contain_text("realized")
    expect(row).to_contain_text("on the list")
    assert "xample" not in window.page.url, "the value stands in no address"
    assert window.violations() == []

    window.button("Erase").click()
    dialog = window.page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Erase", exact=True)).to_be_disabled()
    dialog.get_by_label("Type erase to go on").fill("erase")
    window.page.route("**/people/erasures/*", lambda route: route.abort(), times=1)
    window.expect_error("ERR_FAILED")
    dialog.get_by_role("button", name="Erase", exact=True).click()
    expect(window.page.get_by_text(UNREACHABLE)).to_be_visible()
    expect(window.page.get_by_text("Erasure completed")).to_be_visible(timeout=1000 * DELIVERY_SECONDS)
    assert destination.instance.members(AUDIENCE) == []
    assert destination.instance.emails() == ["ada@example.org"], "the lead itself stays"


def test_who_was_looked_up_at_a_connection_is_not_shown_at_another(
    window: Window, delivered: Destination, system: System
) -> None:
    other = system.create(system.instance())
    window.open(f"/connections/{delivered.id}/people")
    window.page.get_by_label("Value").fill("ada@example.org")
    window.page.keyboard.press("Enter")
    expect(window.button("Erase")).to_be_visible()
    window.open(f"/connections/{other.id}/people")
    expect(window.button("Erase")).to_have_count(0)
    expect(window.page.get_by_label("Value")).to_have_value("")


def test_a_list_is_verified_and_repaired(window: Window, system: System) -> None:
    instance = system.instance(leads=[{"email": "stray@example.org", "lastName": "Stray"}])
    destination = system.connect(instance, AUDIENCE)
    destination.post(profile("ada@example.org", AUDIENCE))
    destination.accounted(1)
    leads = {lead["email"]: number for number, lead in instance.leads().items()}
    [list_id] = [one["id"] for one in instance.control("GET", "dump")["lists"]]
    for method, email in (("DELETE", "ada@example.org"), ("POST", "stray@example.org")):
        instance.rest(method, f"v1/lists/{list_id}/leads.json", {"input": [{"id": leads[email]}]})

    window.open(f"/connections/{destination.id}/problems")
    window.button("Verify").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Start").click()
    row = window.page.get_by_role("row").filter(has_text=AUDIENCE)
    expect(row.get_by_role("button", name="1")).to_have_count(2)  # one missing, one foreign
    row.get_by_role("button", name="1").first.click()
    expect(window.page.get_by_text(f"leads {leads['ada@example.org']}")).to_be_visible()
    expect(window.page.get_by_text("completed")).to_be_visible(timeout=1000 * DELIVERY_SECONDS)
    assert instance.members(AUDIENCE) == ["stray@example.org"], "it only reports"
    assert window.violations() == []

    window.button("Verify").click()
    dialog = window.page.get_by_role("dialog")
    expect(dialog.get_by_role("checkbox", name=re.compile("^missing"))).to_be_checked()
    expect(dialog.get_by_role("checkbox", name=re.compile("^foreign"))).not_to_be_checked()
    dialog.get_by_text(re.compile("^foreign")).click()
    dialog.get_by_role("button", name="Start").click()
    expect(window.page.get_by_role("button", name="1, 1 put right")).to_have_count(2)
    eventually(lambda: instance.members(AUDIENCE) == ["ada@example.org"], "the list is as its audience")


def test_what_changed_meanwhile_is_shown_before_it_is_overwritten(window: Window, system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE, name="Mine")
    window.expect_error("412")
    window.open(f"/connections/{destination.id}")
    expect(window.heading("Mine")).to_be_visible()
    system.call("PATCH", f"/connections/{destination.id}", {"description": "Of a colleague"})

    window.button("Disable").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Disable", exact=True).click()
    meanwhile = window.page.get_by_role("dialog", name="Somebody else changed this meanwhile")
    expect(meanwhile.get_by_role("row").filter(has_text="description")).to_contain_text("Of a colleague")
    assert status(system, destination) == "enabled"
    assert window.violations() == []
    meanwhile.get_by_role("button", name="Do it all the same").click()
    expect(window.page.get_by_text("Held up: disabled")).to_be_visible()
    assert status(system, destination) == "disabled"

    window.button("Enable").click()
    expect(window.page.get_by_text("Held up: disabled")).to_be_hidden()
    assert status(system, destination) == "enabled"


def status(system: System, destination: Destination) -> str:
    found: str = system.call("GET", f"/connections/{destination.id}")["status"]
    return found


def test_a_session_that_is_over_is_told_and_loses_nothing_that_is_seen(
    window: Window, host: ConsoleHost, delivered: Destination
) -> None:
    window.expect_error("401")
    window.open("/")
    window.settled()
    host.gate.close()
    window.button("Refresh").click()
    expect(window.page.get_by_text("Your session is over")).to_be_visible()
    expect(window.button("Sign in")).to_be_visible()
    expect(window.page.get_by_label("Find connections")).to_be_visible()


def test_who_signs_out_is_out(window: Window) -> None:
    window.expect_error("401")
    window.open("/")
    window.settled()
    window.button("the local stack").click()
    window.page.get_by_role("menuitem", name="Sign out").click()
    expect(window.page.get_by_text("This console is opened by the address")).to_be_visible()


def test_without_a_network_the_page_says_so_and_goes_on_afterwards(window: Window, delivered: Destination) -> None:
    window.expect_error("ERR_INTERNET_DISCONNECTED")
    window.open("/")
    window.settled()
    window.page.context.set_offline(True)
    window.button("Refresh").click()
    expect(window.page.get_by_text(UNREACHABLE)).to_be_visible()
    window.page.context.set_offline(False)
    window.button("Try again").click()
    expect(window.page.get_by_text(UNREACHABLE)).to_be_hidden()
    expect(window.page.get_by_label("Find connections")).to_be_visible()


def test_a_problem_is_told_in_the_interfaces_own_words(window: Window) -> None:
    window.expect_error("404")
    window.open("/connections/00000000-0000-0000-0000-000000000000")
    expect(window.page.get_by_text("Not found").first).to_be_visible()
    expect(window.page.get_by_text("In the logs this request is").first).to_be_visible()
    assert window.violations() == []
