"""Audiences that have another name by now, as events say: where the connection wants it, their lists get it too."""

import contextlib
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.event import ProfileEvent
from destination.marketo.errors import NAME_TAKEN, ConnectionBlockedError, InstanceWaitsError, RequestRejectedError
from destination.marketo.instance import Marketo
from destination.marketo.lists import StaticList
from destination.marketo.pace import OutOfTimeError


class Audiences(Protocol):
    """Where the names of audiences are kept."""

    def rename_audience(
        self, connection_id: str, audience: AudienceKey, before: str, name: str, list_name: str | None, at: datetime
    ) -> None: ...


class _Name(NamedTuple):
    """What an audience was called when an event was received."""

    at: datetime
    name: str


def rename_audiences(
    target: ActiveConnection, events: Iterable[ProfileEvent], marketo: Marketo, audiences: Audiences
) -> None:
    """Give audiences, and their lists in Marketo, the names that events say they have by now.

    The name that was received last counts; one that was received before the audience got its present name is old. A
    list that Marketo refuses to rename keeps its own, as where another one has the name; what only has to wait is done
    with the next event that says the name. So no delivery is held up for a name.

    Raises AWS's errors.
    """
    if not target.connection.propagate_renames:
        return
    for audience, (at, name) in _newest_names(events).items():
        activation = target.activations.get(audience)
        if activation is not None and activation.name != name and _is_newer(at, activation):
            with contextlib.suppress(InstanceWaitsError, OutOfTimeError):
                list_name = _renamed_list(activation, name, marketo)
                audiences.rename_audience(target.connection.id, audience, activation.name, name, list_name, at)


def _newest_names(events: Iterable[ProfileEvent]) -> dict[AudienceKey, _Name]:
    newest: dict[AudienceKey, _Name] = {}
    for event in events:
        for one in event.memberships:
            if one.name is not None:
                found = _Name(event.received_at, one.name)
                for audience in (one.audience, one.audience.in_any_namespace):
                    newest[audience] = max(newest.get(audience, found), found)
    return newest


def _is_newer(at: datetime, activation: Activation) -> bool:
    return activation.named_at is None or at > activation.named_at


def _renamed_list(activation: Activation, name: str, marketo: Marketo) -> str | None:
    """The name that the audience's list has then, if it has a list."""
    if activation.list_id is None:
        return activation.list_name
    found: StaticList | None = None
    try:
        found = marketo.lists.rename(activation.list_id, name)
    except (RequestRejectedError, ConnectionBlockedError) as error:
        if error.code == NAME_TAKEN:  # Maybe by the list itself, where the answer to its renaming was lost.
            found = marketo.lists.get(activation.list_id)
    return found.name if found is not None else activation.list_name
