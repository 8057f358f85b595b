"""The site has every document, and its links lead where those of the repository do."""

from pathlib import Path

import pytest

from docs.api_reference import page
from docs.site import API, ROOT, documents, moved, shown

HERE = ROOT / "docs/guide.md"
PLACES = {ROOT / "README.md": "index.md", HERE: "guide.md", ROOT / "docs/decisions/1.md": "decisions/1.md"}


@pytest.mark.parametrize(
    ("written", "site"),
    [
        ("[a](../README.md#b)", "[a](index.md#b)"),
        ("[a](decisions/1.md)", "[a](decisions/1.md)"),
        ("[a `b` [c]](../README.md)", "[a `b` [c]](index.md)"),
        ("[a](#b)", "[a](#b)"),
        ("[a](https://example.org/x.md)", "[a](https://example.org/x.md)"),
        ("[the contract](openapi.json)", "[the contract](api.md)"),
        ("[an example](../events/one.json)", "an example"),
        ("![a picture](pictures/one.png)", "![a picture](pictures/one.png)"),
        ("```\n[a](../README.md)\n```", "```\n[a](../README.md)\n```"),
    ],
)
def test_links_are_changed_to_what_the_site_has(written: str, site: str) -> None:
    assert moved(written, HERE, PLACES) == site


def test_links_of_a_deeper_document_lead_up() -> None:
    deeper = ROOT / "docs/decisions/1.md"
    assert moved("[a](../guide.md) [b](../openapi.json)", deeper, PLACES) == "[a](../guide.md) [b](../api.md)"


def test_the_menu_leads_to_every_document_but_the_decisions_that_their_list_leads_to() -> None:
    listed = {place for place in documents().values() if place.startswith(("decisions/0", "examples/"))}
    assert shown() == {*documents().values(), API} - listed


def test_the_reference_has_each_call_with_its_parameters_and_bodies() -> None:
    told = page(
        {
            "info": {"description": "What it is."},
            "paths": {
                "/things/{id}": {
                    "post": {
                        "summary": "Make a thing",
                        "parameters": [
                            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                            {
                                "name": "size",
                                "in": "query",
                                "schema": {"enum": ["s", "m"]},
                                "description": "How\nlarge.",
                            },
                        ],
                        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/c/Thing"}}}},
                        "responses": {"204": {"description": "Done."}},
                    }
                }
            },
            "components": {
                "schemas": {
                    "Thing": {
                        "properties": {
                            "tags": {"type": "array", "items": {"type": "string"}, "description": "a|b"},
                            "at": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
                        },
                        "required": ["tags"],
                    }
                }
            },
        }
    )
    for line in (
        "`POST /things/{id}`",
        "| `id` | path | string |  |",
        "| `size` | query | `s`, `m`, optional | How large. |",
        "Takes `application/json`: [Thing](#thing)",
        "| 204 |  | Done. |",
        "| `tags` | list of string | a\\|b |",
        "| `at` | string (date) or null, optional |  |",
    ):
        assert line in told.splitlines()


def test_a_document_is_in_the_site_once() -> None:
    places = list(documents().values())
    assert len(set(places)) == len(places)
    assert all(isinstance(one, Path) and one.exists() for one in documents())
