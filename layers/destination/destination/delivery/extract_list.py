"""The members of one list that is read by an extract (`carry_extract`), a step of a verification.

Of one that is given up they are read page by page, which tells as much.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from destination.delivery.carry_extract import Lead
from destination.domain.lead_extract import ID, ExtractStage, LeadExtract
from destination.domain.schema import Field, InvalidValueError, dedupe_key
from destination.domain.shard import NO_DIGEST, digest_of, name_of
from destination.domain.verification import AudienceCheck, Phase
from destination.marketo.instance import Marketo

PART: Final = 20_000
"""Entries of a stored part: the members' ids, with a digest of each one's key."""


@dataclass(slots=True)
class ExtractedList:
    """One list that is read by an extract. `check`: how far it is, which `keep_check` keeps; `count`: how many members
    it may have.

    `keyed_by`: the field by whose key a lead's person is known, None where that is not asked for. `keep` stores a part
    of what was read, `forget` drops all of it; `has_time` tells whether there is time for more.
    """

    marketo: Marketo
    keyed_by: str | None
    count: int
    check: AudienceCheck
    keep_check: Callable[[AudienceCheck], AudienceCheck]
    keep: Callable[[int, Sequence[int], Sequence[bytes]], None]
    forget: Callable[[], None]
    has_time: Callable[[], bool]

    @property
    def extract(self) -> LeadExtract:
        if self.check.extract is None:
            raise ValueError("the list is read page by page")
        return self.check.extract

    @property
    def fields(self) -> Sequence[tuple[str, ...]]:
        return ((ID,),) if self.keyed_by is None else ((ID, self.keyed_by), (ID,))

    def note(self, extract: LeadExtract) -> None:
        if extract.stage is ExtractStage.GIVEN_UP:
            self.forget()
        self.check = self.keep_check(replace(self.check, extract=extract))

    def create(self, fields: Sequence[str]) -> str:
        return self.marketo.extracts.create(fields, self.check.list_id)

    def take(self, leads: Iterator[Lead]) -> bool:
        """Keep the members, part by part; that all are kept is noted with the extract."""
        self.forget()
        part, ids, digests = 0, list[int](), list[bytes]()
        keyed_by = self.marketo.describe.schema().named(self.extract.fields[1]) if self.extract.fields[1:] else None
        for lead_id, value in leads:
            ids.append(lead_id)
            if keyed_by is not None:
                digests.append(_digest(value, keyed_by))
            if len(ids) == PART:
                self.keep(part, ids, digests)
                part, ids, digests = part + 1, [], []
                if not self.has_time():
                    return False
        if ids:
            self.keep(part, ids, digests)
        found = part * PART + len(ids)
        self.check = replace(self.check, phase=Phase.COMPARING, parts=part + bool(ids), found=found)
        return True


def _digest(value: str | None, by: Field) -> bytes:
    """That of the person with this value; of a lead without one, and of a value that is none, nothing is known."""
    try:
        return NO_DIGEST if value is None else digest_of(name_of(dedupe_key(value, by)))
    except InvalidValueError:
        return NO_DIGEST
