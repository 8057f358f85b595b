"""The configuration rules: which connections make sense, and how to fix those that do not.

What takes Marketo's own description to know is in `check`.

Source: Adobe, "Marketo Engage destination": destination details, supported identities and audiences, mapping
requirements; "(Legacy) (V2) Marketo Engage" for the generation `legacy_v2`; "Guardrails" of destinations for what is
warned of. The limits are those of Marketo REST, "API limits".
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from destination.domain.alert import RULES, Alert
from destination.domain.connection import (
    DEDUPE_TARGET,
    ECID_TARGET,
    EMAIL_TARGET,
    OPT_OUTS,
    ActiveConnection,
    Admission,
    Connection,
    Generation,
    MappingRow,
    OnDeletePerson,
    Proof,
    Scope,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.matching import REQUIRED_TO_CREATE, holds_no_ecid, is_lead_id_or_ecid, rule_of
from destination.domain.path import Path, PathError
from destination.domain.problem import Problem
from destination.domain.row_form import row_form_problems
from destination.domain.xdm import unsupported

MAX_CALLS_PER_20S: Final = 100
MAX_CONCURRENCY: Final = 10
MAX_DAILY_CALLS: Final = 10_000_000
MAX_LEAD_UPDATES_PER_HOUR: Final = 10_000_000

ASKING_FOR_ERASURES: Final = frozenset({"segment"})
"""The sources whose calls may ask to forget a person."""

ADVISED_ATTRIBUTES: Final = 50
ADVISED_AUDIENCES: Final = 250
"""What Adobe tests its destinations with; more of them work, and may be slow at the source."""

MIN_SCHEDULE_INTERVAL: Final = timedelta(hours=1)
MAX_SCHEDULE_INTERVAL: Final = timedelta(days=28)

MAX_REMEMBERED: Final = timedelta(days=28)
"""No person's last delivery is remembered for longer, so no longer time can be kept."""

MAX_GRACE: Final = timedelta(days=7)
MAX_AUDIENCES_OF_SENDER: Final = 1000
"""As many as a connection has at most."""
"""How long an ingest token can outlive its replacement."""

MAX_STRING_LENGTH: Final = 255
MAX_MAPPING_ROWS: Final = 150
MAX_MARKETING_ACTIONS: Final = 50
"""So that a connection fits into one DynamoDB item (400 KB)."""

MAX_MAPPING_BYTES: Final = 320_000
"""Of the sources, targets and labels, for the same reason."""

MIN_THRESHOLD: Final = 0.0001
"""Of an alert, unless it is zero; DynamoDB has no number of a size near that of the smallest doubles."""

MARKETING_ACTION: Final = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")
"""The name of a marketing action, such as `emailTargeting`."""

MUNCHKIN_ID: Final = re.compile(r"[0-9]{3}-[A-Z]{3}-[0-9]{3}")
NEVER_WRITTEN: Final = {
    "id": "Marketo gives leads their ids",
    "ecids": "Marketo fills ECIDs itself",
    "leadPartitionId": "new people go to the connection's partition, others stay in theirs",
}
"""Lead fields that are no targets, and why."""

WAY_IN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The name of a header, or of a query parameter, in which a token comes."""

_TAKEN_HEADERS: Final = frozenset(
    {"authorization", "connection", "content-encoding", "content-length", "content-type", "cookie", "host"}
)
"""Headers in which no other token can come: of HTTP's own, and Authorization, which is read anyway."""

_IDENTITIES: Final = {
    Generation.CURRENT: (DEDUPE_TARGET,),
    Generation.LEGACY_V2: (EMAIL_TARGET, ECID_TARGET),
}
_LEGACY_DEDUPE_FIELD: Final = "email"
_ANOTHER: Final = (
    "create another connection with it, and move each audience there: deactivate it here, then activate it there with "
    "the id of its list as list.id"
)


def identities(connection: Connection) -> tuple[str, ...]:
    """The mapping targets that are identities, not attributes."""
    return _IDENTITIES[connection.generation]


def identity_fields(connection: Connection) -> dict[str, str]:
    """By identity that the connection can find people by, the lead field that it is compared with and that it fills."""
    if connection.generation is Generation.CURRENT:
        return {DEDUPE_TARGET: connection.dedupe_field}
    ecid = {} if connection.ecid_field is None else {ECID_TARGET: connection.ecid_field}
    return {EMAIL_TARGET: _LEGACY_DEDUPE_FIELD} | ecid


def required_to_create(connection: Connection) -> tuple[str, ...]:
    """The lead fields that must be filled before a person is created."""
    if connection.generation is Generation.LEGACY_V2:
        return tuple(name for name in REQUIRED_TO_CREATE if name != _LEGACY_DEDUPE_FIELD)
    return REQUIRED_TO_CREATE


def filled_by_identity(connection: Connection) -> dict[str, str]:
    """By lead field, the mapped identity that fills it."""
    mapped = {row.target for row in connection.mapping}
    return {
        name: identity
        for identity, name in identity_fields(connection).items()
        if identity in mapped or connection.generation is Generation.CURRENT
    }


def connection_problems(connection: Connection) -> list[Problem]:
    """What no connection may be, not even a draft; what is merely not given yet is no problem here."""
    legacy = connection.generation is Generation.LEGACY_V2
    return [
        *_identity_problems(connection),
        *(_legacy_problems(connection) if legacy else _current_problems(connection)),
        *_combination_problems(connection),
        *_limit_problems(connection),
        *_alert_problems(connection),
        *_mapping_problems(connection),
        *_admission_problems(connection.admission),
        *_calls_problems(connection),
        *_rows_problems(connection),
        *_erasure_call_problems(connection),
        *_consent_problems(connection),
        *(() if connection.person_id is None else _path_problems("person_id", connection.person_id)),
        *(_missing_attributes(connection) if rule_of(connection).creates else ()),
    ]


def connection_warnings(connection: Connection, audiences: int = 0) -> list[Problem]:
    """What works, but may not be what was meant; `audiences`: how many are activated."""
    warnings = [
        Problem(f"mapping[{index}]", f"is not used: {identity} fills {row.target} already; leave the row out")
        for index, row in enumerate(connection.mapping)
        if (identity := filled_by_identity(connection).get(row.target))
    ]
    if _legacy_creates_nobody(connection):
        message = f"creates nobody without {EMAIL_TARGET}: map it, or choose update_existing_only"
        warnings.append(Problem("person_action", message))
    if connection.admission.query_parameter is not None:
        message = "puts the token into addresses, which logs keep; use it for a sender that has nothing else"
        warnings.append(Problem("source.admission.query_parameter", message))
    attributes = sum(row.target not in identities(connection) for row in connection.mapping)
    if attributes > ADVISED_ATTRIBUTES:
        message = f"has {attributes} attributes, more than the {ADVISED_ATTRIBUTES} that Adobe advises"
        warnings.append(Problem("mapping", f"{message}; leave out what Marketo does not need"))
    if audiences > ADVISED_AUDIENCES:
        message = f"are {audiences}, more than the {ADVISED_AUDIENCES} for one destination that Adobe advises"
        warnings.append(Problem("audiences", f"{message}; spread them over several connections"))
    return warnings


def consent_warnings(active: ActiveConnection) -> list[Problem]:
    """What a consent rule costs where lists may hold people whom others put there."""
    lists = sum(one.may_hold_others for one in active.activations.values())
    if active.connection.consent is None or not lists or not rule_of(active.connection).keeps_lists:
        return []
    there = f"{lists} of its lists were there before their audience was activated, and may hold people of others"
    calls = "one call for 300 people, and for those whom Marketo has one more for each of these lists"
    message = f"{there}: who has no consent is looked up once and taken off them, which takes {calls}"
    return [Problem("consent", f"{message}. Audiences with lists of their own cost nothing of this")]


def _waits_for_operators(connection: Connection) -> bool:
    """Whether nothing could be delivered before an operator activates an audience.

    A sender that makes its audiences by calls sends their members at once, and so has to find the connection enabled.
    """
    return connection.scope is Scope.ACTIVATED_AUDIENCES and connection.source_calls is None


def missing_to_enable(active: ActiveConnection, *, has_credentials: bool) -> list[Problem]:
    """What a connection still needs before it can deliver."""
    connection, missing = active.connection, []
    if not has_credentials:
        missing.append(
            Problem("credentials", "give the client id and client secret of an API-only LaunchPoint service")
        )
    if not connection.mapping:
        wanted = " or ".join(identities(connection))
        missing.append(Problem("mapping", f"map a source to {wanted}, and the attributes to be delivered"))
    missing.extend(_undecided(connection))
    if not active.activations and _waits_for_operators(connection):
        missing.append(Problem("audiences", "activate an audience"))
    if rule_of(connection).keeps_lists:
        missing.extend(
            Problem("audiences", f"audience {one.audience} has no list: activate it again")
            for one in active.activations.values()
            if one.list_id is None
        )
    return missing


def _undecided(connection: Connection) -> Iterator[Problem]:
    """Opt-outs are decided, not inherited: a source that lags behind would take back what somebody said in Marketo."""
    for index, row in enumerate(connection.mapping):
        if row.target in OPT_OUTS and row.opt_in is None and row.is_exported:
            keep = f"keep, so that only true is sent and no event takes back {row.target}"
            message = f"say {keep}; or send, so that false is sent too, also to those who opted out in Marketo"
            yield Problem(f"mapping[{index}].opt_in", message)


def change_problems(
    before: Connection, after: Connection, *, has_lists: bool = False, same_people: bool = False
) -> list[Problem]:
    """What cannot be changed. `has_lists`: whether audiences have lists; `same_people`: as for `key_problems`."""
    problems = []
    if before.munchkin_id != after.munchkin_id:
        reason = "the lists and leads it delivered to are those of one instance; create another connection"
        problems.append(Problem("munchkin_id", f"cannot be changed: {reason}"))
    if before.workspace != after.workspace and has_lists:
        reason = f"the audiences have lists in workspace {before.workspace}, and lists stay where they are"
        message = f"cannot be changed: {reason}; disable the connection, deactivate the audiences, change it"
        problems.append(Problem("workspace", f"{message}, and activate them again, so that they get lists there"))
    if before.delivered_at is not None:
        problems += key_problems(before, after, same_people=same_people)
    return problems


def key_problems(before: Connection, after: Connection, *, same_people: bool = False) -> list[Problem]:
    """What people would be known by differently, so that what was delivered to them would not be found again.

    It cannot be changed of a connection that has delivered. `same_people`: the sources of the identities give the same
    people the same values as before.
    """
    problems = [
        Problem(path, f"cannot be changed once events were delivered: people are known by it; {_ANOTHER}")
        for path in ("dedupe_field", "ecid_field", "generation")
        if getattr(before, path) != getattr(after, path)
    ]
    if same_people or before.generation != after.generation:
        return problems
    was, now = _identity_sources(before), _identity_sources(after)
    targets = [row.target for row in after.mapping]
    for target in identities(before):
        if was.get(target) != now.get(target):
            message = f"the source of {target} cannot be changed once events were delivered: people are known by it"
            same = "if it gives the same people the same values, PATCH the connection with same_people: true beside it"
            path = f"mapping[{targets.index(target)}].source" if target in targets else "mapping"
            problems.append(Problem(path, f"{message}; {same}; else {_ANOTHER}"))
    return problems


def grace_problems(grace: timedelta) -> list[Problem]:
    if timedelta(0) <= grace <= MAX_GRACE:
        return []
    return [Problem("grace", f"must be from PT0S to P{MAX_GRACE.days}D")]


def _identity_sources(connection: Connection) -> dict[str, str]:
    return {row.target: row.source for row in connection.mapping if row.target in identities(connection)}


def _identity_problems(connection: Connection) -> Iterator[Problem]:
    if not MUNCHKIN_ID.fullmatch(connection.munchkin_id):
        message = "must be a Munchkin ID such as 123-ABC-456; find it in Marketo under Admin, Integration, Munchkin"
        yield Problem("munchkin_id", message)
    if is_lead_id_or_ecid(connection.dedupe_field):
        message = "Marketo's Lead ID and ECID cannot identify a person; choose a searchable field such as email"
        yield Problem("dedupe_field", message)


def _current_problems(connection: Connection) -> Iterator[Problem]:
    if connection.ecid_field is not None:
        yield Problem("ecid_field", "leave it out: only legacy_v2 connections find people by ECID")
    for index, row in enumerate(connection.mapping):
        if row.target in _IDENTITIES[Generation.LEGACY_V2]:
            instead = "write email for the lead's e-mail address" if row.target == EMAIL_TARGET else "leave the row out"
            message = f"{row.target} is an identity of legacy_v2; this connection has {DEDUPE_TARGET}: {instead}"
            yield Problem(f"mapping[{index}].target", message)
    if connection.mapping and DEDUPE_TARGET not in {row.target for row in connection.mapping}:
        yield Problem("mapping", f"map the source that identifies a person to {DEDUPE_TARGET}")


def _legacy_problems(connection: Connection) -> Iterator[Problem]:
    if connection.dedupe_field != _LEGACY_DEDUPE_FIELD:
        message = "must be email: legacy_v2 finds people by Email and ECID; set generation to current to choose freely"
        yield Problem("dedupe_field", message)
    if connection.partition is not None and rule_of(connection).takes_partition:
        message = "leave it out: legacy_v2 creates people in the Default partition; set generation to current to choose"
        yield Problem("partition", message)
    targets = {row.target for row in connection.mapping}
    for index, row in enumerate(connection.mapping):
        if row.target == DEDUPE_TARGET:
            message = f"must be {EMAIL_TARGET} or {ECID_TARGET}: legacy_v2 has no {DEDUPE_TARGET}"
            yield Problem(f"mapping[{index}].target", message)
    if connection.mapping and targets.isdisjoint({EMAIL_TARGET, ECID_TARGET, DEDUPE_TARGET}):
        message = f"map the source of the e-mail address to {EMAIL_TARGET}, that of the ECID to {ECID_TARGET}, or both"
        yield Problem("mapping", message)
    yield from _ecid_problems(connection)


def _ecid_problems(connection: Connection) -> Iterator[Problem]:
    is_mapped = ECID_TARGET in {row.target for row in connection.mapping}
    if is_mapped and connection.ecid_field is None:
        message = f"must be given, as {ECID_TARGET} is mapped: the searchable lead field that holds the ECID"
        yield Problem("ecid_field", message)
    if connection.mapping and not is_mapped and connection.ecid_field is not None:
        yield Problem("ecid_field", f"leave it out, or map a source to {ECID_TARGET}")
    if connection.ecid_field in REQUIRED_TO_CREATE:
        message = f"{connection.ecid_field} holds what people are created with; give a field that holds the ECID alone"
        yield Problem("ecid_field", message)
    if connection.ecid_field is not None and holds_no_ecid(connection.ecid_field):
        message = f"{connection.ecid_field} is not searchable; keep ECIDs in a searchable text field of your own"
        yield Problem("ecid_field", message)


def _combination_problems(connection: Connection) -> Iterator[Problem]:
    rule = rule_of(connection)
    if connection.partition is not None and not rule.takes_partition:
        yield Problem("partition", "leave it out: with audience_only new people go to the Default partition")
    if connection.scope is Scope.ALL_PROFILES and not rule.updates_fields:
        yield Problem("scope", "must be activated_audiences: audience_only has nothing to do for other profiles")


def _limit_problems(connection: Connection) -> Iterator[Problem]:
    limits = connection.limits
    if not 1 <= limits.calls_per_20s <= MAX_CALLS_PER_20S:
        yield Problem("limits.calls_per_20s", f"must be from 1 to {MAX_CALLS_PER_20S}, Marketo's limit per instance")
    if not 1 <= limits.concurrency <= MAX_CONCURRENCY:
        yield Problem("limits.concurrency", f"must be from 1 to {MAX_CONCURRENCY}, Marketo's limit per instance")
    if not 1 <= limits.daily_calls <= MAX_DAILY_CALLS:
        yield Problem("limits.daily_calls", f"must be from 1 to {MAX_DAILY_CALLS}")
    updates = limits.lead_updates_per_hour
    if updates is not None and not 1 <= updates <= MAX_LEAD_UPDATES_PER_HOUR:
        yield Problem("limits.lead_updates_per_hour", f"must be from 1 to {MAX_LEAD_UPDATES_PER_HOUR}, or left out")
    schedule = connection.verification
    if schedule is not None and not MIN_SCHEDULE_INTERVAL <= schedule.every <= MAX_SCHEDULE_INTERVAL:
        yield Problem("verification.every", "must be from PT1H to P28D, for example P1D")
    if schedule is not None and not rule_of(connection).keeps_lists:
        yield Problem("verification", "leave it out: a connection with sync type profile_only keeps no lists")
    for path in ("resend_unchanged_after", "lead_cache"):
        if not timedelta(0) <= getattr(connection, path) <= MAX_REMEMBERED:
            yield Problem(path, f"must be from PT0S to P{MAX_REMEMBERED.days}D")


def _alert_problems(connection: Connection) -> Iterator[Problem]:
    first: dict[Alert, int] = {}
    for index, one in enumerate(connection.alerts):
        rule = RULES[one.alert]
        if one.alert in first:
            yield Problem(f"alerts[{index}]", f"{one.alert} is subscribed by alerts[{first[one.alert]}]; keep one")
        first.setdefault(one.alert, index)
        if one.threshold is None:
            continue
        if not rule.is_settable:
            yield Problem(f"alerts[{index}].threshold", f"leave it out: {one.alert} has no threshold")
        elif not rule.minimum <= one.threshold <= rule.maximum:
            bounds = f"from {rule.minimum:g} to {rule.maximum:,.{0 if rule.maximum > 1 else 2}f} ({rule.unit})"
            yield Problem(f"alerts[{index}].threshold", f"must be {bounds}")
        elif 0 < one.threshold < MIN_THRESHOLD:
            yield Problem(f"alerts[{index}].threshold", f"must be 0, or at least {MIN_THRESHOLD:g}")


def _mapping_problems(connection: Connection) -> Iterator[Problem]:
    texts = (text for row in connection.mapping for text in (row.source, row.target, row.join or "", *row.labels))
    if (size := sum(len(text.encode()) for text in texts)) > MAX_MAPPING_BYTES:
        message = f"has {size:,} bytes of sources, targets and labels, and at most {MAX_MAPPING_BYTES:,} fit"
        yield Problem("mapping", f"{message}; leave out labels that no policy names, or map fewer attributes")
    first_rows: dict[str, int] = {}
    for index, row in enumerate(connection.mapping):
        path = f"mapping[{index}]"
        yield from _path_problems(f"{path}.source", row.source)
        if row.target in first_rows:
            yield Problem(
                f"{path}.target", f"{row.target} is filled by mapping[{first_rows[row.target]}]; keep one row"
            )
        first_rows.setdefault(row.target, index)
        if row.target in NEVER_WRITTEN:
            message = f"{row.target} is not written: {NEVER_WRITTEN[row.target]}; leave the row out"
            yield Problem(f"{path}.target", message)
        if row.source_type is not None and (why := unsupported(row.source_type, row.join)):
            yield Problem(f"{path}.source_type", why)
        if row.target in identities(connection):
            yield from _identity_row_problems(path, row)
        if row.target in OPT_OUTS:
            yield from clearing_problems(path, row)
        elif row.opt_in is not None:
            yield Problem(f"{path}.opt_in", f"leave it out: it is for {', '.join(sorted(OPT_OUTS))} only")


def _identity_row_problems(path: str, row: MappingRow) -> Iterator[Problem]:
    if row.when_missing is not WhenMissing.IGNORE:
        yield Problem(f"{path}.when_missing", "must be ignore: an identity cannot be cleared")
    if row.when_empty is not WhenEmpty.IGNORE:
        yield Problem(f"{path}.when_empty", "must be ignore: an empty value identifies nobody")
    if row.join is not None:
        yield Problem(f"{path}.join", "leave it out: each of several values of an identity is a person")


def clearing_problems(path: str, row: MappingRow) -> Iterator[Problem]:
    """What empties a boolean field; `path`: that of the row."""
    why = f"Marketo turns an emptied boolean into no, so that {row.target} would be no for everybody without a value"
    if row.when_missing is not WhenMissing.IGNORE:
        yield Problem(f"{path}.when_missing", f"must be ignore: {why}")
    if row.when_empty is not WhenEmpty.IGNORE:
        yield Problem(f"{path}.when_empty", f"must be ignore: {why}")


def _admission_problems(admission: Admission) -> Iterator[Problem]:
    if admission.header is not None:
        if not WAY_IN.fullmatch(admission.header):
            yield Problem("source.admission.header", "must be the name of a header, such as X-Api-Key")
        elif admission.header.lower() in _TAKEN_HEADERS:
            yield Problem("source.admission.header", f"{admission.header} says something else; choose one of your own")
    if admission.query_parameter is not None and not WAY_IN.fullmatch(admission.query_parameter):
        yield Problem("source.admission.query_parameter", "must be the name of a query parameter, such as token")


def _calls_problems(connection: Connection) -> Iterator[Problem]:
    calls = connection.source_calls
    if calls is None:
        return
    if not 1 <= calls.max_audiences <= MAX_AUDIENCES_OF_SENDER:
        yield Problem("source.calls.max_audiences", f"must be from 1 to {MAX_AUDIENCES_OF_SENDER}")
    if connection.admission.proof is Proof.SIGNATURE:
        message = "must be null, or source.admission.proof token or both: a signature tells nothing of a call's path"
        yield Problem("source.calls", message)


def _erasure_call_problems(connection: Connection) -> Iterator[Problem]:
    if connection.on_delete_person is OnDeletePerson.ERASE and connection.source_format not in ASKING_FOR_ERASURES:
        formats = ", ".join(sorted(ASKING_FOR_ERASURES))
        message = f"must be reject: of the sources {formats} alone tells that somebody is to be forgotten"
        yield Problem("source.on_delete_person", message)


def _rows_problems(connection: Connection) -> Iterator[Problem]:
    if connection.rows is None:
        return
    if connection.source_format != "rows":
        yield Problem("source.rows", "leave it out: it is for source.format rows only")
    for one in row_form_problems(connection.rows):
        yield Problem(f"source.rows.{one.path}", one.message)


def _consent_problems(connection: Connection) -> Iterator[Problem]:
    if connection.consent is None:
        return
    problems = list(_path_problems("consent.source", connection.consent.source))
    yield from problems
    if not problems and Path.of(connection.consent.source).namespace is not None:
        message = "must lead to an attribute, such as consents.marketing.email.val: an identity gives no consent"
        yield Problem("consent.source", message)


def _missing_attributes(connection: Connection) -> Iterator[Problem]:
    """With `email` as dedupe field the value of DedupeField is the lead's email too."""
    if not connection.mapping:
        return
    filled = {row.target for row in connection.mapping} | filled_by_identity(connection).keys()
    required = required_to_create(connection)
    *others, last = required
    for name in required:
        if name not in filled:
            message = f"map a source to {name}: Marketo people are created with {', '.join(others)} and {last} only"
            yield Problem("mapping", message)


def _legacy_creates_nobody(connection: Connection) -> bool:
    if connection.generation is not Generation.LEGACY_V2 or not rule_of(connection).creates:
        return False
    return bool(connection.mapping) and EMAIL_TARGET not in {row.target for row in connection.mapping}


def _path_problems(path: str, source: str) -> Iterator[Problem]:
    """What is wrong with the path of a source; `path`: that of the property that holds it."""
    try:
        Path.of(source)
    except PathError as error:
        yield Problem(path, str(error))
