"""Whatever is sent to whichever call: there is an answer, and no call stays executing."""

import json
import re
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from marketo_simulator import Request
from marketo_simulator.routes import OPERATIONS
from tests.unit.simulator.simulator_api import Api

SEED: Final[dict[str, Any]] = {
    "partitions": [{"name": "EMEA"}],
    "fields": [
        {"name": f"of_{data_type}", "data_type": data_type}
        for data_type in ("score", "percent", "float", "currency", "boolean", "date", "datetime", "text", "integer")
    ],
    "folders": [{"name": "Campaigns", "id": 40}],
    "leads": [{"email": "one@example.org"}, {"email": "two@example.org", "partition": "EMEA"}],
    "lists": [{"id": 7, "name": "Seven", "members": [1]}],
}
"""The leads have the ids 1 and 2."""

DEEP: Final = "[" * 20_000
LONG: Final = "9" * 5_000
EDGES: Final = (
    "",
    "0",
    "1",
    "7",
    "-1",
    "1,2",
    LONG,
    f"{LONG},1",
    "٣",
    "²",
    "NaN",
    "1e999",
    "1_0",
    "\x00",
    "\ufffd",
    "😀",
    ",",
    "one@example.org",
    "Default",
    "Seven",
    "Group Lists",
    "email",
    "id",
    "leadPartitionId",
    "csv",
    '{"id": 12, "type": "Folder"}',
    DEEP,
    f'{{"id": {LONG}}}',
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2020-08-30T05:49:48.000Z",
    "OBUXI2LPNY5DC===",
)
TEXTS: Final = st.one_of(st.sampled_from(EDGES), st.text(max_size=20))
NUMBERS: Final = st.one_of(
    st.integers(), st.sampled_from([0, 1, 2**63, -(2**63) - 1, 10**400, -1, 10**18]), st.floats()
)
PLAIN: Final = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES: Final = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)

FIELDS: Final = st.sampled_from(
    (
        "id",
        "email",
        "firstName",
        "unsubscribed",
        "leadPartitionId",
        "mktoName",
        "ecids",
        "isLead",
        "emailInvalid",
        "nope",
        *tuple(field["name"] for field in SEED["fields"]),
    )
)
RECORDS: Final = st.lists(st.one_of(st.dictionaries(FIELDS, VALUES, max_size=4), PLAIN), max_size=4)
SYNC: Final = st.fixed_dictionaries(
    {},
    optional={
        "input": st.one_of(RECORDS, VALUES),
        "action": st.one_of(st.sampled_from(("createOnly", "updateOnly", "createOrUpdate", "createDuplicate")), VALUES),
        "lookupField": st.one_of(FIELDS, VALUES),
        "partitionName": st.one_of(st.sampled_from(("EMEA", "Default", "")), VALUES),
        "asyncProcessing": VALUES,
    },
)
IDS: Final = st.sampled_from(("1", "2", "7", "12", "40", "0", "99", LONG, "-1", "x", "٣"))
PATHS: Final = st.sampled_from(
    (
        *sorted({re.sub(r"\{\w+\}", "{}", path) for _, path in OPERATIONS}),
        "/rest/v1/list/{}/leads.json",
        "/rest/v1/campaigns/{}.json",
        "/identity/oauth/token",
        "/{}",
        "//[{}",
    )
)
PARAMS: Final = st.dictionaries(
    st.sampled_from(
        (
            "filterType",
            "filterValues",
            "fields",
            "batchSize",
            "nextPageToken",
            "id",
            "name",
            "workspaceName",
            "folder",
            "root",
            "type",
            "offset",
            "maxReturn",
            "maxDepth",
            "earliestUpdatedAt",
            "latestUpdatedAt",
            "description",
            "format",
            "lookupField",
            "partitionName",
            "listId",
            "_method",
            "grant_type",
            "client_id",
            "sinceDatetime",
            "activityTypeIds",
            "leadIds",
            "leadId",
            "status",
            "parent",
        )
    ),
    TEXTS,
    max_size=4,
)
FILES: Final = st.one_of(
    st.sampled_from(
        (
            b"",
            b"email\rx@example.org\ry@example.org\r",
            b"email,firstName\nx@example.org," + b"x" * 140_000 + b"\n",
            b'email\n"x@example.org',
            b"\xff\xfe\x00",
            b"email\n\n\n",
            b"id\n" + LONG.encode() + b"\n",
            b"email,of_date\nx@example.org,0001-01-01T00:00:00+14:00\n",
        )
    ),
    st.binary(max_size=40),
)
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
PARTS: Final = "multipart/form-data; boundary=b"


def multipart(file: bytes, name: bytes = b"file") -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="' + name + b'"; filename="leads.csv"\r\n\r\n'
    return head + file + b"\r\n--b--\r\n"


BODIES: Final = st.one_of(
    st.builds(lambda content: (JSON, json.dumps(content).encode()), st.one_of(SYNC, VALUES)),
    st.builds(lambda file, name: (PARTS, multipart(file, name)), FILES, st.binary(max_size=3)),
    st.builds(lambda file: (PARTS, multipart(file)), FILES),
    st.tuples(st.sampled_from((JSON, FORM, "", "multipart/form-data", "text/csv")), st.binary(max_size=30)),
    st.just((JSON, DEEP.encode())),
    st.just((FORM, b"input=%ff%00&id=" + LONG.encode())),
)
METHODS: Final = st.sampled_from(("GET", "POST", "POST", "DELETE", "PATCH", "HEAD"))
Sent = tuple[str, str, str, dict[str, str], tuple[str, bytes]]
"""Method, path, what stands for `{}` in it, parameters, and the body with its type."""

ANY_CALL: Final[st.SearchStrategy[Sent]] = st.tuples(METHODS, PATHS, IDS, PARAMS, BODIES)

KEYED: Final = st.builds(
    lambda email, more: {"email": email, **more},
    st.sampled_from(("one@example.org", "two@example.org", "new@example.org")),
    st.dictionaries(FIELDS.filter(lambda name: name not in {"email", "nope"}), PLAIN, min_size=1, max_size=1),
)
SYNC_CALL: Final[st.SearchStrategy[Sent]] = st.builds(
    lambda records: ("POST", "/rest/v1/leads.json", "", {}, (JSON, json.dumps({"input": records}).encode())),
    st.lists(KEYED, min_size=1, max_size=2),
)
IMPORT_CALL: Final[st.SearchStrategy[Sent]] = st.builds(
    lambda file: ("POST", "/bulk/v1/leads.json", "", {"format": "csv", "listId": "7"}, (PARTS, multipart(file))), FILES
)
FIND_CALL: Final[st.SearchStrategy[Sent]] = st.builds(
    lambda field, value: (
        "GET",
        "/rest/v1/leads.json",
        "",
        {"filterType": field, "filterValues": value},
        ("", b""),
    ),
    st.sampled_from(("id", "email", "leadPartitionId", "of_integer")),
    TEXTS,
)
MEMBERS_CALL: Final[st.SearchStrategy[Sent]] = st.builds(
    lambda method, name, value: (method, "/rest/v1/lists/7/leads.json", "", {name: value}, (FORM, b"")),
    METHODS,
    st.sampled_from(("id", "batchSize", "nextPageToken")),
    TEXTS,
)
ASSET_CALL: Final[st.SearchStrategy[Sent]] = st.builds(
    lambda method, path, name, value: (
        method,
        f"/rest/asset/v1/{path}.json",
        "",
        {"name": "x", name: value},
        (FORM, b""),
    ),
    st.sampled_from(("GET", "POST")),
    st.sampled_from(("staticLists", "folders", "folder/byName")),
    st.sampled_from(("folder", "root", "offset", "maxReturn", "earliestUpdatedAt", "latestUpdatedAt", "name")),
    TEXTS,
)
CALLS: Final[st.SearchStrategy[Sent]] = st.one_of(ANY_CALL, SYNC_CALL, IMPORT_CALL, FIND_CALL, MEMBERS_CALL, ASSET_CALL)

SETTINGS: Final = st.dictionaries(
    st.sampled_from(
        (
            "calls_per_window",
            "window_seconds",
            "concurrency",
            "daily_quota",
            "quota_time_zone",
            "token_seconds",
            "latency",
            "latency_by_path",
            "create_race",
            "import_queue_seconds",
            "import_seconds",
            "search_ignores_case",
            "text_ends_beyond_bmp",
            "dedupe_fields",
            "companies_managed",
            "durable_unsubscribe",
            "token_answer",
            "import_rows_per_second",
            "export_seconds",
            "activities_kept",
            "calls_kept",
            "body_bytes_kept",
            "latency_per_record",
            "max_seconds",
            "max_records",
            "nope",
        )
    ),
    st.one_of(
        VALUES,
        st.sampled_from(
            [1e300, -1.0, "America", "../x", "x" * 300, ["nope"], [], ["email", "leadPartitionId"], {"(": 1}]
        ),
    ),
    max_size=2,
)
NAMED: Final = st.fixed_dictionaries(
    {"name": TEXTS},
    optional=dict.fromkeys(
        ("id", "workspace", "folder", "members", "partitions", "description", "data_type", "length", "searchable"),
        VALUES,
    ),
)
SEEDS: Final = st.one_of(
    st.dictionaries(
        st.sampled_from(("clients", "fields", "partitions", "workspaces", "folders", "lists", "leads", "unsubscribed")),
        st.one_of(st.lists(st.one_of(NAMED, st.dictionaries(FIELDS, VALUES, max_size=3)), max_size=2), VALUES),
        max_size=2,
    ),
    st.fixed_dictionaries({"settings": SETTINGS}),
)
CLOCKS: Final = st.dictionaries(
    st.sampled_from(("advance", "offset", "now", "nope")),
    st.one_of(VALUES, st.sampled_from([1e300, -1e12, 86400])),
    max_size=1,
)
CHANGES: Final = st.fixed_dictionaries(
    {
        "action": st.sampled_from(("rename", "remove", "move", "archive", "restore", "hide", "show", "nope")),
        "kind": st.sampled_from(("partition", "workspace", "folder", "list", "field", "lead")),
    },
    optional={
        "name": st.one_of(st.sampled_from(("Default", "EMEA", "Campaigns", "Seven", "email", "of_date")), VALUES),
        "id": st.one_of(st.sampled_from((1, 2, 7, 40)), VALUES),
        "to": st.one_of(st.sampled_from(("EMEA", "Group Lists", "Campaigns", "New", "")), VALUES),
    },
)
CONTROLS: Final = st.one_of(
    st.tuples(st.just("POST"), st.just("seed"), SEEDS),
    st.tuples(st.just("PATCH"), st.just("settings"), SETTINGS),
    st.tuples(st.just("POST"), st.just("clock"), CLOCKS),
    st.tuples(st.just("POST"), st.just("changes"), CHANGES),
    st.tuples(
        st.sampled_from(("GET", "POST", "DELETE", "PATCH")),
        st.sampled_from(("dump", "stats", "reset", "settings", "faults", "clock", "changes", "usage", "nope", "")),
        VALUES,
    ),
    st.tuples(
        st.just("GET"),
        st.sampled_from(("calls", "explain")),
        st.dictionaries(st.sampled_from(("call", "lead", "path", "since", "limit", "nope")), VALUES, max_size=2),
    ),
    st.tuples(
        st.sampled_from(("GET", "HEAD")),
        st.builds(
            "pages/{}{}".format, st.sampled_from(("leads/", "lists/", "calls/", "limits", "leads?after=", "")), IDS
        ),
        st.none(),
    ),
)


def answered(api: Api, request: Request) -> None:
    """There is an answer that can be read, and no call is executing any longer."""
    answer = api.simulator.handle(request)
    assert 200 <= answer.status < 600
    assert b"the simulator failed" not in answer.body  # with an error of its own, for which there is an answer too
    if "json" in answer.content_type:
        json.loads(answer.body)
    assert api.simulator.limits.executing == 0


def still_works(api: Api) -> None:
    api.simulator.reset()
    api.sign_in()
    assert [row["id"] for row in api.find("email", "one@example.org")["result"]] == [1]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(CALLS, min_size=1, max_size=4))
def test_every_call_is_answered(calls: list[Sent]) -> None:
    api = Api(SEED, calls_per_window=None, import_queue_seconds=0.0, import_seconds=0.0)
    for method, path, number, params, (content_type, body) in calls:
        query = tuple(params.items())
        headers = {"Authorization": f"Bearer {api.token}", "Content-Type": content_type}
        answered(api, Request(method, path.format(number), query, headers, body))
        api.simulator.advance(1)
    api.dump()
    still_works(api)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(CONTROLS, min_size=1, max_size=4), CALLS)
def test_every_control_call_is_answered(controls: list[tuple[str, str, object]], call: Sent) -> None:
    api = Api(SEED)
    for method, name, content in controls:
        answered(api, Request.of(method, f"/_simulator/{name}", body=json.dumps(content).encode()))
    answered(api, Request("POST", "/_simulator/seed", body=DEEP.encode()))
    api.sign_in()
    method, path, number, params, (content_type, body) = call
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": content_type}
    answered(api, Request(method, path.format(number), tuple(params.items()), headers, body))
    api.dump()
    still_works(api)
