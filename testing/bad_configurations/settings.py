"""Connections whose settings break a rule, that cannot be enabled, are warned of, or cannot be changed so."""

from typing import Any, Final

from testing.bad_configurations import DEDUPE, EMAIL, FIRST, LAST, LEGACY, LEGACY_ECID, Case, mapping

_OPT_OUT: Final = {"source": "x", "target": "unsubscribed", "opt_in": "keep"}
_BOOLEAN: Final = (
    "must be ignore: Marketo turns an emptied boolean into no, so that unsubscribed would be no for everybody without "
    "a value"
)
_MOVED: Final = (
    "create another connection with it, and move each audience there: deactivate it here, then activate it there with "
    "the id of its list as list.id"
)


def _source(**changes: object) -> dict[str, Any]:
    return {"source": {"format": "canonical", **changes}}


def _rows(**changes: object) -> dict[str, Any]:
    return {"source": {"format": "rows", "rows": changes}}


SETTINGS: list[Case] = [
    ({"verification": {"every": "PT1M"}}, "verification.every", "must be from PT1H to P28D, for example P1D"),
    (
        {"sync_type": "profile_only", "verification": {"every": "P1D"}},
        "verification",
        "leave it out: a connection with sync type profile_only keeps no lists",
    ),
    (
        {"alerts": [{"alert": "failure_rate"}, {"alert": "failure_rate"}]},
        "alerts[1]",
        "failure_rate is subscribed by alerts[0]; keep one",
    ),
    (
        {"alerts": [{"alert": "connection_blocked", "threshold": 1}]},
        "alerts[0].threshold",
        "leave it out: connection_blocked has no threshold",
    ),
    (
        {"alerts": [{"alert": "failure_rate", "threshold": 7}]},
        "alerts[0].threshold",
        "must be from 0 to 1.00 (ratio)",
    ),
    (
        mapping(DEDUPE, {**FIRST, "opt_in": "keep"}, LAST),
        "mapping[1].opt_in",
        "leave it out: it is for blackListed, doNotCall, marketingSuspended, unsubscribed only",
    ),
    (mapping(DEDUPE, FIRST, LAST, {**_OPT_OUT, "when_missing": "clear"}), "mapping[3].when_missing", _BOOLEAN),
    (mapping(DEDUPE, FIRST, LAST, {**_OPT_OUT, "when_empty": "send"}), "mapping[3].when_empty", _BOOLEAN),
    (
        _source(admission={"header": "a b"}),
        "source.admission.header",
        "must be the name of a header, such as X-Api-Key",
    ),
    (
        _source(admission={"header": "Cookie"}),
        "source.admission.header",
        "Cookie says something else; choose one of your own",
    ),
    (
        _source(admission={"query_parameter": "a&b"}),
        "source.admission.query_parameter",
        "must be the name of a query parameter, such as token",
    ),
    (_source(calls={"max_audiences": 0}), "source.calls.max_audiences", "must be from 1 to 1000"),
    (_source(format="aep", calls={}), "source.calls", "must be null: the senders of aep make no calls"),
    (
        _source(format="aep", admission={"proof": "both"}),
        "source.admission.proof",
        "must be token: the senders of aep sign nothing",
    ),
    (
        _source(admission={"proof": "both"}),
        "source.admission.proof",
        "must be token, or deploy the stack with SigningKeys=true first",
    ),
    (
        _source(on_delete_person="erase"),
        "source.on_delete_person",
        "must be reject: of the sources segment alone tells that somebody is to be forgotten",
    ),
    (_source(rows={}), "source.rows", "leave it out: it is for source.format rows only"),
    (
        _rows(value="identityMap.x"),
        "source.rows.value",
        "must lead to a value; a row has no identityMap that is read as such",
    ),
    (_rows(records="a[0]"), "source.rows.records", "must be names with dots between them, such as data.users"),
    (_rows(namespace="x" * 250), "source.rows.namespace", "must have 1 to 64 characters"),
    (
        _rows(realized=["in", "both"], exited=["both", "out"]),
        "source.rows.exited",
        "must have no word that realized has: both",
    ),
]

SIGNED: list[Case] = [
    (
        _source(admission={"proof": "signature"}, calls={}),
        "source.calls",
        "must be null, or source.admission.proof token or both: a signature tells nothing of a call's path",
    ),
]
"""On a stack with signing keys."""

INCOMPLETE: list[Case] = [
    ({"credentials": None}, "credentials", "give the client id and client secret of an API-only LaunchPoint service"),
    ({"mapping": []}, "mapping", "map a source to DedupeField, and the attributes to be delivered"),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "unsubscribed"}),
        "mapping[3].opt_in",
        (
            "say keep, so that only true is sent and no event takes back unsubscribed; or send, so that false is sent "
            "too, also to those who opted out in Marketo"
        ),
    ),
    ({"audiences": []}, "audiences", "activate an audience"),
    ({"audiences": ["unlisted"]}, "audiences", "audience unlisted (ups) has no list: activate it again"),
]
"""`audiences`: those that are activated, `unlisted` without a list."""

WARNED: list[Case] = [
    (
        mapping(DEDUPE, FIRST, LAST, EMAIL),
        "mapping[3]",
        "is not used: DedupeField fills email already; leave the row out",
    ),
    (
        {**LEGACY, **mapping(LEGACY_ECID, FIRST, LAST), "ecid_field": "visitorKey"},
        "person_action",
        "creates nobody without Email: map it, or choose update_existing_only",
    ),
    (
        _source(admission={"query_parameter": "key"}),
        "source.admission.query_parameter",
        "puts the token into addresses, which logs keep; use it for a sender that has nothing else",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, *({"source": f"a{one}", "target": f"f{one}"} for one in range(60))),
        "mapping",
        "has 62 attributes, more than the 50 that Adobe advises; leave out what Marketo does not need",
    ),
    (
        {"audiences": [f"aud-{number}" for number in range(251)]},
        "audiences",
        "are 251, more than the 250 for one destination that Adobe advises; spread them over several connections",
    ),
]

UNCHANGEABLE: list[Case] = [
    (
        {"munchkin_id": "456-DEF-789"},
        "munchkin_id",
        ("cannot be changed: the lists and leads it delivered to are those of one instance; create another connection"),
    ),
    (
        {"workspace": "Europe"},
        "workspace",
        (
            "cannot be changed: the audiences have lists in workspace Default, and lists stay where they are; disable "
            "the connection, deactivate the audiences, change it, and activate them again, so that they get lists there"
        ),
    ),
    (
        {"dedupe_field": "customerKey", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        f"cannot be changed once events were delivered: people are known by it; {_MOVED}",
    ),
    (
        mapping({**DEDUPE, "source": "elsewhere"}, FIRST, LAST),
        "mapping[0].source",
        (
            "the source of DedupeField cannot be changed once events were delivered: people are known by it; if it "
            "gives the same people the same values, PATCH the connection with same_people: true beside it; else "
            f"{_MOVED}"
        ),
    ),
]
"""Of a connection that was as `CREATE` is, has lists, and has delivered."""
