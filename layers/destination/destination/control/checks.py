"""The preflight: whether a connection could deliver, found out by asking Marketo and changing nothing.

Seven calls to Marketo, and one for the access token, when none has to be repeated. What one check finds the next ones
use; once Marketo does not answer, nothing more is asked.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from destination.control.errors import ChecksFailedError
from destination.control.governance import ManagePolicies
from destination.control.sources import read_events
from destination.domain.audience import Activation
from destination.domain.audience_rules import activation_problems, list_problem, over_problems, over_warnings
from destination.domain.check import (
    Check,
    CheckName,
    ChecksReport,
    dedupe_problems,
    judged,
    mapping_problems,
    mapping_warnings,
    partition_problems,
    partition_warnings,
    sample_problems,
    sample_warnings,
    workspace_problems,
)
from destination.domain.connection import OPEN, ActiveConnection, Connection
from destination.domain.connection_rules import (
    change_problems,
    connection_problems,
    connection_warnings,
    consent_warnings,
    missing_to_enable,
)
from destination.domain.credentials import ClientCredentials
from destination.domain.event import ProfileEvent
from destination.domain.governance import taken_off, taken_off_audience
from destination.domain.matching import rule_of
from destination.domain.problem import ConfigurationError, Problem
from destination.domain.remedy import Remedy
from destination.ingest.sources.body import TooManyRecordsError, UnreadableBodyError
from destination.ingest.sources.record import RecordTimes
from destination.marketo.errors import ACCESS_DENIED, InstanceWaitsError, MarketoError
from destination.marketo.instance import Marketo
from destination.marketo.pace import OutOfTimeError
from destination.store.connections import Connections
from destination.store.secrets import Credentials, TokenSecret

Halt = InstanceWaitsError | OutOfTimeError

EVERY_CHECK: Final = frozenset(CheckName)
TO_ENABLE: Final = EVERY_CHECK - {CheckName.QUOTA}
"""A quota that is used up comes back by itself, and an enabled connection keeps its events until then."""

_CHECKED_AGAIN: Final = {
    "workspace": {CheckName.WORKSPACE},
    "partition": {CheckName.PARTITION},
    "sync_type": {CheckName.WORKSPACE, CheckName.PARTITION},
    "person_action": {CheckName.PARTITION, CheckName.DEDUPE_FIELD},
    "dedupe_field": {CheckName.DEDUPE_FIELD, CheckName.MAPPING},
    "ecid_field": {CheckName.DEDUPE_FIELD, CheckName.MAPPING},
    "generation": {CheckName.DEDUPE_FIELD, CheckName.MAPPING},
    "mapping": {CheckName.MAPPING},
}
"""By property of the connection, the checks that its change calls for."""

MAX_LISTS_LOOKED_UP: Final = 20
"""A call to Marketo each, in one call of the control plane."""

_TO_BE_MADE: Final = -1
"""The list of an audience that gets one when it is activated."""

_READ_LEADS: Final = "Read-Only Person"
_PERMISSIONS: Final = {
    CheckName.READ_LEADS: _READ_LEADS,
    CheckName.WRITE_LEADS: "Edit Person (Read-Write Person in the group Access API)",
    CheckName.ASSETS: "Read-Write Assets",
    CheckName.WORKSPACE: "Read-Only Assets",
    CheckName.PARTITION: _READ_LEADS,
    CheckName.DEDUPE_FIELD: _READ_LEADS,
    CheckName.MAPPING: _READ_LEADS,
}
"""What the role of the API user needs for what a check asks."""


@dataclass(frozen=True, slots=True)
class CheckConnections:
    """Checks connections. `marketo_for` gives the connection's instance as its API user sees it."""

    connections: Connections
    credentials: Credentials
    marketo_for: Callable[[Connection, ClientCredentials], Marketo]
    clock: Callable[[], datetime]

    def __call__(self, connection_id: str, sample: bytes | None = None) -> ChecksReport:
        """Make all checks; with a sample, a body in the format of the connection's source, also of its values.

        Raises NotFoundError, and ConfigurationError when the sample is no event.
        """
        active = self.connections.active(connection_id)
        events = () if sample is None else self._events(active.connection, sample)
        examination = self.examination(active.connection, self.credentials.find(active.connection), events)
        report = examination.report(EVERY_CHECK)
        of_connection = connection_warnings(active.connection, len(active.activations))
        of_audiences = (*consent_warnings(active), *over_warnings(active, self.clock()))
        return replace(report, warnings=(*of_connection, *of_audiences, *report.warnings))

    def admit(self, connection: Connection) -> None:
        """Let a connection be enabled. Raises ChecksFailedError, and what Marketo halts for."""
        _refuse(self.examination(connection, self.credentials.find(connection)), TO_ENABLE)

    def admit_change(self, before: Connection, after: Connection, credentials: ClientCredentials | None) -> None:
        """Let an enabled connection be changed; only what the change touches is checked. Raises as `admit`.

        Of new credentials no more than that they are good, so that they can be replaced while a role is being
        corrected.
        """
        wanted = _called_for(before, after, credentials)
        if wanted:
            _refuse(self.examination(after, credentials or self.credentials.find(before)), wanted)

    def examination(
        self, connection: Connection, credentials: ClientCredentials | None, events: Sequence[ProfileEvent] = ()
    ) -> "_Examination":
        marketo = None if credentials is None else self.marketo_for(connection, credentials)
        return _Examination(connection, marketo, events)

    def _events(self, connection: Connection, sample: bytes) -> Sequence[ProfileEvent]:
        try:
            parsed = read_events(connection, sample, RecordTimes(self.clock()))
        except (UnreadableBodyError, TooManyRecordsError):
            parsed = None
        if parsed is None or not (parsed.events or parsed.rejected):
            message = f"must be an event, or a body of events, in the connection's format {connection.source_format}"
            raise ConfigurationError([Problem("sample", message)])
        if parsed.rejected:
            raise ConfigurationError(
                [Problem(f"sample[{index}].{one.path}".rstrip("."), one.message) for index, one in parsed.rejected]
            )
        return [event for _, event in parsed.events]


@dataclass(frozen=True, slots=True)
class Intended:
    """A configuration that is not stored. `before`: the connection that it is to change; None: it is a new one.

    `activations`: all that it would have; None: those that it has. `is_open`: whether it is to be enabled, or stay so.
    """

    before: Connection | None
    after: Connection
    credentials: ClientCredentials | None
    activations: Sequence[Activation] | None
    is_open: bool
    same_people: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What keeps a configuration from being stored or enabled, and the checks that were made of it.

    Paths of audiences have the activation's id: `audiences.2cf24dba5fb0.list.id`.
    """

    refusals: tuple[Problem, ...]
    report: ChecksReport


@dataclass(frozen=True, slots=True)
class CheckConfigurations:
    """Says of a configuration, before it is stored, all that storing and enabling it would refuse.

    `token_of` gives the access token that the connections of an API user share.
    """

    checks: CheckConnections
    governance: ManagePolicies
    token_of: Callable[[Connection, ClientCredentials], TokenSecret]

    def __call__(self, intended: Intended) -> Judgement:
        """Everything in one answer. Raises MarketoError or OutOfTimeError when Marketo is not available now, unless
        there is something to be mended anyway.
        """
        was = self._active(intended.before)
        active = self._intended(intended, was)
        credentials = intended.credentials
        if credentials is None and intended.before is not None:
            credentials = self.checks.credentials.find(intended.before)
        problems = [*self._configured(intended, was), *self._activated(intended, active, was)]
        if intended.is_open:
            complete = active if _is_to_open(intended) else self._listed(intended, was)
            problems += missing_to_enable(complete, has_credentials=credentials is not None)
        problems += self.governance.problems(active, None if _is_to_open(intended) else was)
        if any(one.path == "munchkin_id" for one in problems):  # of which the host's name is made
            return Judgement(_once(problems), ChecksReport((), (), 0))
        examination = self.checks.examination(intended.after, credentials)
        report = examination.report(() if credentials is None else _wanted(intended))
        problems += [one for check in report.checks if check.ok is False for one in check.refusals]
        problems += examination.lists_not_there(active, was)
        if intended.credentials is not None:
            # They are not stored, so that nothing would ever remove their token; who shares it obtains a new one.
            self.token_of(intended.after, intended.credentials).delete()
        if not problems and examination.halt is not None:
            raise examination.halt
        return Judgement(_once(problems), examination.report(()))

    def _active(self, connection: Connection | None) -> ActiveConnection | None:
        return None if connection is None else self.checks.connections.active(connection.id)

    def _listed(self, intended: Intended, was: ActiveConnection | None) -> ActiveConnection:
        """With the audiences that are stored. They get lists, if the connection comes to keep them."""
        there = dict(was.activations) if was else {}
        if was is not None and not rule_of(was.connection).keeps_lists:
            there = {key: replace(one, list_id=one.list_id or _TO_BE_MADE) for key, one in there.items()}
        return ActiveConnection(intended.after, there)

    def _intended(self, intended: Intended, was: ActiveConnection | None) -> ActiveConnection:
        """With the audiences that it would have, the lists that these have, and those that they would get."""
        if intended.activations is None:
            return self._listed(intended, was)
        there = was.activations if was else {}
        activations = {}
        for one in intended.activations:
            kept = there[one.audience].list_id if one.audience in there else None
            activations[one.audience] = replace(one, list_id=one.list_id or kept or _TO_BE_MADE)
        return ActiveConnection(intended.after, activations)

    def _configured(self, intended: Intended, was: ActiveConnection | None) -> list[Problem]:
        problems = connection_problems(intended.after)
        if was is not None:
            has_lists = any(one.list_id is not None for one in was.activations.values())
            problems += change_problems(
                was.connection, intended.after, has_lists=has_lists, same_people=intended.same_people
            )
            problems += taken_off(was.connection, intended.after)
        return problems

    def _activated(self, intended: Intended, active: ActiveConnection, was: ActiveConnection | None) -> list[Problem]:
        there, now = was.activations if was else {}, self.checks.clock()
        problems = []
        for one in intended.activations or ():
            before = there.get(one.audience)
            found = [
                *activation_problems(active.connection, one),
                *over_problems(before, one, now),
                *taken_off_audience(before.labels if before else (), one),
            ]
            problems += [Problem(f"audiences.{one.id}.{problem.path}", problem.message) for problem in found]
        return problems


def _called_for(before: Connection, after: Connection, credentials: ClientCredentials | None) -> set[CheckName]:
    """The checks that a change calls for."""
    wanted = {
        name
        for name, names in _CHECKED_AGAIN.items()
        if getattr(before, name) != getattr(after, name)
        for name in names
    }
    return wanted | ({CheckName.CREDENTIALS} if credentials is not None else set())


def _is_to_open(intended: Intended) -> bool:
    """Whether a connection that is not open is to be so."""
    return intended.is_open and (intended.before is None or intended.before.status not in OPEN)


def _wanted(intended: Intended) -> Collection[CheckName]:
    if _is_to_open(intended):
        return TO_ENABLE
    if intended.before is None or not intended.is_open:
        return ()
    return _called_for(intended.before, intended.after, intended.credentials)


def _once(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(dict.fromkeys(problems))


@dataclass(slots=True)
class _Examination:
    """One connection's checks, one after the other.

    `halt`: what ended the asking early. `workspaces` are known once the folders for lists were read.
    """

    connection: Connection
    marketo: Marketo | None
    events: Sequence[ProfileEvent]
    checks: list[Check] = field(default_factory=list)
    warnings: tuple[Problem, ...] = ()
    halt: Halt | None = None
    workspaces: Collection[str] | None = None

    def report(self, wanted: Collection[CheckName]) -> ChecksReport:
        steps: dict[CheckName, Callable[[Marketo], Check]] = {
            CheckName.CREDENTIALS: self._authenticate,
            CheckName.READ_LEADS: self._read_leads,
            CheckName.WRITE_LEADS: self._write_leads,
            CheckName.ASSETS: self._assets,
            CheckName.WORKSPACE: self._workspace,
            CheckName.PARTITION: self._partition,
            CheckName.DEDUPE_FIELD: self._dedupe_field,
            CheckName.MAPPING: self._mapping,
            CheckName.QUOTA: self._quota,
        }
        for name, step in steps.items():
            if name in wanted:
                self.checks.append(self._made(name, step))
        calls = 0 if self.marketo is None else self.marketo.calls
        return ChecksReport(tuple(self.checks), self.warnings, calls)

    def lists_not_there(self, active: ActiveConnection, was: ActiveConnection | None) -> list[Problem]:
        """The lists that audiences name and do not have yet, and that Marketo does not have either.

        Of very many only the first are looked up; the others are when their audience is activated.
        """
        there = was.activations if was else {}
        named = [
            one
            for one in active.activations.values()
            if one.list_id not in {None, _TO_BE_MADE}
            and (one.audience not in there or there[one.audience].list_id != one.list_id)
        ]
        problems = []
        for one in named[:MAX_LISTS_LOOKED_UP]:
            if self.marketo is None or self.halt is not None or not rule_of(self.connection).keeps_lists:
                break
            try:
                found = self.marketo.lists.get(one.list_id or _TO_BE_MADE)
            except (OutOfTimeError, InstanceWaitsError) as error:
                self.halt = error
            except MarketoError:
                break  # a check has said it
            else:
                problems += [] if found else [list_problem(one.list_id or _TO_BE_MADE, f"audiences.{one.id}.")]
        return problems

    def _made(self, name: CheckName, step: Callable[[Marketo], Check]) -> Check:
        if self.marketo is None:
            return self._without_credentials(name)
        if any(check.name is CheckName.CREDENTIALS and check.ok is False for check in self.checks):
            return Check(name, ok=None, detail="not checked, as Marketo does not accept the credentials")
        if self.halt is not None:
            return Check(
                name, ok=None, detail="not checked, as Marketo does not answer now", hint=Remedy.ASK_AGAIN.says
            )
        try:
            return step(self.marketo)
        except (OutOfTimeError, InstanceWaitsError) as error:
            self.halt = error
            return _halted(name, error)
        except MarketoError as error:
            return Check(name, ok=False, detail=str(error), hint=_hint(name, error))

    def _without_credentials(self, name: CheckName) -> Check:
        if name is not CheckName.CREDENTIALS:
            return Check(name, ok=None, detail="not checked, as there are no credentials")
        return Check(name, ok=False, detail="there are no credentials", hint=Remedy.GIVE_CREDENTIALS.says)

    def _authenticate(self, marketo: Marketo) -> Check:
        marketo.authenticate()
        return Check(CheckName.CREDENTIALS, ok=True, detail="Marketo hands out access tokens for them")

    def _read_leads(self, marketo: Marketo) -> Check:
        marketo.probes.read_leads()
        return Check(CheckName.READ_LEADS, ok=True, detail="leads can be looked up")

    def _write_leads(self, marketo: Marketo) -> Check:
        marketo.probes.write_leads()
        return Check(CheckName.WRITE_LEADS, ok=True, detail="leads can be written; nothing was changed")

    def _assets(self, marketo: Marketo) -> Check:
        if not rule_of(self.connection).keeps_lists:
            return Check(CheckName.ASSETS, ok=True, detail="not needed: profile_only keeps no lists")
        self.workspaces = marketo.lists.workspaces()
        marketo.probes.create_lists()
        detail = "folders can be read, and lists can be created as far as can be known; none was created"
        return Check(CheckName.ASSETS, ok=True, detail=detail)

    def _workspace(self, marketo: Marketo) -> Check:
        name = CheckName.WORKSPACE
        if not rule_of(self.connection).keeps_lists:
            return Check(name, ok=True, detail="not needed: profile_only keeps no lists")
        if self.workspaces is None:
            if any(check.name is CheckName.ASSETS for check in self.checks):
                return Check(name, ok=None, detail="not checked, as the folders for lists cannot be read")
            self.workspaces = marketo.lists.workspaces()
        problems = workspace_problems(self.connection, self.workspaces)
        return judged(name, problems, f"{self.connection.workspace} has a folder for lists that the API user sees")

    def _partition(self, marketo: Marketo) -> Check:
        name, wanted = CheckName.PARTITION, self.connection.partition
        partitions = [one.name for one in marketo.describe.partitions()]
        self.warnings += tuple(partition_warnings(self.connection, partitions))
        if wanted is None and not rule_of(self.connection).creates:
            return Check(name, ok=True, detail="not needed: the connection creates nobody")
        problems = partition_problems(self.connection, partitions)
        seen = f"the API user sees {len(partitions)} partition{'s' if len(partitions) != 1 else ''}"
        good = f"{wanted or 'Default'} is there, and {seen}; Marketo does not say which of them the workspace sees"
        return judged(name, problems, good)

    def _dedupe_field(self, marketo: Marketo) -> Check:
        problems = dedupe_problems(self.connection, marketo.describe.schema())
        return judged(CheckName.DEDUPE_FIELD, problems, f"{self.connection.dedupe_field} is searchable")

    def _mapping(self, marketo: Marketo) -> Check:
        schema = marketo.describe.schema()
        self.warnings += (
            *mapping_warnings(self.connection, schema),
            *sample_warnings(self.connection, self.events),
        )
        problems = mapping_problems(self.connection, schema)
        if not problems and self.events:
            problems = sample_problems(self.connection, schema, self.events)
        good = f"rows that fit Marketo's fields: {len(self.connection.mapping)}"
        return judged(CheckName.MAPPING, problems, f"{good}, and the sample" if self.events else good)

    def _quota(self, marketo: Marketo) -> Check:
        total, most = marketo.usage().total, self.connection.limits.daily_calls
        made = f"all integrations made {total:,} calls today, of the {most:,} in limits.daily_calls"
        if total < most:
            return Check(CheckName.QUOTA, ok=True, detail=f"{made}; {most - total:,} are left")
        return Check(CheckName.QUOTA, ok=False, detail=made, hint=Remedy.RAISE_QUOTA.says)


def _refuse(examination: _Examination, wanted: Collection[CheckName]) -> None:
    report = examination.report(wanted)
    if problems := [problem for check in report.checks if check.ok is False for problem in check.refusals]:
        raise ChecksFailedError(problems)
    if examination.halt is not None:
        raise examination.halt


def _halted(name: CheckName, error: Halt) -> Check:
    if isinstance(error, OutOfTimeError):
        return Check(name, ok=None, detail="Marketo takes too long to answer", hint=Remedy.ASK_AGAIN.says)
    hint = f"{error.remedy} Try again after {error.wait.total_seconds():.0f} s.".strip()
    return Check(name, ok=None, detail=str(error), hint=hint)


def _hint(name: CheckName, error: MarketoError) -> str:
    if error.code != ACCESS_DENIED or name not in _PERMISSIONS:
        return error.remedy
    permission = _PERMISSIONS[name]
    return f"{error.remedy} It needs {permission}."
