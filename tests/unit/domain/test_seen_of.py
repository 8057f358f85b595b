"""What of that which was seen is mapped, and what is activated."""

import pytest

from destination.domain.audience import ANY_NAMESPACE, AudienceKey
from destination.domain.connection import MappingRow
from destination.domain.seen import Seen
from destination.domain.seen_of import SeenOf
from testing.persons import START, activation, active, audience


def mapping(*sources: str) -> SeenOf:
    rows = tuple(MappingRow(source, "company") for source in sources)
    return SeenOf(active(mapping=rows), Seen(), START.date(), START)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("person.name", "person.name"),
        ("emails[0].address", "emails[*].address"),
        ("emails[?primary==true].address", "emails[*].address"),
        ("emails[*].address", "emails[*].address"),
        ("interests", "interests[*]"),
        ("interests[2]", "interests[*]"),
        ("grid[0]", "grid[*][*]"),
    ],
)
def test_a_row_maps_what_it_leads_to(source: str, path: str) -> None:
    assert mapping("company", source).is_mapped(path)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("person", "person.name"),
        ("person.name.first", "person.name"),
        ("emails.address", "emails[*].address"),
        ("emails[?primary==true].label", "emails[*].primary"),
        ("Person.name", "person.name"),
        ("identityMap.email", "email"),
    ],
)
def test_a_row_maps_nothing_else(source: str, path: str) -> None:
    assert not mapping("company", source).is_mapped(path)
    assert not mapping().is_mapped(path)


def test_identities_are_mapped_by_their_namespace_without_case() -> None:
    found = mapping("identityMap.CRMID", "email")
    assert (found.is_mapped_identity("crmid"), found.is_mapped_identity("email")) == (True, False)


def test_an_audience_is_activated_in_its_namespace_or_in_any() -> None:
    ours, everywhere = activation("a"), activation("b", audience=AudienceKey(ANY_NAMESPACE, "everywhere"))
    found = SeenOf(active(ours, everywhere), Seen(), START.date(), START)
    assert found.activation_of(audience("a")) == ours
    assert found.activation_of(AudienceKey("crm", "everywhere")) == everywhere
    assert found.activation_of(AudienceKey("crm", "a")) is None
