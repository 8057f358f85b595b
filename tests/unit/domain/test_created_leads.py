"""Whose leads are whose, of those that an import created."""

from destination.domain.created_leads import ids_of, name_in_import, names_in
from destination.domain.schema import EMAIL, Field

BY = Field("email", EMAIL)
ADA, BOB, EVE = (name_in_import(f"{one}@example.org") for one in ("ada", "bob", "eve"))


def test_a_name_does_not_tell_the_key() -> None:
    assert len({ADA, BOB, EVE}) == 3
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in (ADA, BOB, EVE))


def test_those_who_are_in_an_import_are_told_by_its_rows() -> None:
    parts = ['Ada@Example.org,"Engines, Ltd"\r\nbob@example.org,\r\n', "eve@example.org,x\r\n", ""]
    assert names_in(parts, BY) == {ADA, BOB, EVE}


def test_of_the_leads_of_a_time_its_own_are_taken_if_there_is_one_of_each() -> None:
    leads = [
        (7, "Ada@example.org"),
        (8, "bob@example.org"),
        (9, "BOB@example.org"),
        (10, "mallory@example.org"),
        (11, None),
        (12, "no address"),
    ]
    assert ids_of(leads, {ADA, BOB, EVE}, BY) == {ADA: 7}
    assert ids_of([(7, "ada@example.org"), (7, "ada@example.org")], {ADA}, BY) == {ADA: 7}
    assert ids_of([], {ADA}, BY) == {}
