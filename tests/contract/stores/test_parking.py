"""What is parked, bundle by bundle: in memory as in the bucket."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError

from destination.control import listing
from destination.delivery import parking as delivery
from destination.domain.parking import Bundle, WaitsFor
from destination.store.errors import NotFoundError
from destination.store.parking import Parking
from testing.aws import Aws, refused
from testing.memory import MemoryParking
from testing.persons import START

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class AnyParking(delivery.Parking, listing.Parking, Protocol):
    """All that is asked of it."""

    def of(self, connection_id: str, /) -> Iterable[Bundle]: ...
    def erase(self, connection_id: str, /) -> bool: ...


@pytest.fixture(params=["memory", "bucket"])
def parking(request: pytest.FixtureRequest) -> AnyParking:
    if request.param == "memory":
        return MemoryParking()
    stack: Aws = request.getfixturevalue("stack")
    return Parking(stack.s3, stack.bucket)


def bundle(number: int = 0, connection_id: str = "c-1", **changes: Any) -> Bundle:
    """One whose times are whole seconds, as those of names are."""
    plain = Bundle(connection_id, WaitsFor.PAUSED, START + number * SECOND, START - HOUR, 3, 100, f"{number:032x}")
    return replace(plain, **changes)


def test_what_is_parked_comes_back_message_by_message_until_it_is_removed(parking: AnyParking) -> None:
    parking.put(bundle(1), ['{"a":1}', '{"b":2}'])
    parking.put(bundle(2), ['{"c":3}'])
    assert parking.get(bundle(1)) == ['{"a":1}', '{"b":2}']
    parking.remove(bundle(1))
    with pytest.raises(NotFoundError):
        parking.get(bundle(1))
    assert parking.get(bundle(2)) == ['{"c":3}']
    assert list(parking.all()) == [bundle(2)]


def test_what_is_not_there_is_not_found_and_removed_without_harm(parking: AnyParking) -> None:
    with pytest.raises(NotFoundError):
        parking.get(bundle())
    parking.remove(bundle())
    assert list(parking.all()) == list(parking.of("c-1")) == []
    assert parking.erase("c-1")


@pytest.mark.parametrize("text", ["Zoë 高橋 \N{PARTY POPPER}", "\u2028\u2029\x85\x0b\x0c\x1c", "\\r", "\\n", " "])
def test_a_body_comes_back_as_it_was_whatever_it_says(parking: AnyParking, text: str) -> None:
    bodies = [f'{{"name":"{text}"}}', f'{{"other":"{text}"}}']
    parking.put(bundle(), bodies)
    assert parking.get(bundle()) == bodies


def test_a_body_of_several_lines_comes_back_with_them(parking: AnyParking) -> None:
    """By its lines the events of a message are told apart, so that one that cannot be read costs itself alone."""
    bodies = ['{"events":[\n1,\n2\n]}', '{"b":2}']
    parking.put(bundle(), bodies)
    assert parking.get(bundle()) == bodies


def test_other_line_ends_of_a_body_are_white_space(stack: Aws) -> None:
    """No JSON has any but between its tokens (RFC 8259, 2), where an operator's redrive may have put them."""
    parking = Parking(stack.s3, stack.bucket)
    parking.put(bundle(), ['{\r\n"a":\r1}', '{"b":2}'])
    assert parking.get(bundle()) == ['{ \n"a": 1}', '{"b":2}']


def test_times_are_of_the_second_in_the_name(parking: AnyParking) -> None:
    half = timedelta(milliseconds=500)
    parking.put(bundle(due_at=START + half, oldest_at=START - half), ["{}"])
    assert list(parking.of("c-1")) == [bundle(due_at=START + SECOND, oldest_at=START - SECOND)]
    assert parking.get(bundle(due_at=START + SECOND, oldest_at=START - SECOND)) == ["{}"]


def test_bundles_are_listed_by_the_time_they_are_due(parking: AnyParking) -> None:
    for number in (3, 1, 2):
        parking.put(bundle(number), ["{}"])
    assert list(parking.of("c-1")) == [bundle(1), bundle(2), bundle(3)]


def test_connections_are_told_apart_though_the_id_of_one_begins_with_that_of_another(parking: AnyParking) -> None:
    ids = ["c-1", "c-10", "c-1-a", "c-1_", "c", "C-1"]
    for number, connection_id in enumerate(ids):
        parking.put(bundle(number, connection_id), [connection_id])
        parking.put(bundle(number + 10, connection_id), [connection_id])
    for number, connection_id in enumerate(ids):
        assert list(parking.of(connection_id)) == [bundle(number, connection_id), bundle(number + 10, connection_id)]
        assert parking.get(bundle(number, connection_id)) == [connection_id]
    of_all = [connection_id for connection_id, _ in groupby(parking.all(), key=lambda one: one.connection_id)]
    assert sorted(of_all) == sorted(ids), "each of them together"
    assert parking.erase("c-1")
    assert list(parking.of("c-1")) == []
    assert len(list(parking.all())) == 2 * (len(ids) - 1)


def test_more_bundles_than_one_call_tells_are_listed_and_erased(parking: AnyParking) -> None:
    """S3 tells and deletes a thousand at a time."""
    many = [bundle(number) for number in range(1010)]
    for one in many:
        parking.put(one, ["{}"])
    parking.put(bundle(1, "c-2"), ["{}"])
    assert list(parking.of("c-1")) == many
    assert len(list(parking.all())) == len(many) + 1
    rounds = 1
    while not parking.erase("c-1"):
        rounds += 1
    assert rounds <= 4
    assert list(parking.all()) == [bundle(1, "c-2")]


def test_bundles_of_the_same_time_and_counts_are_two(parking: AnyParking) -> None:
    parking.put(bundle(1, due_at=START), ["{}"])
    parking.put(bundle(2, due_at=START), ["[]"])
    assert (parking.get(bundle(1, due_at=START)), parking.get(bundle(2, due_at=START))) == (["{}"], ["[]"])


# What S3 alone does


@contextmanager
def partly_refused(stack: Aws) -> Iterator[None]:
    """While the block runs, S3 deletes no object, and says so in an answer that is none of a failure."""
    client = stack.s3
    original = client.delete_objects

    def refuse(**given: Any) -> dict[str, Any]:
        return {"Errors": [{"Key": one["Key"], "Code": "InternalError"} for one in given["Delete"]["Objects"]]}

    client.delete_objects = refuse  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        client.delete_objects = original  # type: ignore[method-assign]


def test_a_bundle_that_could_not_be_deleted_is_left(stack: Aws) -> None:
    """S3 answers 200 where it deletes some and not others (Amazon S3, "DeleteObjects")."""
    parking = Parking(stack.s3, stack.bucket)
    parking.put(bundle(), ["{}"])
    with partly_refused(stack):
        assert not parking.erase("c-1")
    assert parking.erase("c-1")
    assert list(parking.all()) == []


@pytest.mark.parametrize("key", ["parked/", "parked/c-1/", "parked/c-1/notes.txt", "parked/junk", "parked//x"])
def test_an_object_that_is_no_bundle_keeps_no_connection_from_what_is_parked_of_it(stack: Aws, key: str) -> None:
    """The console of S3 makes an empty object for what it shows as a folder."""
    parking = Parking(stack.s3, stack.bucket)
    parking.put(bundle(1), ["{}"])
    parking.put(bundle(2, "c-2"), ["{}"])
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"")
    assert list(parking.all()) == [bundle(1), bundle(2, "c-2")]
    assert list(parking.of("c-1")) == [bundle(1)]


def test_only_what_is_parked_is_listed(stack: Aws) -> None:
    parking = Parking(stack.s3, stack.bucket)
    for prefix in ("letters", "parked-before", "uploads"):
        stack.s3.put_object(Bucket=stack.bucket, Key=f"{prefix}/c-1/{bundle().name}", Body=b"")
    assert list(parking.all()) == []


@pytest.mark.parametrize("operation", ["PutObject", "GetObject", "DeleteObject", "ListObjectsV2"])
def test_what_s3_refuses_is_told(stack: Aws, operation: str) -> None:
    parking = Parking(stack.s3, stack.bucket)
    parking.put(bundle(), ["{}"])
    calls: dict[str, Callable[[], object]] = {
        "PutObject": lambda: parking.put(bundle(1), ["{}"]),
        "GetObject": lambda: parking.get(bundle()),
        "DeleteObject": lambda: parking.remove(bundle()),
        "ListObjectsV2": lambda: list(parking.all()),
    }
    with refused(stack.s3, operation), pytest.raises(ClientError):
        calls[operation]()
    assert list(parking.all()) == [bundle()]
    assert parking.get(bundle()) == ["{}"]


def test_what_may_not_be_read_is_not_taken_for_gone(stack: Aws) -> None:
    """Without the right to list, S3 answers 403 for what is not there (Amazon S3, "GetObject")."""
    parking = Parking(stack.s3, stack.bucket)

    def denied(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetObject")

    stack.s3.meta.events.register_first("before-call.s3.GetObject", denied)
    try:
        with pytest.raises(ClientError):
            parking.get(bundle())
    finally:
        stack.s3.meta.events.unregister("before-call.s3.GetObject", denied)


def test_what_is_stored_can_be_read_at_once(parking: AnyParking) -> None:
    at: datetime = START
    for number in range(5):
        one = bundle(number, due_at=at + number * SECOND)
        parking.put(one, [str(number)])
        assert list(parking.of("c-1"))[-1] == one
        assert parking.get(one) == [str(number)]
