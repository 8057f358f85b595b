"""A new connection takes the lists of another one over, as the answer to a change of what people are known by says."""

from collections.abc import Iterator
from typing import Any

import pytest

from testing.control_plane import audience_path, call
from testing.stack import MAPPING, RunningStack, stack

LIST = 4711
EMAIL = {"source": "email", "target": "email"}
BY_KEY = [{"source": "key", "target": "DedupeField"}, EMAIL, *MAPPING[1:3]]


@pytest.fixture(name="stack")
def _stack() -> Iterator[RunningStack]:
    seed = {
        "fields": [{"name": "customerKey", "searchable": True}],
        "lists": [{"name": "Webinar", "id": LIST, "workspace": "Default"}],
    }
    with stack(seed) as found:
        yield found


def activate(connection_id: str, **properties: object) -> int:
    body = {"id": "aud-1", "name": "Webinar, spring", "list": {"id": LIST}, **properties}
    return call("POST", f"/connections/{connection_id}/audiences", body).status


def test_another_connection_takes_a_list_over_with_its_people(stack: RunningStack) -> None:
    old = stack.connect(mapping=MAPPING)
    assert activate(old[0]) == 201
    assert call("POST", f"/connections/{old[0]}/enable").status == 200
    assert stack.post(old, ("Ada", "realized"), ("Bob", "realized")) == 202
    assert stack.deliver() == set()
    assert stack.members(LIST) == {"Ada", "Bob"}

    rekeyed = call("PATCH", f"/connections/{old[0]}", {"dedupe_field": "customerKey", "mapping": BY_KEY})
    assert rekeyed.status == 422
    for step in ("create another connection", "deactivate it here", "activate it there", "list.id"):
        assert step in rekeyed.errors["dedupe_field"]

    new = stack.connect(name="By key", dedupe_field="customerKey", mapping=BY_KEY)
    assert activate(new[0]) == 409
    # What the old one let in and has not delivered by then changes the list no more.
    assert stack.post(old, ("Ada", "exited")) == 202
    assert call("DELETE", audience_path(old[0], "aud-1")).status == 204
    assert activate(new[0]) == 201
    assert call("POST", f"/connections/{new[0]}/enable").status == 200
    assert stack.deliver() == set()
    assert stack.members(LIST) == {"Ada", "Bob"}
    assert call("POST", f"/connections/{old[0]}/disable").status == 200

    # The source sends everybody to the new one: nobody is made a second time, and who has left meanwhile leaves.
    assert stack.post(new, ("Ada", "realized"), ("Bob", "exited"), ("Cy", "realized")) == 202
    assert stack.deliver() == set()
    assert stack.members(LIST) == {"Ada", "Cy"}
    dumped: Any = stack.marketo.dump()["leads"]
    assert sorted(lead["firstName"] for lead in dumped) == ["Ada", "Bob", "Cy"]

    assert call("DELETE", f"/connections/{old[0]}", query={"discard": "true"}).status == 204
    assert stack.members(LIST) == {"Ada", "Cy"}
    assert activate(stack.connect(name="A third")[0]) == 409
