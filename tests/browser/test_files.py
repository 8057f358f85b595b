"""Files in the console: uploaded, refused, held, and what comes of them in Marketo."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from destination.domain.file import MAX_FILE_BYTES
from tests.browser.conftest import AUDIENCE
from tests.browser.window import DENIED, Window
from tests.e2e.system import DELIVERY_SECONDS, HTTP_SECONDS, Destination, System, wait_for

HEADER = "personalEmail.address,person.name.firstName,person.name.lastName"


def csv(*names: str) -> str:
    return "".join([f"{HEADER}\n", *[f"{name}@files.example,{name.title()},Lovelace\n" for name in names]])


@pytest.fixture
def destination(system: System) -> Destination:
    return system.connect(system.instance(), AUDIENCE)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(csv("ada", "grace"))
    return path


def files(destination: Destination) -> list[dict[str, Any]]:
    """Newest first, those of one second as well, of which the interface tells in any order."""
    found: list[dict[str, Any]] = destination.system.call("GET", f"/connections/{destination.id}/files")["files"]
    return sorted(found, key=lambda one: str(one["created_at"]), reverse=True)


def looked(destination: Destination, status: str) -> dict[str, Any]:
    """The newest file once it has that status: the function looks every few minutes, and is made to look now."""

    def ready() -> dict[str, Any] | None:
        system = destination.system
        system.aws("lambda").invoke(FunctionName=system.stack.functions["files"], Payload=b"{}")
        newest = files(destination)[0]
        return newest if newest["status"] == status else None

    return wait_for(ready, DELIVERY_SECONDS, f"the file is {status}")


def members(destination: Destination) -> list[str]:
    return [email.partition("@")[0] for email in destination.instance.members(AUDIENCE)]


def brought(destination: Destination, content: str) -> None:
    """A file of the audience that came by the interface, and was delivered."""
    system = destination.system
    (activation,) = system.call("GET", f"/connections/{destination.id}/audiences")["audiences"]
    asked = {"name": "before.csv", "size": len(content), "activation_id": activation["activation_id"]}
    made = system.call("POST", f"/connections/{destination.id}/files", asked)
    assert system.http.put(made["upload"]["url"], data=content.encode(), timeout=HTTP_SECONDS).ok
    looked(destination, "completed")


def choose(dialog: Locator, label: str, option: str) -> None:
    dialog.get_by_role("button", name=re.compile(label)).click()
    dialog.page.get_by_role("option", name=re.compile(f"^{option}")).click()


def dialog_with(window: Window, destination: Destination, file: Path) -> Locator:
    """The dialogue that uploads, with a file of the audience."""
    window.open(f"/connections/{destination.id}/files")
    window.button("Upload a file").click()
    dialog = window.page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(file)
    choose(dialog, "^Audience", AUDIENCE)
    return dialog


def send(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Upload", exact=True).click()


def term(window: Window, name: str) -> Locator:
    """What stands below a term."""
    return window.page.locator("dt", has_text=name).locator("xpath=following-sibling::dd[1]")


def shown_narrow(window: Window) -> None:
    """Whoever has a phone sees all of it, too."""
    window.page.set_viewport_size({"width": 400, "height": 900})
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    wait_for(lambda: window.page.evaluate(overflow) <= 0 or None, HTTP_SECONDS, "the page is laid out anew")
    assert window.violations() == []


def test_a_file_is_uploaded_and_delivered_and_its_result_fetched(
    window: Window, destination: Destination, people: Path
) -> None:
    dialog = dialog_with(window, destination, people)
    assert window.violations() == []
    send(dialog)
    expect(window.heading("people.csv")).to_be_visible()
    file = looked(destination, "completed")
    assert window.page.url.endswith(f"/connections/{destination.id}/files/{file['id']}")
    expect(window.page.get_by_text("2 activated")).to_be_visible()
    expect(term(window, "Audience")).to_have_text(AUDIENCE)
    assert members(destination) == ["ada", "grace"]
    shown_narrow(window)
    window.picture("file")

    with window.page.expect_download() as saved:
        window.button("Result as CSV").click()
    assert [line.split(",")[:2] for line in saved.value.path().read_text().splitlines()] == [
        ["row", "outcome"],
        ["1", "activated"],
        ["2", "activated"],
    ]
    expect(window.heading("people.csv")).to_be_visible()
    window.page.get_by_role("link", name="The run of its hour").click()
    expect(window.page.get_by_role("heading", name=re.compile("^The hour from"))).to_be_visible()

    window.open(f"/connections/{destination.id}/files")
    row = window.table("Files").get_by_role("row").filter(has_text="people.csv")
    expect(row).to_contain_text("completed")
    expect(row).to_contain_text("2 activated")


def test_the_keyboard_is_enough_to_upload(window: Window, destination: Destination, people: Path) -> None:
    def go_to(what: Locator) -> None:
        for _ in range(30):
            window.page.keyboard.press("Tab")
            if what.evaluate("element => element === document.activeElement"):
                return
        pytest.fail(f"the keyboard does not reach {what}")

    window.open(f"/connections/{destination.id}/files")
    window.settled()
    go_to(window.button("Upload a file"))
    window.page.keyboard.press("Enter")
    dialog = window.page.get_by_role("dialog")
    expect(dialog.locator(":focus")).to_have_count(1)  # it takes the focus once it stands
    window.settled()
    go_to(dialog.get_by_role("button", name="Choose a file"))
    with window.page.expect_file_chooser() as chooser:
        window.page.keyboard.press("Enter")
    chooser.value.set_files(people)
    go_to(dialog.get_by_role("button", name=re.compile("^Audience")))
    window.page.keyboard.press("Enter")
    window.page.get_by_role("option", name=AUDIENCE).wait_for()
    window.page.keyboard.type(AUDIENCE)
    window.page.keyboard.press("ArrowDown")
    window.page.keyboard.press("Enter")
    go_to(dialog.get_by_role("button", name="Upload", exact=True))
    window.page.keyboard.press("Enter")
    expect(window.heading("people.csv")).to_be_visible()
    looked(destination, "completed")
    assert members(destination) == ["ada", "grace"]


def test_a_mirror_that_is_held_does_what_it_shows_once_approved_and_nothing_once_cancelled(
    window: Window, destination: Destination, tmp_path: Path
) -> None:
    brought(destination, csv("ada", "mary"))
    path = tmp_path / "all.csv"
    path.write_text(csv("ada", "eve"))
    dialog = dialog_with(window, destination, path)
    choose(dialog, "^Mode", "Mirror")
    expect(dialog.get_by_text("a mirror that may be cut is held")).to_be_visible()
    send(dialog)
    expect(window.heading("all.csv")).to_be_visible()
    looked(destination, "held")
    expect(window.page.get_by_text("There was no mirror of this audience before")).to_be_visible()
    expect(window.page.get_by_text("not known: the list was not verified yet").first).to_be_visible()
    expect(window.page.get_by_text(re.compile(r"^\d+, [\d.]+ % of a day.s$"))).to_be_visible()
    assert members(destination) == ["ada", "mary"]
    assert window.violations() == []
    window.picture("file-held")

    window.button("Approve").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Cancel", exact=True).click()
    assert files(destination)[0]["status"] == "held"
    window.button("Approve").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Approve", exact=True).click()
    expect(window.page.get_by_text("It waits for your yes")).to_be_hidden()
    looked(destination, "completed")
    assert members(destination) == ["ada", "eve"]
    expect(window.page.get_by_role("link", name="The verification that takes off whoever left")).to_be_visible()

    path.write_text(csv())
    dialog = dialog_with(window, destination, path)
    choose(dialog, "^Mode", "Mirror")
    send(dialog)
    expect(window.heading("all.csv")).to_be_visible()
    looked(destination, "held")
    expect(window.page.get_by_text("It has no rows.")).to_be_visible()
    expect(term(window, "Leave, at least")).to_have_text("2")
    shown_narrow(window)
    window.button("Cancel the file").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Cancel the file").click()
    expect(window.page.get_by_text("cancelled", exact=True)).to_be_visible()
    expect(window.button("Approve")).to_be_hidden()
    assert files(destination)[0]["status"] == "cancelled"
    assert members(destination) == ["ada", "eve"]


def test_a_refused_file_says_why_and_what_it_lacks(window: Window, destination: Destination, tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("mail\nada@files.example\n")
    send(dialog_with(window, destination, path))
    expect(window.heading("wrong.csv")).to_be_visible()
    assert looked(destination, "refused")["code"] == "HEADER_UNFIT"
    told = window.page.get_by_text("Refused: HEADER_UNFIT")
    expect(told).to_be_visible()
    expect(window.page.get_by_text("The header does not fit the mapping")).to_be_visible()
    expect(window.page.get_by_role("listitem").filter(has_text="personalEmail.address")).to_be_visible()
    shown_narrow(window)
    assert destination.instance.emails() == []


def test_a_file_that_is_too_large_is_refused_before_it_is_asked_for(
    window: Window, destination: Destination, tmp_path: Path
) -> None:
    path = tmp_path / "large.csv"
    with path.open("wb") as opened:
        opened.truncate(MAX_FILE_BYTES + 1)  # it takes no room
    dialog = dialog_with(window, destination, path)
    expect(dialog.get_by_text("It has more than 5 GB")).to_be_visible()
    expect(dialog.get_by_role("button", name="Upload", exact=True)).to_be_disabled()
    path.write_bytes(b"")
    dialog.locator("input[type=file]").set_input_files(path)
    expect(dialog.get_by_text("There is nothing in it.")).to_be_visible()
    shown_narrow(window)
    window.picture("upload")
    assert files(destination) == []


def test_an_upload_that_is_stopped_is_cancelled(window: Window, destination: Destination, people: Path) -> None:
    window.expect_error("ERR_FAILED")
    window.page.route("**/uploads?*", lambda _: None)
    dialog = dialog_with(window, destination, people)
    send(dialog)
    expect(dialog.get_by_text("Uploading people.csv").first).to_be_visible()
    shown_narrow(window)
    dialog.get_by_role("button", name="Stop").click()
    row = window.table("Files").get_by_role("row").filter(has_text="people.csv")
    expect(row).to_contain_text("cancelled")
    assert [one["status"] for one in files(destination)] == ["cancelled"]


def test_a_file_that_the_bucket_refuses_is_told_and_can_be_sent_again(
    window: Window, destination: Destination, people: Path
) -> None:
    window.expect_error("403")
    window.page.route("**/uploads?*", lambda route: route.fulfill(status=403), times=1)
    dialog = dialog_with(window, destination, people)
    send(dialog)
    expect(dialog.get_by_text("The bucket refused the file, with status 403")).to_be_visible()
    assert [one["status"] for one in files(destination)] == ["cancelled"]
    send(dialog)
    expect(window.heading("people.csv")).to_be_visible()
    looked(destination, "completed")
    assert members(destination) == ["ada", "grace"]


def denied(method: str) -> Callable[[Route], None]:
    def answer(route: Route) -> None:
        if route.request.method == method:
            route.fulfill(status=403, headers=DENIED, body='{"Message": "User is not authorized"}')
        else:
            route.fallback()

    return answer


def test_who_may_not_upload_is_told_what_it_takes(window: Window, destination: Destination, people: Path) -> None:
    window.expect_error("403")
    window.answer(f"/connections/{destination.id}/files", denied("POST"))
    dialog = dialog_with(window, destination, people)
    send(dialog)
    expect(dialog.get_by_text("You have no permission for this")).to_be_visible()
    expect(dialog.get_by_text("It takes the permission Activate Destinations")).to_be_visible()
    assert files(destination) == []
