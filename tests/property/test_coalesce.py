"""Whatever the order of arrival and the cut into batches: the newest wins, and every event is accounted for."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus
from destination.domain.person import Delivered, LedgerRow, Origin, Unit, coalesce
from testing.world import START, audience

NAMES = ("firstName", "lastName", "company")
AUDIENCES = (audience("a"), audience("b"))
TIMES = st.integers(0, 60).map(lambda number: START + timedelta(minutes=number))


@st.composite
def persons_units(draw: st.DrawFn) -> list[Unit]:
    """Events of one person, their times all different, as the receipt of a body makes them."""
    times = draw(st.lists(TIMES, min_size=1, max_size=5, unique=True))
    units = []
    for number, at in enumerate(times):
        fields = draw(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3) | st.none(), max_size=3))
        statuses = draw(st.dictionaries(st.sampled_from(AUDIENCES), st.sampled_from(MembershipStatus), max_size=2))
        memberships = tuple(Membership(key, status, at) for key, status in sorted(statuses.items()))
        origin = Origin("message-1", str(number), "2026-11-21T10:00Z")
        units.append(Unit(origin, at, "ada", "ada", fields, (), memberships))
    return units


@st.composite
def rows(draw: st.DrawFn) -> LedgerRow | None:
    if not draw(st.booleans()):
        return None
    statuses = draw(st.dictionaries(st.sampled_from(AUDIENCES), st.sampled_from(MembershipStatus), max_size=2))
    delivered = {key: Delivered(status, draw(TIMES), 7) for key, status in statuses.items()}
    return LedgerRow(attributes_at=draw(st.none() | TIMES), memberships=delivered)


@given(persons_units(), rows(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(units: list[Unit], row: LedgerRow | None, random: object) -> None:
    shuffled = sorted(units, key=lambda _: random.random())  # type: ignore[attr-defined]
    one, other = coalesce("ada", units, row), coalesce("ada", shuffled, row)
    assert (one.fields, one.memberships, one.at) == (other.fields, other.memberships, other.at)
    assert one.superseded == other.superseded


@given(persons_units(), rows())
def test_of_each_field_and_each_audience_the_newest_that_the_ledger_lacks_is_wanted(
    units: list[Unit], row: LedgerRow | None
) -> None:
    known = row or LedgerRow()
    person = coalesce("ada", units, row)
    news = [one for one in units if known.attributes_at is None or one.at > known.attributes_at]
    for name in NAMES:
        saying = [one for one in news if name in one.fields]
        assert (name in person.fields) == bool(saying)
        if saying:
            assert person.fields[name] == max(saying, key=lambda one: one.at).fields[name]
    for key in AUDIENCES:
        said = [one for unit in units for one in unit.memberships if one.audience == key and _is_new(key, one, known)]
        assert person.memberships.get(key) == (max(said, key=lambda one: one.at) if said else None)
    assert person.at == max((one.at for one in news), default=None)


@given(persons_units(), rows())
def test_an_event_is_superseded_when_nothing_wanted_is_its_own(units: list[Unit], row: LedgerRow | None) -> None:
    person = coalesce("ada", units, row)
    assert person.units == tuple(units)
    for unit in units:
        others = [one for one in units if one is not unit]
        newer = {name for one in others if one.at > unit.at for name in one.fields}
        is_news = row is None or row.attributes_at is None or unit.at > row.attributes_at
        says = bool(unit.fields.keys() - newer) if is_news else False
        says |= any(one in person.memberships.values() for one in unit.memberships)
        repeats = not (person.fields or person.memberships) and _is_known(unit, row or LedgerRow())
        assert (unit.origin in person.superseded) == (bool(unit.fields or unit.memberships) and not (says or repeats))


def _is_known(unit: Unit, row: LedgerRow) -> bool:
    """Whether all that a unit says is in the row, with its very times."""
    told = {key: (one.at, one.status) for key, one in row.memberships.items()}
    old = unit.fields and row.attributes_at is not None and unit.at < row.attributes_at
    return not old and all(
        told.get(one.audience, (one.at, one.status)) == (one.at, one.status) for one in unit.memberships
    )


def _is_new(key: AudienceKey, one: Membership, known: LedgerRow) -> bool:
    return key not in known.memberships or one.at > known.memberships[key].at
