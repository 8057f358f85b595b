"""The wizard: from nothing to a person in Marketo, and what people meet on the way."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from destination_client.console_host import ConsoleHost
from tests.browser.test_screens import allowance, shortest
from tests.browser.window import Window
from tests.e2e.system import CLIENT_ID, Destination, Instance, System, profile

AUDIENCE = "Readers"
STEPS = ("Marketo", "What it does", "Mapping", "Audiences", "Rules and alerts", "Review")
SAMPLE = profile("grace@example.org", AUDIENCE)
ADA = profile("ada@example.org", AUDIENCE)
HALF_TYPED = "api/checks"
"""What is half typed may be no configuration yet (422), which the browser logs."""

WELL = "Nothing is to be mended."


def begin(window: Window, instance: Instance, name: str) -> None:
    """Fills in the first step of a new connection, and goes on."""
    window.open("/new")
    page = window.page
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Munchkin ID").fill(instance.munchkin_id)
    page.get_by_label("Client ID").fill(CLIENT_ID)
    page.get_by_label("Client secret").fill(instance.client_secret)
    window.button("Next").click()


def step(window: Window, name: str) -> None:
    """Goes to a step, and waits until the stack has looked at the draft."""
    window.button("Next").click()
    at_step(window, name)


def at_step(window: Window, name: str) -> None:
    expect(window.page.get_by_role("heading", name=name, exact=True).first).to_be_visible()


def choose(window: Window, field: Locator, value: str, option: str | None = None) -> None:
    """Types into a field that offers something; with an option, takes what is offered."""
    field.fill(value)
    if option is None:
        window.page.keyboard.press("Escape")
    else:
        window.page.get_by_role("option", name=re.compile(option)).first.click()


def add_row(window: Window, number: int, source: str, target: str, option: str | None = None) -> None:
    window.button("Add a row").click()
    choose(window, window.page.get_by_label(f"Source of row {number}"), source)
    choose(window, window.page.get_by_label(f"Lead field of row {number}"), target, option)


def made(window: Window, system: System) -> str:
    """The id of the connection that the page made; it ends with the stack's tests."""
    window.page.wait_for_url(re.compile(r"/connections/[0-9a-f-]{36}/edit"))
    found = re.search(r"/connections/([0-9a-f-]{36})/edit", window.page.url)
    assert found is not None
    system.connections.append(found[1])
    return found[1]


def test_from_nothing_to_a_person_in_marketo(window: Window, system: System) -> None:
    window.expect_error(HALF_TYPED)
    instance = system.instance()
    begin(window, instance, "Made in the wizard")
    connection_id = made(window, system)
    expect(window.page.get_by_text("This is your draft")).to_have_count(0)
    matched(window)
    mapped_with_a_mistake(window)
    activated(window)
    step(window, "Rules and alerts")
    window.page.get_by_text("Failed events to be decided").click()
    step(window, "Review")
    reviewed(window)
    assert instance.leads() == {}, "a preview writes nothing"

    window.button("Save and enable").click()
    expect(window.heading("Made in the wizard is enabled")).to_be_visible()
    url, token = shown(window, "Address of the webhook"), shown(window, "Ingest token")
    system.secrets.add(token)
    assert url.endswith(f"/connections/{connection_id}/events")
    kept = window.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, history.state])")
    assert token not in kept
    assert instance.client_secret not in kept

    answer = system.http.post(url, json=ADA, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 202, answer.text
    Destination(connection_id, token, instance, system).accounted(1)
    assert instance.members(AUDIENCE) == ["ada@example.org"]
    [lead] = instance.leads().values()
    assert (lead["firstName"], lead["lastName"]) == ("Ada", "Lovelace")


def matched(window: Window) -> None:
    """What is chosen is marked in the table of rules, and the table chooses too."""
    at_step(window, "What it does")
    page = window.page
    page.get_by_role("radio", name="Profiles only", exact=True).click()
    rule = "{}, Update those there are, and create new ones"
    expect(page.get_by_role("radio", name=rule.format("Profiles only"))).to_be_checked()
    page.get_by_role("radio", name=rule.format("Audiences and profiles")).click()
    expect(page.get_by_role("radio", name="Audiences and profiles", exact=True)).to_be_checked()
    choose(window, page.get_by_label("New people are created in"), "E", "EMEA")


def mapped_with_a_mistake(window: Window) -> None:
    """Sources come from a sample, fields from Marketo; a field that Marketo has not is refused, and mended."""
    step(window, "Mapping")
    page = window.page
    page.get_by_label("A sample").fill(json.dumps(SAMPLE))
    add_row(window, 1, "personalEmail.address", "Ded", "DedupeField")
    window.button("Add a row").click()
    choose(window, page.get_by_label("Source of row 2"), "firstN", r"person\.name\.firstName")
    choose(window, page.get_by_label("Lead field of row 2"), "firstName", "at most 255 characters")
    add_row(window, 3, "person.name.lastName", "lastNam")
    wrong = page.get_by_role("row").filter(has=page.get_by_label("Source of row 3"))
    expect(wrong).to_contain_text("did you mean lastName?")
    window.picture("wizard-mapping")
    choose(window, page.get_by_label("Lead field of row 3"), "lastName")
    expect(wrong).not_to_contain_text("did you mean")


def activated(window: Window) -> None:
    """An audience by hand, with the list of its name."""
    step(window, "Audiences")
    window.button("Add an audience").click()
    form = window.page.get_by_role("dialog")
    form.get_by_label("Id at the source").fill(AUDIENCE)
    form.get_by_label("Name", exact=True).fill(AUDIENCE)
    form.get_by_role("button", name="Done").click()
    expect(window.page.get_by_role("row").filter(has_text=AUDIENCE)).to_contain_text("made if there is none")


def reviewed(window: Window) -> None:
    """Nothing is to be mended; what is saved can be previewed."""
    expect(window.page.get_by_text(WELL).first).to_be_visible()
    window.button("Save").click()
    expect(window.page.get_by_text("Saved at")).to_be_visible()
    window.button("Preview the sample").click()
    expect(window.table("Preview").get_by_role("row").nth(1)).to_contain_text("activated")
    window.picture("wizard-review")


def shown(window: Window, label: str) -> str:
    """A value that the page shows below its label."""
    value = window.page.locator("dt", has_text=label).locator("xpath=following-sibling::dd[1]")
    return value.inner_text().strip().splitlines()[0]


def test_a_first_step_that_is_refused_says_what_is_wrong_where_it_is(window: Window) -> None:
    window.expect_error("422")
    window.open("/new")
    window.page.get_by_label("Name", exact=True).fill("Refused")
    window.page.get_by_label("Munchkin ID").fill("not an id")
    window.button("Next").click()
    expect(window.page.get_by_label("Munchkin ID")).to_have_attribute("aria-invalid", "true")
    assert window.page.url.endswith("#/new")
    assert window.violations() == []


def test_a_draft_outlives_a_reload_but_its_credentials_do_not(window: Window, system: System) -> None:
    page = window.page
    window.open("/new")
    page.get_by_label("Name", exact=True).fill("Half done")
    page.get_by_label("Client secret").fill("of-nobody-else")
    page.reload()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Half done")
    expect(page.get_by_label("Client secret")).to_have_value("")
    expect(page.get_by_text("This is your draft")).to_be_visible()
    window.button("Start over from what the stack has").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("")


def test_a_change_that_met_another_one_is_decided_anew(window: Window, system: System) -> None:
    window.expect_error("412")
    destination = system.connect(system.instance(), AUDIENCE, name="Of two people")
    page = window.page
    window.open(f"/connections/{destination.id}/edit")
    page.get_by_label("Name", exact=True).fill("Renamed here")
    system.call("PATCH", f"/connections/{destination.id}", {"description": "Of a colleague"})
    window.button("To the review").click()
    at_step(window, "Review")
    window.button("Save").click()
    meanwhile = page.get_by_role("dialog", name="Somebody else changed this meanwhile")
    expect(meanwhile.get_by_role("row").filter(has_text="description")).to_contain_text("Of a colleague")
    assert named(system, destination) == ("Of two people", "Of a colleague")
    meanwhile.get_by_role("button", name="Do it all the same").click()
    expect(window.heading("Renamed here is enabled")).to_be_visible()
    assert named(system, destination) == ("Renamed here", "Of a colleague"), "only what was changed here is written"
    expect(window.button("Make a new token")).to_be_visible()


def test_what_was_saved_before_a_refusal_stays_and_the_rest_is_mended(window: Window, system: System) -> None:
    for status in ("409", "422"):
        window.expect_error(status)
    destination = system.create(system.instance())
    file = "description: Both\naudiences: [{{id: A, name: Same}}, {{id: B, name: {}}}]\n"
    window.open(f"/connections/{destination.id}/edit")
    choose_file(window, file.format("Same"))
    window.button("To the review").click()
    window.button("Save").click()
    told = window.page.get_by_text(re.compile("list .*is that of another audience|already|another audience")).first
    expect(told).to_be_visible()
    assert system.call("GET", f"/connections/{destination.id}")["description"] == "Both"
    assert activations(system, destination) == ["A"]

    choose_file(window, file.format("Other"))
    window.button("Save").click()
    expect(window.page.get_by_text("Saved at")).to_be_visible()
    assert activations(system, destination) == ["A", "B"]
    assert sorted(destination.instance.lists()) == ["Other", "Same"]


def activations(system: System, destination: Destination) -> list[str]:
    found = system.call("GET", f"/connections/{destination.id}/audiences")["audiences"]
    return sorted(one["id"] for one in found)


def named(system: System, destination: Destination) -> tuple[str, str]:
    found = system.call("GET", f"/connections/{destination.id}")
    return found["name"], found["description"]


def test_a_configuration_goes_to_a_file_and_comes_back(window: Window, system: System) -> None:
    destination = system.create(system.instance(), name="As a file")
    page = window.page
    window.open(f"/connections/{destination.id}/edit")
    window.button("Show as a file").click()
    written = page.get_by_role("dialog").locator("pre").inner_text()
    assert "client_secret: ${MARKETO_CLIENT_SECRET}" in written
    assert f"id: {destination.id}" in written
    page.get_by_role("dialog").get_by_role("button", name="Close").first.click()

    file = written.replace("name: As a file", "name: From a file")
    choose_file(window, file)
    expect(page.get_by_label("Name", exact=True)).to_have_value("From a file")
    choose_file(window, "- no connection")
    expect(page.get_by_text("This is no file of one connection.")).to_be_visible()
    assert window.violations() == []


def test_limits_are_entered_and_an_empty_one_is_the_default_again(window: Window, system: System) -> None:
    window.expect_error(HALF_TYPED)
    destination = system.create(system.instance())
    page = window.page
    window.open(f"/connections/{destination.id}/edit")
    for name in STEPS[1:5]:
        step(window, name)
    choose_file(window, "limits: {calls_per_20s: 40}\nmarketing_actions: [emailTargeting]\n")
    expect(page.get_by_label("What the data is used for")).to_have_value("emailTargeting")
    expect(page.get_by_label("Calls in 20 seconds")).to_have_value("40")
    at_a_time, in_a_day = (
        page.get_by_label("Calls at the same time"),
        page.get_by_label("Calls of the instance in a day"),
    )
    expect(at_a_time).to_have_value("5")
    in_a_day.fill("0")
    expect(in_a_day).to_have_attribute("aria-invalid", "true")
    in_a_day.fill("")
    in_a_day.press_sequentially("20000")
    page.get_by_label("Leads created or updated in an hour").fill("500")
    assert window.violations() == []
    window.picture("wizard-limits")
    save(window)
    assert limits(system, destination) == {
        "daily_calls": 20000,
        "calls_per_20s": 40,
        "concurrency": 5,
        "lead_updates_per_hour": 500,
    }

    window.button("Back").click()
    in_a_day.fill("")
    save(window)
    assert limits(system, destination)["daily_calls"] == 40000


def save(window: Window) -> None:
    """From the step before the review."""
    step(window, "Review")
    window.button("Save").click()
    expect(window.page.get_by_text("Saved at")).to_be_visible()


def limits(system: System, destination: Destination) -> dict[str, int]:
    found: dict[str, int] = system.call("GET", f"/connections/{destination.id}")["limits"]
    return found


def choose_file(window: Window, text: str) -> None:
    file: Any = {"name": "connection.yaml", "mimeType": "application/yaml", "buffer": text.encode()}
    window.page.locator("input[type=file]").set_input_files(file)


def test_a_file_of_another_connection_opens_that_one_and_says_what_cannot_be_read(
    window: Window, system: System
) -> None:
    other = system.create(system.instance(), name="Another one")
    page = window.page
    window.open("/new")
    choose_file(window, "mapping: everything")
    expect(page.get_by_text("This is no file of one connection. mapping")).to_be_visible()
    choose_file(window, f"id: {other.id}\ndescription: Out of a file\n")
    expect(page.get_by_label("Description")).to_have_value("Out of a file")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Another one")
    assert window.page.url.endswith(f"/connections/{other.id}/edit")


def test_two_hundred_rows_stay_fluent(window: Window, system: System) -> None:
    window.expect_error(HALF_TYPED)
    destination = system.create(system.instance())
    rows = "".join(f"- {{source: a.b{number}, target: field{number}}}\n" for number in range(200))
    window.open(f"/connections/{destination.id}/edit")
    choose_file(window, f"mapping:\n{rows}")
    step(window, "What it does")
    step(window, "Mapping")
    field = window.page.get_by_label("Source of row 2", exact=True)
    expect(window.page.get_by_role("heading", name="Rows (200)")).to_be_visible()
    window.settled()

    def typed() -> None:
        field.fill("")
        field.fill("a.other")
        expect(field).to_have_value("a.other")

    assert shortest(typed) < 1 * allowance(), "seconds until two changes are shown"


@pytest.mark.parametrize("look", [(1280, "light"), (400, "dark")], ids=["wide and light", "narrow and dark"])
def test_everybody_can_use_every_step(window: Window, system: System, look: tuple[int, Any]) -> None:
    width, scheme = look
    destination = system.connect(system.instance(), AUDIENCE)
    window.page.set_viewport_size({"width": width, "height": 900})
    window.page.emulate_media(color_scheme=scheme)
    found: dict[str, list[str]] = {}
    window.open(f"/connections/{destination.id}/edit")
    for index, name in enumerate(STEPS):
        if index:
            window.button("Next").click()
        at_step(window, name)
        expect(window.page.get_by_text("The stack looks at it")).to_have_count(0)
        window.settled()
        window.picture(f"wizard-{index + 1}-{scheme}")
        found[name] = window.violations()
        overflow = window.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{name} is wider than the window"
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_who_may_not_create_is_told_what_it_takes(window: Window, system: System) -> None:
    window.deny("/connections")
    begin(window, system.instance(), "Not mine")
    expect(window.page.get_by_text("You have no permission for this")).to_be_visible()
    expect(window.page.get_by_text("It takes the permission")).to_be_visible()
    expect(window.page.get_by_label("Name", exact=True)).to_have_value("Not mine")


def test_a_session_that_is_over_loses_no_draft(window: Window, host: ConsoleHost, system: System) -> None:
    window.expect_error("401")
    window.open("/new")
    expect(window.page.get_by_label("Name", exact=True)).to_be_visible()
    host.gate.close()
    window.page.get_by_label("Name", exact=True).fill("Kept")
    window.button("Next").click()
    expect(window.page.get_by_text("Your session is over")).to_be_visible()
    expect(window.page.get_by_label("Name", exact=True)).to_have_value("Kept")


def test_without_a_network_nothing_is_lost(window: Window, system: System) -> None:
    window.expect_error("ERR_INTERNET_DISCONNECTED")
    window.open("/new")
    expect(window.page.get_by_label("Name", exact=True)).to_be_visible()
    window.page.context.set_offline(True)
    window.page.get_by_label("Name", exact=True).fill("Kept")
    window.button("Next").click()
    expect(window.page.get_by_text("The stack cannot be reached")).to_be_visible()
    expect(window.page.get_by_label("Name", exact=True)).to_have_value("Kept")
    window.page.context.set_offline(False)
