"""Canaries: what an instance does that no document says is asked, a step with each call of whoever wants to know.

    request ─▶ a step ─▶ a step ─▶ … ─▶ the last question is answered: stored ─▶ the test leads are deleted

A step is at most some six calls to Marketo: it queues an import, or asks whether that has ended and reads what it did.
What was done of a step that broke off is done again: test leads are found by their address and last name, an import
writes what it wrote before.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from destination.control.errors import CanaryGoingOnError, IncompleteError
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.canary import (
    BY_EMAIL,
    JOB_TITLE,
    OF_LIST,
    TIMED_OUT,
    Canary,
    OwnLead,
    Question,
    Reading,
    answer_of,
    file_of,
    newest_of,
)
from destination.domain.capabilities import NOTHING_KNOWN, Capabilities
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.plan import partition_for
from destination.domain.problem import Problem, refuse
from destination.domain.schema import Field
from destination.marketo.errors import (
    InstanceWaitsError,
    MarketoError,
    RequestRejectedError,
    error_for,
)
from destination.marketo.instance import Marketo
from destination.marketo.lead_imports import BY_ID, ImportStatus
from destination.marketo.leads import Record, RecordResult, SyncAction
from destination.marketo.pace import OutOfTimeError
from destination.store.errors import NotFoundError, StaleVersionError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

BUSY: Final = timedelta(seconds=60)
"""Beyond the time limit of the function that takes a step, so that no call of its is still on its way."""

_EMAIL: Final = Field("email", "email")
_READ: Final = ("firstName", "lastName", "title")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
MAX_ADDRESS: Final = 254


class Connections(Protocol):
    """The configured connections."""

    def get(self, connection_id: str, /) -> Connection: ...


class Credentials(Protocol):
    """Whom the connections are in Marketo."""

    def get(self, connection: Connection, /) -> ClientCredentials: ...


class Canaries(Protocol):
    """The canary of each instance."""

    def create(self, canary: Canary, record: "TransactWriteItemTypeDef", /) -> None: ...
    def last(self, munchkin_id: str, /) -> Canary | None: ...
    def take(self, canary: Canary, now: datetime, until: datetime, /) -> Canary | None: ...
    def put(self, canary: Canary, /) -> Canary: ...


class KnownCapabilities(Protocol):
    """What instances are known to do."""

    def get(self, munchkin_id: str, /) -> Capabilities: ...
    def put(self, munchkin_id: str, capabilities: Capabilities, /) -> None: ...


class AuditRecords(Protocol):
    """Makes audit records, to stand beside the change in its transaction."""

    def __call__(
        self, action: AuditAction, connection_id: str, changes: Sequence[AuditChange], /
    ) -> "TransactWriteItemTypeDef": ...


@dataclass(frozen=True, slots=True)
class ManageCanaries:
    """Sends canaries, and shows what they found out. `marketo_for` gives the instance as the API user sees it.

    `is_claimed`: whether a list of an instance is that of an audience. `new_id`: some digits by chance.
    """

    connections: Connections
    credentials: Credentials
    marketo_for: Callable[[Connection, ClientCredentials], Marketo]
    stored: Canaries
    known: KnownCapabilities
    is_claimed: Callable[[str, int], bool]
    record: AuditRecords
    new_id: Callable[[], str]
    clock: Callable[[], datetime]

    def request(self, connection_id: str, email: str, list_id: int) -> Canary:
        """Send one to the connection's instance, with test leads of this address that join this list.

        Nothing is written in Marketo yet. Raises NotFoundError, IncompleteError without credentials, ConfigurationError
        where the address is somebody's or the list an audience's or not there, CanaryGoingOnError, MarketoError,
        OutOfTimeError.
        """
        connection = self.connections.get(connection_id)
        marketo, munchkin_id = self._marketo(connection), connection.munchkin_id
        self._refuse_another(munchkin_id)
        refuse(self._problems(munchkin_id, email, list_id, marketo))
        now = self.clock()
        made = Canary(self.new_id(), connection_id, munchkin_id, list_id, requested_at=now, begun_at=now, email=email)
        list_named = AuditChange("list_id", None, list_id)
        try:
            self.stored.create(made, self.record(AuditAction.SEND_CANARY, connection_id, [list_named]))
        except StaleVersionError:
            self._refuse_another(munchkin_id)
            raise
        return made

    def carry_on(self, connection_id: str, canary_id: str) -> Canary:
        """Take the next step of one that is not finished, unless somebody else does; how far it is by then.

        Raises NotFoundError, IncompleteError without credentials.
        """
        connection = self.connections.get(connection_id)
        found = self.stored.last(connection.munchkin_id)
        if found is None or (found.connection_id, found.id) != (connection_id, canary_id):
            raise NotFoundError(f"there is no canary {canary_id}, or another one was sent since")
        if found.finished_at is not None:
            return found
        marketo, now = self._marketo(connection), self.clock()
        taken = self.stored.take(found, now, now + BUSY)
        if taken is None:
            return found
        after = _NextStep(taken, connection, marketo, now).taken()
        if taken.question is not None and after.question is None and after.answers != NOTHING_KNOWN:
            self.known.put(after.munchkin_id, replace(after.answers, asked_at=now))
        return self.stored.put(after)

    def capabilities(self, connection_id: str) -> tuple[str, Capabilities, Canary | None]:
        """The connection's instance, what is known of it, and the canary that was sent last. Raises NotFoundError."""
        munchkin_id = self.connections.get(connection_id).munchkin_id
        return munchkin_id, self.known.get(munchkin_id), self.stored.last(munchkin_id)

    def _marketo(self, connection: Connection) -> Marketo:
        try:
            return self.marketo_for(connection, self.credentials.get(connection))
        except NotFoundError:
            raise IncompleteError([Problem("credentials", "give them first: the canary is sent with them")]) from None

    def _refuse_another(self, munchkin_id: str) -> None:
        last = self.stored.last(munchkin_id)
        if last is not None and last.is_going_on(self.clock()):
            raise CanaryGoingOnError(f"canary {last.id} of connection {last.connection_id} is {last.status}")

    def _problems(self, munchkin_id: str, email: str, list_id: int, marketo: Marketo) -> list[Problem]:
        if len(email) > MAX_ADDRESS or not _ADDRESS.fullmatch(email):
            return [Problem("email", "must be an e-mail address of yours that no lead has, such as canary@example.org")]
        problems = []
        if self.is_claimed(munchkin_id, list_id):
            problems.append(Problem("list_id", "must be no list of an audience; name one that the test leads may join"))
        elif marketo.lists.get(list_id) is None:
            problems.append(Problem("list_id", "must be a static list of the instance, by its id"))
        if found := marketo.leads.records(_EMAIL, email.lower()):
            ids = ", ".join(str(one.lead.id) for one in found)
            problems.append(Problem("email", f"must be an address that no lead has; lead {ids} has this one"))
        return problems


@dataclass(frozen=True, slots=True)
class _NextStep:
    """One step of a canary. `now`: when it is taken."""

    canary: Canary
    connection: Connection
    marketo: Marketo
    now: datetime

    def taken(self) -> Canary:
        """The canary after it. What waits is tried again with the next step, until that takes too long."""
        canary, now = self.canary, self.now
        try:
            after = self._clean() if canary.question is None else self._ask(canary.question)
        except (InstanceWaitsError, OutOfTimeError) as error:
            after = replace(canary, held_up=error.code if isinstance(error, InstanceWaitsError) else None)
        except MarketoError as error:
            if canary.question is None:
                return canary.finished(canary.left, now)
            return canary.ended(error.code, now)
        if after.begun_at != canary.begun_at or not canary.is_late(now) or after.finished_at is not None:
            return after
        return canary.finished(canary.left, now) if canary.question is None else canary.ended(TIMED_OUT, now)

    def _ask(self, question: Question) -> Canary:
        if self.canary.batch_id is None:
            return self._queued(question)
        try:
            state = self.marketo.imports.state(self.canary.batch_id)
        except RequestRejectedError:  # Marketo forgot it.
            return self.canary.answered(None, self.now)
        if not state.status.has_ended:
            return replace(self.canary, held_up=None)
        is_through = state.status is ImportStatus.COMPLETE and not state.failed
        leads = self._leads()
        ids = [lead.id for lead in leads]
        reading = Reading(is_through, leads, self._on_list(ids) if question in OF_LIST else frozenset())
        return self._known(ids, self.canary.answered(answer_of(self.canary, reading), self.now))

    def _queued(self, question: Question) -> Canary:
        """With the import that asks, once the leads are as it needs them."""
        leads = self._leads()
        about = self._prepared(question, leads)
        if about is None and question is not Question.CREATES_ON_LIST:
            return self._known([lead.id for lead in leads], self.canary)
        lookup_field = _EMAIL.name if question in BY_EMAIL else BY_ID
        partition = partition_for(self.connection) if question in BY_EMAIL else None
        list_id = self.canary.list_id if question in OF_LIST else None
        try:
            made = self.marketo.imports.create(file_of(self.canary, about), lookup_field, list_id, partition)
        except RequestRejectedError:
            reading = Reading(is_through=False)
            asked = replace(self.canary, lead_id=about)
            return asked.answered(answer_of(asked, reading), self.now)
        return self._known([lead.id for lead in leads], self.canary.with_import(made.batch_id, about))

    def _prepared(self, question: Question, leads: Sequence[OwnLead]) -> int | None:
        """The lead that the import is to be about; None: there is none yet, and the next step looks again."""
        if question is Question.CREATES_ON_LIST:
            return None
        if not leads:
            self._write(SyncAction.CREATE_ONLY, self._record())
            return None
        lead_id = min(lead.id for lead in leads)
        if question is Question.UPDATES_NEWEST:
            return self._with_twin(leads)
        if question in OF_LIST and lead_id in self._on_list([lead_id]):
            _accepted(self.marketo.lists.remove(self.canary.list_id, [lead_id]).values())
        if question is Question.KEEPS_BLANK:
            self._write(SyncAction.UPDATE_ONLY, {"id": lead_id, "title": JOB_TITLE})
        return lead_id

    def _with_twin(self, leads: Sequence[OwnLead]) -> int | None:
        """The lead that was made first, once there is another of its address and it was updated after that one."""
        if len(leads) == 1:
            self._write(SyncAction.CREATE_DUPLICATE, self._record())
            return None
        if (newest := newest_of(leads)) is not None:
            return newest.id
        first = min(lead.id for lead in leads)
        # Marketo keeps the time of a value that stays as it was.
        self._write(SyncAction.UPDATE_ONLY, {"id": first, "title": f"{JOB_TITLE} {self.now:%H%M%S%f}"})
        return None

    def _record(self) -> Record:
        return {"email": self.canary.email, "lastName": self.canary.last_name}

    def _write(self, action: SyncAction, record: Record) -> None:
        lookup_field = BY_ID if action is SyncAction.UPDATE_ONLY else _EMAIL.name
        _accepted(self.marketo.leads.sync(action, lookup_field, [record], partition_for(self.connection)))

    def _leads(self) -> tuple[OwnLead, ...]:
        """The test leads that there are."""
        found = self.marketo.leads.records(_EMAIL, str(self.canary.email).lower(), _READ)
        return tuple(
            OwnLead(
                one.lead.id,
                one.lead.updated_at,
                first_name=one.values["firstName"] or None,
                title=one.values["title"] or None,
            )
            for one in found
            if one.values["lastName"] == self.canary.last_name
        )

    def _on_list(self, ids: Sequence[int]) -> frozenset[int]:
        answers = self.marketo.lists.membership(self.canary.list_id, ids)
        return frozenset(lead_id for lead_id, one in answers.items() if one.status == "memberof")

    def _clean(self) -> Canary:
        """Without test leads, as far as Marketo deletes them."""
        leads = [lead.id for lead in self._leads()]
        if leads:
            self.marketo.leads.delete(leads)
            leads = [lead.id for lead in self._leads()]
        return self._known(leads, self.canary) if leads else self.canary.finished((), self.now)

    def _known(self, ids: Sequence[int], canary: Canary) -> Canary:
        return replace(canary, left=tuple(sorted(ids)), held_up=None)


def _accepted(results: Iterable[RecordResult]) -> None:
    """Raises the MarketoError of the first record that was refused."""
    for one in results:
        if one.code is not None:
            raise error_for(one.code, "a test lead")
