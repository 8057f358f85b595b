"""What cannot be delivered: in memory as in SQS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pytest

from destination.delivery.batch import DeadLetters as Letters
from destination.queue import SEND_ATTEMPTS, DeadLetter, DeadLetters
from testing.aws import Aws
from testing.memory import MemoryDeadLetters
from testing.sqs import FakeSqs

LETTERS = [DeadLetter(f'{{"number": {number}}}', "1003", f"Reason {number}, ü.") for number in range(23)]


class LettersStand(Protocol):
    @property
    def dead_letters(self) -> Letters: ...
    def kept(self) -> list[DeadLetter]: ...


@dataclass
class LettersInMemory:
    dead_letters: MemoryDeadLetters

    def kept(self) -> list[DeadLetter]:
        return self.dead_letters.letters


@dataclass
class LettersInSqs:
    stack: Aws

    @property
    def dead_letters(self) -> DeadLetters:
        return DeadLetters(self.stack.sqs, self.stack.dead_letter_queue_url)

    def kept(self) -> list[DeadLetter]:
        found = self.stack.receive(self.stack.dead_letter_queue_url)
        told = [(one["Body"], one["MessageAttributes"]) for one in found]
        return [DeadLetter(body, of["code"]["StringValue"], of["reason"]["StringValue"]) for body, of in told]


@dataclass
class LettersInFakeSqs:
    sqs: FakeSqs

    @property
    def dead_letters(self) -> DeadLetters:
        return DeadLetters(self.sqs.client(), "dead letters")

    def kept(self) -> list[DeadLetter]:
        told = [(one["MessageBody"], one["MessageAttributes"]) for one in self.sqs.sent]
        return [DeadLetter(body, of["code"]["StringValue"], of["reason"]["StringValue"]) for body, of in told]


@pytest.fixture(params=["memory", "sqs", "fake sqs"])
def stand(request: pytest.FixtureRequest) -> LettersStand:
    if request.param == "memory":
        return LettersInMemory(MemoryDeadLetters())
    return (
        LettersInFakeSqs(FakeSqs()) if request.param == "fake sqs" else LettersInSqs(request.getfixturevalue("stack"))
    )


@pytest.fixture(params=["memory", "fake sqs"])
def refusing(request: pytest.FixtureRequest) -> Callable[[list[DeadLetter]], LettersStand]:
    """Implementations that do not take some letters, however often they are sent."""
    if request.param == "memory":
        return lambda refused: LettersInMemory(MemoryDeadLetters(refuses=lambda letter: letter in refused))
    return lambda refused: LettersInFakeSqs(FakeSqs(refuses={one.body: SEND_ATTEMPTS for one in refused}))


def test_letters_are_kept_with_their_reasons(stand: LettersStand) -> None:
    assert stand.dead_letters.send(LETTERS) == []
    assert stand.dead_letters.send(LETTERS[:1]) == []
    assert sorted(stand.kept(), key=lambda one: one.body) == sorted([*LETTERS, LETTERS[0]], key=lambda one: one.body)


def test_no_letters_are_none(stand: LettersStand) -> None:
    assert stand.dead_letters.send([]) == []
    assert stand.kept() == []


@pytest.mark.parametrize("indexes", [[0], [3, 11, 22], [*range(23)]])
def test_the_letters_that_were_not_taken_are_told_by_their_places(
    refusing: Callable[[list[DeadLetter]], LettersStand], indexes: list[int]
) -> None:
    stand = refusing([LETTERS[index] for index in indexes])
    assert sorted(stand.dead_letters.send(LETTERS)) == indexes
    assert stand.kept() == [one for index, one in enumerate(LETTERS) if index not in indexes]
