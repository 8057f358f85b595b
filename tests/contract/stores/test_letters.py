"""Letters, bundle by bundle: in memory as in the bucket."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError

from destination.control import letters as control
from destination.control import listing
from destination.delivery import letters as delivery
from destination.domain.letter import LetterBundle
from destination.domain.parking import Bundle
from destination.store.errors import NotFoundError
from destination.store.letters import Letters
from destination.store.parking import Parking
from testing.aws import Aws, refused
from testing.memory import MemoryLetters, MemoryParking
from testing.persons import START

HOUR = timedelta(hours=1)


class AnyLetters(delivery.Letters, control.Letters, listing.Letters, Protocol):
    """All that is asked of them."""

    def get(self, bundle: LetterBundle, /) -> list[str]: ...
    def erase(self, connection_id: str, /) -> bool: ...


class AnyParking(Protocol):
    def all(self) -> Iterable[Bundle]: ...
    def get(self, bundle: Bundle, /) -> list[str]: ...


@dataclass
class Stand:
    letters: AnyLetters
    parking: AnyParking


@pytest.fixture(params=["memory", "bucket"])
def stand(request: pytest.FixtureRequest) -> Stand:
    if request.param == "memory":
        parking = MemoryParking()
        return Stand(MemoryLetters(parking), parking)
    stack: Aws = request.getfixturevalue("stack")
    return Stand(Letters(stack.s3, stack.bucket), Parking(stack.s3, stack.bucket))


def bundle(number: int = 0, connection_id: str = "c-1", **changes: Any) -> LetterBundle:
    """One whose times are whole seconds, as those of names are."""
    failed_at = START + timedelta(seconds=number)
    plain = LetterBundle(connection_id, "MARKETO_1003", failed_at, START - HOUR, 2, 14, f"{number:032x}")
    return replace(plain, **changes)


BODIES = ['{"a":"Zoë"}', '{"b":2}']


def test_letters_are_kept_until_they_are_removed(stand: Stand) -> None:
    stand.letters.put(bundle(1), BODIES)
    stand.letters.put(bundle(2), ["{}"])
    assert stand.letters.get(bundle(1)) == BODIES
    stand.letters.remove(bundle(1))
    stand.letters.remove(bundle(1))
    with pytest.raises(NotFoundError):
        stand.letters.get(bundle(1))
    assert list(stand.letters.all()) == list(stand.letters.of("c-1")) == [bundle(2)]


def test_letters_are_listed_by_the_time_they_failed(stand: Stand) -> None:
    for number in (3, 1, 2):
        stand.letters.put(bundle(number), ["{}"])
        stand.letters.put(bundle(number, "c-10"), ["{}"])
    assert list(stand.letters.of("c-1")) == [bundle(1), bundle(2), bundle(3)]
    assert list(stand.letters.all()) == [bundle(number, owner) for owner in ("c-1", "c-10") for number in (1, 2, 3)]


def test_letters_that_are_redriven_are_parked_and_no_letters_any_more(stand: Stand) -> None:
    stand.letters.put(bundle(1), BODIES)
    stand.letters.put(bundle(2, "c-2"), ["{}"])
    stand.letters.redrive(bundle(1))
    assert list(stand.letters.all()) == [bundle(2, "c-2")]
    assert list(stand.parking.all()) == [bundle(1).redriven]
    assert stand.parking.get(bundle(1).redriven) == BODIES


def test_letters_that_are_gone_cannot_be_redriven(stand: Stand) -> None:
    with pytest.raises(NotFoundError):
        stand.letters.redrive(bundle(1))
    assert list(stand.parking.all()) == []


def test_letters_that_a_crash_left_in_both_places_are_parked_once(stand: Stand) -> None:
    stand.letters.put(bundle(1), BODIES)
    stand.letters.redrive(bundle(1))
    stand.letters.put(bundle(1), BODIES)  # as if it had ended before they were removed
    stand.letters.redrive(bundle(1))
    assert list(stand.parking.all()) == [bundle(1).redriven]


def test_the_letters_of_one_connection_alone_are_erased(stand: Stand) -> None:
    stand.letters.put(bundle(1), ["{}"])
    stand.letters.put(bundle(1, "c-10"), ["{}"])
    while not stand.letters.erase("c-1"):
        continue
    assert list(stand.letters.all()) == [bundle(1, "c-10")]


# What S3 alone does


@pytest.mark.parametrize("operation", ["CopyObject", "DeleteObject"])
def test_what_s3_refuses_of_a_redrive_is_told_and_leaves_the_letters(stack: Aws, operation: str) -> None:
    letters = Letters(stack.s3, stack.bucket)
    letters.put(bundle(1), BODIES)
    with refused(stack.s3, operation), pytest.raises(ClientError):
        letters.redrive(bundle(1))
    assert list(letters.all()) == [bundle(1)]
    letters.redrive(bundle(1))
    assert (list(letters.all()), list(Parking(stack.s3, stack.bucket).all())) == ([], [bundle(1).redriven])


@pytest.mark.parametrize("key", ["letters/", "letters/c-1/", "letters/c-1/notes.txt", "letters/junk"])
def test_an_object_that_is_no_letter_keeps_nobody_from_the_letters(stack: Aws, key: str) -> None:
    letters = Letters(stack.s3, stack.bucket)
    letters.put(bundle(1), ["{}"])
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"")
    assert list(letters.all()) == [bundle(1)]
