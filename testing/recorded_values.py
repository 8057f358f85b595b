"""A value of each form that is stored or queued, as every release is to read it (testing/recorded.py)."""

from collections import Counter
from datetime import timedelta
from typing import Final

from destination.domain.alert import Alert, AlertState, AlertStatus, AudiencePart, Evidence, MainReason, Subscription
from destination.domain.audience import Activation, AudienceKey, EmptiedTo
from destination.domain.audit import AuditAction, AuditChange, AuditRecord
from destination.domain.canary import Canary
from destination.domain.capabilities import Capabilities
from destination.domain.check import CheckName
from destination.domain.connection import (
    Admission,
    Consent,
    Limits,
    MappingRow,
    OnDelete,
    OnDeletePerson,
    OnRejected,
    SourceCalls,
)
from destination.domain.credentials import AccessToken, ClientCredentials
from destination.domain.erasure import Erasure
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.failure import Failure
from destination.domain.latency import Latency
from destination.domain.lead_extract import ExtractStage, LeadExtract
from destination.domain.letter import LetterBundle
from destination.domain.loss import Loss, Lost
from destination.domain.outcome import rejected
from destination.domain.pace import DayCount, Lowered, PaceState, Updated
from destination.domain.parking import Bundle, WaitsFor
from destination.domain.pause import Pause
from destination.domain.person import Applied, Attributes, ConsentWord, Desired, LedgerRow, Origin, Said
from destination.domain.refusal import Circuit, Refusals
from destination.domain.run import Counters, Tally
from destination.domain.scheduled_checks import CheckedConnection, FailingCheck
from destination.domain.schema import AttributeWarning
from destination.domain.seen import gather
from destination.domain.sender_credentials import SenderCredentials, SenderToken, SenderTokens
from destination.domain.shard import name_of
from destination.domain.verification import (
    AudienceCheck,
    Differences,
    LedgerReading,
    Phase,
    Repair,
    Schedule,
    Stand,
    Standing,
    Verification,
    VerificationStatus,
)
from testing import recorded_imports
from testing.persons import MUNCHKIN, RUN, START, connection

HOUR: Final = timedelta(hours=1)
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
SAID: Final = Said(START, START + timedelta(microseconds=1))

A, ANY = AudienceKey("ups", "a"), AudienceKey("", "everywhere")
CONNECTION: Final = connection(
    description="Of the web shop",
    partition="EMEA",
    mapping=(
        MappingRow("email", "DedupeField"),
        MappingRow("tags[*]", "company", labels=("C2",), join=", "),
    ),
    limits=Limits(calls_per_20s=50, concurrency=3, daily_calls=1_000, lead_updates_per_hour=500),
    consent=Consent("consent.email", ("y",)),
    alerts=(Subscription(Alert.FAILURE_RATE, 0.5), Subscription(Alert.NO_EVENTS, None)),
    verification=Schedule(timedelta(days=7), frozenset({Repair.MISSING})),
    lead_cache=HOUR,
    marketing_actions=("email_targeting",),
    credentials_version="11111111-2222-3333-4444-555555555555",
    admission=Admission(header="X-Api-Key"),
    on_rejected=OnRejected.MULTI_STATUS,
    on_delete_person=OnDeletePerson.ERASE,
    source_calls=SourceCalls(OnDelete.EMPTY, 7),
)
SENDER_CREDENTIALS: Final = SenderCredentials("1f", "2f", START + HOUR)
SENDER_TOKENS: Final = SenderTokens("1f", (SenderToken("3f", START + HOUR),))
ACTIVATION: Final = Activation(
    A,
    "Everybody",
    start=START,
    end=START + 24 * HOUR,
    list_id=1001,
    list_name="Everybody",
    labels=("C1",),
    made_by_sender=True,
    named_at=START,
    fill_at=START + HOUR,
    emptied_to=EmptiedTo("cursor", START, (("1004", 2),)),
    begun_at=START,
)

EVENT: Final = ProfileEvent(
    at=START,
    profile={"email": "ada@example.org", "score": 4.5, "tags": ["a", {"b": None}]},
    identities={"email": ("ada@example.org",)},
    memberships=(
        Membership(A, REALIZED, START, "Everybody"),
        Membership(AudienceKey("crm", "ü"), EXITED, START - HOUR, None),
    ),
    received_at=START + timedelta(microseconds=7),
    id="event-1",
)
SEEN: Final = gather([EVENT])
LOSSES: Final = {Loss(Lost.REJECTED, "BODY_NOT_JSON"): 2, Loss(Lost.LEFT_OUT, "UNKNOWN_PROPERTY"): 3}
BUNDLE: Final = Bundle("connection-1", WaitsFor.PAUSED, START + HOUR, START, 1, 600, "0" * 32)
LETTERS: Final = LetterBundle("connection-1", "MARKETO_1006", START + HOUR, START, 1, 600, "0" * 32)

ADA: Final = "ada@example.org"
ROW: Final = LedgerRow(
    desired={A: Desired(REALIZED, SAID), ANY: Desired(REALIZED, SAID, ((7, Desired(REALIZED, SAID)),))},
    applied={A: Applied(1001, (7, 8), is_sure=False), ANY: Applied(1002, ())},
    attributes=Attributes("0f" * 32, SAID, START, 7),
    consent=ConsentWord(is_given=True, said=SAID),
    lead_id=7,
    looked_up_at=START,
    refusals={"update": Refusals("604", START, START + HOUR, 3, 4)},
    named={A: START},
    importing=recorded_imports.IMPORTING,
)
ORIGIN: Final = Origin("envelope-1", "7", RUN)
FAILURE: Final = Failure(
    rejected("1006"), {A: rejected("1003"), ANY: None}, ("company",), 1, (AttributeWarning("email", "CUT_OFF"),)
)
TALLY: Final = Tally(
    Counter(received=2, activated=1, failed=1, created=1),
    Counter({rejected("1006"): 1}),
    {rejected("1006"): "0123456789abcdef"},
    dropped=Counter(company=1),
    latency=Latency(Counter({2: 1}), 1_500, 1_500, 1_500),
    first_at=START,
    last_at=START + HOUR,
    warned=Counter({AttributeWarning("email", "CUT_OFF"): 1}),
    losses=Counter(LOSSES),
)
TALLY.audiences[A] = Counters(Counter(received=2, activated=1, failed=1), Counter({rejected("1003"): 1}))
ERASURE: Final = Erasure("connection-1", "0123456789abcdef", START)
CALLED: Final = Erasure("connection-1", "fedcba9876543210", START - HOUR)
PAUSE: Final = Pause(START + HOUR, "607", "the quota is used up", 2, START)
PACE: Final = PaceState(
    (1.5, 2.5), Lowered(40, 3.5), Lowered(2, 4.5), DayCount("2026-11-21", 100, 50, 5.5), (Updated(7, 300),)
)
CAPABILITIES: Final = Capabilities(joins_by_id=True, id_is_a_header=False, asked_at=START)
CANARY: Final = Canary(
    "0123abcd", "connection-1", MUNCHKIN, 1003, START, START, "canary@example.org", batch_id=7, lead_id=3,
    answers=CAPABILITIES, held_up="1016", left=(3, 5), busy_until=START + HOUR,
)  # fmt: skip
CIRCUITS: Final = {"update": Circuit(START, PAUSE, START + HOUR)}
EVIDENCE: Final = Evidence(
    "Failed: 9 of 12 persons.", START, 9, 12, START, (MainReason("MARKETO_1003", 9, "Refused."),),
    (AudiencePart("aud-1", None, "Webinar", 9),), "Mend it.", START,
)  # fmt: skip
ALERT: Final = AlertState(Alert.FAILURE_RATE, AlertStatus.TRIGGERED, START, 0.75, 0.5, 1, EVIDENCE)
CHANGE: Final = AuditRecord(
    "record-1", START, "arn:aws:iam::1:user/ada", AuditAction.CREATE_CONNECTION, "connection-1", A,
    (AuditChange("/name", None, "Webinar leads"),),
)  # fmt: skip
CHECKED: Final = CheckedConnection(START, (FailingCheck(CheckName.ASSETS, "603, access denied", "Grant it."),), 1)
CHECK: Final = AudienceCheck(
    A,
    "Everybody",
    1001,
    "Everybody",
    Phase.COMPARING,
    expected=3,
    found=2,
    missing=Differences(1, 1, (7,), 9),
    unapplied={"PERSON_NOT_FOUND": 1},
    cursor="cursor",
    parts=1,
    fill_at=START,
    extract=LeadExtract(START, ExtractStage.READING, "extract-1", ("id", "email"), reserved=92, look_at=START + HOUR),
)
STAND: Final = Stand(7, Standing.WAITING, name_of(ADA))
VERIFICATION: Final = Verification(
    "20261121T100000000000Z-00000000",
    "connection-1",
    frozenset({Repair.MISSING, Repair.LEAVERS}),
    START,
    1,
    is_whole=True,
    status=VerificationStatus.RUNNING,
    ledger=LedgerReading(is_read=False, cursor="cursor", parts={0: 1}, unapplied={0: {"PERSON_NOT_FOUND": 1}}),
    started_at=START,
)
CREDENTIALS: Final = ClientCredentials("client", "secret")
TOKEN: Final = AccessToken("token", START + HOUR)
