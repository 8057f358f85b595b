"""Verifications on the deployed stack: what somebody did to a list by hand is found, and repaired where asked."""

from typing import Any

from tests.e2e.system import DELIVERY_SECONDS, Destination, Instance, System, profile, wait_for

AUDIENCE = "Verified"
LOST, STRAY = "ada0@example.org", "stray@example.org"
DELIVERED = [f"ada{number}@example.org" for number in range(4)]


def test_drift_of_both_kinds_is_found_and_repaired(system: System) -> None:
    destination = drifted(system)

    found = verified(system, destination, [])
    leads = {lead["email"]: number for number, lead in destination.instance.leads().items()}
    assert (found["expected"], found["found"], found["in_doubt"]) == (4, 4, 0)
    assert found["missing"] == {"count": 1, "repaired": 0, "lead_ids": [leads[LOST]]}
    assert found["foreign"] == {"count": 1, "repaired": 0, "lead_ids": [leads[STRAY]]}
    assert destination.instance.members(AUDIENCE) == sorted([*DELIVERED[1:], STRAY])

    half = verified(system, destination)
    assert (half["missing"]["repaired"], half["foreign"]["repaired"]) == (1, 0)
    assert destination.instance.members(AUDIENCE) == sorted([*DELIVERED, STRAY])

    rest = verified(system, destination, ["foreign"])
    assert (rest["missing"]["count"], rest["foreign"]["repaired"]) == (0, 1)
    assert destination.instance.members(AUDIENCE) == DELIVERED

    clean = verified(system, destination, [])
    assert (clean["missing"]["count"], clean["foreign"]["count"]) == (0, 0)
    listed = system.call("GET", f"/connections/{destination.id}/verifications")["verifications"]
    assert [(one["status"], one["repair"]) for one in listed] == [
        ("completed", repair) for repair in ([], ["foreign"], ["leavers", "missing"], [])
    ]


def drifted(system: System) -> Destination:
    """A connection with four people on its list, of whom one was taken off by hand; somebody else was put on it."""
    instance = system.instance(leads=[{"email": STRAY, "lastName": "Stray"}])
    destination = system.connect(instance, AUDIENCE)
    destination.post([profile(email, AUDIENCE) for email in DELIVERED])
    destination.accounted(len(DELIVERED))
    assert instance.members(AUDIENCE) == DELIVERED
    by_hand(instance, "DELETE", LOST)
    by_hand(instance, "POST", STRAY)
    return destination


def by_hand(instance: Instance, method: str, email: str) -> None:
    """What a person does to the list in Marketo."""
    [list_id] = [one["id"] for one in instance.control("GET", "dump")["lists"] if one["name"] == AUDIENCE]
    [lead_id] = [number for number, lead in instance.leads().items() if lead["email"] == email]
    instance.rest(method, f"v1/lists/{list_id}/leads.json", {"input": [{"id": lead_id}]})


def verified(system: System, destination: Destination, repair: list[str] | None = None) -> dict[str, Any]:
    """What a verification found of the audience, once it is finished; None: with the default repairs."""
    path = f"/connections/{destination.id}/verifications"
    made = system.call("POST", path, {} if repair is None else {"repair": repair})

    def finished() -> dict[str, Any] | None:
        shown: dict[str, Any] = system.call("GET", f"{path}/{made['id']}")
        return shown if shown["status"] == "completed" else None

    [audience] = wait_for(finished, DELIVERY_SECONDS, "the verification is finished")["audiences"]
    found: dict[str, Any] = audience
    assert (found["id"], found["phase"], found["code"]) == (AUDIENCE, "done", None)
    return found
