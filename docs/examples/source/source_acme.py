"""Acme Loyalty (invented): signed batches of members, each with the tiers that it entered or left.

    {"batch": "b-7", "members": [{"mail": "ada@example.org", "points": 0, "tiers": [{"tier": "gold", "in": true,
     "since": "2026-11-20T09:00:00Z"}]}]}

Acme signs the body with HMAC-SHA256, written as `v1=<hex>`, and wants to hear of each member whether it was taken.
"""

from collections.abc import Mapping
from datetime import timedelta

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import MEMBERSHIP_UNREADABLE
from destination.ingest.admission import Signature, SourceRequest
from destination.ingest.reply import Reply
from destination.ingest.source import Handled, SenderLimits, Source
from destination.ingest.sources.body import Parsed, read_records
from destination.ingest.sources.record import LeftOut, RecordError, RecordTimes, attributes, identifier


def read(request: SourceRequest, times: RecordTimes) -> Parsed:
    parsed = read_records(request.body, "members", times, _event)
    parsed.note = len(parsed.events) + len(parsed.rejected)
    return parsed


def _event(
    record: Mapping[str, object], index: int, times: RecordTimes, parsed: Parsed, losses: LeftOut, halves: bool
) -> ProfileEvent:
    mapped = {name: value for name, value in record.items() if name != "tiers"}
    profile = attributes(mapped, "", losses, may_hold_halves=halves)
    mail = identifier(record.get("mail"))
    identities = {"email": (mail,)} if mail else {}
    tiers = record.get("tiers")
    entries = tiers if isinstance(tiers, list) else []
    parsed.admit_audiences(len(entries), "tiers")
    memberships = []
    for number, entry in enumerate(entries):
        try:
            memberships.append(_membership(entry, number, index, times))
        except RecordError as error:
            losses.add(error.loss, error.problem.path, error.problem.message)
    received_at = times.of(index)
    return ProfileEvent(received_at, profile, identities, tuple(memberships), received_at)


def _membership(entry: object, number: int, index: int, times: RecordTimes) -> Membership:
    path = f"tiers[{number}]"
    tier = identifier(entry.get("tier")) if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not tier or not isinstance(entry.get("in"), bool):
        raise RecordError(MEMBERSHIP_UNREADABLE, path, "must be an object with tier and in")
    status = MembershipStatus.REALIZED if entry["in"] else MembershipStatus.EXITED
    since = entry.get("since")
    at = times.of(index) if since is None else times.time(since, index, f"{path}.since")
    return Membership(AudienceKey("acme", tier), status, at)


def answer(handled: Handled) -> Reply:
    if handled.refused:
        return Reply({"error": handled.refused})
    refused = {index: problem.message for index, problem in handled.rejected}
    members = handled.note if isinstance(handled.note, int) else 0
    return Reply(
        {"members": [{"ok": one not in refused, "why": refused.get(one)} for one in range(members)]}, status=200
    )


SOURCE = Source(
    name="acme",
    label="Acme Loyalty",
    read=read,
    answer=answer,
    signature=Signature("X-Acme-Signature", "sha256", prefix="v1="),
    limits=SenderLimits(500, timedelta(seconds=5), frozenset({429, 500, 503}), "for a day", "Acme, Webhooks"),
)
