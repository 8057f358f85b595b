"""A connection that is there is changed in the wizard; what the interface, the webhook and Marketo say of it then."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import AUDIENCE
from tests.browser.test_wizard import at_step, shown, step
from tests.browser.window import Window
from tests.e2e.system import Destination, Instance, System, profile

SEEN = "Seen at the source"
LIST = {"id": 4711, "name": "Made by hand", "workspace": "Default"}


@pytest.fixture
def instance(system: System) -> Instance:
    return system.instance(lists=[LIST])


@pytest.fixture
def destination(system: System, instance: Instance) -> Destination:
    return system.connect(instance, AUDIENCE, name="Changed")


def opened(window: Window, destination: Destination, *steps: str) -> None:
    """The wizard of the connection, at the last of these steps."""
    window.open(f"/connections/{destination.id}/edit")
    at_step(window, "Marketo")
    for name in steps:
        step(window, name)


TO_AUDIENCES = ("What it does", "Mapping", "Audiences")


def saved(window: Window) -> None:
    """Saves at the review; the page says then what the sender needs."""
    window.button("To the review").click()
    at_step(window, "Review")
    window.button("Save").click()
    expect(window.heading("Changed is enabled")).to_be_visible()


def audiences(destination: Destination) -> dict[str, dict[str, object]]:
    found = destination.system.call("GET", f"/connections/{destination.id}/audiences")["audiences"]
    return {one["id"]: one for one in found}


def test_an_audience_that_came_lately_is_activated(window: Window, destination: Destination) -> None:
    destination.post(profile("ada@example.org", SEEN))
    destination.post(profile("grace@example.org", AUDIENCE))
    destination.accounted(1)
    opened(window, destination, *TO_AUDIENCES)
    window.button(f"Add {SEEN}").click()
    expect(window.table("Audiences").get_by_role("row").filter(has_text=SEEN)).to_be_visible()
    saved(window)
    assert audiences(destination)[SEEN]["namespace"] == "ups"

    destination.post(profile("mary@example.org", SEEN))
    destination.accounted(2)
    assert "mary@example.org" in destination.instance.members(SEEN)


def test_an_audience_gets_a_list_that_is_there_and_a_schedule(window: Window, destination: Destination) -> None:
    opened(window, destination, *TO_AUDIENCES)
    window.button("Add an audience").click()
    form = window.page.get_by_role("dialog")
    form.get_by_label("Id at the source").fill(SEEN)
    form.get_by_label("Name", exact=True).fill(SEEN)
    form.get_by_role("button", name=re.compile("^Static list")).click()
    window.page.get_by_role("option", name=re.compile(f"^{LIST['name']}")).click()
    for moment, day, time in (("From", "2027/01/05", "08:30"), ("Until", "2027/02/01", "00:00")):
        form.get_by_label(f"{moment}: day").fill(day)
        form.get_by_label(f"{moment}: time").fill(time)
    assert window.violations() == []
    form.get_by_role("button", name="Done").click()
    saved(window)

    made = audiences(destination)[SEEN]
    assert made["list"] == {"id": LIST["id"], "name": LIST["name"]}
    assert (made["start"], made["end"]) == ("2027-01-05T07:30:00Z", "2027-01-31T23:00:00Z"), "Berlin's time was entered"
    assert SEEN not in destination.instance.lists(), "no list was made"


def test_a_consent_rule_keeps_out_who_did_not_consent(window: Window, destination: Destination) -> None:
    opened(window, destination, *TO_AUDIENCES, "Rules and alerts")
    window.page.get_by_text("Only profiles that consent are exported").click()
    window.page.get_by_label("Where the profile says it").fill("consents.marketing")
    window.page.get_by_label("Values that consent").fill("y, yes")
    saved(window)
    consent = destination.system.call("GET", f"/connections/{destination.id}")["consent"]
    assert consent == {"source": "consents.marketing", "allowed": ["y", "yes"]}

    destination.post(
        [
            profile("ada@example.org", AUDIENCE, consents={"marketing": "yes"}),
            profile("grace@example.org", AUDIENCE, consents={"marketing": "no"}),
        ]
    )
    assert destination.accounted(2)["reasons"] == {"NO_CONSENT": 1}
    assert destination.instance.members(AUDIENCE) == ["ada@example.org"]


def test_credentials_are_replaced(window: Window, destination: Destination) -> None:
    user = {"client_id": "another-client", "client_secret": "of-another-user", "user": "other@example.com"}
    destination.instance.seed(clients=[user])
    opened(window, destination)
    window.page.get_by_label("Client ID").fill(user["client_id"])
    window.page.get_by_label("Client secret").fill(user["client_secret"])
    saved(window)

    destination.post(profile("ada@example.org", AUDIENCE))
    destination.accounted(1)
    signed_in = [one for one in destination.instance.control("GET", "calls") if "/identity/" in one["path"]]
    assert signed_in[-1]["params"]["client_id"] == user["client_id"]
    assert destination.instance.members(AUDIENCE) == ["ada@example.org"]


def test_another_ingest_token_opens_the_webhook(window: Window, destination: Destination) -> None:
    opened(window, destination)
    window.page.get_by_label("Description").fill("With another token")
    saved(window)
    window.button("Make a new token").click()
    token = shown(window, "Ingest token")
    destination.system.secrets.add(token)
    assert token != destination.token
    kept = window.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, history.state])")
    assert token not in kept

    for given, person in ((token, "ada@example.org"), (destination.token, "grace@example.org")):
        answer = destination.system.send(destination.id, given, profile(person, AUDIENCE))
        assert answer.status_code == 202, "the old one is good for a day"
    destination.accounted(2)
    assert destination.instance.members(AUDIENCE) == ["ada@example.org", "grace@example.org"]
