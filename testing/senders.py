"""Bodies of senders, each saying the same of the same people: who entered an audience at a time, or left it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from destination.domain.audience import DEFAULT_NAMESPACE, AudienceKey
from destination.domain.row_form import RowForm
from destination.ingest.sources.census_rpc import object_name

AUDIENCE: Final = "aud_1"
ENTERED: Final = "2026-11-21T08:00:00.000Z"
LEFT: Final = "2026-11-21T09:00:00.000Z"

Person = Mapping[str, Any]
Body = Callable[[Sequence[Person], str, bool], object]
"""Of people, a time, and whether they are in the audience since then."""

ROWS: Final = {
    "records": "users",
    "value": "email",
    "audience": "$.cohort_id",
    "status": "$.in_cohort",
    "time": "$.computed_time",
}
"""Where `cohort` has what; it is like the cohorts of Amplitude (docs/recipes.md)."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form that a sender has: the body, and what a connection has as `source.format` and `source.rows` to read it.

    `has_times`: the body says when somebody entered or left. Otherwise it is of the moment at which it comes.
    `status`: what the webhook answers to the body.
    """

    source: str
    body: Body
    rows: Mapping[str, Any] | None = None
    has_times: bool = True
    status: int = 202

    @property
    def configured(self) -> dict[str, Any]:
        """The `source` of a connection."""
        return {"format": self.source} | ({} if self.rows is None else {"rows": self.rows})

    @property
    def row_form(self) -> RowForm | None:
        return None if self.rows is None else RowForm(**self.rows)

    def course(self, who: Sequence[Person]) -> Iterator[tuple[int, object]]:
        """Of how many people each body is, and the bodies: all enter, every third leaves, and the first comes again.

        With times it comes last, and changes nothing. Without them it would be news then, so it comes again at once.
        """
        said = [(who, ENTERED, True), (who[::3], LEFT, False)]
        said.insert(2 if self.has_times else 1, said[0])
        for some, at, is_in in said:
            yield len(some), self.body(some, at, is_in)


def people(count: int) -> list[dict[str, Any]]:
    return [
        {
            "email": f"person-{number}@example.org",
            "firstName": f"Jörg {number}",
            "lastName": "Lovelace",
            "company": "Analytical \u00e9ngines",
            "score": number % 3,
        }
        for number in range(count)
    ]


def canonical(who: Sequence[Person], at: str, is_in: bool) -> object:
    status = "realized" if is_in else "exited"
    return [
        {
            "id": f"{one['email']} {at}",
            "occurred_at": at,
            "profile": one,
            "audiences": [{"id": AUDIENCE, "status": status}],
        }
        for one in who
    ]


def call_of(one: Person, at: str) -> dict[str, Any]:
    personas = {"computation_class": "audience", "computation_id": AUDIENCE, "computation_key": "webinar_q4"}
    return {
        "messageId": f"{one['email']} {at}",
        "timestamp": at,
        "userId": one["email"],
        "context": {"personas": personas},
    }


def identifies(who: Sequence[Person], at: str, is_in: bool) -> object:
    return [{"type": "identify", **call_of(one, at), "traits": {**one, "webinar_q4": is_in}} for one in who]


def tracks(who: Sequence[Person], at: str, is_in: bool) -> object:
    """With the text that journeys write in the boolean's place."""
    properties = {"audience_key": "webinar_q4", "webinar_q4": str(is_in).lower()}
    calls = [{"type": "track", "event": "Any", **call_of(one, at), "properties": properties} for one in who]
    for one, made in zip(who, calls, strict=True):
        made["context"]["traits"] = one
    return calls


def of_rows(one: Person, at: str) -> dict[str, Any]:
    audience = {"type": "marketoStaticListId", "id": AUDIENCE, "identifierType": "email"}
    return {"messageId": f"{one['email']} {at}", "timestamp": at, "context": {"externalId": [audience]}}


def records(who: Sequence[Person], at: str, is_in: bool) -> object:
    action = "insert" if is_in else "delete"
    return [
        {"type": "record", "action": action, **of_rows(one, at), "fields": one, "identifiers": {"email": one["email"]}}
        for one in who
    ]


def audience_lists(who: Sequence[Person], at: str, is_in: bool) -> object:
    return {
        "type": "audiencelist",
        **of_rows(who[0], at),
        "properties": {"listData": {"add" if is_in else "remove": who}},
    }


def activation(who: Sequence[Person], at: str, is_in: bool) -> object:
    return {"audienceId": AUDIENCE, "action": "add" if is_in else "remove", "timestamp": at, "users": who}


def profiles(who: Sequence[Person], at: str, is_in: bool) -> object:
    return {"profiles": [{**one, **_known(one, at, is_in)} for one in who]}


def raw_profiles(who: Sequence[Person], at: str, is_in: bool) -> object:
    """With the attributes of a freeform schema."""
    return {
        "profiles": [
            {**_known(one, at, is_in), "attributes": {name: {"value": value} for name, value in one.items()}}
            for one in who
        ]
    }


def _known(one: Person, at: str, is_in: bool) -> dict[str, Any]:
    entry = {"lastQualificationTime": at, "status": "realized" if is_in else "exited"}
    return {
        "segmentMembership": {DEFAULT_NAMESPACE: {AUDIENCE: entry}},
        "identityMap": {"Email": [{"id": one["email"]}]},
    }


def standard_template(who: Sequence[Person], _at: str, is_in: bool) -> object:
    changes = {"add": [AUDIENCE] * is_in, "remove": [AUDIENCE] * (not is_in)}
    return {
        "profiles": [
            {
                "attributes": one,
                "identities": [{"type": "email", "id": one["email"]}],
                "AdobeExperiencePlatformSegments": changes,
            }
            for one in who
        ]
    }


def aggregated(who: Sequence[Person], _at: str, is_in: bool) -> object:
    return {
        "audienceId": AUDIENCE,
        "audienceNamespace": DEFAULT_NAMESPACE,
        "action": "ADD" if is_in else "REMOVE",
        "profiles": who,
    }


def sync_batch(who: Sequence[Person], _at: str, is_in: bool) -> object:
    """A half of a mirror."""
    plan = {
        "object": {"object_api_name": object_name(AudienceKey(DEFAULT_NAMESPACE, AUDIENCE)), "label": "Webinar"},
        "operation": "upsert" if is_in else "delete",
        "schema": {name: {"active_identifier": name == "email"} for name in _flat(who[0])},
    }
    params = {"sync_plan": plan, "records": [_flat(one) for one in who]}
    return {"jsonrpc": "2.0", "method": "sync_batch", "id": "1", "params": params}


def _flat(one: Person, path: str = "") -> dict[str, Any]:
    """Fields by the paths at which a profile has them."""
    found: dict[str, Any] = {}
    for name, value in one.items():
        found |= _flat(value, f"{path}{name}.") if isinstance(value, dict) else {f"{path}{name}": value}
    return found


def cohort(who: Sequence[Person], at: str, is_in: bool) -> object:
    return {"cohort_id": AUDIENCE, "in_cohort": is_in, "computed_time": at, "users": who}


FORMS: Final[Mapping[str, Form]] = {
    "canonical events": Form("canonical", canonical),
    "Experience Platform, HTTP API": Form("aep", profiles),
    "Destination SDK, raw profiles": Form("adobe_sdk", raw_profiles),
    "Destination SDK, standard template": Form("adobe_sdk", standard_template, has_times=False),
    "Destination SDK, aggregated": Form("adobe_sdk", aggregated, has_times=False),
    "Census, mirror": Form("census", sync_batch, has_times=False, status=200),
    "rows, a cohort": Form("rows", cohort, rows=ROWS),
    "Segment, identify": Form("segment", identifies),
    "Segment, track": Form("segment", tracks),
    "RudderStack, records": Form("rudderstack", records),
    "RudderStack, audience lists": Form("rudderstack", audience_lists),
    "RudderStack, activations": Form("rudderstack", activation),
}
"""At least one of every source of the stack's own."""
