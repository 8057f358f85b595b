"""Canaries in a simulated instance: what it does is what is stored, whichever way it is, and no test lead stays."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from destination.control.canaries import BUSY, Canaries, KnownCapabilities, ManageCanaries
from destination.control.errors import CanaryGoingOnError, IncompleteError
from destination.domain.audit import AuditAction
from destination.domain.canary import PATIENCE, TIMED_OUT, Canary, CanaryStatus, Question
from destination.domain.capabilities import NOTHING_KNOWN, Capabilities
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.problem import ConfigurationError
from destination.marketo.pace import Pace
from destination.store.errors import NotFoundError
from marketo_simulator import Fault
from testing.crashes import CrashError, Life, Mortal, MortalAdapter
from testing.memory import MemoryCanaries, MemoryCapabilities
from testing.persons import MUNCHKIN, connection
from testing.simulated import Simulated

ADDRESS, LIST = "canary@example.org", 1001
EVERYTHING = {
    **{"creates_on_list": True, "joins_by_id": True, "id_is_a_header": True, "keeps_blank": True},
    **{"ignores_unknown_columns": False, "updates_newest": True},
}
"""What a simulator does whose settings are as they are at first."""


@dataclass
class Trial:
    """One instance, which has somebody else, and the canaries that are sent to it."""

    instance: Simulated = field(default_factory=lambda: Simulated({"email": "ada@example.org"}))
    connection: Connection = field(default_factory=lambda: connection(munchkin_id=MUNCHKIN))
    canaries: MemoryCanaries = field(default_factory=MemoryCanaries)
    known: MemoryCapabilities = field(default_factory=MemoryCapabilities)
    credentials: ClientCredentials | None = field(default_factory=lambda: ClientCredentials("client", "secret"))
    claimed: int = 1002

    @property
    def use_case(self) -> ManageCanaries:
        return ManageCanaries(
            connections=self,
            credentials=_Credentials(self),
            marketo_for=lambda *_: self.instance.marketo,
            stored=self.canaries,
            known=self.known,
            is_claimed=lambda _, list_id: list_id == self.claimed,
            record=lambda *named: named,
            new_id=lambda: f"{len(self.canaries.records):08x}",
            clock=self.instance.clock.now,
        )

    def get(self, connection_id: str) -> Connection:
        if connection_id != self.connection.id:
            raise NotFoundError(f"there is no connection {connection_id}")
        return self.connection

    def request(self, email: str = ADDRESS, list_id: int = LIST) -> Canary:
        return self.use_case.request(self.connection.id, email, list_id)

    def step(self, canary: Canary, seconds: float = 5) -> Canary:
        self.instance.clock.sleep(seconds)
        return self.use_case.carry_on(self.connection.id, canary.id)

    def end(self, canary: Canary) -> Canary:
        for _ in range(60):
            canary = self.step(canary)
            if canary.finished_at is not None:
                return canary
        raise AssertionError(f"it does not come to its end: {canary}")

    def set(self, **settings: object) -> None:
        self.instance.simulator.configure(**settings)

    def until(self, question: Question) -> Canary:
        """A canary whose import of this question is queued."""
        canary = self.request()
        for _ in range(60):
            if canary.question is question and canary.batch_id is not None:
                return canary
            canary = self.step(canary)
        raise AssertionError(f"it does not ask {question}: {canary}")

    @property
    def answers(self) -> dict[str, Any]:
        known = self.known.get(MUNCHKIN)
        return {one.value: getattr(known, one) for one in Question}

    def assert_clean(self) -> None:
        """Nobody is left but who was there before, and nobody is on a list."""
        assert [one["email"] for one in self.instance.leads.values()] == ["ada@example.org"]
        assert self.instance.members == {"a": [], "b": []}


@dataclass
class _Credentials:
    trial: Trial

    def get(self, _: Connection) -> ClientCredentials:
        if self.trial.credentials is None:
            raise NotFoundError("there are none")
        return self.trial.credentials


@pytest.fixture
def trial() -> Trial:
    return Trial()


@pytest.mark.parametrize(
    ("settings", "differs"),
    [
        ({}, {}),
        ({"import_list_by_id": "ignore"}, {"joins_by_id": False}),
        ({"import_id_only": "fail"}, {"id_is_a_header": False}),
        ({"import_list_by_id": "ignore", "import_id_only": "fail"}, {"joins_by_id": False, "id_is_a_header": False}),
        ({"import_blank_cells": "clear"}, {"keeps_blank": False}),
        ({"import_unknown_columns": "ignore"}, {"ignores_unknown_columns": True}),
        ({"import_several_matches": "fail"}, {"updates_newest": False}),
        ({"import_reports_shift": True, "import_short_rows": "fill", "import_busy_list": "queue"}, {}),
        ({"search_ignores_case": True}, {}),
    ],
)
def test_what_the_instance_does_is_stored(
    trial: Trial, settings: Mapping[str, object], differs: dict[str, bool]
) -> None:
    trial.set(**settings)
    ended = trial.end(trial.request())
    assert (ended.status, ended.code, ended.left, ended.email) == (CanaryStatus.COMPLETED, None, (), None)
    assert trial.answers == EVERYTHING | differs
    assert trial.known.get(MUNCHKIN).asked_at is not None
    trial.assert_clean()


def test_leads_go_where_the_connection_creates(trial: Trial) -> None:
    trial.instance.simulator.seed({"partitions": [{"name": "EMEA", "id": 2}]})
    trial.connection = replace(trial.connection, partition="EMEA")
    canary = trial.until(Question.JOINS_BY_ID)
    [made] = [one for one in trial.instance.leads.values() if one["email"] == ADDRESS]
    assert made["partition"] == "EMEA"
    trial.end(canary)
    assert trial.answers == EVERYTHING


def test_that_one_was_sent_is_in_the_audit_log_without_the_address(trial: Trial) -> None:
    trial.request()
    [(action, connection_id, changes)] = trial.canaries.records  # type: ignore[misc]
    assert (action, connection_id) == (AuditAction.SEND_CANARY, trial.connection.id)  # type: ignore[has-type]
    assert ADDRESS not in repr(changes)  # type: ignore[has-type]


def test_nothing_is_written_before_the_first_step(trial: Trial) -> None:
    trial.request()
    trial.assert_clean()


@pytest.mark.parametrize(
    ("email", "list_id", "paths"),
    [
        ("ada@example.org", LIST, ["email"]),
        ("ADA@example.org", LIST, ["email"]),
        ("no address", LIST, ["email"]),
        ("a,b@example.org", LIST, ["email"]),
        ("a@" + "b" * 250 + ".org", LIST, ["email"]),
        (ADDRESS, 1002, ["list_id"]),
        (ADDRESS, 77, ["list_id"]),
        ("ada@example.org", 77, ["list_id", "email"]),
    ],
)
def test_an_address_of_somebody_and_a_list_of_others_are_refused(
    trial: Trial, email: str, list_id: int, paths: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        trial.request(email, list_id)
    assert [one.path for one in refused.value.problems] == paths
    assert trial.canaries.last(MUNCHKIN) is None


def test_without_credentials_none_is_sent(trial: Trial) -> None:
    trial.credentials = None
    with pytest.raises(IncompleteError):
        trial.request()


def test_a_second_one_waits_for_the_end_of_the_first(trial: Trial) -> None:
    first = trial.request()
    with pytest.raises(CanaryGoingOnError, match=first.id):
        trial.request("other@example.org")
    trial.end(first)
    second = trial.request("other@example.org")
    with pytest.raises(NotFoundError):
        trial.step(first)
    assert trial.end(second).status is CanaryStatus.COMPLETED


def test_who_asks_while_a_step_is_taken_sees_how_far_it_is(trial: Trial) -> None:
    canary = trial.request()
    now = trial.instance.clock.now()
    taken = trial.canaries.take(canary, now, now + BUSY)
    assert trial.step(canary) == taken
    trial.assert_clean()
    assert trial.step(canary, BUSY.total_seconds()).batch_id is not None


def test_one_that_is_finished_is_shown_without_calls(trial: Trial) -> None:
    ended = trial.end(trial.request())
    calls = len(trial.instance.calls)
    trial.credentials = None
    assert trial.step(ended) == ended
    assert len(trial.instance.calls) == calls


@pytest.mark.parametrize(
    ("code", "path"),
    [("1016", "/bulk/v1/leads.json"), ("1019", "/bulk/v1/leads.json"), ("1029", "/bulk/v1/leads.json")],
)
def test_what_passes_is_waited_for(trial: Trial, code: str, path: str) -> None:
    trial.instance.simulator.script(Fault(code=code, path=path, times=2))
    canary = trial.step(trial.request())
    assert (canary.held_up, canary.batch_id) == (code, None)
    assert trial.end(canary).held_up is None
    assert trial.answers == EVERYTHING
    trial.assert_clean()


def test_a_lost_answer_to_an_import_makes_no_difference(trial: Trial) -> None:
    trial.instance.simulator.script(Fault("drop", executes=True, path="/bulk/v1/leads.json"))
    assert trial.end(trial.request()).status is CanaryStatus.COMPLETED
    assert trial.answers == EVERYTHING
    trial.assert_clean()


def test_an_import_that_takes_too_long_ends_it_and_what_was_answered_counts(trial: Trial) -> None:
    canary = trial.until(Question.ID_IS_A_HEADER)
    trial.set(import_seconds=10 * PATIENCE.total_seconds())
    canary = trial.step(canary)
    canary = trial.step(canary)
    while canary.question is not None:
        canary = trial.step(canary, PATIENCE.total_seconds())
    ended = trial.end(canary)
    assert (ended.status, ended.code, ended.left) == (CanaryStatus.FAILED, TIMED_OUT, ())
    found = trial.known.get(MUNCHKIN)
    assert (found.joins_by_id, found.creates_on_list) == (True, True)
    assert found.updates_newest is None
    trial.assert_clean()


def test_what_marketo_denies_ends_it_and_the_test_leads_go(trial: Trial) -> None:
    canary = trial.until(Question.JOINS_BY_ID)
    trial.instance.simulator.script(Fault(code="603", path="/bulk/v1/leads", times=99))
    ended = trial.end(canary)
    assert (ended.status, ended.code) == (CanaryStatus.FAILED, "603")
    assert trial.answers["creates_on_list"] is True
    trial.assert_clean()


def test_where_nothing_can_be_found_out_nothing_is_stored(trial: Trial) -> None:
    trial.known.put(MUNCHKIN, Capabilities(joins_by_id=True))
    trial.instance.simulator.script(Fault(code="603", path="/bulk/v1/leads.json", times=99))
    ended = trial.end(trial.request())
    assert (ended.status, ended.answers) == (CanaryStatus.FAILED, NOTHING_KNOWN)
    assert trial.known.get(MUNCHKIN) == Capabilities(joins_by_id=True)
    trial.assert_clean()


def test_where_imports_are_refused_all_other_questions_stay_open(trial: Trial) -> None:
    trial.instance.simulator.script(Fault(code="1003", path="/bulk/v1/leads.json", times=99))
    ended = trial.end(trial.request())
    assert (ended.status, ended.answers) == (CanaryStatus.COMPLETED, NOTHING_KNOWN)
    trial.assert_clean()


@pytest.mark.parametrize("code", ["603", "1014"])
def test_test_leads_that_cannot_be_deleted_are_told(trial: Trial, code: str) -> None:
    trial.instance.simulator.script(Fault(code=code, path="/leads/delete.json", times=9999))
    canary = trial.request()
    while canary.question is not None:
        canary = trial.step(canary)
    while canary.finished_at is None:
        canary = trial.step(canary, 600)
    assert canary.status is CanaryStatus.COMPLETED
    assert set(canary.left) == {number for number, one in trial.instance.leads.items() if one["email"] == ADDRESS}
    assert len(canary.left) == 2
    assert trial.answers == EVERYTHING


def test_nobody_else_is_deleted_who_got_the_address_meanwhile(trial: Trial) -> None:
    canary = trial.until(Question.JOINS_BY_ID)
    trial.instance.simulator.seed({"leads": [{"email": ADDRESS, "lastName": "Lovelace"}]})
    trial.end(canary)
    assert [one.get("lastName") for one in trial.instance.leads.values() if one["email"] == ADDRESS] == ["Lovelace"]


def test_a_pace_that_leaves_no_time_is_waited_for(trial: Trial) -> None:
    canary = trial.request()
    ready = trial.instance.marketo.pace
    clock = trial.instance.clock
    trial.instance.marketo.pace = Pace(1, 1, deadline=-1.0, monotonic=clock.monotonic, wall=clock.wall)
    after = trial.step(canary)
    assert (after.held_up, after.question) == (None, Question.CREATES_ON_LIST)
    trial.instance.marketo.pace = ready
    trial.end(after)
    assert trial.answers == EVERYTHING


@pytest.mark.parametrize("moments", range(0, 220, 7))
def test_a_step_that_breaks_off_is_taken_again(moments: int) -> None:
    trial, life = Trial(), Life()
    canary = trial.request()
    mortal = replace(
        trial.use_case,
        stored=cast(Canaries, Mortal(trial.canaries, life)),
        known=cast(KnownCapabilities, Mortal(trial.known, life)),
        marketo_for=lambda *_: trial.instance.through(MortalAdapter(trial.instance.simulator, life)),
    )
    life.moments = moments
    with contextlib.suppress(CrashError):
        while True:
            trial.instance.clock.sleep(5)
            if mortal.carry_on(trial.connection.id, canary.id).finished_at is not None:
                break
    ended = trial.end(canary)
    assert (ended.status, ended.left) == (CanaryStatus.COMPLETED, ())
    assert trial.answers == EVERYTHING
    trial.assert_clean()
