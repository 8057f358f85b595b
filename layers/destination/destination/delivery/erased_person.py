"""A person who is erased, as the objects of the bucket tell of them: lines of results, and events of messages."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from destination.domain.erasure import Step
from destination.domain.mapping import Mapper
from destination.domain.not_arrived import NotArrived
from destination.domain.person import Origin
from destination.domain.run import run_id
from destination.domain.schema import Field, InvalidValueError, dedupe_key
from destination.domain.written_identity import may_have, written
from destination.queue import UndecodableMessageError, emptied, open_envelope, readable
from destination.store.results import person_of, without_name


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """`values`: by dedupe key what the person is found by, and in which field, None where nobody is any more. `names`:
    the pseudonyms. `at`: what was received before is forgotten.
    """

    values: Mapping[str, tuple[str, Field | None]]
    names: Collection[str]
    mapper: Mapper
    at: datetime

    def taken_out_of(self, step: Step, lines: Sequence[str]) -> tuple[list[str], int]:
        """The lines of an object without the person, none if nothing is left; in how many lines, or events, it was."""
        if step is Step.RESULTS:
            return self._without_name(lines)
        changed, found = self._without_events(lines)
        # Letters are about events that failed, so that nothing is left of one that says nothing.
        is_empty = found and step is Step.LETTERS and all(_says_nothing(line) for line in changed)
        return ([] if is_empty else changed), found

    def _without_name(self, lines: Sequence[str]) -> tuple[list[str], int]:
        theirs = [self._is_named_in(person_of(line)) for line in lines]
        changed = [without_name(line) if is_theirs else line for line, is_theirs in zip(lines, theirs, strict=True)]
        return changed, sum(theirs)

    def _is_named_in(self, one: NotArrived) -> bool:
        """A line without a pseudonym names nobody, or is of a release that gave none where it gave the value."""
        if one.received_at >= self.at:
            return False
        if one.pseudonym is not None:
            return one.pseudonym in self.names
        person_id = one.person_id
        return person_id is not None and any(_is_value(person_id, value, by) for value, by in self.values.values())

    def _without_events(self, bodies: Sequence[str]) -> tuple[list[str], int]:
        texts = [None if by is None else written(value, by) for value, by in self.values.values()]
        changed, found = [], 0
        for body in bodies:
            places = self._places_in(body) if any(may_have(body, text) for text in texts) else []
            found += len(places)
            changed.append(emptied(body, places) if places else body)
        return changed, found

    def _places_in(self, body: str) -> list[int]:
        """Which events of a message are of the person and of nobody else, and were received before the mark. A value
        that identifies nobody is nobody else's.

        An event of several people is left to the mark: the others' part of it is delivered, the person's is dropped.
        """
        try:
            envelope = open_envelope(body)
        except UndecodableMessageError:
            return []
        places = []
        for place, event in readable(envelope):
            origin = Origin(envelope.id, str(envelope.first + place), run_id(envelope.received_at))
            keys = {unit.key for unit in self.mapper.units(event, origin)}
            if event.received_at < self.at and keys - {None} and keys <= {None, *self.values}:
                places.append(place)
        return places


def _is_value(person_id: str, value: str, by: Field | None) -> bool:
    with suppress(InvalidValueError):
        return by is not None and dedupe_key(person_id, by) == value
    return False


def _says_nothing(body: str) -> bool:
    """Of a message that could be read."""
    envelope = open_envelope(body)
    events = [event for _, event in readable(envelope)]
    return len(events) == len(envelope.events) and not any(
        event.profile or event.identities or event.memberships for event in events
    )
