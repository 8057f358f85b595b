"""What an instance of the simulator holds survives being written and read, whatever happened to it before."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from marketo_simulator import snapshot
from marketo_simulator.state import State
from tests.unit.simulator.simulator_api import Api

SAVED = {"schema", "field_notes", "leads", "partitions", "workspaces", "folders", "lists", "unsubscribed", "journal"}
SAVED |= {"_next_lead", "_next_list", "_next_folder"}
FOLLOWS = {"_index", "_unset", "_zone"}
"""Attributes of State that follow from the others."""

Step = Callable[[Api], object]

TEXT = st.text(max_size=8)
NAMES = st.sampled_from(["Default", "EMEA", "APAC", "Europe"])
EMAILS = st.sampled_from(["ada@example.org", "ADA@example.org", "bob@example.org", "eve@example.org"])
LEADS = st.fixed_dictionaries(
    {"email": EMAILS},
    optional={
        "firstName": TEXT,
        "unsubscribed": st.booleans(),
        "made": TEXT,
        "leadScore": st.integers(-5, 5),
        "annualRevenue": st.floats(-1e9, 1e9),
        "key": TEXT,
    },
)
IDS = st.integers(1, 6)


def seeded(**data: object) -> Step:
    def step(api: Api) -> None:
        try:
            api.simulator.seed(data)
        except ValueError:  # a name or a number that is taken, or not there yet
            return

    return step


def listed(name: str) -> Callable[[Api], dict[str, Any]]:
    return lambda api: api.call(
        "POST", "/rest/asset/v1/staticLists.json", form={"name": name, "folder": '{"id": 12, "type": "Folder"}'}
    )


def changed(action: str, kind: str, to: str = "", **which: object) -> Step:
    def step(api: Api) -> None:
        try:
            api.simulator.change(action=action, kind=kind, to=to, **which)
        except ValueError:  # nothing of this name is there, or it has to stay
            return

    return step


def posted(path: str, *records: object) -> Step:
    return lambda api: api.call("POST", path, content={"input": records})


def folder_made(name: str) -> Step:
    form = {"name": name, "parent": '{"id": 12, "type": "Folder"}'}
    return lambda api: api.call("POST", "/rest/asset/v1/folders.json", form=form)


FIELDS = "/rest/v1/leads/schema/fields"
PARTITIONS = "/rest/v1/leads/partitions.json"


def called(method: str, path: str, *ids: int) -> Step:
    return lambda api: api.call(method, path, content={"input": [{"id": each} for each in ids]})


STEPS = st.one_of(
    st.builds(lambda leads: lambda api: api.sync(*leads), st.lists(LEADS, min_size=1, max_size=3)),
    st.builds(lambda lead_id: called("DELETE", "/rest/v1/leads.json", lead_id), IDS),
    st.builds(listed, TEXT),
    st.builds(lambda number: called("POST", f"/rest/asset/v1/staticList/{1000 + number}/delete.json"), IDS),
    st.builds(lambda number, lead: called("POST", f"/rest/v1/lists/{1000 + number}/leads.json", lead), IDS, IDS),
    st.builds(lambda number, lead: called("DELETE", f"/rest/v1/lists/{1000 + number}/leads.json", lead), IDS, IDS),
    st.builds(lambda name: seeded(partitions=[{"name": name}]), NAMES),
    st.builds(lambda name: seeded(workspaces=[{"name": name, "partitions": ["Default"]}]), NAMES),
    st.builds(lambda name, home: seeded(folders=[{"name": name, "workspace": home}]), TEXT, NAMES),
    st.builds(lambda name: seeded(leads=[{"partition": name, "firstName": "Kim"}]), NAMES),
    st.builds(lambda name: seeded(clients=[{"client_id": name, "client_secret": "x", "partitions": [name]}]), NAMES),
    st.just(seeded(fields=[{"name": "key", "length": 40}])),
    st.builds(lambda email: seeded(unsubscribed=[email]), EMAILS),
    st.builds(lambda one, two: called("POST", f"/rest/v1/leads/{one}/merge.json?leadId={two}"), IDS, IDS),
    st.builds(lambda lead, name: posted(PARTITIONS, {"id": lead, "partitionName": name}), IDS, NAMES),
    st.builds(folder_made, TEXT),
    st.just(posted(f"{FIELDS}.json", {"name": "made", "displayName": "Made", "dataType": "string"})),
    st.builds(lambda text: posted(f"{FIELDS}/made.json", {"description": text, "isHidden": True}), TEXT),
    st.builds(lambda old, new: changed("rename", "partition", new, name=old), NAMES, NAMES),
    st.builds(lambda old, new: changed("rename", "workspace", new, name=old), NAMES, NAMES),
    st.builds(lambda old, new: changed("remove", "partition", new, name=old), NAMES, NAMES),
    st.builds(lambda name: changed("archive", "folder", id=name), st.integers(12, 104)),
    st.builds(lambda name: changed("remove", "field", name=name), st.sampled_from(["made", "key", "firstName"])),
    st.builds(lambda name: changed("hide", "field", name=name), st.sampled_from(["made", "leadScore"])),
    st.builds(lambda name: changed("rename", "field", "renamed", name=name), st.sampled_from(["made", "lastName"])),
    st.builds(lambda seconds: lambda api: api.simulator.configure(latency=seconds, daily_quota=None), st.floats(0, 1)),
    st.builds(lambda seconds: lambda api: api.simulator.advance(seconds), st.floats(0, 1e5)),
)


def copied(api: Api) -> Api:
    text = json.dumps(snapshot.take(api.simulator), default=snapshot.plain)
    copy = Api({"leads": [{"email": "old@example.org"}]})
    copy.time.now = api.simulator.clock.now()
    snapshot.put(snapshot.read(json.loads(text), "copy"), copy.simulator)
    return copy


def shown(api: Api) -> list[Any]:
    """What callers see, in all the ways that the state is looked through, and the ids that come next."""
    api.sign_in()
    answers = [api.find("email", "ada@example.org", "bob@example.org"), api.find("id", *range(1, 7))]
    answers += [api.get("/rest/v1/leads/describe.json"), api.get("/rest/v1/leads/describe2.json")]
    answers += [api.get("/rest/v1/lists.json"), api.get("/rest/asset/v1/folders.json", root='{"id":2,"type":"Folder"}')]
    since = api.get("/rest/v1/activities/pagingtoken.json", sinceDatetime="2026-01-01T00:00:00Z")["nextPageToken"]
    answers += [api.get("/rest/v1/activities.json", nextPageToken=since, activityTypeIds="12,13,24,25,32,37")]
    answers += [api.get("/rest/v1/activities/deletedleads.json", nextPageToken=since), api.get(f"{FIELDS}.json")]
    answers += [api.sync({"email": "new@example.org"}), listed("new")(api)]
    return [answer.get("result") for answer in answers]


@given(st.lists(STEPS, max_size=20))
def test_a_copy_shows_what_the_instance_shows(steps: list[Step]) -> None:
    api = Api(calls_per_window=None)
    for step in steps:
        api.sign_in()
        step(api)
    copy = copied(api)
    assert snapshot.take(copy.simulator) == snapshot.take(api.simulator)
    assert copy.dump() == api.dump()
    assert shown(copy) == shown(api)


def test_all_that_an_instance_holds_is_in_its_snapshot() -> None:
    forgotten = vars(State()).keys() - SAVED - FOLLOWS
    assert not forgotten, f"snapshot.py has to keep {forgotten}, or else this test to say that they follow"
