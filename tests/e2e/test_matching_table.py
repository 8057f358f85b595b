"""The table of sync types and person actions, through the deployed stack: what Marketo and the run say afterwards.

Source: Adobe, "Marketo Engage destination", sync type and person action table, and its important considerations.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.system import PARTITIONS, Instance, System, profile

AUDIENCE = "Webinar"
CHOSEN_PARTITION = "EMEA"
LAST_UPDATES = {"Default": "2026-01-10T08:00:00Z", "EMEA": "2026-03-01T08:00:00Z", "APAC": "2026-05-01T08:00:00Z"}
"""Of several leads that match, the one in APAC is the most recently updated, which is not the chosen partition."""

# sync type, create or update only, leads that match, status in the event: the lead, its list, the outcome.
# Who has left was on the list before, with every lead that matches.
TABLE = """
profile_only          create  none     realized  created-in-EMEA     -       activated
profile_only          create  none     exited    absent              -       NOT_ON_LIST
profile_only          create  one      realized  updated             -       activated
profile_only          create  one      exited    updated             -       activated
profile_only          create  several  realized  updated             -       activated
profile_only          create  several  exited    updated             -       activated
profile_only          update  none     realized  absent              -       PERSON_NOT_FOUND
profile_only          update  none     exited    absent              -       NOT_ON_LIST
profile_only          update  one      realized  updated             -       activated
profile_only          update  one      exited    updated             -       activated
profile_only          update  several  realized  updated             -       activated
profile_only          update  several  exited    updated             -       activated
audience_only         create  none     realized  created-in-Default  joined  activated
audience_only         create  none     exited    absent              -       NOT_ON_LIST
audience_only         create  one      realized  untouched           joined  activated
audience_only         create  one      exited    untouched           left    activated
audience_only         create  several  realized  untouched           joined  activated
audience_only         create  several  exited    untouched           left    activated
audience_only         update  none     realized  absent              -       PERSON_NOT_FOUND
audience_only         update  none     exited    absent              -       NOT_ON_LIST
audience_only         update  one      realized  untouched           joined  activated
audience_only         update  one      exited    untouched           left    activated
audience_only         update  several  realized  untouched           joined  activated
audience_only         update  several  exited    untouched           left    activated
audience_and_profile  create  none     realized  created-in-EMEA     joined  activated
audience_and_profile  create  none     exited    absent              -       NOT_ON_LIST
audience_and_profile  create  one      realized  updated             joined  activated
audience_and_profile  create  one      exited    updated             left    activated
audience_and_profile  create  several  realized  updated             joined  activated
audience_and_profile  create  several  exited    updated             left    activated
audience_and_profile  update  none     realized  absent              -       PERSON_NOT_FOUND
audience_and_profile  update  none     exited    absent              -       NOT_ON_LIST
audience_and_profile  update  one      realized  updated             joined  activated
audience_and_profile  update  one      exited    updated             left    activated
audience_and_profile  update  several  realized  updated             joined  activated
audience_and_profile  update  several  exited    updated             left    activated
"""

ACTIONS = {"create": "update_existing_and_create_new", "update": "update_existing_only"}
CLASSES = {"activated": "persons", "NOT_ON_LIST": "unchanged", "PERSON_NOT_FOUND": "excluded"}
WRITTEN = {"firstName": "Ada", "lastName": "Lovelace", "company": "Analytical Engines"}


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table."""

    sync_type: str
    action: str
    matches: str
    status: str
    lead: str
    change: str
    outcome: str

    @property
    def row(self) -> tuple[str, str]:
        return self.sync_type, self.action

    @property
    def email(self) -> str:
        return f"{self.matches}.{self.status}@example.org"

    def __str__(self) -> str:
        return f"{self.sync_type}-{self.action}-{self.matches}-{self.status}"


CASES = [Case(*line.split()) for line in TABLE.split("\n") if line]
ROWS = list(dict.fromkeys(case.row for case in CASES))
SITUATIONS = [case for case in CASES if case.row == ROWS[0]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """One row's connection: Marketo's leads before and after, its lists after, the run's counters."""

    before: Mapping[int, Mapping[str, Any]]
    after: Mapping[int, Mapping[str, Any]]
    lists: Mapping[str, list[int]]
    total: Mapping[str, Any]


@pytest.fixture(scope="module")
def delivered(system: System) -> dict[tuple[str, str], Delivered]:
    """All six rows, each a connection with a Marketo instance of its own, delivered at once."""
    before, connections = {}, {}
    for sync_type, action in ROWS:
        instance = seeded(system)
        before[sync_type, action] = instance.leads()
        connections[sync_type, action] = system.connect(
            instance,
            AUDIENCE,
            sync_type=sync_type,
            person_action=ACTIONS[action],
            partition=None if sync_type == "audience_only" else CHOSEN_PARTITION,
        )
    for connection in connections.values():
        connection.post([profile(case.email, AUDIENCE, case.status) for case in SITUATIONS])
    return {
        row: Delivered(
            before=before[row],
            total=connection.accounted(len(SITUATIONS)),
            after=connection.instance.leads(),
            lists=connection.instance.lists(),
        )
        for row, connection in connections.items()
    }


def seeded(system: System) -> Instance:
    """An instance with the leads that match, and a list of the audience's name with those that are to leave it."""
    matching = {"none": (), "one": PARTITIONS[:1], "several": PARTITIONS}
    leads: list[dict[str, object]] = [
        {
            "email": case.email.upper() if partition == "APAC" else case.email,
            "lastName": "Before",
            "company": "Before",
            "partition": partition,
            "updatedAt": LAST_UPDATES[partition],
            "status": case.status,
        }
        for case in SITUATIONS
        for partition in matching[case.matches]
    ]
    numbered = [{**lead, "id": number} for number, lead in enumerate(leads, start=101)]
    members = [lead["id"] for lead in numbered if lead.pop("status") == "exited"]
    return system.instance(leads=numbered, lists=[{"name": AUDIENCE, "members": members}])


def leads_of(case: Case, leads: Mapping[int, Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    return {lead_id: lead for lead_id, lead in leads.items() if lead["email"].lower() == case.email}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_marketo_holds_what_the_table_says(case: Case, delivered: dict[tuple[str, str], Delivered]) -> None:
    found = delivered[case.row]
    before, after = leads_of(case, found.before), leads_of(case, found.after)
    matched = max(before.values(), key=lambda lead: str(lead["updatedAt"]), default=None)
    was_on_list = set(before) if case.status == "exited" else set()
    on_list = set(after) & set(found.lists[AUDIENCE])
    match case.lead.split("-"):
        case ["created", "in", partition]:
            [lead] = after.values()
            assert {name: lead[name] for name in WRITTEN} == WRITTEN
            assert (lead["email"], lead["partition"]) == (case.email, partition)
            matched = lead
        case ["updated"]:
            assert matched
            changed = after[matched["id"]]
            assert changed["updatedAt"] > matched["updatedAt"]
            written = {**matched, **WRITTEN, "updatedAt": changed["updatedAt"]}
            assert after == before | {matched["id"]: written}
        case ["untouched"]:
            assert after == before
        case ["absent"]:
            assert after == before == {}
    own = {matched["id"]} if matched else set()
    assert on_list == {"joined": was_on_list | own, "left": was_on_list - own, "-": was_on_list}[case.change]


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_the_run_counts_what_the_table_says(row: tuple[str, str], delivered: dict[tuple[str, str], Delivered]) -> None:
    cases = [case for case in CASES if case.row == row]
    expected = Counter(CLASSES[case.outcome] for case in cases)
    expected["received"] = len(cases)
    for case in cases:
        expected.update(created=case.lead.startswith("created"), updated=case.lead == "updated")
        expected.update(added=case.change == "joined", removed=case.change == "left")
    reasons = Counter(case.outcome for case in cases if case.outcome != "activated")
    assert delivered[row].total == {
        **{name: int(count) for name, count in expected.items() if count},
        "reasons": reasons,
    }


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_nobody_else_is_in_marketo(row: tuple[str, str], delivered: dict[tuple[str, str], Delivered]) -> None:
    found = delivered[row]
    known = {case.email for case in SITUATIONS}
    assert {lead["email"].lower() for lead in found.after.values()} <= known
    assert list(found.lists) == [AUDIENCE]
    assert set(found.lists[AUDIENCE]) <= set(found.after)
