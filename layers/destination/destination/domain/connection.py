"""A connection: one configured destination, and the audiences activated on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from destination.domain.alert import Subscription
from destination.domain.audience import Activation, AudienceKey
from destination.domain.row_form import RowForm
from destination.domain.verification import Schedule

DEDUPE_TARGET = "DedupeField"
"""The mapping target that is an identity, not an attribute: the value that finds the lead."""

EMAIL_TARGET = "Email"
ECID_TARGET = "ECID"
"""The identities of a `legacy_v2` connection: the lead's `email` (its `dedupe_field`), and then its `ecid_field`."""

OPT_OUTS = frozenset({"unsubscribed", "doNotCall", "marketingSuspended", "blackListed"})
"""The lead fields by which somebody opts out; in Marketo too, where no event says so (Marketo, "Lead fields")."""

DEFAULT_PARTITION = "Default"

NEVER_EXPORTED = "C12"
"""The data usage label of what must not be exported at all (Adobe, "Data usage labels": contract labels)."""


class SyncType(StrEnum):
    PROFILE_ONLY = "profile_only"
    AUDIENCE_ONLY = "audience_only"
    AUDIENCE_AND_PROFILE = "audience_and_profile"


class PersonAction(StrEnum):
    UPDATE_EXISTING_AND_CREATE_NEW = "update_existing_and_create_new"
    UPDATE_EXISTING_ONLY = "update_existing_only"


class Status(StrEnum):
    """`blocked`: enabled, but Marketo refuses the connection until somebody fixes the cause; then delivery goes on by
    itself.

    `deleting`: no event is let in any more, what is queued is still delivered, and then the connection is removed.
    """

    DRAFT = "draft"
    ENABLED = "enabled"
    DISABLED = "disabled"
    BLOCKED = "blocked"
    DELETING = "deleting"


DELIVERING = frozenset({Status.ENABLED, Status.BLOCKED, Status.DELETING})
"""The statuses in which what is queued is delivered."""

OPEN = frozenset({Status.ENABLED, Status.BLOCKED})
"""The statuses in which events are let in."""


class Generation(StrEnum):
    """Which of Adobe's destinations the connection behaves like: "Marketo Engage", or its predecessor "(V2)"."""

    CURRENT = "current"
    LEGACY_V2 = "legacy_v2"


class SourceType(StrEnum):
    """The type of a mapped attribute in its XDM schema, as Adobe names them, in lower case."""

    STRING = "string"
    ENUM = "enum"
    DATE = "date"
    DATE_TIME = "date-time"
    INTEGER = "integer"
    SHORT = "short"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"
    MAP = "map"
    BYTE = "byte"


class WhenMissing(StrEnum):
    """What an attribute that is not on the profile does to the lead's field."""

    IGNORE = "ignore"
    CLEAR = "clear"


class WhenEmpty(StrEnum):
    """What an empty string does to the lead's field; Marketo stores a sent one as null."""

    IGNORE = "ignore"
    SEND = "send"


class OptIn(StrEnum):
    """What a profile that did not opt out does to the lead's opt-out: it is sent, or the lead keeps what it has."""

    SEND = "send"
    KEEP = "keep"


class OnInvalid(StrEnum):
    """What a value that Marketo's schema cannot take does to the person."""

    DROP = "drop"
    FAIL = "fail"


class Proof(StrEnum):
    """What a request to the webhook has to prove: that it has the token, that its body is signed, or both."""

    TOKEN = "token"  # noqa: S105 - a word, not a secret
    SIGNATURE = "signature"
    BOTH = "both"


class OnDeletePerson(StrEnum):
    """What a call does that asks to forget a person: it is rejected, or asks for the person's erasure."""

    REJECT = "reject"
    ERASE = "erase"


class OnRejected(StrEnum):
    """What a sender hears of a body of which some records are rejected and others are not.

    `accept`: success; who reads the answer sees which. `multi_status`: a success of its own (HTTP 207). `refuse`: the
    body is refused, and nothing of it is taken.
    """

    ACCEPT = "accept"
    MULTI_STATUS = "multi_status"
    REFUSE = "refuse"


class OnDelete(StrEnum):
    """What the deletion of an audience at its source does: nothing; the audience is deactivated, and its list keeps its
    members; or the list is emptied first.
    """

    KEEP = "keep"
    DEACTIVATE = "deactivate"
    EMPTY = "empty"


class Scope(StrEnum):
    """Which events concern the connection: those with an activated audience, or every one."""

    ACTIVATED_AUDIENCES = "activated_audiences"
    ALL_PROFILES = "all_profiles"


@dataclass(frozen=True, slots=True)
class MappingRow:
    """One profile attribute (a path, or `identityMap.<namespace>`) and the lead field that it fills.

    `labels`: the data usage labels of the source, such as `C2` or `I1`. `source_type`: its XDM type, if it was told.
    `opt_in`: of one of OPT_OUTS; None: nobody has decided yet. `join`: what stands between the values of a source that
    has several; None: the first one counts.
    """

    source: str
    target: str
    when_missing: WhenMissing = WhenMissing.IGNORE
    when_empty: WhenEmpty = WhenEmpty.IGNORE
    labels: tuple[str, ...] = ()
    source_type: SourceType | None = None
    opt_in: OptIn | None = None
    join: str | None = None

    @property
    def keeps_opt_outs(self) -> bool:
        """Whether it sends `true` only: an opt-out is taken back where somebody decided so."""
        return self.target in OPT_OUTS and self.opt_in is not OptIn.SEND

    @property
    def is_exported(self) -> bool:
        return NEVER_EXPORTED not in self.labels


@dataclass(frozen=True, slots=True)
class Admission:
    """How senders prove that they may send. The token is always taken in the header Authorization.

    `header`: another header in which the token may come. `query_parameter`: the parameter of the address in which it
    may come; None: no token is looked for there. `proof`: whether the token, a signature of the body, or both are asked
    for.
    """

    header: str | None = None
    query_parameter: str | None = None
    proof: Proof = Proof.TOKEN


@dataclass(frozen=True, slots=True)
class SourceCalls:
    """What a sender may ask of its connection besides taking events.

    `max_audiences`: how many audiences the connection may have, those deactivated within 90 days included, for the
    sender to add another.
    """

    on_delete: OnDelete = OnDelete.DEACTIVATE
    max_audiences: int = 50


@dataclass(frozen=True, slots=True)
class Consent:
    """Who may be exported: profiles that have one of the allowed values at a path."""

    source: str
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The oldest event that was requeued: when it was received, and until when it is invisible."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Resyncing:
    """A resync that goes on: since when it is noted who is named. `activation_ids`: in which audiences (None: all)."""

    id: str
    since: datetime
    activation_ids: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The share of the Marketo instance's limits that this connection may use.

    `lead_updates_per_hour`: how many leads are created or updated at most (None: as many as there are).
    """

    calls_per_20s: int = 80
    concurrency: int = 5
    daily_calls: int = 40_000
    lead_updates_per_hour: int | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """One configured destination.

    `resend_unchanged_after`: equal attributes are sent again once this time has passed, so that edits made in Marketo
    do not stay for ever; where none are sent, people are looked up again. `lead_cache`: how long the lead id of a
    person with one match is trusted (zero: not at all).
    `marketing_actions`: what the data is used for in Marketo, which data usage policies may deny. `ecid_field`: on a
    `legacy_v2` connection, the searchable field that holds the ECID. `propagate_renames`: a renamed audience renames
    its list. `delivered_at`: when its first event was delivered; since then people are known by what it finds them by.
    `credentials_version`: the version of its secret that holds its credentials (None: it has none). `is_discarded`: it
    is being deleted, and what is queued for it is delivered no more. `held_since`: since when it is disabled or
    blocked; `retry_at`: blocked, it is not tried before. `resumed_at`, `resumed_up_to`: when what is parked of it was
    sent back last, and up to which time it was due (domain/parking.py). `drained_since`: being deleted, since when no
    message of it can have been in the queue that nobody had received. `person_id`: the path of what people are named by
    who did not arrive (None: by pseudonyms). `enabled_at`: when somebody enabled it last. `admission`: how senders
    prove that they may post to the webhook; `on_rejected`: what it says of a body of which a part is rejected;
    `on_delete_person`: what a call does that asks to forget somebody. `source_calls`: what they may ask for besides
    (None: nothing). `rows`: the form of what is posted to the source `rows`. `resyncing`: the resync that goes on.
    """

    id: str
    version: int
    name: str
    munchkin_id: str
    workspace: str
    sync_type: SyncType
    person_action: PersonAction
    dedupe_field: str
    source_format: str
    status: Status
    description: str | None = None
    partition: str | None = None
    mapping: tuple[MappingRow, ...] = ()
    limits: Limits = field(default_factory=Limits)
    scope: Scope = Scope.ACTIVATED_AUDIENCES
    on_invalid: OnInvalid = OnInvalid.DROP
    resend_unchanged_after: timedelta = timedelta(hours=24)
    lead_cache: timedelta = timedelta(0)
    blocked_cause: str | None = None
    deleting_since: datetime | None = None
    generation: Generation = Generation.CURRENT
    ecid_field: str | None = None
    marketing_actions: tuple[str, ...] = ()
    consent: Consent | None = None
    propagate_renames: bool = False
    alerts: tuple[Subscription, ...] = ()
    waiting: Waiting | None = None
    verification: Schedule | None = None
    credentials_version: str | None = None
    delivered_at: datetime | None = None
    is_discarded: bool = False
    held_since: datetime | None = None
    retry_at: datetime | None = None
    resumed_at: datetime | None = None
    resumed_up_to: datetime | None = None
    drained_since: datetime | None = None
    person_id: str | None = None
    enabled_at: datetime | None = None
    admission: Admission = field(default_factory=Admission)
    on_rejected: OnRejected = OnRejected.ACCEPT
    on_delete_person: OnDeletePerson = OnDeletePerson.REJECT
    source_calls: SourceCalls | None = None
    rows: RowForm | None = None
    resyncing: Resyncing | None = None

    @property
    def blocked_code(self) -> str | None:
        """The code that the cause begins with: Marketo's, or our own (`domain.remedy`)."""
        code, is_told, _ = (self.blocked_cause or "").partition(": ")
        return code if is_told else None

    @property
    def lookup_fields(self) -> tuple[str, ...]:
        """The lead fields by which people are looked up, in this order."""
        is_legacy = self.generation is Generation.LEGACY_V2
        if is_legacy and self.ecid_field is not None and ECID_TARGET in {row.target for row in self.mapping}:
            return (self.dedupe_field, self.ecid_field)
        return (self.dedupe_field,)


@dataclass(frozen=True, slots=True)
class ActiveConnection:
    """A connection with its activations: all that the delivery of an event needs to know.

    `dormant`: the audiences that were deactivated within DORMANT_FOR, each with its beginning; what the source says of
    them is remembered.
    """

    connection: Connection
    activations: Mapping[AudienceKey, Activation]
    dormant: Mapping[AudienceKey, datetime] = field(default_factory=dict)

    @property
    def known(self) -> dict[AudienceKey, datetime]:
        """The audiences of which it is remembered what the source says, activated ones and dormant ones, each with its
        beginning.
        """
        return {**self.dormant, **{audience: one.begun_at for audience, one in self.activations.items()}}

    @property
    def resynced(self) -> dict[AudienceKey, datetime]:
        """The audiences that are resynced, each with when that began."""
        going_on = self.connection.resyncing
        if going_on is None:
            return {}
        chosen = going_on.activation_ids
        return {
            audience: going_on.since for audience, one in self.activations.items() if chosen is None or one.id in chosen
        }

    @property
    def lists(self) -> dict[AudienceKey, int | None]:
        """The list ids of the activated audiences."""
        return {audience: one.list_id for audience, one in self.activations.items()}

    @property
    def names(self) -> dict[AudienceKey, str]:
        """What the activated audiences are called."""
        return {audience: one.name for audience, one in self.activations.items()}


@dataclass(frozen=True, slots=True)
class RemovedConnection:
    """What is still told of a connection that was removed, beside its runs: its name, and those of its audiences."""

    id: str
    name: str
    at: datetime
    audiences: Mapping[AudienceKey, str] = field(default_factory=dict)
