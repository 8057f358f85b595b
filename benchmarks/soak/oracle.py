"""What Marketo and the accounts must hold when all has come to rest, by what the events alone say.

a membership   the newest of the person and audience, exactly
attributes     those of the newest event that made sure of a lead, or of a newer one: who has no lead, and is in no
               audience that an event names, is not created, and what the event said is not remembered
an event that names no audience of ours
               counts with its attributes if the person is in one by then, and otherwise not at all
an attribute that not every event has
               of any event: an older event that comes after a newer one is overtaken as a whole
leads          those that there were, else one for whoever is in an audience, else at most one
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.soak.course import LISTS, Soak
from benchmarks.soak.story import ALWAYS, AUDIENCES, REALIZED, SOMETIMES, SoakEvent, email, is_nameless, leads_before
from destination.domain.event import MembershipStatus
from destination.domain.outcome import Class


@dataclass
class SoakDifferences:
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)


def compare(soak: Soak) -> SoakDifferences:
    """What differs from what the events alone say."""
    found = SoakDifferences()
    leads: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for lead in soak.simulator.state.leads.values():
        leads[str(lead.values["email"])].append(dict(lead.values))
    by_person: defaultdict[int, list[SoakEvent]] = defaultdict(list)
    for said in soak.said:
        if said.person is not None:
            by_person[said.person].append(said)
    for person, own in by_person.items():
        _compare_person(soak, person, sorted(own, key=lambda one: one.at), leads[email(person)], found)
    if soak.counts["poison"] < soak.poison:
        found.lost.append(f"{soak.poison - soak.counts['poison']} messages that cannot be read are no dead letters")
    _compare_accounts(soak, found)
    return found


def _compare_person(
    soak: Soak, person: int, said: Sequence[SoakEvent], leads: Sequence[dict[str, Any]], found: SoakDifferences
) -> None:
    newest = {name: (one.at, status) for one in said for name, status in one.memberships if name in LISTS}
    wanted = {name for name, (_, status) in newest.items() if status is REALIZED and not is_nameless(person)}
    before = leads_before(person)
    if len(leads) > max(before, 0 if is_nameless(person) else 1):
        found.duplicated.append(f"{email(person)} has {len(leads)} leads")
    if len(leads) < max(before, 1 if wanted else 0):
        found.lost.append(f"{email(person)} has {len(leads)} leads")
        return
    ids = {int(lead["id"]) for lead in leads}
    for name, list_id in LISTS.items():
        members = len(ids & soak.simulator.state.lists[list_id].members)
        if members < (name in wanted):
            found.lost.append(f"{email(person)} is not on list {name}")
        if members > (name in wanted):
            found.lost.append(f"{email(person)} is still on list {name}, {members} times")
    if len(leads) == 1:
        for connection_id in AUDIENCES:
            own = [one for one in said if one.connection == connection_id]
            _compare_attributes(connection_id, own, newest, leads[0], existed=before > 0, found=found)


def _compare_attributes(
    connection_id: str,
    said: Sequence[SoakEvent],
    newest: dict[str, tuple[datetime, MembershipStatus]],
    lead: dict[str, Any],
    *,
    existed: bool,
    found: SoakDifferences,
) -> None:
    """`said` is sorted by time; what made sure of a lead is the newest to say that the person is in an audience."""
    sure = [
        one
        for one in said
        if (existed and one.memberships[0][0] in LISTS)
        or any(newest.get(name) == (one.at, REALIZED) for name, _ in one.memberships)
    ]
    since = sure[-1].at if sure else None
    possible = {one.always for one in said if since is None or one.at >= since}
    value = lead.get(ALWAYS[connection_id])
    if value not in possible and (sure or value is not None):
        found.lost.append(f"{lead['email']} has {value} for {ALWAYS[connection_id]}, not one of {sorted(possible)}")
    value = lead.get(SOMETIMES[connection_id])
    if value is not None and value not in {one.sometimes for one in said}:
        found.lost.append(f"{lead['email']} has {value} for {SOMETIMES[connection_id]}, which was never said")


def _compare_accounts(soak: Soak, found: SoakDifferences) -> None:
    classes = [one.value for one in Class]
    for run in soak.ledger.runs.stored.values():
        for counted in (run.tally.counts, *(one.counts for one in run.tally.audiences.values())):
            if counted["received"] != sum(counted[one] for one in classes):
                found.accounts.append(f"run {run.id} of {run.connection_id} does not add up")
    for name in AUDIENCES:
        sent = sum(count for (owner, _), count in soak.events_of.items() if owner == name)
        counts = soak.ledger.total(name).counts
        if counts["received"] + counts["ignored"] != sent:
            found.accounts.append(f"{name}: {sent} sent, {counts['received']} received, {counts['ignored']} ignored")
    marked: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for (name, _, envelope_id), numbers in soak.ledger.marks.items():
        marked[name, envelope_id] |= numbers
    for (name, envelope_id), count in soak.events_of.items():
        if len(marked[name, envelope_id]) != count:
            found.accounts.append(f"of {envelope_id} with {count} events not all are counted")
