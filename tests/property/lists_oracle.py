"""What is on the lists at rest, stated a second time: from what was said and done in Marketo, not from a ledger.

Source: the promises of docs/delivery.md. At rest the list of every activated audience is

    { the newest match of each person whose newest membership is realized and who may be exported }  and  the foreign

where foreign are those whom somebody put on the list by hand and of whom no source ever said anything. Nothing of the
domain is called. The oracle is told what was said, what somebody did in Marketo by hand, and what a delivery changed on
the lists, which it sees as everybody would.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple


class Membership(NamedTuple):
    """A lead on a list."""

    list_id: int
    lead_id: int


class Word(NamedTuple):
    """What was said of a person and an audience, or of its consent; the newest pair of times is the newest word."""

    at: datetime
    received_at: datetime
    holds: bool
    is_sure: bool = True
    is_forgotten: bool = False


class By(Enum):
    """Who put a lead on a list."""

    HAND = "by hand, and nothing was known of the person"
    UNSURE = "by hand, or for another audience: it may stay, and it may be taken off"


@dataclass(frozen=True)
class Ours:
    """A lead that a delivery put on a list, for an audience."""

    audience: str


@dataclass(frozen=True)
class SeenLead:
    """A lead as Marketo has it: `key` is its address in lower case."""

    id: int
    key: str
    updated_at: str


@dataclass(frozen=True)
class Instance:
    """Marketo at rest. `lists`: the members by list id; `bound`: the lists of the audiences that are to be right.

    `shared`: those lists that were there before their audience was activated on them.
    """

    leads: Collection[SeenLead]
    lists: Mapping[int, Set[int]]
    bound: Mapping[str, int]
    shared: Set[int] = frozenset()

    def matches(self, key: str) -> list[SeenLead]:
        return [one for one in self.leads if one.key == key]

    def newest(self, key: str) -> int | None:
        """The match that was updated last, of several at once the one with the highest id."""
        return max(((one.updated_at, one.id) for one in self.matches(key)), default=("", None))[1]


@dataclass
class ListsOracle:
    """All that was said and done. `may_miss`: members whose being taken off no event of their person finds out.

    `overlooked`: by person the lists that came to be kept after a withdrawal, which is not made up for on them. `asks`:
    whether there is a consent rule by now.
    """

    words: dict[tuple[str, str], Word] = field(default_factory=dict)
    consent: dict[str, Word] = field(default_factory=dict)
    exited: set[tuple[str, str]] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    tags: dict[Membership, By | Ours] = field(default_factory=dict)
    keys: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    may_miss: set[Membership] = field(default_factory=set)
    overlooked: set[tuple[str, int]] = field(default_factory=set)
    asks: bool = True

    # What was said

    def says(self, key: str, audience: str, word: Word) -> None:
        """A membership; `is_sure` is whether it is one of an audience that is remembered."""
        if not word.holds:
            self.exited.add((key, audience))
        before = self.words.get((key, audience))
        if before is None or before.is_forgotten or word[:2] >= before[:2]:
            self.words[key, audience] = word

    def forgets(self, audience: str) -> None:
        """It was not activated for so long that nothing is remembered of it: who was on its list may stay there.

        Nobody is put there for what was said before, as it may have been taken back since.
        """
        for (key, of), word in list(self.words.items()):
            if of == audience:
                self.words[key, of] = word._replace(is_sure=False, is_forgotten=True)
        for member, tag in self.tags.items():
            if tag == Ours(audience):
                self.tags[member] = By.UNSURE

    def forgets_exits(self) -> None:
        """Nothing was said for so long that whoever left may be nobody the ledger knows."""
        for place, word in list(self.words.items()):
            if not word.holds:
                self.words[place] = word._replace(is_sure=False)

    def consents(self, key: str, word: Word) -> None:
        if not word.holds:
            self.withdrawn.add(key)
        before = self.consent.get(key)
        if before is None or word[:2] >= before[:2]:
            self.consent[key] = word

    def people(self) -> set[str]:
        return {key for key, _ in self.words} | self.consent.keys()

    def is_wanted(self, key: str, audience: str) -> bool:
        """Whether the newest word is that the person is in the audience, and it may be exported."""
        word = self.words.get((key, audience))
        return word is not None and word.holds and self.may_be_exported(key)

    def agrees(self, key: str) -> bool:
        """Whether the person's newest word is consent, whoever asks for it."""
        return key not in self.consent or self.consent[key].holds

    def may_be_exported(self, key: str) -> bool:
        return not self.asks or self.agrees(key)

    def is_unsure(self, key: str, audience: str) -> bool:
        word = self.words.get((key, audience))
        return word is not None and not word.is_sure

    # What somebody did in Marketo

    def has(self, lead_id: int, key: str) -> None:
        """A lead was made, edited or given a key: which match is the newest may be another one now."""
        self.keys[lead_id].add(key)
        of_key = {lead_id} | {one for one, keys in self.keys.items() if key in keys}
        for member, tag in self.tags.items():
            if tag is By.HAND and member.lead_id in of_key and self._is_known(key):
                self.tags[member] = By.UNSURE

    def moves(self, lead_id: int, key: str, lists: Collection[int]) -> None:
        """A lead gets another key.

        If it had the key before, it may have been taken off lists for the person it was meanwhile. No event of the
        first person finds that out, as the ledger knows leads by persons; a verification does.
        """
        if key in self.keys[lead_id]:
            self.may_miss |= {Membership(list_id, lead_id) for list_id in lists}
        self.has(lead_id, key)

    def put_on(self, member: Membership, audience: str | None) -> None:
        """Somebody puts a lead on a list, which is that of an audience, or of none that is activated."""
        self.may_miss.discard(member)
        keys = self.keys[member.lead_id]
        left = any(key in keys and audience in {None, of} for key, of in self.exited) or bool(keys & self.withdrawn)
        self.tags[member] = By.UNSURE if left else By.HAND

    def taken_off(self, member: Membership) -> None:
        self.tags.pop(member, None)
        self.may_miss.add(member)

    def merged(self, winner: int, loser: int, lists: Mapping[int, Set[int]]) -> None:
        """The lists are those from before: the winner joins those of the loser, and the loser is no more."""
        for list_id, members in lists.items():
            if loser in members and winner not in members:
                tag = self.tags.get(Membership(list_id, loser), By.UNSURE)
                known = any(self._is_known(key) for key in self.keys[winner] | self.keys[loser])
                self.tags[Membership(list_id, winner)] = By.HAND if tag is By.HAND and not known else By.UNSURE
        self.deleted(loser)

    def deleted(self, lead_id: int) -> None:
        for member in [one for one in self.tags if one.lead_id == lead_id]:
            del self.tags[member]

    def list_deleted(self, list_id: int) -> None:
        for member in [one for one in self.tags if one.list_id == list_id]:
            del self.tags[member]

    def moved(self, audience: str, list_id: int) -> None:
        """The audience is to have another list: this one is left as it is, and what is on it is nobody's business."""
        for member, tag in self.tags.items():
            if member.list_id == list_id and tag == Ours(audience):
                self.tags[member] = By.UNSURE

    def keeps(self, list_id: int) -> None:
        """An audience comes to keep a list, or keeps it again."""
        self.overlooked |= {(key, list_id) for key in self.withdrawn}

    # What a delivery did

    def delivered(
        self,
        before: Mapping[int, Set[int]],
        after: Mapping[int, Set[int]],
        owners: Mapping[int, str],
        *,
        repairs_foreign: bool,
    ) -> None:
        """The lists before and after it. `owners`: whose they are. Raises AssertionError where it must not do so."""
        for list_id in before.keys() | after.keys():
            was, now = before.get(list_id, set()), after.get(list_id, set())
            for lead_id in now - was:
                assert list_id in owners, f"lead {lead_id} was put on list {list_id}, which is nobody's"
                told = [word for key in self.keys[lead_id] if (word := self.words.get((key, owners[list_id])))]
                is_forgotten = bool(told) and all(word.is_forgotten for word in told)
                assert not is_forgotten, f"lead {lead_id} was put on list {list_id} for what was said long ago"
                self.tags[Membership(list_id, lead_id)] = Ours(owners[list_id])
                self.may_miss.discard(Membership(list_id, lead_id))
            for lead_id in was - now:
                tag = self.tags.pop(Membership(list_id, lead_id), By.UNSURE)
                is_foreign = tag is By.HAND and not any(self._is_known(key) for key in self.keys[lead_id])
                assert repairs_foreign or not is_foreign, f"foreign lead {lead_id} was taken off list {list_id}"

    def _is_known(self, key: str) -> bool:
        """Whether anything was said of the person."""
        return key in self.withdrawn or any(one == key for one, _ in self.words)

    # What must be

    def problems(self, instance: Instance, *, is_verified: bool = False) -> list[str]:
        """Which lists are not what they must be. `is_verified`: a verification has repaired missing and leavers."""
        found: list[str] = []
        for audience, list_id in sorted(instance.bound.items()):
            members = instance.lists[list_id]
            wanted = {key for key in self.people() if self.is_wanted(key, audience)}
            required = {lead_id: key for key in wanted if (lead_id := instance.newest(key)) is not None}
            for lead_id in sorted(required.keys() - members):
                is_excused = Membership(list_id, lead_id) in self.may_miss
                if is_verified:
                    is_excused = len(instance.matches(required[lead_id])) > 1
                if not is_excused and not self.is_unsure(required[lead_id], audience):
                    found.append(f"{required[lead_id]} ({lead_id}) is not on the list {list_id} of {audience}")
            found += [
                f"lead {lead_id} ({why}) is on the list {list_id} of {audience}"
                for lead_id in sorted(members - required.keys())
                if (why := self._why_off(instance, audience, Membership(list_id, lead_id), is_verified=is_verified))
            ]
        return found

    def _is_to_be_found(self, instance: Instance, lead: SeenLead, list_id: int) -> bool:
        """Whether a withdrawal finds somebody on a list of others: it is known which lead they are, and ever were."""
        is_shared = list_id in instance.shared and (lead.key, list_id) not in self.overlooked
        leads = [one for one, keys in self.keys.items() if lead.key in keys]
        is_the_only = leads == [lead.id] and self.keys[lead.id] == {lead.key}
        return is_shared and is_the_only and not self.may_be_exported(lead.key)

    def _why_off(self, instance: Instance, audience: str, member: Membership, *, is_verified: bool) -> str | None:
        """Why somebody must not be on a list who is, and who is not the newest match of a member."""
        tag = self.tags.get(member, By.UNSURE)
        [lead] = [one for one in instance.leads if one.id == member.lead_id]
        if any(self.is_unsure(key, audience) for key in self.keys[lead.id]):
            return None
        if is_verified and len(instance.matches(lead.key)) > 1:
            return None
        has_left = (lead.key, audience) in self.words and not self.is_wanted(lead.key, audience)
        if tag == Ours(audience):
            return "left, put there by us" if has_left else "put there by us"
        is_newest = instance.newest(lead.key) == lead.id
        has_gone = has_left and is_newest and lead.key not in self.withdrawn
        if tag is By.HAND and (has_gone or self._is_to_be_found(instance, lead, member.list_id)):
            return "left or without consent, put there by hand before"
        if is_verified and has_left:
            return "left, and a verification repaired leavers"
        return None
