"""Bodies as large as the webhook takes, valid or not, each with much work of another kind in it."""

from collections.abc import Iterator
from typing import Final

from benchmarks import workload
from destination.ingest.sources.body import MAX_RECORDS
from destination.ingest.webhook import MAX_BODY_BYTES

_AUDIENCES: Final = {"segmentMembership": {"ups": {f"audience-{number}": 0 for number in range(1000)}}}
_MEMBERSHIPS: Final[workload.Payload] = {"segmentMembership": {"ups": {str(number): {} for number in range(10_000)}}}
_NAMESPACES: Final[workload.Payload] = {
    "segmentMembership": {f"{number:x>64}": {"a": {}, "b": {}} for number in range(2_000)}
}
_TOO_DEEP: Final = b'{"a":' + b"[" * 140 + b"]" * 140 + b"}"
_ENDLESS: Final = b'{"b":["a",' + b'{"a":1e999},' * 22 + b"0]}"
_NUMBERS: Final = b'{"a":[' + b"1e-7," * 57 + b"0]}"
_NO_LIST: Final = b'{"h":NaN,"a":[' + b"[]," * 92 + b"0]}"
_HALVES: Final = b'{"a":[' + rb'"\ud800",' * 31 + b"0]}"
_BARE_IDS: Final = b'{"identityMap":{"a":[' + b"0," * 130 + b"0]}}"
_ONE_ID_EACH: Final = b'{"identityMap":{' + b",".join(b'"%d":[0]' % number for number in range(32)) + b"}}"
_IN_A_ROW: Final = b'{"a":"' + b"x" * 290 + b'"}'
_OVER_LINES: Final = b'{\n"a":"' + b"x" * 280 + b'"}\n'
_IDENTITIES: Final = {"a": 0, "identityMap": {str(number): [0.5] for number in range(1000)}}


def bodies() -> Iterator[tuple[str, bytes]]:
    """What is special about a body, and the body; they are made one by one."""
    yield "usual profiles", _full(workload.body(map(workload.profile, range(8_100))))
    yield "smallest profiles", workload.body(map(workload.small, range(20_000)))
    yield "an array that is cut off", workload.body(map(workload.profile, range(8_100)))[:-2]
    yield "a million zeros", _filled(b"[", b"0,", b"0]")
    yield "a record that breaks off in each line", _filled(b"", b'{"a":[' + b"0," * 145 + b"}\n", b"")
    yield "a record that goes deeper with each line", _filled(b"", b'{"a":' + b" " * 294 + b"\n", b"")
    yield "1,000 unreadable audiences a record", _full(workload.body([_AUDIENCES] * 350))
    yield "10,000 memberships of a few bytes a record", _full(workload.body([_MEMBERSHIPS] * 60))
    yield "numbers that are none", _filled(b'{"a":[', b"NaN,", b"0]}")
    yield "halves of characters", _filled(b'{"a":[', rb'"\ud800",', b"0]}")
    yield "identities that are none", _full(workload.body([_IDENTITIES] * 480))
    yield "nested lists", _filled(b'{"a":[', b"[" * 30 + b"]" * 30 + b",", b"0]}")
    yield "lists too deep in each record", _records(_TOO_DEEP)
    yield "endless numbers in objects in each record", _records(_ENDLESS)
    yield "small numbers in each record", _records(_NUMBERS)
    yield "lists beside what is lost in each record", _records(_NO_LIST)
    yield "halves of characters in each record", _records(_HALVES)
    yield "identities that are none in each record", _records(_BARE_IDS)
    yield "32 namespaces in each record", _records(_ONE_ID_EACH)
    yield "long namespaces of audiences", _full(workload.body([_NAMESPACES] * 34))
    yield "an endless integer, and zeros", _filled(b'{"b":' + b"9" * 5_000 + b',"a":[', b"0,", b"0]}")
    yield "records in a row on one line", '{"a":"😀"}'.encode() + _IN_A_ROW * 19_900
    yield "records on two lines each", '{"a":"😀"}'.encode() + _OVER_LINES * 19_900
    yield "lines of zeros that go ever deeper", _filled(b"", b'{"a":[' + b"0," * 2_000 + b'0],"b":\n', b"")
    yield "500,000 attributes", b"{" + b",".join(b'"%d":0' % number for number in range(500_000)) + b"}"
    yield (
        "500,000 namespaces",
        (b'{"identityMap":{' + b",".join(b'"%d":[]' % number for number in range(500_000)) + b"}}"),
    )


def _records(record: bytes) -> bytes:
    """As many as fit, and are taken."""
    return b"[" + b",".join([record] * min(MAX_RECORDS, (MAX_BODY_BYTES - 2) // (len(record) + 1))) + b"]"


def _filled(head: bytes, piece: bytes, tail: bytes) -> bytes:
    """As many pieces as fit."""
    return head + piece * ((MAX_BODY_BYTES - len(head) - len(tail)) // len(piece)) + tail


def _full(body: bytes) -> bytes:
    assert 0.9 * MAX_BODY_BYTES < len(body) <= MAX_BODY_BYTES, len(body)
    return body
