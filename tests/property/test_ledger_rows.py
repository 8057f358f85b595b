"""Any row of the ledger reads as it was written, and takes no more than was reckoned."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.audience import AudienceKey
from destination.domain.event import MembershipStatus
from destination.domain.person import Applied, Attributes, ConsentWord, Desired, LedgerRow, Said
from destination.store.rows import by_code, bytes_of, decoded, encoded

AUDIENCES = [AudienceKey(namespace, name) for namespace in ("ups", "crm", "") for name in ("a", "a#1", "ü" * 64)]
AUDIENCE = st.sampled_from(AUDIENCES)
TIME = st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1), max_value=datetime(2262, 1, 1))  # noqa: DTZ001
SAID = st.builds(Said, TIME, TIME)
ID = st.integers(1, 2**32 - 1)
STATUS = st.sampled_from(MembershipStatus)
PARTS = st.dictionaries(st.integers(0, 2**64 - 1), st.builds(Desired, STATUS, SAID, st.just(())), max_size=3)
ROW = st.builds(
    LedgerRow,
    desired=st.dictionaries(
        AUDIENCE, st.builds(Desired, STATUS, SAID, PARTS.map(lambda parts: tuple(sorted(parts.items()))))
    ),
    applied=st.dictionaries(
        AUDIENCE, st.builds(Applied, ID, st.lists(ID, max_size=4, unique=True).map(tuple), st.booleans())
    ),
    attributes=st.none() | st.builds(Attributes, st.none() | st.just("0f" * 32), SAID, TIME, st.none() | ID),
    consent=st.none() | st.builds(ConsentWord, st.booleans(), SAID),
    lead_id=st.none() | ID,
    looked_up_at=st.none() | TIME,
)


@given(row=ROW, dropped=st.sets(AUDIENCE))
def test_a_row_reads_as_it_was_written(row: LedgerRow, dropped: set[AudienceKey]) -> None:
    left = [audience for audience in AUDIENCES if audience not in dropped]
    read = decoded(encoded(row), by_code(left))
    assert read.desired == {audience: one for audience, one in row.desired.items() if audience in left}
    assert read.applied == {audience: one for audience, one in row.applied.items() if audience in left}
    assert (read.attributes, read.consent) == (row.attributes, row.consent)
    assert (read.lead_id, read.looked_up_at) == (row.lead_id, row.looked_up_at)


@given(row=ROW)
def test_a_row_takes_no_more_than_was_reckoned(row: LedgerRow) -> None:
    """With the names of its attributes, and keys of 64 and 71 characters."""
    item = encoded(row)
    names = len("pkskmembershipsrestexpires_at") + 64 + 2 + 71 + 21
    assert names + len(item.get("memberships", {"B": b""})["B"]) + len(item["rest"]["B"]) <= bytes_of(row)
