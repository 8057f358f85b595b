"""How connections and activations are written as DynamoDB items: times as ISO 8601, durations as seconds.

A later release may have written more than this one knows, before it was rolled back: attributes, properties and words
that nobody knows are left out when an item is read (docs/decisions/0030-what-releases-read.md).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from destination.domain.alert import Alert, Subscription
from destination.domain.audience import Activation, AudienceKey, EmptiedTo, WhenListMissing
from destination.domain.connection import (
    DEDUPE_TARGET,
    EMAIL_TARGET,
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
    Resyncing,
    Scope,
    SourceCalls,
    SourceType,
    Status,
    SyncType,
    Waiting,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.row_form import RowForm
from destination.domain.sender_credentials import SenderCredentials, SenderToken, SenderTokens
from destination.domain.times import format_time, parse_time
from destination.domain.verification import Repair, Schedule

Attributes = Mapping[str, Any]
"""Plain values by attribute name; numbers come back as Decimal."""

Item = dict[str, Any]
"""The same in DynamoDB's form: `{"name": {"S": "…"}}`."""

CONNECTION: Final = "connection"
ACTIVATION: Final = "activation#"
"""What the sort keys of ConnectionsTable are, or begin with, under the id of a connection."""

OF_KIND: Final = "connection_id = :connection AND begins_with(id, :prefix)"
"""Of a query of RunsTable: the connection's items of one kind, whose ids begin with what the kind is called."""

_Word = TypeVar("_Word", bound=StrEnum)

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def item(attributes: Attributes) -> Item:
    """In DynamoDB's form; what is None is left out."""
    return {name: _serialize(value) for name, value in attributes.items() if value is not None}


def attributes(item: Item) -> Attributes:
    return {name: _deserialize(value) for name, value in item.items()}


def known(kind: type[Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of a dataclass: the fields that this release knows."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in stored.items() if name in names}


def known_words(kind: type[_Word], words: Iterable[str]) -> list[_Word]:
    """Those of the words that this release knows."""
    found = frozenset(kind)
    return [kind(one) for one in words if one in found]


def connection_key(connection_id: str) -> Item:
    return {"pk": {"S": connection_id}, "sk": {"S": CONNECTION}}


def activation_key(connection_id: str, activation_id: str) -> Item:
    """Not of the audience's own id, which may be longer than a key."""
    return {"pk": {"S": connection_id}, "sk": {"S": f"{ACTIVATION}{activation_id}"}}


def runs_key(connection_id: str, name: str) -> Item:
    """Of what RunsTable has of a connection."""
    return {"connection_id": {"S": connection_id}, "id": {"S": name}}


def is_connection(found: Item) -> bool:
    """Whether an item under the id of a connection is the connection itself."""
    return bool(found["sk"] == {"S": CONNECTION})


def is_dormant(found: Item) -> bool:
    """Whether an activation is one that was deactivated."""
    return "deactivated_at" in found


def configuration(connection: Connection) -> Attributes:
    """All that an operator configures, and which credentials were given.

    The id, version, status and its cause are the store's to write.
    """
    return {
        "name": connection.name,
        "description": connection.description,
        "munchkin_id": connection.munchkin_id,
        "workspace": connection.workspace,
        "sync_type": connection.sync_type.value,
        "person_action": connection.person_action.value,
        "dedupe_field": connection.dedupe_field,
        "source_format": connection.source_format,
        "admission": asdict(connection.admission) | {"proof": connection.admission.proof.value},
        "on_rejected": connection.on_rejected.value,
        "on_delete_person": connection.on_delete_person.value,
        "known_by": known_by(connection),
        "source_calls": connection.source_calls
        and {
            "on_delete": connection.source_calls.on_delete.value,
            "max_audiences": connection.source_calls.max_audiences,
        },
        "rows": connection.rows and asdict(connection.rows),
        "partition": connection.partition,
        "mapping": [
            {
                "source": row.source,
                "target": row.target,
                "when_missing": row.when_missing.value,
                "when_empty": row.when_empty.value,
                "labels": list(row.labels),
                "source_type": row.source_type and row.source_type.value,
                "opt_in": row.opt_in and row.opt_in.value,
                "join": row.join,
            }
            for row in connection.mapping
        ],
        "limits": {name: value for name, value in asdict(connection.limits).items() if value is not None},
        "scope": connection.scope.value,
        "on_invalid": connection.on_invalid.value,
        "resend_unchanged_after": int(connection.resend_unchanged_after.total_seconds()),
        "lead_cache": int(connection.lead_cache.total_seconds()),
        "generation": connection.generation.value,
        "ecid_field": connection.ecid_field,
        "person_id": connection.person_id,
        "marketing_actions": list(connection.marketing_actions),
        "consent": connection.consent
        and {"source": connection.consent.source, "allowed": list(connection.consent.allowed)},
        "propagate_renames": connection.propagate_renames,
        "verification": connection.verification
        and {
            "every": int(connection.verification.every.total_seconds()),
            "repair": sorted(connection.verification.repair),
        },
        "alerts": [
            {"alert": one.alert.value, "threshold": None if one.threshold is None else Decimal(str(one.threshold))}
            for one in connection.alerts
        ],
        "credentials_version": connection.credentials_version,
    }


def connection_from(item: Item) -> Connection:
    stored = attributes(item)
    return Connection(
        id=stored["pk"],
        version=int(stored["version"]),
        name=stored["name"],
        munchkin_id=stored["munchkin_id"],
        workspace=stored["workspace"],
        sync_type=SyncType(stored["sync_type"]),
        person_action=PersonAction(stored["person_action"]),
        dedupe_field=stored["dedupe_field"],
        source_format=stored["source_format"],
        status=Status(stored["status"]),
        description=stored.get("description"),
        partition=stored.get("partition"),
        mapping=tuple(
            MappingRow(
                row["source"],
                row["target"],
                WhenMissing(row["when_missing"]),
                WhenEmpty(row["when_empty"]),
                tuple(row["labels"]),
                _source_type(row["source_type"]),
                _opt_in(row["opt_in"]),
                row["join"],
            )
            for row in stored["mapping"]
        ),
        limits=Limits(**{name: int(value) for name, value in known(Limits, stored["limits"]).items()}),
        scope=Scope(stored["scope"]),
        on_invalid=OnInvalid(stored["on_invalid"]),
        resend_unchanged_after=timedelta(seconds=int(stored["resend_unchanged_after"])),
        lead_cache=timedelta(seconds=int(stored["lead_cache"])),
        blocked_cause=stored.get("blocked_cause"),
        deleting_since=_time(stored.get("deleting_since")),
        generation=Generation(stored["generation"]),
        ecid_field=stored.get("ecid_field"),
        person_id=stored.get("person_id"),
        marketing_actions=tuple(stored["marketing_actions"]),
        consent=_consent(stored.get("consent")),
        propagate_renames=stored["propagate_renames"],
        alerts=tuple(_subscription(one) for one in stored["alerts"] if known_words(Alert, [one["alert"]])),
        waiting=_waiting(stored.get("waiting")),
        verification=_schedule(stored.get("verification")),
        credentials_version=stored.get("credentials_version"),
        delivered_at=_time(stored.get("delivered_at")),
        is_discarded=stored.get("discarded", False),
        held_since=_time(stored.get("held_since")),
        retry_at=_time(stored.get("retry_at")),
        resumed_at=_time(stored.get("resumed_at")),
        resumed_up_to=_time(stored.get("resumed_up_to")),
        drained_since=_time(stored.get("drained_since")),
        enabled_at=_time(stored.get("enabled_at")),
        admission=admission_of(stored),
        on_rejected=on_rejected_of(stored),
        on_delete_person=on_delete_person_of(stored),
        source_calls=_source_calls(stored.get("source_calls")),
        rows=rows_of(stored),
        resyncing=_resyncing(stored.get("resyncing")),
    )


def admission_of(stored: Attributes) -> Admission:
    """How senders prove that they may send; also of a connection that was stored before that was asked.

    Where a later release asks for what this one does not know, it asks for all that it does.
    """
    places = known(Admission, stored.get("admission", {}))
    word = known_words(Proof, [places.get("proof", Proof.TOKEN)])
    return Admission(**places | {"proof": word[0] if word else Proof.BOTH})


def on_rejected_of(stored: Attributes) -> OnRejected:
    """Also of a connection that was stored before it was asked, or with a word of a later release."""
    found = known_words(OnRejected, [stored.get("on_rejected", OnRejected.ACCEPT)])
    return found[0] if found else OnRejected.ACCEPT


def on_delete_person_of(stored: Attributes) -> OnDeletePerson:
    """Also of a connection that was stored before it was asked, or with a word of a later release: nobody is erased."""
    found = known_words(OnDeletePerson, [stored.get("on_delete_person", OnDeletePerson.REJECT)])
    return found[0] if found else OnDeletePerson.REJECT


def known_by(connection: Connection) -> str | None:
    """For the webhook, which does not read the mapping: the source that people are known by, if a call erases them."""
    if connection.on_delete_person is OnDeletePerson.REJECT:
        return None
    return next((row.source for row in connection.mapping if row.target in {DEDUPE_TARGET, EMAIL_TARGET}), None)


def sender_credentials_attributes(credentials: SenderCredentials | None, tokens: SenderTokens | None) -> Attributes:
    """What is stored of what opens a connection to its senders besides the ingest token; None where there is none."""
    known_now = credentials and {
        "secret_hash": credentials.secret_hash,
        "previous_hash": credentials.previous_hash,
        "previous_until": credentials.previous_until and format_time(credentials.previous_until),
    }
    return {"sender_credentials": known_now, "sender_tokens": tokens and stored_tokens(tokens)}


def stored_tokens(tokens: SenderTokens) -> Attributes:
    """Equal tokens are stored equally, so that a change can ask whether they are still those that were read."""
    return {"of": tokens.of, "tokens": [{"hash": one.hash, "until": format_time(one.until)} for one in tokens.tokens]}


def sender_credentials_of(stored: Attributes) -> SenderCredentials | None:
    kept = stored.get("sender_credentials")
    return kept and SenderCredentials(kept["secret_hash"], kept["previous_hash"], _time(kept["previous_until"]))


def sender_tokens_of(stored: Attributes) -> SenderTokens | None:
    kept = stored.get("sender_tokens")
    if kept is None:
        return None
    return SenderTokens(kept["of"], tuple(SenderToken(one["hash"], parse_time(one["until"])) for one in kept["tokens"]))


def rows_of(stored: Attributes) -> RowForm | None:
    """The form of rows, as far as this release knows it."""
    given = stored.get("rows")
    if given is None:
        return None
    words = {name: tuple(given[name]) for name in ("realized", "exited")}
    return RowForm(**known(RowForm, given) | words)


def activation_attributes(activation: Activation) -> Attributes:
    """All that an operator configures, and who made it; version, beginning, list and what is to be done with it are the
    store's.
    """
    return {
        "namespace": activation.audience.namespace,
        "audience_id": activation.audience.id,
        "name": activation.name,
        "data_type": activation.data_type,
        "origin": activation.origin,
        "start": activation.start and format_time(activation.start),
        "end": activation.end and format_time(activation.end),
        "when_list_missing": activation.when_list_missing.value,
        "labels": list(activation.labels),
        "made_by_sender": activation.made_by_sender or None,
        "named_at": activation.named_at and format_time(activation.named_at),
    }


def list_attributes(activation: Activation) -> Attributes:
    """The list, and what is known of it."""
    may_hold_others = None if activation.list_id is None else activation.may_hold_others
    return {"list_id": activation.list_id, "list_name": activation.list_name, "may_hold_others": may_hold_others}


def emptied_attributes(emptied_to: EmptiedTo | None) -> Attributes:
    stored = emptied_to and {
        "cursor": emptied_to.cursor,
        "at": format_time(emptied_to.at),
        "left": dict(emptied_to.left),
    }
    return {"emptied_to": stored}


def audience_of(item: Item) -> AudienceKey:
    """The audience of an activation, dormant or not."""
    return AudienceKey(item["namespace"]["S"], item["audience_id"]["S"])


def begun_at_of(item: Item) -> datetime:
    """The beginning of an activation, dormant or not."""
    return parse_time(item["begun_at"]["S"])


def activation_from(item: Item) -> Activation:
    stored = attributes(item)
    list_id = stored.get("list_id")
    return Activation(
        audience=audience_of(item),
        name=stored["name"],
        data_type=stored["data_type"],
        origin=stored.get("origin"),
        start=_time(stored.get("start")),
        end=_time(stored.get("end")),
        list_id=None if list_id is None else int(list_id),
        list_name=stored.get("list_name"),
        when_list_missing=WhenListMissing(stored["when_list_missing"]),
        labels=tuple(stored["labels"]),
        may_hold_others=stored.get("may_hold_others", True),
        made_by_sender=stored.get("made_by_sender", False),
        fill_at=_time(stored.get("fill_at")),
        emptied_to=_emptied_to(stored.get("emptied_to")),
        named_at=_time(stored.get("named_at")),
        begun_at=begun_at_of(item),
        version=int(stored["version"]),
    )


def _emptied_to(stored: Attributes | None) -> EmptiedTo | None:
    if stored is None:
        return None
    left = sorted((code, int(count)) for code, count in stored["left"].items())
    return EmptiedTo(stored["cursor"], parse_time(stored["at"]), tuple(left))


def _source_calls(stored: Attributes | None) -> SourceCalls | None:
    """A word of a later release for what a deletion does is taken for that which does nothing."""
    if stored is None:
        return None
    found = known_words(OnDelete, [stored["on_delete"]])
    return SourceCalls(found[0] if found else OnDelete.KEEP, int(stored["max_audiences"]))


def _consent(stored: Attributes | None) -> Consent | None:
    return None if stored is None else Consent(stored["source"], tuple(stored["allowed"]))


def _subscription(stored: Attributes) -> Subscription:
    threshold = stored["threshold"]
    return Subscription(Alert(stored["alert"]), None if threshold is None else float(threshold))


def _waiting(stored: Attributes | None) -> Waiting | None:
    return Waiting(parse_time(stored["since"]), parse_time(stored["until"])) if stored else None


def _resyncing(stored: Attributes | None) -> Resyncing | None:
    if not stored:
        return None
    chosen = stored.get("activation_ids")
    return Resyncing(stored["id"], parse_time(stored["since"]), None if chosen is None else frozenset(chosen))


def _source_type(text: str | None) -> SourceType | None:
    return None if text is None else SourceType(text)


def _opt_in(text: str | None) -> OptIn | None:
    return None if text is None else OptIn(text)


def _schedule(stored: Attributes | None) -> Schedule | None:
    if stored is None:
        return None
    return Schedule(timedelta(seconds=int(stored["every"])), frozenset(known_words(Repair, stored["repair"])))


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)
