"""Connections as JSON, and their translation from and to the domain."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SecretStr, StrictBool, StrictInt, StringConstraints

from destination.api.alerts import Subscribed, SubscriptionIn
from destination.api.parking import HoldOut
from destination.api.problems import ProblemDetails
from destination.api.representation import PROSE, VISIBLE, Duration, Labels, Name, Representation, Text, Time, shown_as
from destination.domain.audience import DEFAULT_NAMESPACE
from destination.domain.connection import (
    Admission,
    Connection,
    Consent,
    Generation,
    Limits,
    MappingRow,
    OnDelete,
    OnDeletePerson,
    OnInvalid,
    OnRejected,
    OptIn,
    PersonAction,
    Proof,
    Scope,
    SourceCalls,
    SourceType,
    Status,
    SyncType,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.connection_rules import MAX_MAPPING_ROWS, MAX_MARKETING_ACTIONS
from destination.domain.credentials import ClientCredentials
from destination.domain.display_names import PERSON_ACTIONS, SYNC_TYPES, TARGETS
from destination.domain.parking import Hold
from destination.domain.problem import Problem
from destination.domain.row_form import EXITED, MAX_WORD_LENGTH, MAX_WORDS, REALIZED, RowForm
from destination.domain.verification import REPAIRED_BY_DEFAULT, Repair, Schedule


def _secret(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not value.isascii() or not value.strip().isprintable():
        raise ValueError("must have ASCII characters only, none of them a control character")
    return value.strip()


ClientId = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9._@+=-]+$", min_length=1, max_length=128)
]
"""It becomes the last segment of the name of a secret (Secrets Manager, "CreateSecret"), so it has no slash."""


Separator = Annotated[str, StringConstraints(min_length=1, max_length=10), VISIBLE]


class CredentialsIn(Representation):
    """Those of an API-only LaunchPoint service; they are never shown again."""

    client_id: ClientId
    client_secret: Annotated[SecretStr, Field(min_length=1, max_length=255), BeforeValidator(_secret)]


SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class AdmissionIn(Representation):
    """What senders prove, and where they may put the ingest token besides the header Authorization (bearer, or the
    password of Basic)."""

    proof: Proof = Field(
        default=Proof.TOKEN,
        description="The token, a signature of the body with the signing key, or both.",
    )

    header: Text | None = Field(default=None, description="The name of another header.", examples=["X-Api-Key"])
    query_parameter: Text | None = Field(
        default=None, description="The name of a query parameter, for senders that have nothing else.", examples=[None]
    )


class SourceCallsIn(Representation):
    """What senders may ask for besides, below `/connections/{id}/source/`, with their own token."""

    on_delete: OnDelete = Field(
        default=OnDelete.DEACTIVATE,
        description="What the deletion of an audience does: nothing, deactivate it, or empty its list first.",
    )
    max_audiences: StrictInt = Field(
        default=SourceCalls().max_audiences,
        description="How many audiences the connection may have for a sender to add another; those deactivated within "
        "90 days count.",
    )


Word = Annotated[Text, StringConstraints(max_length=MAX_WORD_LENGTH)]
Words = Annotated[list[Word], Field(min_length=1, max_length=MAX_WORDS)]


class RowsIn(Representation):
    """Where a sender's rows have what: paths as in the mapping, into the row, or after `$.` into the body that holds
    it.

    Without a place of its own, `audience` and `status` are the query parameters of these names in the address.
    """

    records: Text | None = Field(
        default=None,
        description="The list of rows in the body; null: it is a row, or a list of rows.",
        examples=["data.users"],
    )
    value: Text | None = Field(
        default=None,
        description="What people are found by; map identityMap.DedupeField to DedupeField.",
        examples=["email"],
    )
    audience: Text | None = Field(default=None, description="The audience's id.", examples=["$.cohort_id"])
    namespace: Text = Field(default=DEFAULT_NAMESPACE, description="The namespace of the audiences.")
    status: Text | None = Field(
        default=None, description="The word for joining or leaving the audience.", examples=["$.in_cohort"]
    )
    realized: Words = Field(default=list(REALIZED), description="The words for who joined the audience.")
    exited: Words = Field(default=list(EXITED), description="The words for who left it.")
    time: Text | None = Field(
        default=None, description="The time of the change: ISO 8601, or seconds or milliseconds since 1970."
    )

    @classmethod
    def of(cls, form: RowForm) -> Self:
        return cls.model_validate(asdict(form))

    def form(self) -> RowForm:
        return RowForm(**self.model_dump() | {"realized": tuple(self.realized), "exited": tuple(self.exited)})


class SourceIn(Representation):
    """Where the events come from that are posted to the webhook."""

    format: SourceName = Field(
        description="adobe_sdk, aep, canonical, census, rows, rudderstack, segment, or a source that an extra layer "
        "brings.",
        examples=["aep", "canonical"],
    )
    admission: AdmissionIn = AdmissionIn()
    on_rejected: OnRejected = Field(
        default=OnRejected.ACCEPT,
        description="What the webhook answers where some records of a body are rejected: 202, 207, or 422 with nothing "
        "taken.",
    )
    on_delete_person: OnDeletePerson = Field(
        default=OnDeletePerson.REJECT,
        description="What a call does that asks to forget a person (format segment): it is rejected, or asks for the "
        "person's erasure.",
    )
    calls: SourceCallsIn | None = Field(
        default=None,
        description="What senders may ask for besides posting events: audiences, fields, checks; null: nothing.",
    )
    rows: RowsIn | None = Field(
        default=None, description="The form of a sender's rows, with the format rows.", examples=[None]
    )


class MappingRowBody(Representation):
    """A profile attribute (`person.name.firstName`, `emails[0].address`, `emails[?primary==true].address`) or identity
    (`identityMap.email`), and the lead field it fills."""

    source: Text
    target: Annotated[Text, shown_as(TARGETS)]
    when_missing: WhenMissing = WhenMissing.IGNORE
    when_empty: WhenEmpty = WhenEmpty.IGNORE
    labels: Labels = Field(default_factory=list, description="Data usage labels of the source, such as C2 or I1.")
    source_type: SourceType | None = Field(None, description="The source's XDM type, compared with the target's type.")
    opt_in: OptIn | None = Field(
        None,
        description="Of unsubscribed, doNotCall, marketingSuspended and blackListed, which cannot do without it: "
        "whether false is sent too, or true only.",
    )
    join: Separator | None = Field(
        None,
        description="What stands between the values of a source that has several; null: the first one is sent.",
        examples=[";"],
    )

    @classmethod
    def of(cls, row: MappingRow) -> Self:
        return cls.model_validate(asdict(row))

    def row(self) -> MappingRow:
        properties = {name: getattr(self, name) for name in type(self).model_fields}
        return MappingRow(**properties | {"labels": tuple(self.labels)})


Mapped = Annotated[list[MappingRowBody], Field(max_length=MAX_MAPPING_ROWS)]


class LimitsIn(Representation):
    """The share of the Marketo instance's limits that the connection may use."""

    calls_per_20s: StrictInt = Limits().calls_per_20s
    concurrency: StrictInt = Limits().concurrency
    daily_calls: StrictInt = Limits().daily_calls
    lead_updates_per_hour: StrictInt | None = Field(
        default=None, description="How many leads are created or updated at most; null: as many as there are."
    )


class ConsentIn(Representation):
    """Profiles with one of the allowed values at the source are exported, the others are not."""

    source: Text = Field(examples=["consents.marketing.email.val"])
    allowed: Annotated[list[Text], Field(min_length=1, max_length=20)] = Field(examples=[["y", "in"]])


class ScheduleIn(Representation):
    """How often Marketo's lists are compared with what was delivered, and what is repaired then."""

    every: Duration = Field(examples=["P1D"])
    repair: list[Repair] = Field(sorted(REPAIRED_BY_DEFAULT), description="As in a request for one.")


class Configuration(Representation):
    """What an operator configures."""

    name: Text
    description: Annotated[str, StringConstraints(max_length=1000), PROSE] | None = None
    munchkin_id: Text = Field(examples=["123-ABC-456"])
    workspace: Text
    sync_type: Annotated[SyncType, shown_as(SYNC_TYPES)]
    person_action: Annotated[PersonAction, shown_as(PERSON_ACTIONS)]
    partition: Text | None = Field(None, description="Where new people are created; null: Default.")
    dedupe_field: Text = Field(examples=["email"])
    source: SourceIn
    mapping: Mapped = Field(default_factory=list)
    limits: LimitsIn = LimitsIn()
    scope: Scope = Scope.ACTIVATED_AUDIENCES
    on_invalid: OnInvalid = OnInvalid.DROP
    resend_unchanged_after: Duration = timedelta(hours=24)
    lead_cache: Duration = Field(
        default=timedelta(0),
        description="How long the lead id of a person with one match is trusted; PT0S: every change looks them up.",
    )
    generation: Generation = Generation.CURRENT
    ecid_field: Text | None = Field(None, description="legacy_v2: the searchable field that holds the ECID.")
    marketing_actions: Annotated[list[Name], Field(max_length=MAX_MARKETING_ACTIONS)] = Field(
        default_factory=list, description="What the data is used for.", examples=[["emailTargeting"]]
    )
    consent: ConsentIn | None = Field(None, description="Whose profiles may be exported; null: everybody's.")
    propagate_renames: StrictBool = Field(False, description="Whether a renamed audience renames its list.")
    verification: ScheduleIn | None = Field(
        None, description="How often the lists are verified; null: only on request."
    )
    person_id: Text | None = Field(
        None,
        description="What lists of people who did not arrive name them by: an attribute or an identity, such as that "
        "of the CRM, of which a value is kept for 90 days; null: a pseudonym.",
        examples=["identityMap.crmId"],
    )
    alerts: Subscribed = Field(
        default_factory=list, description="The alerts to subscribe to.", examples=[["activation_skipped_rate"]]
    )

    @classmethod
    def of(cls, connection: Connection) -> Self:
        return cls.model_validate(_configured(connection))


class ConnectionIn(Configuration):
    credentials: CredentialsIn | None = None

    def draft(self) -> Connection:
        """A new connection, which has no id yet."""
        return Connection(id="", version=0, status=Status.DRAFT, **self._members())

    def over(self, connection: Connection) -> Connection:
        """The connection as configured here."""
        return replace(connection, **self._members())

    def client_credentials(self) -> ClientCredentials | None:
        given = self.credentials
        return ClientCredentials(given.client_id, given.client_secret.get_secret_value()) if given else None

    def _members(self) -> dict[str, Any]:
        properties = {name: getattr(self, name) for name in Configuration.model_fields if name != "source"}
        return properties | {
            "source_format": self.source.format,
            "admission": Admission(**self.source.admission.model_dump()),
            "on_rejected": self.source.on_rejected,
            "on_delete_person": self.source.on_delete_person,
            "source_calls": self.source.calls and SourceCalls(**self.source.calls.model_dump()),
            "rows": self.source.rows and self.source.rows.form(),
            "mapping": tuple(row.row() for row in self.mapping),
            "limits": Limits(**self.limits.model_dump()),
            "marketing_actions": tuple(dict.fromkeys(self.marketing_actions)),
            "consent": self.consent and Consent(self.consent.source, tuple(self.consent.allowed)),
            "verification": self.verification
            and Schedule(self.verification.every, frozenset(self.verification.repair)),
            "alerts": tuple(one.subscription() for one in self.alerts),
        }


class ConnectionPatch(ConnectionIn):
    """A changed configuration, and what is said of the change."""

    same_people: StrictBool = Field(
        default=False,
        description="The sources now mapped to the identities give the same people the same values as those before: "
        "without it they cannot be changed of a connection that has delivered.",
    )


class ConnectionOut(Configuration):
    """`warnings`: what works, but may not be what was meant."""

    id: str
    version: int
    status: Status
    blocked_cause: str | None = Field(description="Why Marketo refuses the connection; null while it does not.")
    hold: HoldOut | None = Field(description="What holds all of it up; null: nothing does.")
    deleting_since: Time | None = Field(description="When the deletion began, while the status is deleting.")
    delivered_at: Time | None = Field(
        description="When its first event was delivered; from then on what people are known by cannot be changed."
    )
    waiting_since: Time | None = Field(
        description="When the oldest of its events that wait to be tried again was received."
    )
    warnings: list[ProblemDetails.PropertyError]

    @classmethod
    def of_connection(cls, connection: Connection, warnings: Iterable[Problem], hold: Hold | None) -> Self:
        return cls.model_validate(
            _configured(connection)
            | {
                "id": connection.id,
                "version": connection.version,
                "status": connection.status,
                "blocked_cause": connection.blocked_cause,
                "hold": None if hold is None else HoldOut.of(hold),
                "deleting_since": connection.deleting_since,
                "delivered_at": connection.delivered_at,
                "waiting_since": connection.waiting and connection.waiting.since,
                "warnings": [asdict(one) for one in warnings],
            }
        )


class IngestOut(Representation):
    """Where to post events, and the token for it, which is shown only once, as is the key for signatures."""

    url: str
    token: str
    signing_key: str | None = Field(
        default=None, description="What senders sign with that do; null: the stack has no signing keys."
    )


class ConnectionCreated(ConnectionOut):
    ingest: IngestOut

    @classmethod
    def with_ingest(cls, shown: ConnectionOut, ingest: IngestOut) -> Self:
        return cls.model_validate(shown.model_dump() | {"ingest": ingest.model_dump()})


class RotationIn(Representation):
    grace: Duration = Field(
        default=timedelta(hours=24), description="How long the current token stays valid, at most P7D."
    )


class IngestRotated(IngestOut):
    """The previous token is valid until then; older ones are not valid any more."""

    previous_valid_until: Time


class ConnectionPage(Representation):
    """`cursor`: pass it on to read what follows; null: there is no more."""

    connections: list[ConnectionOut]
    cursor: str | None


def _configured(connection: Connection) -> dict[str, Any]:
    properties = {name: getattr(connection, name) for name in Configuration.model_fields if name != "source"}
    return properties | {
        "source": {
            "format": connection.source_format,
            "admission": asdict(connection.admission),
            "on_rejected": connection.on_rejected,
            "on_delete_person": connection.on_delete_person,
            "calls": connection.source_calls and asdict(connection.source_calls),
            "rows": connection.rows and RowsIn.of(connection.rows),
        },
        "mapping": [MappingRowBody.of(row) for row in connection.mapping],
        "limits": asdict(connection.limits),
        "consent": connection.consent and asdict(connection.consent),
        "verification": connection.verification
        and {"every": connection.verification.every, "repair": sorted(connection.verification.repair)},
        "alerts": [SubscriptionIn.of(one) for one in connection.alerts],
    }
