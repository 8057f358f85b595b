"""How paths into profiles are written, what they lead to, and what is said of those that lead nowhere."""

import pytest

from destination.domain.path import EXAMPLES, Path, PathError

PROFILE = {
    "name": {"first": "Ada"},
    "emails": [
        {"address": "work@example.org", "kind": "work", "rank": 2, "primary": False, "label": {"en": "it's"}},
        {"address": "home@example.org", "kind": "home", "rank": 1.0, "primary": True},
        {"kind": "work"},
        "none",
        None,
    ],
    "tags": ["a", None, "", "b", {}],
    "matrix": [["a", "b"], ["c"], "d"],
    "phones": [{"numbers": ["1", "2"]}, {"numbers": ["3"]}],
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("name.first", ["Ada"]),
        ("name.last", []),
        ("name.first.letter", []),
        ("tags", ["a", "b"]),
        ("tags[*]", ["a", "b"]),
        ("tags[0]", ["a"]),
        ("tags[1]", []),
        ("tags[2]", [""]),
        ("tags[99]", []),
        ("tags[*].name", []),
        ("name[0]", []),
        ("name[*]", []),
        ("missing[0].x", []),
        ("emails.address", []),
        ("emails[0].address", ["work@example.org"]),
        ("emails[*].address", ["work@example.org", "home@example.org"]),
        ("emails[?primary==true].address", ["home@example.org"]),
        ("emails[?primary==false].address", ["work@example.org"]),
        ("emails[?kind=='work'].address", ["work@example.org"]),
        ('emails[? kind == "home" ].address', ["home@example.org"]),
        ("emails[?rank==1].address", ["home@example.org"]),
        ("emails[?rank==2.0].address", ["work@example.org"]),
        ('emails[?label.en=="it\'s"].address', ["work@example.org"]),
        ("emails[?kind=='a.b]c'].address", []),
        ("matrix", ["d"]),
        ("matrix[0]", ["a", "b"]),
        ("matrix[*][0]", ["a", "c"]),
        ("phones[*].numbers", ["1", "2", "3"]),
        ("phones[*].numbers[0]", ["1", "3"]),
        ("phones[0].numbers[1]", ["2"]),
    ],
)
def test_a_path_leads_to_values(path: str, values: list[object]) -> None:
    found = Path.of(path).values(PROFILE)
    assert [one for one in found if isinstance(one, str)] == values


@pytest.mark.parametrize(
    ("path", "namespace"),
    [
        ("identityMap.email", "email"),
        ("IdentityMap.Email", "email"),
        ("identitymap.com.example.Mail", "com.example.mail"),
    ],
)
def test_an_identity_is_named_by_its_namespace(path: str, namespace: str) -> None:
    assert Path.of(path).namespace == namespace


@pytest.mark.parametrize("path", ["name.first", "identityMaps.email", "a b.$c:d-e"])
def test_a_path_of_names_is_plain(path: str) -> None:
    assert (Path.of(path).is_plain, Path.of(path).names) == (True, tuple(path.split(".")))


@pytest.mark.parametrize("path", ["a[0]", "a[*].b", "identityMap.email"])
def test_other_paths_are_not(path: str) -> None:
    assert not Path.of(path).is_plain


BRACKET = "what the bracket begins is none of [0], [*], [?primary==true] or [?type=='work']"


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("", "a name is missing at character 1"),
        (".a", "a name is missing at character 1"),
        ("a.", "a name is missing at character 3"),
        ("a..b", "a name is missing at character 3"),
        ("[0].a", "a name is missing at character 1"),
        ("a.[0]", "a name is missing at character 3"),
        ("a]", "a dot is missing at character 2"),
        ("a[0]b", "a dot is missing at character 5"),
        ("a[", f"{BRACKET} at character 2"),
        ("a[]", f"{BRACKET} at character 2"),
        ("a[-1]", f"{BRACKET} at character 2"),
        ("a[0:2]", f"{BRACKET} at character 2"),
        ("a[b]", f"{BRACKET} at character 2"),
        ("a[0", f"{BRACKET} at character 2"),
        ("a.b[c==1]", f"{BRACKET} at character 4"),
        ("a[?(@.primary==true)]", f"{BRACKET} at character 2"),
        ("a[?@.primary==true]", f"{BRACKET} at character 2"),
        ("a[?kind==work]", f"{BRACKET} at character 2"),
        ("a[?kind='work']", f"{BRACKET} at character 2"),
        ("a[?kind!='work']", f"{BRACKET} at character 2"),
        ("a[?kind=='work' && main==true]", f"{BRACKET} at character 2"),
        ("a[?.kind=='work']", "a name is missing in the condition at character 2"),
    ],
)
def test_what_is_no_path_is_refused_with_the_place_and_an_example(path: str, what: str) -> None:
    with pytest.raises(PathError) as refused:
        Path.of(path)
    assert str(refused.value) == f"{what}; write a path such as {EXAMPLES}"


@pytest.mark.parametrize("path", ["identityMap", "identityMap.email[0]", "identityMap.Email[0].id", "identityMap[*]"])
def test_an_identity_takes_no_selector(path: str) -> None:
    with pytest.raises(PathError, match="must name the namespace of an identity alone"):
        Path.of(path)
