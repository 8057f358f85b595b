"""Who gets the alerts of a connection: recipients are subscribed through SNS, and told of nothing else.

SNS has one subscription of an address to a topic. So an address that gets the alerts of several connections has one
filter that names all of them, made anew whenever one of them changes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from destination.control.audit import Recorder
from destination.domain.alert_message import AlertMessage
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.connection import Connection
from destination.domain.problem import Problem, refuse
from destination.domain.recipient import MAX_CONNECTIONS, Confirmation, Recipient, recipient_problems
from destination.store.recipients import Recipients, Subscribed


class Connections(Protocol):
    """The configured connections."""

    def get(self, connection_id: str, /) -> Connection: ...


class Subscriptions(Protocol):
    """The subscriptions to the topic of alerts."""

    def standing(self) -> Mapping[Recipient, str | None]: ...
    def subscribe(self, recipient: Recipient, connection_ids: Collection[str], /) -> str: ...
    def choose(self, arn: str, connection_ids: Collection[str], /) -> None: ...
    def end(self, arn: str, /) -> bool: ...


class Topic(Protocol):
    """The topic of alerts."""

    def publish(self, subject: str, text: str, detail: Mapping[str, Any], attributes: Mapping[str, str], /) -> None: ...


@dataclass(frozen=True, slots=True)
class EndSubscriptions:
    """Takes the recipients from a connection that is removed."""

    recipients: Recipients
    subscriptions: Subscriptions

    def __call__(self, connection_id: str) -> None:
        settle(self.recipients.forget(connection_id), self.recipients, self.subscriptions)


@dataclass(frozen=True, slots=True)
class ManageRecipients:
    """Tells, replaces and tests the recipients of a connection. Every method raises NotFoundError."""

    connections: Connections
    recipients: Recipients
    subscriptions: Subscriptions
    topic: Topic
    record: Recorder
    clock: Callable[[], datetime]

    def of(self, connection_id: str) -> dict[Recipient, Confirmation]:
        """The recipients, and how far the subscription of each is."""
        found = self.recipients.of(self.connections.get(connection_id).id)
        standing = self.subscriptions.standing() if found else {}
        return {one: _confirmation(one, self.recipients.subscribed(one), standing) for one in found}

    def replace(self, connection_id: str, wanted: Sequence[Recipient]) -> dict[Recipient, Confirmation]:
        """Make these the recipients. Whoever is new is asked by SNS to confirm; who is so no more, is unsubscribed.

        Asked again for the same, it mends what SNS lost, and asks whoever did not confirm in time once more. Raises
        ConfigurationError, DeletingError.
        """
        refuse(list(recipient_problems(wanted)))
        before = self.recipients.of(self.connections.get(connection_id).id)
        added, removed = set(wanted) - set(before), set(before) - set(wanted)
        refuse(list(self._problems(wanted, added)))
        if added or removed:
            changes = [AuditChange("recipients", _shown(before), _shown(wanted))]
            record = self.record(AuditAction.SET_RECIPIENTS, connection_id, changes)
            self.recipients.replace(connection_id, added, removed, record)
        settle({*wanted, *removed}, self.recipients, self.subscriptions)
        return self.of(connection_id)

    def _problems(self, wanted: Sequence[Recipient], added: Collection[Recipient]) -> Iterator[Problem]:
        for index, one in enumerate(wanted):
            if one in added and len(self.recipients.subscribed(one).connection_ids) >= MAX_CONNECTIONS:
                message = f"{one.shown} gets the alerts of {MAX_CONNECTIONS} connections, which is all that SNS allows"
                yield Problem(f"[{index}].endpoint", f"{message}; give another address")

    def test(self, connection_id: str) -> dict[Recipient, Confirmation]:
        """Send an alert that says that it is a test, to all that get those of the connection; who they are."""
        told = AlertMessage.of_test(self.connections.get(connection_id), self.clock())
        self.topic.publish(told.subject, told.text, told.detail, told.attributes)
        return self.of(connection_id)


def settle(changed: Iterable[Recipient], recipients: Recipients, subscriptions: Subscriptions) -> None:
    """Make the subscriptions of these what is wanted of them now.

    Somebody else may change the same recipient meanwhile: it is done again until nothing changed.
    """
    to_do = sorted(changed)
    standing = subscriptions.standing() if to_do else {}
    for one in to_do:
        wanted = recipients.subscribed(one)
        while True:
            _settle(one, wanted, standing, recipients, subscriptions)
            before, wanted = wanted, recipients.subscribed(one)
            if wanted.connection_ids == before.connection_ids:
                break


def _settle(
    recipient: Recipient,
    wanted: Subscribed,
    standing: Mapping[Recipient, str | None],
    recipients: Recipients,
    subscriptions: Subscriptions,
) -> None:
    if _is_of_others(recipient, wanted, standing):
        return  # Who subscribed the address may want all alerts.
    if wanted.arn is not None and recipient in standing:
        subscriptions.choose(wanted.arn, wanted.connection_ids)
        if not wanted.connection_ids and subscriptions.end(wanted.arn):
            recipients.note(recipient, None)
    elif wanted.connection_ids:
        recipients.note(recipient, subscriptions.subscribe(recipient, wanted.connection_ids))
    elif wanted.arn is not None:
        recipients.note(recipient, None)


def _confirmation(recipient: Recipient, wanted: Subscribed, standing: Mapping[Recipient, str | None]) -> Confirmation:
    if recipient not in standing:
        return Confirmation.ENDED
    if _is_of_others(recipient, wanted, standing):
        return Confirmation.OTHERS
    return Confirmation.PENDING if standing[recipient] is None else Confirmation.CONFIRMED


def _is_of_others(recipient: Recipient, wanted: Subscribed, standing: Mapping[Recipient, str | None]) -> bool:
    """Whether the subscription is none of ours; while it waits to be confirmed, its ARN is not told."""
    arn = standing.get(recipient)
    return recipient in standing and (wanted.arn is None or arn not in {None, wanted.arn})


def _shown(recipients: Iterable[Recipient]) -> list[str]:
    return [one.shown for one in sorted(recipients)]
