"""The control plane's use case: what senders ask of their connection besides taking events.

A call comes with what the sender proves itself by at the webhook, and reaches that connection alone. It does what an
operator could do, by the same rules and with the same audit record, and less: only a connection that says so takes
calls, a sender adds a bounded number of audiences, and renames and deletes those only that it added itself.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from destination.control.audiences import ManageAudiences
from destination.control.choices import ReadChoices
from destination.control.errors import NotAllowedError
from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.domain.audience_rules import naming_problems
from destination.domain.connection import Connection, OnDelete, SourceCalls, Status
from destination.domain.problem import ConfigurationError, Problem, refuse
from destination.ingest.calls import (
    AnswerAtOnce,
    AudienceDeleted,
    AudienceShown,
    AudiencesShown,
    Call,
    CallForm,
    CallRequest,
    CheckEvents,
    ConfigurationShown,
    ConnectionShown,
    CreateAudience,
    DeleteAudience,
    EventsRead,
    FieldsShown,
    ListAudiences,
    ListFields,
    Outcome,
    RenameAudience,
    ShowAudience,
    ShowConfiguration,
    ShowConnection,
    TakeEvents,
)
from destination.ingest.reply import Reply
from destination.ingest.source import Source
from destination.ingest.webhook import Acceptance, AcceptEvents, Submission
from destination.store.connections import Connections
from destination.store.errors import DeletingError, NotFoundError
from destination.store.ingress import Ingress

ACTIVATION_ID: Final = re.compile("[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class SourceCall:
    """A request below `…/source/`; `submission`: as at the webhook. `path`: what stands behind."""

    method: str
    path: str
    submission: Submission


@dataclass(frozen=True, slots=True)
class AdmittedCall:
    """A request that comes from a sender of the connection, which takes calls."""

    connection: Connection
    allowed: SourceCalls
    sender: Source
    calls: CallForm
    asked: CallRequest
    submission: Submission
    ingress: Ingress

    def read(self) -> Call:
        """Raises CallError."""
        return self.calls.read(self.asked)

    def answer(self, call: Call | None, outcome: Outcome) -> Reply | None:
        """What the sender is told; None: the problem, of what was not done."""
        return self.calls.answer(self.asked, call, outcome)


@dataclass(frozen=True, slots=True)
class AnswerSourceCalls:
    """Does what senders ask for. `new_id`: of an audience whose source has no ids; random."""

    ingest: AcceptEvents
    connections: Connections
    audiences: ManageAudiences
    choices: ReadChoices
    new_id: Callable[[], str]

    def admit(self, call: SourceCall) -> AdmittedCall:
        """Raises WebhookErrors, NotAllowedError, DeletingError."""
        sender, ingress = self.ingest.admit(call.submission)
        connection = self.connections.get(call.submission.connection_id)
        if connection.source_calls is None or sender.calls is None:
            raise NotAllowedError("The connection takes events alone; an operator can let it take calls (source.calls)")
        if connection.status is Status.DELETING:
            raise DeletingError(f"connection {connection.id} is being deleted")
        asked = CallRequest(call.method, call.path, call.submission.request)
        return AdmittedCall(connection, connection.source_calls, sender, sender.calls, asked, call.submission, ingress)

    def do(self, admitted: AdmittedCall, call: Call) -> Outcome | Reply:
        """What came of a call; a reply where there was nothing to do.

        Raises what the use cases raise that it comes to (control/errors.py), WebhookErrors of bodies, and MarketoError
        or OutOfTimeError.
        """
        match call:
            case AnswerAtOnce(reply):
                return reply
            case CheckEvents():
                return _events(self.ingest.check(admitted.submission, admitted.sender, admitted.ingress))
            case TakeEvents():
                return _events(self.ingest(admitted.submission))
            case CreateAudience() | RenameAudience() | DeleteAudience():
                return self._change(admitted.connection, admitted.allowed, call)
        return self._look_up(admitted.connection, call)

    def _look_up(
        self,
        connection: Connection,
        call: ShowAudience | ListAudiences | ListFields | ShowConnection | ShowConfiguration,
    ) -> Outcome:
        match call:
            case ShowAudience(wanted):
                return AudienceShown(self._get(connection.id, wanted))
            case ListAudiences():
                return AudiencesShown(self.audiences.list(connection.id))
            case ListFields():
                return FieldsShown(tuple(one for one in self.choices.fields(connection.id) if one.is_writable))
            case ShowConnection():
                return ConnectionShown(connection.name, connection.status)
            case ShowConfiguration():
                return ConfigurationShown(self.connections.active(connection.id))

    def _change(
        self, connection: Connection, allowed: SourceCalls, call: CreateAudience | RenameAudience | DeleteAudience
    ) -> Outcome:
        match call:
            case CreateAudience():
                return self._create(connection, allowed, call)
            case RenameAudience(wanted, name):
                return AudienceShown(self._rename(connection, wanted, name))
            case DeleteAudience(wanted):
                return self._delete(connection, allowed, wanted)

    def _create(self, connection: Connection, allowed: SourceCalls, call: CreateAudience) -> AudienceShown:
        """The audience that is there, or a new one; so that a sender that asks again changes nothing."""
        name = call.name.strip()
        audience = AudienceKey(call.namespace.lower(), self.new_id() if call.id is None else call.id)
        refuse(naming_problems(audience, call.name))
        present = self._present(connection.id, call, audience, name)
        if present is not None:
            return AudienceShown(present)
        self._refuse_full(connection, allowed, audience)
        wanted = Activation(audience, name, made_by_sender=True)
        activated, is_new = self.audiences.activate(connection.id, wanted)
        return AudienceShown(activated, is_new)

    def _present(self, connection_id: str, call: CreateAudience, audience: AudienceKey, name: str) -> Activation | None:
        """Without an id: that which the sender made of this name."""
        active = self.audiences.list(connection_id)
        if call.id is not None:
            return next((one for one in active if one.id == activation_id(audience)), None)
        return next((one for one in active if one.made_by_sender and one.name == name), None)

    def _refuse_full(self, connection: Connection, allowed: SourceCalls, audience: AudienceKey) -> None:
        """Those of which it is remembered what the source says count too: each had a list, which stays in Marketo."""
        known = self.connections.active(connection.id).known
        if audience not in known and len(known) >= allowed.max_audiences:
            message = f"is one too many: the connection lets senders add audiences until it has {allowed.max_audiences}"
            raise ConfigurationError([Problem("name", f"{message}; an operator can raise source.calls.max_audiences")])

    def _rename(self, connection: Connection, wanted: str, name: str) -> Activation:
        before = self._made_by_sender(connection.id, wanted)
        refuse(naming_problems(before.audience, name))
        return self.audiences.change(connection.id, before, replace(before, name=name.strip()))

    def _delete(self, connection: Connection, allowed: SourceCalls, wanted: str) -> AudienceDeleted:
        activation = self._made_by_sender(connection.id, wanted)
        if allowed.on_delete is not OnDelete.KEEP:
            is_emptied = allowed.on_delete is OnDelete.EMPTY
            self.audiences.deactivate(connection.id, wanted, activation.version, empty=is_emptied)
        return AudienceDeleted(wanted)

    def _made_by_sender(self, connection_id: str, wanted: str) -> Activation:
        """Raises NotFoundError, NotAllowedError."""
        activation = self._get(connection_id, wanted)
        if not activation.made_by_sender:
            raise NotAllowedError("An operator activated the audience, and alone changes it")
        return activation

    def _get(self, connection_id: str, wanted: str) -> Activation:
        """Raises NotFoundError, also of what can be no activation id, and may be longer than a key."""
        if not ACTIVATION_ID.fullmatch(wanted):
            raise NotFoundError("the path has no activation id, which has 12 hexadecimal digits")
        return self.audiences.get(connection_id, wanted)


def _events(read: Acceptance) -> EventsRead:
    return EventsRead(read.accepted, read.rejected, read.warnings, read.reply)
