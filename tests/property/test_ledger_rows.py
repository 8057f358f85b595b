"""Any row of the ledger reads as it was written, and takes no more than was reckoned."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.audience import AudienceKey
from destination.domain.coalescing import in_any_namespace
from destination.domain.event import MembershipStatus
from destination.domain.person import Applied, Attributes, ConsentWord, Desired, Importing, LedgerRow, Said
from destination.domain.refusal import Refusals
from destination.store.rows import by_code, bytes_of, decoded, encoded

AUDIENCES = [AudienceKey(namespace, name) for namespace in ("ups", "crm", "") for name in ("a", "a#1", "ü" * 64)]
AUDIENCE = st.sampled_from(AUDIENCES)
TIME = st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1), max_value=datetime(2262, 1, 1))  # noqa: DTZ001
SAID = st.builds(Said, TIME, TIME)
ID = st.integers(1, 2**32 - 1)
COUNT = st.integers(0, 300)
EVER = datetime(1900, 1, 1, tzinfo=UTC)
STATUS = st.sampled_from(MembershipStatus)
PARTS = st.dictionaries(
    st.integers(0, 2**64 - 1), st.builds(Desired, STATUS, SAID, st.just(())), min_size=1, max_size=3
)
ROW = st.builds(
    LedgerRow,
    desired=st.dictionaries(
        AUDIENCE, st.builds(Desired, STATUS, SAID, st.just(())) | PARTS.map(lambda of: in_any_namespace(of.items()))
    ),
    applied=st.dictionaries(
        AUDIENCE, st.builds(Applied, ID, st.lists(ID, max_size=4, unique=True).map(tuple), st.booleans())
    ),
    attributes=st.none() | st.builds(Attributes, st.none() | st.just("0f" * 32), SAID, TIME, st.none() | ID),
    consent=st.none() | st.builds(ConsentWord, st.booleans(), SAID),
    named=st.dictionaries(AUDIENCE, TIME),
    lead_id=st.none() | ID,
    looked_up_at=st.none() | TIME,
    refusals=st.none()
    | st.dictionaries(
        st.sampled_from(["create", "update", "look up by", "add to list", "remove from list"]),
        st.builds(Refusals, st.sampled_from(["611", "UNEXPECTED_ANSWER"]), TIME, TIME, COUNT, COUNT),
    ),
    importing=st.none()
    | st.builds(
        Importing, st.just("a" * 32), st.just("b" * 32), ID, st.none() | ID, st.none() | st.just("0f" * 32), TIME
    ),
)


@given(row=ROW, dropped=st.sets(AUDIENCE))
def test_a_row_reads_as_it_was_written(row: LedgerRow, dropped: set[AudienceKey]) -> None:
    left = {audience: EVER for audience in AUDIENCES if audience not in dropped}
    read = decoded(encoded(row), by_code(left))
    assert read.desired == {audience: one for audience, one in row.desired.items() if audience in left}
    assert read.applied == {audience: one for audience, one in row.applied.items() if audience in left}
    assert read.named == {audience: at for audience, at in row.named.items() if audience in left}
    assert (read.attributes, read.consent) == (row.attributes, row.consent)
    assert (read.lead_id, read.looked_up_at) == (row.lead_id, row.looked_up_at)
    assert (read.refusals or None) == (row.refusals or None)
    assert read.importing == row.importing


def since(begun_at: datetime, told: Desired) -> Desired | None:
    """What counts of what was said: in each namespace by itself, where it was said of an audience in any."""
    if not told.parts:
        return told if told.said.received_at >= begun_at else None
    left = [(namespace, part) for namespace, part in told.parts if part.said.received_at >= begun_at]
    return in_any_namespace(left) if left else None


@given(row=ROW, begun=st.dictionaries(AUDIENCE, TIME))
def test_a_row_reads_the_same_again_however_much_of_it_counts(
    row: LedgerRow, begun: dict[AudienceKey, datetime]
) -> None:
    codes = by_code(begun)
    read = decoded(encoded(row), codes)
    counts = {one: left for one, told in row.desired.items() if one in begun and (left := since(begun[one], told))}
    assert read.desired == counts
    assert {one: told._replace(is_sure=False) for one, told in read.applied.items()}.items() <= {
        one: told._replace(is_sure=False) for one, told in row.applied.items()
    }.items()
    trusted = {
        one
        for one in row.applied.keys() & begun.keys()
        if one not in row.desired or row.desired[one].said.received_at >= begun[one]
    }
    assert {one: row.applied[one] for one in trusted}.items() <= read.applied.items()
    assert not any(told.is_sure for one, told in read.applied.items() if one not in trusted)
    assert decoded(encoded(read), codes) == read


@given(row=ROW)
def test_a_row_takes_no_more_than_was_reckoned(row: LedgerRow) -> None:
    """With the names of its attributes, and keys of 64 and 71 characters."""
    item = encoded(row)
    names = len("pkskmembershipsrestrefusalsnamedimportingexpires_at") + 64 + 2 + 71 + 21
    entries, refusals = item.get("memberships", {"B": b""})["B"], item.get("refusals", {"S": ""})["S"]
    named, importing = item.get("named", {"B": b""})["B"], item.get("importing", {"S": ""})["S"]
    stored = (entries, item["rest"]["B"], refusals, named, importing)
    assert names + sum(map(len, stored)) <= bytes_of(row)
