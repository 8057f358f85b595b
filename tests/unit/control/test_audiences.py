"""Audiences as operators activate them: which list is theirs, and what is remembered of it."""

from dataclasses import replace

import pytest

from destination.control.errors import AlreadyBoundError, IncompleteError
from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.domain.connection import Status, SyncType
from destination.domain.problem import ConfigurationError
from destination.marketo.errors import InstanceWaitsError
from marketo_simulator import Fault
from testing.use_cases import AUDIENCE, CREDENTIALS, DRAFT, Plane


def test_a_list_that_was_made_anew_meanwhile_is_kept(plane: Plane) -> None:
    connection_id = plane.draft()
    bound, _ = plane.audiences.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    assert bound.list_id is not None
    plane.delivering.rebind(connection_id, AUDIENCE, bound.list_id, 4711, "Webinar", may_hold_others=True, fill_at=None)
    renamed = plane.audiences.change(connection_id, bound, replace(bound, name="Renamed"))
    assert (renamed.name, renamed.list_id, renamed.version) == ("Renamed", 4711, 2)
    assert plane.audiences.get(connection_id, activation_id(AUDIENCE)) == renamed


def test_a_connection_has_room_for_so_many_audiences(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("destination.domain.audience_rules.MAX_ACTIVATIONS", 1)
    connection_id = plane.draft()
    plane.audiences.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    with pytest.raises(ConfigurationError, match="id: is one too many"):
        plane.audiences.activate(connection_id, Activation(AudienceKey("ups", "aud-2"), "Another"))
    assert not plane.audiences.activate(connection_id, Activation(AUDIENCE, "Webinar"))[1]


def test_a_list_is_found_again_after_an_answer_that_was_lost(plane: Plane) -> None:
    connection_id = plane.draft()
    plane.marketo.script(Fault(effect="drop", executes=True, method="POST", path=r"/rest/asset/v1/staticLists\.json"))
    with pytest.raises(InstanceWaitsError):
        plane.audiences.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    assert plane.audiences.list(connection_id) == ()
    activation, new = plane.audiences.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    assert new
    lists: list[dict[str, object]] = plane.marketo.dump()["lists"]
    assert [one["id"] for one in lists] == [activation.list_id]


def test_an_audience_is_bound_to_one_list(plane: Plane) -> None:
    connection_id = plane.draft()
    bound, _ = plane.audiences.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    assert bound.list_id is not None
    with pytest.raises(AlreadyBoundError, match=str(bound.list_id)):
        plane.audiences.activate(connection_id, Activation(AUDIENCE, "Webinar", list_id=bound.list_id + 1))
    assert plane.audiences.get(connection_id, activation_id(AUDIENCE)) == bound


def test_an_audience_without_a_list_gets_one_when_the_connection_comes_to_keep_lists(plane: Plane) -> None:
    made = plane.connections.create(replace(DRAFT, sync_type=SyncType.PROFILE_ONLY), CREDENTIALS).connection
    plane.audiences.activate(made.id, Activation(AUDIENCE, "Webinar"))
    plane.connections.change(made, replace(made, sync_type=SyncType.AUDIENCE_ONLY))
    with pytest.raises(IncompleteError, match="activate it again"):
        plane.connections.enable(made.id)
    activation, new = plane.audiences.activate(made.id, Activation(AUDIENCE, "Webinar"))
    assert (new, activation.list_name) == (False, "Webinar")
    assert plane.connections.enable(made.id).status is Status.ENABLED


def test_a_list_is_that_of_one_audience(plane: Plane) -> None:
    connection_id = plane.draft()
    plane.audiences.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    namesake = Activation(AudienceKey("csv", "aud-1"), "Webinar")
    with pytest.raises(AlreadyBoundError, match="choose another name"):
        plane.audiences.activate(connection_id, namesake)
    assert plane.audiences.activate(connection_id, replace(namesake, name="Webinar, imported"))[1]


def test_a_connection_that_keeps_no_lists_for_now_remembers_those_it_had(plane: Plane) -> None:
    before = plane.connections.get(plane.draft())
    bound, _ = plane.audiences.activate(before.id, Activation(AUDIENCE, "Webinar"))
    plane.connections.change(before, replace(before, sync_type=SyncType.PROFILE_ONLY))
    renamed = plane.audiences.change(before.id, bound, replace(bound, name="Renamed"))
    again, _ = plane.audiences.activate(before.id, Activation(AUDIENCE, "Renamed again"))
    assert renamed.list_id == again.list_id == bound.list_id
