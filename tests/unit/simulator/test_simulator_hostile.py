"""Whatever is asked of activities, exports, merges, the schema and folders: there is an answer, and nothing leaks."""

import json
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from marketo_simulator import Request
from tests.unit.simulator.simulator_api import Api

SEED: Final[dict[str, Any]] = {
    "partitions": [{"name": "EMEA"}],
    "leads": [{"id": number, "email": f"p{number}@example.org", "firstName": "é\n"} for number in (1, 2, 3)],
    "lists": [{"name": "Lions", "id": 7, "members": [1]}],
}
CALLS: Final = (
    ("GET", "/rest/v1/activities/pagingtoken.json"),
    ("GET", "/rest/v1/activities/types.json"),
    ("GET", "/rest/v1/activities.json"),
    ("GET", "/rest/v1/activities/leadchanges.json"),
    ("GET", "/rest/v1/activities/deletedleads.json"),
    ("POST", "/rest/v1/leads/{}/merge.json"),
    ("POST", "/rest/v1/leads/{}/associate.json"),
    ("POST", "/rest/v1/leads/partitions.json"),
    ("GET", "/rest/v1/leads/schema/fields.json"),
    ("POST", "/rest/v1/leads/schema/fields.json"),
    ("GET", "/rest/v1/leads/schema/fields/{}.json"),
    ("POST", "/rest/v1/leads/schema/fields/{}.json"),
    ("POST", "/rest/asset/v1/folders.json"),
    ("GET", "/rest/asset/v1/folder/{}/content.json"),
    ("POST", "/rest/asset/v1/folder/{}/delete.json"),
    *(
        (method, f"/bulk/v1/{kind}/export{rest}.json")
        for kind in ("leads", "activities")
        for method, rest in (
            ("GET", ""),
            ("POST", "/create"),
            ("POST", "/{}/enqueue"),
            ("POST", "/{}/cancel"),
            ("GET", "/{}/status"),
            ("GET", "/{}/file"),
        )
    ),
    ("GET", "/rest/v1/campaigns/{}.json"),
    ("GET", "/{}"),
)
NAMES: Final = (
    *("sinceDatetime", "nextPageToken", "activityTypeIds", "assetIds", "leadIds", "listId", "batchSize", "fields"),
    *("leadId", "mergeInCRM", "cookie", "id", "status", "name", "parent", "description", "type", "maxReturn", "offset"),
    *("_method", "filter", "format", "columnHeaderNames", "input", "displayName", "dataType", "isHidden"),
    *("partitionName", "createdAt", "updatedAt", "staticListId", "staticListName", "startAt", "endAt"),
    *("primaryAttributeValues"),
)
TIMES: Final = ("2026-03-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59", "2026-02-30", "")
TEXTS: Final = (
    *("1", "2", "12", "13,24", "7", "x", "-1", "9" * 5000, "\u0661", "1e3", "true", "null", "GIYDAOBN", "ONSQ===="),
    *("email", "Lions", "{", '{"id":12}', "[[[", "CSV", "bytes=0-0", "\x00", "%", "é\ud7ff"),
    *TIMES,
)
scalars = st.sampled_from(TEXTS) | st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=8)
contents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)
ranges = st.fixed_dictionaries({}, optional={"startAt": st.sampled_from(TIMES), "endAt": st.sampled_from(TIMES)})
filters = st.dictionaries(st.sampled_from(NAMES), contents | ranges, max_size=3)
jobs = st.fixed_dictionaries(
    {"fields": st.lists(st.sampled_from(("id", "email", "leadId", "attributes")), max_size=3), "filter": filters},
    optional={"format": st.sampled_from(TEXTS), "columnHeaderNames": contents},
)
fields = st.dictionaries(st.sampled_from(NAMES), scalars, max_size=6)
bodies = contents | jobs | st.fixed_dictionaries({"input": st.lists(fields, max_size=3)})
requests = st.tuples(
    st.sampled_from(CALLS),
    st.sampled_from(TEXTS),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(TEXTS) | st.text(max_size=8)), max_size=5),
    bodies,
    st.sampled_from(("application/json", "application/x-www-form-urlencoded", "", "text/csv")),
    st.sampled_from((0, 5, 86_400 * 8)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(requests, min_size=1, max_size=6), st.sampled_from(("", "bytes=1-", "bytes=9-2", "bytes=" + "9" * 40)))
def test_every_call_is_answered(calls: list[Any], byte_range: str) -> None:
    api = Api(SEED, calls_per_window=None)
    known = str(_created(api))
    for (method, path), varies, params, content, content_type, seconds in calls:
        api.simulator.advance(seconds)
        api.sign_in()
        headers = {
            "Authorization": f"Bearer {api.token}",
            "Content-Type": content_type,
            "Range": byte_range,
        }
        body = json.dumps(content).encode("utf-8", "surrogatepass")
        shown = path.replace("{}", known if len(params) % 2 and "export" in path else varies)
        answer = api.simulator.handle(Request(method, shown, params, headers, body))
        assert answer.status in (200, 206, 400, 404, 416, 501)
        assert b"the simulator failed" not in answer.body
        if answer.content_type.startswith("application/json"):
            assert "success" in answer.json()
    assert api.simulator.limits.executing == 0
    assert api.get("/rest/v1/activities/types.json")["success"]


def _created(api: Api) -> object:
    content = {"fields": ["id"], "filter": {"staticListId": 7}}
    answer = api.call("POST", "/bulk/v1/leads/export/create.json", content=content)
    export_id = answer["result"][0]["exportId"]
    api.call("POST", f"/bulk/v1/leads/export/{export_id}/enqueue.json")
    return export_id
