"""What is desired of an audience in any namespace: the same in whatever order and batches its events arrive."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.audience import ANY_NAMESPACE, AudienceKey
from destination.domain.event import Membership, MembershipStatus, together
from destination.domain.person import LedgerRow
from testing.persons import adding_up, minute, unit

ANY = AudienceKey(ANY_NAMESPACE, "a")
SAID = st.tuples(st.sampled_from(["ups", "crm", "csv"]), st.sampled_from(MembershipStatus))
EVENTS = st.lists(st.lists(SAID, min_size=1, max_size=3, unique_by=lambda one: one[0]), min_size=1, max_size=8)


def is_in(events: Sequence[Sequence[tuple[str, MembershipStatus]]]) -> bool:
    """Each event is said in the minute of its place."""
    newest = {namespace: status for event in events for namespace, status in event}
    return MembershipStatus.REALIZED in newest.values()


@given(events=EVENTS, data=st.data())
def test_who_is_in_it_by_the_newest_word_of_any_namespace_is_in_it(
    events: list[list[tuple[str, MembershipStatus]]], data: st.DataObject
) -> None:
    units = [
        unit(
            at,
            together(ANY, [Membership(AudienceKey(space, "a"), status, minute(at)) for space, status in event]),
            at=at,
        )
        for at, event in enumerate(events)
    ]
    arriving = data.draw(st.permutations(units))
    row = LedgerRow()
    while arriving:
        count = data.draw(st.integers(1, len(arriving)))
        batch, arriving = arriving[:count], arriving[count:]
        person = adding_up(*batch, row=row)
        row = LedgerRow(desired=person.desired)
        again = adding_up(*batch, row=row)
        assert again.desired == row.desired, "a repetition says nothing new"
        assert again.memberships == {}
    assert row.desired[ANY].is_realized is is_in(events)
