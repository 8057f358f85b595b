"""What this release writes, recorded as files, so that a later one that can no longer read it fails.

    tests/recorded/<version>/messages.json     bodies of messages, by what they are
    tests/recorded/<version>/tables.json       the items of each table
    tests/recorded/<version>/bucket.json       the objects of the bucket, by key
    tests/recorded/<version>/secrets.json      the secrets, by name

`python -m testing.recorded` writes those of the version in pyproject.toml, and leaves those of all others as they are:
a release that writes more records that under its own version.
"""

import base64
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from destination.domain.audience import AudienceKey
from destination.domain.audit import AuditAction
from destination.domain.connection import (
    RemovedConnection,
    Waiting,
)
from destination.domain.erasure import LeftList, Step
from destination.domain.parking import Resumption
from destination.domain.run import Run
from destination.domain.shard import NO_DIGEST, SHARDS, digest_of, name_of, shard_of
from destination.domain.times import EPOCH
from destination.domain.verification import (
    Phase,
)
from destination.queue import (
    ErasureCall,
    bundle_message,
    decode,
    encode_event,
    erasure_call_message,
    erasure_message,
    import_message,
    pack,
    seen_message,
    verification_message,
)
from destination.store.alerts import Alerts
from destination.store.audiences import Audiences
from destination.store.audit import Audit
from destination.store.canaries import Canaries
from destination.store.capabilities import CapabilitiesOfInstances
from destination.store.connections import Connections
from destination.store.delivering import DeliveringConnections
from destination.store.erasures import Erasures
from destination.store.extracted import ExtractedBytes
from destination.store.governance import Policies
from destination.store.ingress import Ingresses
from destination.store.leases import Leases
from destination.store.ledger import Entry, Ledger
from destination.store.letters import Letters
from destination.store.losses import Losses
from destination.store.parking import Parking
from destination.store.removed import RemovedConnections
from destination.store.runs import Runs
from destination.store.scheduled_checks import ScheduledChecks
from destination.store.secrets import Credentials, TokenSecret
from destination.store.seen import SeenDays
from destination.store.sender_credentials import SendersCredentials
from destination.store.summaries import Summaries
from destination.store.verifications import Verifications
from testing import recorded_files, recorded_imports
from testing.aws import SECRETS_PREFIX, TABLES, Aws, aws
from testing.persons import MUNCHKIN, RUN, START
from testing.recorded_values import (
    ACTIVATION,
    ADA,
    ALERT,
    ANY,
    BUNDLE,
    CALLED,
    CANARY,
    CAPABILITIES,
    CHANGE,
    CHECK,
    CHECKED,
    CIRCUITS,
    CONNECTION,
    CREDENTIALS,
    ERASURE,
    EVENT,
    FAILURE,
    HOUR,
    LETTERS,
    LOSSES,
    ORIGIN,
    PACE,
    PAUSE,
    ROW,
    SEEN,
    SENDER_CREDENTIALS,
    SENDER_TOKENS,
    STAND,
    TALLY,
    TOKEN,
    VERIFICATION,
    A,
)
from testing.template import ROOT

FOLDER: Final = ROOT / "tests/recorded"


def messages() -> dict[str, str]:
    """A body of each kind of message."""
    text = encode_event(EVENT)
    given: dict[str, Any] = {"envelope_id": "envelope-1", "correlation_id": "request-1"}
    return {
        "events": next(pack("connection-1", START, [text], first=7, losses=LOSSES, **given))[1],
        "tried before": next(pack("connection-1", START, [text], first=7, attempt=2, **given))[1],
        "losses alone": next(pack("connection-1", START, [], losses=LOSSES, **given))[1],
        "erasure": erasure_message("connection-1", ERASURE.id, ADA, START),
        "erasure call": erasure_call_message("connection-1", "envelope-1", START, ErasureCall(ADA, "call-1")),
        "verification": verification_message("connection-1", VERIFICATION.id, START),
        "import": import_message("connection-1", recorded_imports.IMPORT.id, START),
        "bundle": bundle_message(BUNDLE),
        "seen": seen_message("connection-1", START, SEEN, envelope_id="envelope-1"),
    }


class Stores:
    """The stores of an account."""

    def __init__(self, stack: Aws) -> None:
        client = stack.dynamodb
        self.connections = Connections(client, "ConnectionsTable")
        self.delivering = DeliveringConnections(client, "ConnectionsTable")
        self.audiences = Audiences(client, "ConnectionsTable")
        self.audit = Audit(client, "ConnectionsTable")
        self.policies = Policies(client, "ConnectionsTable")
        self.ingresses = Ingresses(client, "ConnectionsTable")
        self.senders_credentials = SendersCredentials(client, "ConnectionsTable")
        self.leases = Leases(client, "ConnectionsTable")
        self.canaries = Canaries(client, "ConnectionsTable")
        self.capabilities = CapabilitiesOfInstances(client, "ConnectionsTable")
        self.runs = Runs(client, "RunsTable")
        self.removed = RemovedConnections(client, "RunsTable")
        self.seen = SeenDays(client, "RunsTable")
        self.losses = Losses(client, "RunsTable", self.runs)
        self.ledger = Ledger(client, "LedgerTable", leases=self.leases, runs=self.runs)
        self.summaries = Summaries(client, "RunsTable")
        self.alerts = Alerts(client, "RunsTable")
        self.verifications = Verifications(client, "RunsTable")
        self.extracted = ExtractedBytes(client, "RunsTable")
        self.erasures = Erasures(client, "ConnectionsTable")
        self.scheduled_checks = ScheduledChecks(client, "RunsTable")
        self.parking = Parking(stack.s3, stack.bucket)
        self.letters = Letters(stack.s3, stack.bucket)
        version = str(CONNECTION.credentials_version)
        self.credentials = Credentials(stack.secrets, SECRETS_PREFIX, lambda: version)
        self.token = TokenSecret(stack.secrets, SECRETS_PREFIX, MUNCHKIN, CREDENTIALS)


def write(stack: Aws) -> None:
    """All that is stored, once."""
    stores = Stores(stack)
    _write_configuration(stores)
    lease = stores.leases.acquire(MUNCHKIN, START, START + HOUR)
    assert lease is not None
    stores.leases.enter(lease, range(SHARDS))
    name, shard = name_of(ADA), shard_of(name_of(ADA))
    part = Run("connection-1", RUN, 0, TALLY, shard)
    entry = Entry(
        shard, {name: ROW}, {"envelope-1": frozenset({"7", "8.1"})}, {ORIGIN: FAILURE}, {"event-1": START}, [part]
    )
    stores.ledger.record("connection-1", entry, lease, START + 2 * HOUR)
    stores.leases.release(lease, PACE, PAUSE, CIRCUITS)
    stores.canaries.create(CANARY, stores.audit.put(replace(CHANGE, id="record-5", action=AuditAction.SEND_CANARY)))
    stores.capabilities.put(MUNCHKIN, CAPABILITIES)
    stores.losses.count("connection-1", RUN, {"envelope-2": LOSSES}, START)
    stores.removed.put(RemovedConnection("connection-0", "Web — EMEA", START, {A: "Webinar", ANY: "Newsletter"}))
    stores.seen.add("connection-1", START.date(), SEEN)
    stores.summaries.put(replace(part, version=1))
    stores.alerts.change("connection-1", ALERT, published=0)
    stores.scheduled_checks.put("connection-1", CHECKED)
    stores.verifications.create(VERIFICATION, [CHECK], None, stores.audit.put(replace(CHANGE, id="record-2")))
    stores.verifications.put_read(VERIFICATION, 0, 0, [7, 8], [digest_of(name_of(ADA)), NO_DIGEST])
    stores.extracted.add(MUNCHKIN, START.date(), 92)
    stores.verifications.put_stands(VERIFICATION, 0, 0, [STAND])
    stores.verifications.put_out_of_sync(VERIFICATION, [replace(CHECK, phase=Phase.DONE)])
    stores.erasures.request(CALLED, "call-1", replace(CHANGE, id="record-4", action=AuditAction.ERASE_PERSON))
    stores.erasures.create(ERASURE, stores.audit.put(replace(CHANGE, id="record-3", action=AuditAction.ERASE_PERSON)))
    stores.erasures.put(replace(ERASURE, lists=(LeftList(A, 1001, 1),), rows=1).beyond(Step.LISTS, START))
    stores.verifications.put_list_sizes(VERIFICATION, [replace(CHECK, phase=Phase.DONE)], START)
    stores.parking.put(BUNDLE, [messages()["events"], messages()["tried before"]])
    stores.letters.put(LETTERS, [messages()["tried before"]])
    record = stores.audit.put(replace(CHANGE, id="record-6", action=AuditAction.OPEN_RESYNC))
    recorded_files.write(stack, record)
    recorded_imports.write(stack)


def _write_configuration(stores: Stores) -> None:
    version = stores.credentials.put("connection-1", CREDENTIALS)
    assert version == CONNECTION.credentials_version
    stores.token.put(TOKEN)
    stores.connections.create(CONNECTION, "0f", stores.audit.put(CHANGE))
    stores.audiences.put("connection-1", ACTIVATION)
    stores.audiences.put("connection-1", replace(ACTIVATION, audience=ANY, list_id=1002))
    stores.delivering.begin_delivery("connection-1", 1, START)
    stores.delivering.block("connection-1", "1013: a list is gone", START)
    stores.delivering.wait("connection-1", Waiting(START, START + HOUR))
    stores.connections.resume("connection-1", Resumption(START, START))
    before = stores.senders_credentials.get("connection-1")
    stores.senders_credentials.replace("connection-1", before, SENDER_CREDENTIALS, SENDER_TOKENS)
    everything = stores.policies.get()
    stores.policies.put(everything)


def read(stack: Aws) -> dict[str, object]:
    """All that is stored, as the stores tell it, by what it is."""
    stores = Stores(stack)
    name, shard = name_of(ADA), shard_of(name_of(ADA))
    audiences = dict.fromkeys((A, ANY), EPOCH)
    found: dict[str, object] = {
        "connection": stores.connections.get("connection-1"),
        "connections": list(stores.connections.all()),
        "of the instance": stores.delivering.limits(MUNCHKIN),
        "activations": stores.audiences.list("connection-1"),
        "ingress": stores.ingresses.get("connection-1"),
        "policies": stores.policies.get(),
        "audit": stores.audit.page("connection-1"),
        "pause": stores.leases.pause(MUNCHKIN),
        "today": stores.leases.today(MUNCHKIN),
        "canary": stores.canaries.last(MUNCHKIN),
        "capabilities": stores.capabilities.get(MUNCHKIN),
        "row": stores.ledger.rows("connection-1", [ADA], audiences),
        "page of rows": [one for at in _cursors(stores, audiences) for one in at],
        "marks": stores.ledger.counted("connection-1", [(shard, "envelope-1")]),
        "failure": stores.ledger.failures("connection-1", [(shard, ORIGIN)]),
        "receipt": stores.ledger.receipts("connection-1", [(shard, "event-1")]),
        "run": stores.runs.get("connection-1", RUN),
        "removed": stores.removed.find("connection-0"),
        "seen": stores.seen.between("connection-1", START.date(), START.date()),
        "summary": stores.summaries.get("connection-1", RUN),
        "late": list(stores.summaries.late()),
        "alerts": stores.alerts.states("connection-1"),
        "history of alerts": stores.alerts.history("connection-1", None, 10),
        "scheduled checks": stores.scheduled_checks.last("connection-1"),
        "verification": stores.verifications.get("connection-1", VERIFICATION.id),
        "last verification": stores.verifications.last("connection-1"),
        "checks": stores.verifications.checks(VERIFICATION),
        "read of a list": stores.verifications.read(VERIFICATION, 0),
        "digests of a list": stores.verifications.digests(VERIFICATION, 0, {7, 8}),
        "bytes of extracts": stores.extracted.of_day(MUNCHKIN, START.date()),
        "stands": list(stores.verifications.stands(VERIFICATION, 0, 1)),
        "list sizes": stores.verifications.list_sizes("connection-1"),
        "out of sync": stores.verifications.out_of_sync("connection-1", lambda: [A]),
        "erasure": stores.erasures.get("connection-1", ERASURE.id),
        "erased": stores.erasures.marks("connection-1", START),
        "called": stores.erasures.get("connection-1", CALLED.id),
        "bundles": list(stores.parking.all()),
        "letters": list(stores.letters.all()),
        "messages of bundles": [decode(one) for one in _bodies(stores)],
        "credentials": stores.credentials.get(CONNECTION),
        "token": stores.token.get(),
        "name of the row": name,
        **recorded_files.read(stack),
        **recorded_imports.read(stack),
    }
    lease = stores.leases.acquire(MUNCHKIN, START, START + HOUR)
    assert lease is not None
    stores.leases.release(lease, lease.pace, lease.pause)
    found["lease"] = lease
    return found


def _bodies(stores: Stores) -> Iterator[str]:
    yield from stores.parking.get(BUNDLE)
    yield from stores.letters.get(LETTERS)


def _cursors(stores: Stores, audiences: Mapping[AudienceKey, datetime]) -> Iterator[Sequence[object]]:
    cursor: str | None = None
    while True:
        page = stores.ledger.pages("connection-1", audiences, cursor)
        yield page.rows
        if (cursor := page.cursor) is None:
            return


@dataclass(frozen=True, slots=True)
class Recording:
    """What a release wrote: bodies of messages, items by table, objects by key and secrets by name.

    Bytes in items are in base64, as DynamoDB's API has them.
    """

    messages: dict[str, str]
    tables: dict[str, list[Any]]
    bucket: dict[str, list[str]]
    secrets: dict[str, Any]

    @classmethod
    def of(cls, stack: Aws) -> Self:
        """Of what is in an account."""
        tables = {name: _sorted(stack.dynamodb.scan(TableName=name)["Items"]) for name in TABLES}
        listed = stack.s3.list_objects_v2(Bucket=stack.bucket).get("Contents", [])
        bucket = {
            one["Key"]: stack.s3.get_object(Bucket=stack.bucket, Key=one["Key"])["Body"].read().decode().split("\n")
            for one in listed
        }
        names = sorted(one["Name"] for one in stack.secrets.list_secrets()["SecretList"])
        secrets = {
            name: json.loads(stack.secrets.get_secret_value(SecretId=name)["SecretString"])
            for name in names
            if name.startswith(SECRETS_PREFIX)
        }
        return cls(messages(), tables, bucket, secrets)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Of a release's folder."""
        return cls(*(json.loads((folder / f"{one.name}.json").read_text()) for one in fields(cls)))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in asdict(self).items():
            text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
            (folder / f"{name}.json").write_text(f"{text}\n")

    def restore(self, stack: Aws) -> None:
        """Put it into an account with nothing in it."""
        for name, items in self.tables.items():
            for one in items:
                stack.dynamodb.put_item(TableName=name, Item=_parsed(one))
        for key, bodies in self.bucket.items():
            stack.s3.put_object(Bucket=stack.bucket, Key=key, Body="\n".join(bodies).encode())
        for name, content in self.secrets.items():
            version = str(CONNECTION.credentials_version)
            stack.secrets.create_secret(Name=name, SecretString=json.dumps(content), ClientRequestToken=version)


def _sorted(items: Sequence[Any]) -> list[Any]:
    return sorted((_texts(one) for one in items), key=lambda one: json.dumps(one, sort_keys=True))


def _texts(value: Any) -> Any:
    """An item in JSON's types."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _texts(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_texts(one) for one in value]
    return value


def _parsed(value: Any) -> Any:
    """The item that was written in JSON's types."""
    if isinstance(value, dict):
        return {
            name: base64.b64decode(one) if name == "B" and isinstance(one, str) else _parsed(one)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_parsed(one) for one in value]
    return value


def release() -> str:
    """The version of this release."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def written() -> Recording:
    """What this release writes."""
    with aws() as stack:
        write(stack)
        return Recording.of(stack)


def main() -> None:
    os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "eu-central-1"}
    written().save(FOLDER / release())


if __name__ == "__main__":
    main()
