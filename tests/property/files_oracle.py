"""What files and events make of runs, results and lists, by docs/files.md and docs/delivery.md: slowly, and without our
code.

Of an audience a person is what was said last of it: by an event, by a row, or by a mirror, which says at the time of
its upload of everybody whom it does not name that they have left. Each row that was read has one outcome, and was
counted, but for those that were not delivered.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.file import File, FileStatus, Mode
from destination.domain.verification import VerificationStatus
from testing.counts import counted
from testing.world import World

HEADER = ("email", "firstName", "lastName", "company")
TIME = "segmentMembership.ups.x.lastQualificationTime"
COUNTED = frozenset({"activated", "unchanged", "excluded", "failed", "ignored"})
"""What becomes of a row that the ledger has; of a rejected one the run knows the loss."""


class Place(NamedTuple):
    """Where something was said: the envelope, and the number in it."""

    envelope: str
    number: str


class Row(NamedTuple):
    """`who`: an address, or what is wrong with it; `at`: when that was said, if it says so."""

    who: str
    is_in: bool
    at: datetime | None
    company: str

    @property
    def is_torn(self) -> bool:
        return self.who == "torn"

    @property
    def email(self) -> str | None:
        return self.who if "@" in self.who else None


class Word(NamedTuple):
    """What was said of one person: when, and when it was received; of audiences whether it is in them, since when."""

    at: datetime
    received_at: datetime
    email: str | None
    audiences: Mapping[str, tuple[datetime, bool]]
    company: str


@dataclass(frozen=True, slots=True)
class DroppedFile:
    mode: Mode
    name: str | None
    rows: Sequence[Row]


@dataclass
class FilesOracle:
    """`late`: by mirror what was not counted before the others were taken off; of these it may say nothing. `begun`:
    what a worker may have told Marketo that died; of a file that was cancelled nobody may come back to it.
    """

    events: dict[Place, Word] = field(default_factory=dict)
    files: dict[tuple[str, str], DroppedFile] = field(default_factory=dict)
    late: dict[str, set[Place]] = field(default_factory=dict)
    begun: set[Place] = field(default_factory=set)

    @property
    def keys(self) -> set[str]:
        return {key for key, _ in self.files}

    def said(self, place: Place, said: ProfileEvent) -> None:
        audiences = {one.audience.id: (one.at, one.status is MembershipStatus.REALIZED) for one in said.memberships}
        self.events[place] = Word(
            said.at, said.received_at, str(said.profile["email"]), audiences, str(said.profile["company"])
        )

    def dropped(self, key: str, version: str, mode: Mode, name: str | None, rows: Sequence[Row]) -> None:
        self.files[key, version] = DroppedFile(mode, name, rows)

    # What was counted

    def uncounted(self, world: World, files: Sequence[File]) -> set[Place]:
        """What was said and is not counted yet; of a file, as far as it was read."""
        places = {*self.events, *(place for file in files for place in self.words(file))}
        return {place for place in places if place.number not in counted(world, place.envelope)}

    def verified(self, world: World, files: Sequence[File], uncounted: set[Place]) -> None:
        """Note what the others were taken off without, who are not in a mirror."""
        for file in files:
            if file.verification is not None and world.verifications.stored[file.verification].ledger.is_read:
                self.late.setdefault(file.id, uncounted)

    def assert_told(self, world: World, file: File, lines: Sequence[Mapping[str, str]]) -> None:
        """Each row that was read has one line, which tells whether it was counted."""
        rows = self._dropped(file).rows
        assert [int(one["row"]) for one in lines] == list(range(1, file.rows + 1))
        assert file.persons == Counter(one["outcome"] for one in lines)
        if file.status is FileStatus.COMPLETED and file.code is None:
            assert file.rows == len(rows)
            assert all(one["outcome"] != "not_delivered" for one in lines)
        for row, line, place in zip(rows, lines, self._places(file), strict=False):
            is_counted = place.number in counted(world, place.envelope)
            assert (line["outcome"] == "rejected") == row.is_torn
            assert is_counted == (line["outcome"] in COUNTED), (line, place)
            if row.who == "nobody" and is_counted:
                assert line["outcome"] == "excluded"

    def assert_all_counted(
        self, world: World, files: Sequence[File], result: Callable[[File], Sequence[Mapping[str, str]]]
    ) -> None:
        """Everything that was said counts once, in the run of the hour in which it was received."""
        expected = Counter(_run(word.received_at) for word in self.events.values())
        rejected: Counter[str] = Counter()
        for file in files:
            lines = result(file) if file.persons else ()
            for line in lines:
                run = _run(_received(file, int(line["row"]) - 1))
                expected[run] += line["outcome"] in COUNTED
                rejected[run] += line["outcome"] == "rejected"
        found: Counter[str] = Counter()
        lost: Counter[str] = Counter()
        for (_, run), one in world.ledger.runs.stored.items():
            found[run] += one.tally.counts["received"] + one.tally.counts["ignored"]
            lost[run] += sum(one.tally.losses.values())
        assert +found == +expected
        assert +lost == +rejected
        assert world.ledger.total(world.connection.id).counts["failed"] == 0

    # Who is to be where

    def assert_lists(self, world: World, files: Sequence[File], people: Sequence[str], known: Collection[str]) -> None:
        """`known`: who is in Marketo from the start, so that what was said first of them was said to a lead."""
        words = self._all_words(world, files)
        for email in people:
            own = {place: word for place, word in words.items() if word.email == email}
            for name in "ab":
                allowed = self._allowed(world, own, name, files) | self._may_be_told(world, files, email, name)
                leads = {one["id"] for one in world.leads_by_email(email)}
                on_list = leads & set(world.members(name))
                assert len(on_list) in allowed, (email, name, on_list, allowed)
            if email in known:
                self._assert_newest_company(world, files, email, own)

    def _allowed(self, world: World, own: Mapping[Place, Word], name: str, files: Sequence[File]) -> set[int]:
        """On how many lists of this audience somebody may be: on one or none, and either where nobody can tell."""
        of_audience = [(word.received_at, word.audiences[name]) for word in own.values() if name in word.audiences]
        said = [(at, received_at, is_in) for received_at, (at, is_in) in of_audience]
        newest = max(said, default=None)
        is_in = newest is not None and newest[2]
        allowed = {int(is_in)}
        for file in files:
            if newest is None or not self._takes_off(file, name) or newest[:2] >= (file.began_at, file.began_at):
                continue
            is_done = world.verifications.stored[file.verification or ""].status is VerificationStatus.COMPLETED
            is_late = newest[1] >= file.began_at or any(place in self.late.get(file.id, ()) for place in own)
            allowed = allowed | {0} if is_late or not is_done or file.code is not None else {0}
        return allowed

    def _may_be_told(self, world: World, files: Sequence[File], email: str, name: str) -> set[int]:
        """Of rows that were not delivered in the end, as their file was cancelled, but were begun."""
        told = [
            word.audiences[name][1]
            for file in files
            for place, word in self.words(file).items()
            if self._is_begun(world, place)
            if word.email == email and name in word.audiences
        ]
        return {int(is_in) for is_in in told}

    def _is_begun(self, world: World, place: Place) -> bool:
        """Whether Marketo may have been told of it, and it does not count."""
        return place in self.begun and place.number not in counted(world, place.envelope)

    def _takes_off(self, file: File, name: str) -> bool:
        return file.mode is Mode.MIRROR and file.verification is not None and self._dropped(file).name == name

    def _assert_newest_company(
        self, world: World, files: Sequence[File], email: str, own: Mapping[Place, Word]
    ) -> None:
        """The lead has the newest one; those that come without a membership count if they find a member."""
        begun = [
            word.company for file in files for place, word in self.words(file).items() if self._is_begun(world, place)
        ]
        allowed: list[object] = [*begun]
        for word in sorted(own.values(), key=_said, reverse=True):
            allowed.append(word.company)
            if word.audiences:
                leads = world.leads_by_email(email)
                newest = max(leads, key=lambda one: (one["updatedAt"], one["id"]), default=None)
                if newest is not None:
                    assert newest["company"] in allowed, (email, newest, allowed)
                return

    def _all_words(self, world: World, files: Sequence[File]) -> dict[Place, Word]:
        """What was said and counted, by place."""
        words = {**self.events}
        for file in files:
            words |= {
                place: word
                for place, word in self.words(file).items()
                if place.number in counted(world, place.envelope)
            }
        return words

    def words(self, file: File) -> dict[Place, Word]:
        """What the rows say that were read of a file."""
        dropped = self._dropped(file)
        return {
            place: Word(
                _received(file, number),
                _received(file, number),
                row.email,
                {} if dropped.name is None else {dropped.name: _membership(dropped, row, _received(file, number))},
                row.company,
            )
            for number, (row, place) in enumerate(zip(dropped.rows, self._places(file), strict=False))
            if not row.is_torn
        }

    def _places(self, file: File) -> list[Place]:
        return [
            Place(f"file-{file.id}-{part:05}", str(place))
            for part, rows in enumerate(file.parts)
            for place in range(rows)
        ]

    def _dropped(self, file: File) -> DroppedFile:
        [found] = file.objects
        return self.files[found.key, found.version]


def content_of(rows: Sequence[Row], mode: Mode, *, has_times: bool) -> bytes:
    """A file of these rows. In one that says who left, `status` says it, or Adobe's column beside that of the time."""
    columns = [*HEADER]
    if mode is Mode.INCREMENTAL:
        columns += ["segmentMembership.ups.x.status", TIME] if has_times else ["status"]
    lines = [",".join(columns)]
    for row in rows:
        if row.is_torn:
            lines.append("torn")
            continue
        cells = [row.email or "", "Ada", "Lovelace", row.company]
        if mode is Mode.INCREMENTAL:
            cells.append("Active" if row.is_in else "Expired")
            cells += ["" if row.at is None else row.at.isoformat()] if has_times else []
        lines.append(",".join(cells))
    return "\n".join(lines).encode()


def _membership(dropped: DroppedFile, row: Row, received_at: datetime) -> tuple[datetime, bool]:
    """Whether a row puts somebody into the file's audience, since when: one says who left, if the mode is for that."""
    if dropped.mode is not Mode.INCREMENTAL:
        return received_at, True
    return row.at if row.at is not None else received_at, row.is_in


def _received(file: File, number: int) -> datetime:
    """A row is received at the time of the upload, a microsecond after the one before."""
    return file.began_at + timedelta(microseconds=number)


def _run(received_at: datetime) -> str:
    return f"{received_at:%Y-%m-%dT%H}:00Z"


def _said(word: Word) -> tuple[datetime, datetime]:
    return word.at, word.received_at
