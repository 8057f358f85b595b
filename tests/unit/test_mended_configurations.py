"""Whoever does what is said about a configuration has one that is taken: each rule, and each way of saying it.

A configuration rule is a place in the code that makes a `Problem`. One that no configuration of
testing/bad_configurations breaks is an error here, and so is a sentence that nobody can follow. How the refusals reach
whoever calls the interface is in tests/integration/test_bad_configurations.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import chain
from types import ModuleType
from typing import Any

import pytest
from pydantic import TypeAdapter

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionIn, ConnectionPatch
from destination.control import sources
from destination.domain import audience_rules, check, connection_rules, row_form
from destination.domain.audience import Activation, AudienceKey
from destination.domain.audience_rules import activation_problems, list_problem, naming_problems, over_problems
from destination.domain.check import (
    dedupe_choices,
    dedupe_problems,
    mapping_problems,
    partition_problems,
    workspace_problems,
)
from destination.domain.connection import ActiveConnection
from destination.domain.connection_rules import (
    change_problems,
    connection_problems,
    connection_warnings,
    grace_problems,
    missing_to_enable,
)
from destination.domain.policy import misspelt, mistaken_actions
from destination.domain.problem import ConfigurationError, Problem
from destination.domain.row_form import RowForm
from destination.domain.schema import Schema
from testing.bad_configurations import Case, changed
from testing.bad_configurations.audiences import AUDIENCE, AUDIENCES, BY_SENDERS, NAMED, OF_PROFILES, OVER
from testing.bad_configurations.connections import CONNECTIONS
from testing.bad_configurations.instances import INSTANCE, MARKETO
from testing.bad_configurations.mending import Reader
from testing.bad_configurations.rules import untried
from testing.bad_configurations.settings import INCOMPLETE, SETTINGS, SIGNED, UNCHANGEABLE, WARNED
from testing.control_plane import CREATE
from testing.marketo import START
from testing.simulated import Simulated
from testing.template import ROOT

ROUNDS = 5
"""What is mended may show what was hidden behind it."""

Judge = Callable[[Mapping[str, Any]], Sequence[Problem]]
"""What is refused of a body."""

MODULES: tuple[ModuleType, ...] = (connection_rules, audience_rules, check, row_form, sources)
"""Those with the configuration rules."""

DONE_ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "Check.refusals": ("integration/test_incidents.py", '"give-credentials", "raise-quota", "check-host"'),
    "consent_warnings": ("unit/domain/test_connection_rules.py", "consent_warnings("),
    "activation_change_problems": ("integration/test_runbook.py", "then activate it again"),
    "over_warnings": ("integration/test_audiences_api.py", "has passed ("),
    "room_problems": ("unit/domain/test_connection_rules.py", "room_problems("),
    "mapping_warnings": ("unit/domain/test_check.py", "mapping_warnings("),
    "sample_problems": ("integration/checks/test_sample.py", "is not in the sample"),
    "sample_warnings": ("integration/checks/test_sample.py", "several values in the sample"),
    "partition_warnings": ("integration/checks/test_objects.py", "does not see the partition Default"),
}
"""Rules that are broken by more than a body: by the function that has them, the tests, and what stands there of it.

What these say is seen there, and is done where tests of the runbook do it; it is not followed here.
"""


class Instance:
    """A Marketo instance that connections are configured for: what it has, and what one can choose from."""

    def __init__(self) -> None:
        simulated = Simulated(fields=MARKETO["fields"])
        simulated.simulator.seed({name: MARKETO[name] for name in ("partitions", "workspaces")})
        self.schema: Schema = simulated.marketo.describe.schema()
        self.partitions = [one.name for one in simulated.marketo.describe.partitions()]
        self.workspaces = sorted(simulated.marketo.lists.workspaces())

    def choices(self, call: str) -> Sequence[Mapping[str, Any]]:
        fields = self.schema.fields.values() if call == "fields" else dedupe_choices(self.schema)
        named = {"partitions": self.partitions, "workspaces": self.workspaces}.get(call)
        if named is not None:
            return [{"name": one} for one in named]
        return [{"name": one.name, "type": one.data_type, "writable": one.is_writable} for one in fields]


@cache
def instance() -> Instance:
    return Instance()


def of_connection(body: Mapping[str, Any], *, has_keys: bool = False) -> Sequence[Problem]:
    try:
        draft = ConnectionIn.read(body).draft()
    except ConfigurationError as error:
        return error.problems
    labels = (misspelt(f"mapping[{index}].labels", row.labels) for index, row in enumerate(draft.mapping))
    actions = mistaken_actions("marketing_actions", draft.marketing_actions)
    return [*sources.source_problems(draft, has_keys=has_keys), *connection_problems(draft), *actions, *chain(*labels)]


def with_keys(body: Mapping[str, Any]) -> Sequence[Problem]:
    """At a stack that has keys for signatures."""
    return of_connection(body, has_keys=True)


def of_audience(body: Mapping[str, Any], sync_type: str = "audience_and_profile") -> Sequence[Problem]:
    try:
        activation = AudienceIn.read(body).activation()
    except ConfigurationError as error:
        return error.problems
    draft = ConnectionIn.read({**CREATE, "sync_type": sync_type}).draft()
    missing = [] if activation.list_id in {None, 1001} else [list_problem(activation.list_id or 0)]
    return [*activation_problems(draft, activation), *missing]


def of_audience_now(body: Mapping[str, Any]) -> Sequence[Problem]:
    return over_problems(None, AudienceIn.read(body).activation(), START)


def of_profiles(body: Mapping[str, Any]) -> Sequence[Problem]:
    return of_audience(body, "profile_only")


def of_names(body: Mapping[str, Any]) -> Sequence[Problem]:
    return naming_problems(AudienceKey(body["namespace"], body["id"]), body["name"])


def of_grace(body: Mapping[str, Any]) -> Sequence[Problem]:
    return grace_problems(TypeAdapter(timedelta).validate_python(body["grace"]))


def of_words(body: Mapping[str, Any]) -> Sequence[Problem]:
    """A form of rows that was not read from a body, whose words are bounded there."""
    return list(row_form.row_form_problems(RowForm(realized=tuple(body["realized"]))))


def of_instance(body: Mapping[str, Any]) -> Sequence[Problem]:
    if problems := of_connection(body):
        return problems
    draft, at = ConnectionIn.read(body).draft(), instance()
    return [
        *workspace_problems(draft, at.workspaces),
        *partition_problems(draft, at.partitions),
        *dedupe_problems(draft, at.schema),
        *mapping_problems(draft, at.schema),
    ]


def of_enabling(body: Mapping[str, Any]) -> Sequence[Problem]:
    """Beside what a connection has, `audiences` are those that are activated."""
    wanted = ConnectionIn.read({name: value for name, value in body.items() if name != "audiences"})
    lists = {one: None if one == "unlisted" else 1001 for one in body["audiences"]}
    activated = [Activation(AudienceKey("ups", one), one, list_id=number) for one, number in lists.items()]
    active = ActiveConnection(wanted.draft(), {one.audience: one for one in activated})
    return missing_to_enable(active, has_credentials=wanted.client_credentials() is not None)


def of_warnings(body: Mapping[str, Any]) -> Sequence[Problem]:
    wanted = ConnectionIn.read({name: value for name, value in body.items() if name != "audiences"})
    return connection_warnings(wanted.draft(), len(body.get("audiences", ())))


def of_change(body: Mapping[str, Any]) -> Sequence[Problem]:
    """Of one that was as `CREATE` is, has lists, and has delivered."""
    before, after = ConnectionIn.read(CREATE).draft(), ConnectionPatch.read(body)
    delivered = replace(before, delivered_at=START)
    return change_problems(delivered, after.over(delivered), has_lists=True, same_people=after.same_people)


KINDS: tuple[tuple[Judge, Mapping[str, Any], Sequence[Case]], ...] = (
    (of_connection, CREATE, CONNECTIONS),
    (of_audience, AUDIENCE, AUDIENCES),
    (of_instance, CREATE, INSTANCE),
    (of_connection, CREATE, SETTINGS),
    (with_keys, CREATE, SIGNED),
    (of_audience_now, AUDIENCE, OVER),
    (of_profiles, AUDIENCE, OF_PROFILES),
    (of_names, NAMED, BY_SENDERS),
    (of_grace, {"grace": "P1D"}, [({"grace": "P8D"}, "grace", "must be from PT0S to P7D")]),
    (of_words, {}, [({"realized": []}, "realized", "must be 1 to 20 words of at most 64 characters")]),
    (of_enabling, {**CREATE, "audiences": ["aud-1"]}, INCOMPLETE),
    (of_warnings, CREATE, WARNED),
    (of_change, CREATE, UNCHANGEABLE),
)
EXAMPLES = [(judge, good, *case) for judge, good, cases in KINDS for case in cases]


def followed(judge: Judge, good: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[Sequence[Problem]]:
    """What is refused of a body, and then of what is made of it by doing what was said, until nothing is."""
    reader = Reader(good, instance().choices)
    for _ in range(ROUNDS):
        problems = judge(body)
        yield problems
        if not problems:
            return
        body = reader.mended(body, [(one.path, one.message) for one in problems])


@pytest.mark.parametrize(("judge", "good", "change", "path", "message"), EXAMPLES)
def test_whoever_does_what_is_said_has_a_configuration_that_is_taken(
    judge: Judge, good: Mapping[str, Any], change: Mapping[str, Any], path: str, message: str
) -> None:
    first, *_, last = followed(judge, good, changed(good, change))
    assert (list(first), list(last)) == ([Problem(path, message)], [])


@pytest.mark.parametrize(("file", "told"), DONE_ELSEWHERE.values())
def test_what_is_broken_elsewhere_is_seen_there(file: str, told: str) -> None:
    assert told in (ROOT / "tests" / file).read_text()


def test_every_rule_is_broken_by_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    def tried() -> None:
        for judge, good, change, *_ in EXAMPLES:
            judge(changed(good, change))

    found = untried(MODULES, DONE_ELSEWHERE, tried, monkeypatch)
    assert not found, "\n".join(found)
