"""The conformance kit: what every source keeps, tried with its samples and with bodies that are none.

`breaches(source, samples)` is for tests; `destination source check NAME` does the same and shows what it found. A rule
is broken where it yields a sentence; none of the sentences holds a value of the samples.
"""

import copy
import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from destination.domain.connection import Proof
from destination.domain.problem import Problem
from destination.ingest.admission import SourceRequest, WaysIn, admitted
from destination.ingest.calls import CALL_PROBLEMS, CallError, CallRequest
from destination.ingest.samples import RECEIVED_AT, Sample, as_canonical
from destination.ingest.source import Handled, Source
from destination.ingest.sources.body import Parsed, TooManyRecordsError, UnreadableBodyError
from destination.ingest.sources.record import RecordTimes

Found = Iterator[str]
Path = tuple[str | int, ...]

MAX_PLACES: Final = 60
"""How many values of a sample are changed, one at a time, for each rule that changes them."""

ARBITRARY: Final = 400
"""How many bodies of no sense at all are read."""

SHARE_OF_DEADLINE: Final = 4
"""Reading may take the fourth part of the sender's deadline; the rest is for the way, a cold start and the queue."""

UNAVAILABLE: Final = 503
"""What the webhook answers when it could not store the events (destination.api.problem_kinds)."""

_MARKER: Final = "zq-marker"
_UNKNOWN: Final = "x_unknown"
_PATHS: Final = ("audiences", "fields", "checks", "rpc", "", "..", "%2F", "\ud800", "0" * 12)
_TIMES: Final = RecordTimes(RECEIVED_AT)
_LONG_AGO: Final = RecordTimes(datetime(2001, 1, 1, tzinfo=RECEIVED_AT.tzinfo))
_KEY: Final = b"signing-key-of-the-kit"
_TOKEN: Final = "token-of-the-kit"  # noqa: S105 - opens nothing


class Breach(NamedTuple):
    """A rule that a source breaks, and how."""

    rule: str
    what: str


def breaches(source: Source, samples: Sequence[Sample]) -> list[Breach]:
    """What a source does not keep. A rule at which it raises is broken by that."""
    found = []
    for rule, tried in RULES.items():
        try:
            found += [Breach(rule, what) for what in tried(source, samples)]
        except Exception as error:  # noqa: BLE001 - whatever it raises, it must not
            found.append(Breach(rule, f"raises {type(error).__name__}, which would be lost as an error of the webhook"))
    return found


def _makes_the_events_of_its_samples(source: Source, samples: Sequence[Sample]) -> Found:
    if not any(sample.events for sample in samples):
        yield "there is no sample with an event; record bodies of the sender, with the events that they are"
    for sample in samples:
        parsed = source.read(sample.request, _TIMES)
        made = json.loads(json.dumps([as_canonical(index, event) for index, event in parsed.events]))
        if made != list(sample.events):
            places = [
                number for number, pair in enumerate(zip(made, sample.events, strict=False)) if pair[0] != pair[1]
            ]
            what = f"event {places[0]}" if places else "the number of events"
            yield f"{sample.name}: {what} is another than expected"
        if (rejected := sorted(index for index, _ in parsed.rejected)) != list(sample.rejected):
            yield f"{sample.name}: rejects records {rejected}, not {list(sample.rejected)}"


def _reads_the_same_of_the_same(source: Source, samples: Sequence[Sample]) -> Found:
    for sample in samples:
        first, second = (source.read(sample.request, _TIMES) for _ in range(2))
        if (first.events, first.rejected) != (second.events, second.rejected):
            yield f"{sample.name}: read twice, it is not the same"


def _keeps_order_and_time(source: Source, samples: Sequence[Sample]) -> Found:
    for sample in samples:
        for times in (_TIMES, _LONG_AGO):
            parsed = source.read(sample.request, times)
            indices = [index for index, _ in parsed.events]
            told = [*indices, *(index for index, _ in parsed.rejected)]
            if indices != sorted(indices) or len(set(told)) != len(told):
                yield f"{sample.name}: events are not in the order of their records, each with an index of its own"
            for index, event in parsed.events:
                at = [event.at, *(one.at for one in event.memberships)]
                if event.received_at != times.of(index) or max(at) > event.received_at:
                    yield f"{sample.name}: a time of record {index} lies after its receipt; use times.of and times.time"


def _keeps_zero_false_and_the_empty_text(source: Source, samples: Sequence[Sample]) -> Found:
    tried = 0
    for sample, root in _documents(samples):
        for place in _texts(root):
            marked = _read(source, sample, _with(root, place, _MARKER))
            for index, path in _places_of(_MARKER, marked):
                tried += 1
                for value in (0, False, ""):
                    if not _has(_read(source, sample, _with(root, place, value)), index, path, value):
                        yield f"{sample.name}: {json.dumps(value)} does not survive as an attribute at {_shown(path)}"
    if not tried:
        yield "no sample has a text that becomes an attribute, so that nothing shows what survives"


def _ignores_what_it_does_not_know(source: Source, samples: Sequence[Sample]) -> Found:
    for sample, root in _documents(samples):
        before, after = (_read(source, sample, one) for one in (root, _with_unknown(root)))
        if [_known(event) for event in before.events] != [_known(event) for event in after.events]:
            yield f"{sample.name}: properties that it cannot know change what it reads"


def _admits_nobody_without_proof(source: Source, samples: Sequence[Sample]) -> Found:
    hashes = (hashlib.sha256(_TOKEN.encode()).hexdigest(),)
    bodies = [b"\xff", b"", b"[" * 100_000, *(sample.body for sample in samples)]
    wrong = [{}, {"authorization": "Bearer another"}, {"authorization": "Basic \udcff"}]
    for proof in Proof:
        ways = WaysIn(hashes, proof=proof, signature=source.signature, keys=(_KEY,))
        for headers in [*wrong, {source.signature.header.lower(): "another"}] if source.signature else wrong:
            if any(source.admit(SourceRequest(body, headers), ways) is None for body in bodies):
                yield f"admits a request with nothing, or something else, for its proof ({proof})"
    if source.admit is admitted:
        token = {"authorization": f"Bearer {_TOKEN}"}
        ways = WaysIn(hashes)
        if any(source.admit(replace(sample.request, headers=token), ways) is not None for sample in samples):
            yield "does not admit a request with the token"


def _takes_a_body_for_signed_only_with_its_signature(source: Source, samples: Sequence[Sample]) -> Found:
    signature = source.signature
    if signature is None:
        return
    ways = WaysIn((), proof=Proof.SIGNATURE, signature=signature, keys=(_KEY,))
    for sample in samples:
        for text in signature.signed(sample.request)[:1]:
            headers = {**sample.headers, signature.header.lower(): signature.of(_KEY, text)}
            if source.admit(replace(sample.request, headers=headers), ways) is not None:
                yield f"{sample.name}: is not admitted with the signature of its body"
            another = {**headers, signature.header.lower(): signature.of(b"another key", text)}
            if source.admit(replace(sample.request, headers=another), ways) is None:
                yield f"{sample.name}: is admitted with the signature of another key"
            changed = replace(sample.request, headers=headers, body=sample.body[:1] + b" " + sample.body[1:])
            if source.admit(changed, ways) is None:
                yield f"{sample.name}: a body that was changed is admitted with the signature of what it was"


def _tells_no_value(source: Source, samples: Sequence[Sample]) -> Found:
    for sample, root in _documents(samples):
        for place in _texts(root):
            for value in (_MARKER, [_MARKER], {"a": _MARKER}, [[_MARKER, 1e999]]):
                body = json.dumps(_with(root, place, value)).encode()
                if any(_MARKER in message for message in _messages(source, replace(sample.request, body=body))):
                    yield f"{sample.name}: a message shows the value of {_shown(place)}"
        cut = json.dumps(root).replace('"', f'"{_MARKER}', 1).encode()[:-1]
        if any(_MARKER in message for message in _messages(source, replace(sample.request, body=cut))):
            yield f"{sample.name}: a message shows text of a body that breaks off"


def _never_raises(source: Source, samples: Sequence[Sample]) -> Found:
    chance = random.Random(7)  # noqa: S311 - the same bodies each time
    names = sorted({name for _, root in _documents(samples) for name in _names(root)}) or ["a"]
    requests = [SourceRequest(b""), *(sample.request for sample in samples)]
    for number in range(ARBITRARY):
        value = _arbitrary(chance, names, 4)
        root = [value] * chance.randint(1, 3) if number % 2 else value
        request = requests[number % len(requests)]
        _answered(source, replace(request, body=json.dumps(root).encode()))
    for sample, root in _documents(samples):
        for place in _places(root):
            value = _arbitrary(chance, names, 2)
            _answered(source, replace(sample.request, body=json.dumps(_with(root, place, value)).encode()))
    for body in (b"", b"\xff\xfe", b"{", b"[1,", b"null", b"[" * 10_000, b"9" * 10_000, b'{"a":1}{"a":2}\n{'):
        _answered(source, SourceRequest(body))
    yield from ()


def _reads_any_call(source: Source, samples: Sequence[Sample]) -> Found:
    if source.calls is None:
        return
    chance = random.Random(7)  # noqa: S311 - the same calls each time
    bodies = [b"", b"\xff", b"[" * 100_000, b"{}", b"[]", *(sample.body for sample in samples)]
    for _ in range(ARBITRARY):
        method = chance.choice(["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"])
        path = "/".join(chance.choices(_PATHS, k=chance.randrange(4)))
        arbitrary = json.dumps(_arbitrary(chance, ["id", "name", "method", "params"], 3)).encode()
        body = chance.choice([*bodies, arbitrary])
        try:
            source.calls.read(CallRequest(method, path, SourceRequest(body)))
        except CallError as refused:
            if refused.kind not in CALL_PROBLEMS:
                yield f"{refused.kind} is no kind of problem for a call; there are {', '.join(sorted(CALL_PROBLEMS))}"
                return


def _answered(source: Source, request: SourceRequest) -> None:
    """Read a body, and answer what was read of it, in JSON."""
    try:
        parsed = source.read(request, _TIMES)
    except (UnreadableBodyError, TooManyRecordsError):
        return
    if source.answer is not None:
        handled = Handled(len(parsed.events), parsed.rejected, parsed.warnings, parsed.note)
        json.dumps(source.answer(handled).body, allow_nan=False)


def _answers_in_json_and_asks_again_for_what_was_not_stored(source: Source, _: Sequence[Sample]) -> Found:
    bad = (0, Problem("a", "must be b"))
    for handled in (
        Handled(2),
        Handled(1, [bad], [bad]),
        Handled(refused="no-events", detail="None.", problems=[Problem("[0]", "must be b")]),
        Handled(refused="unavailable", detail="Send it again."),
    ):
        reply = source.answer(handled) if source.answer is not None else None
        status = reply.status if reply is not None else None
        if reply is not None:
            json.dumps(reply.body)
        if handled.refused != "unavailable":
            continue
        status = status or UNAVAILABLE
        if status < 400:
            yield f"answers {status} when nothing was stored"
        elif source.limits.retried is not None and status not in source.limits.retried:
            yield f"answers {status} when nothing was stored, after which the sender does not send the body again"


def _reads_within_the_deadline(source: Source, samples: Sequence[Sample]) -> Found:
    deadline = source.limits.deadline
    if deadline is None:
        return
    for sample in samples:
        begun = time.thread_time()
        parsed = source.read(sample.request, _TIMES)
        taken = time.thread_time() - begun
        records = max(1, len(parsed.events) + len(parsed.rejected))
        whole = timedelta(seconds=taken / records * max(records, source.limits.max_records or 0))
        if whole * SHARE_OF_DEADLINE > deadline:
            yield f"{sample.name}: a full body takes {whole.total_seconds():.2f} s to read"


Rule = Callable[[Source, Sequence[Sample]], Found]
RULES: Final[Mapping[str, Rule]] = {
    "the events of its samples": _makes_the_events_of_its_samples,
    "the same of the same": _reads_the_same_of_the_same,
    "order and time": _keeps_order_and_time,
    '0, false and ""': _keeps_zero_false_and_the_empty_text,
    "unknown properties": _ignores_what_it_does_not_know,
    "nobody without proof": _admits_nobody_without_proof,
    "signatures": _takes_a_body_for_signed_only_with_its_signature,
    "no value in a message": _tells_no_value,
    "arbitrary bodies": _never_raises,
    "arbitrary calls": _reads_any_call,
    "answers": _answers_in_json_and_asks_again_for_what_was_not_stored,
    "the deadline": _reads_within_the_deadline,
}
"""What every source keeps, by name."""


def _documents(samples: Sequence[Sample]) -> Iterator[tuple[Sample, Any]]:
    """The samples that are JSON as a whole; others, such as records in a row, are tried as they are."""
    for sample in samples:
        try:
            yield sample, json.loads(sample.body)
        except ValueError:
            continue


def _read(source: Source, sample: Sample, root: object) -> Parsed:
    try:
        return source.read(replace(sample.request, body=json.dumps(root).encode()), _TIMES)
    except (UnreadableBodyError, TooManyRecordsError):
        return Parsed()


def _messages(source: Source, request: SourceRequest) -> list[str]:
    """All that is said of a body."""
    try:
        parsed = source.read(request, _TIMES)
    except (UnreadableBodyError, TooManyRecordsError) as error:
        return [str(error)]
    return [text for _, one in (*parsed.rejected, *parsed.warnings) for text in (one.path, one.message)]


def _leaves(value: object, place: Path = ()) -> Iterator[tuple[Path, object]]:
    inner: Iterator[tuple[str | int, object]]
    if isinstance(value, dict):
        inner = iter(value.items())
    elif isinstance(value, list):
        inner = iter(enumerate(value))
    else:
        yield place, value
        return
    for name, one in inner:
        yield from _leaves(one, (*place, name))


def _places(root: object) -> list[Path]:
    """Those of values, and of what holds them, from the outside to the inside."""
    found = {place[:depth]: None for place, _ in _leaves(root) for depth in range(1, len(place) + 1)}
    return sorted(found, key=len)[:MAX_PLACES]


def _texts(root: object) -> list[Path]:
    return [place for place, value in _leaves(root) if isinstance(value, str)][:MAX_PLACES]


def _names(root: object) -> Iterator[str]:
    for place, _ in _leaves(root):
        yield from (name for name in place if isinstance(name, str))


def _with(root: object, place: Path, value: object) -> Any:
    """A copy that has another value at a place."""
    changed: Any = copy.deepcopy({"root": root})
    at = changed
    for name in ("root", *place)[:-1]:
        at = at[name]
    at[("root", *place)[-1]] = value
    return changed["root"]


def _with_unknown(value: object) -> object:
    if isinstance(value, dict):
        return {name: _with_unknown(one) for name, one in value.items()} | {_UNKNOWN: _UNKNOWN}
    return [_with_unknown(one) for one in value] if isinstance(value, list) else value


def _without_unknown(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_unknown(one) for name, one in value.items() if name != _UNKNOWN}
    return [_without_unknown(one) for one in value] if isinstance(value, list) else value


def _known(told: tuple[int, Any]) -> object:
    """An event without what was put into it; attributes that were all put into it are none."""
    return {name: value for name, one in as_canonical(*told).items() if (value := _without_unknown(one)) != {}}


def _places_of(marker: str, parsed: Parsed) -> list[tuple[int, Path]]:
    """Where it stands in the attributes of events, by the index of the record."""
    return [
        (index, place)
        for index, event in parsed.events
        for place, value in _leaves(dict(event.profile))
        if value == marker
    ]


def _has(parsed: Parsed, index: int, path: Path, value: object) -> bool:
    found = [dict(event.profile) for number, event in parsed.events if number == index]
    return any(
        place == path and (type(one), one) == (type(value), value) for one_of in found for place, one in _leaves(one_of)
    )


def _shown(place: Path) -> str:
    return ".".join(map(str, place))


def _arbitrary(chance: random.Random, names: Sequence[str], depth: int) -> Any:
    scalars = [None, True, False, 0, -1, 1.5, 1e999, "", "a", "\ud800", "\x00", "9999-12-31T23:59:59-14:00", 10**30]
    kind = chance.randint(0, 3) if depth else 0
    if kind == 0:
        return chance.choice(scalars)
    inner = [_arbitrary(chance, names, depth - 1) for _ in range(chance.randint(0, 4))]
    return inner if kind == 1 else {chance.choice(names): one for one in inner}
