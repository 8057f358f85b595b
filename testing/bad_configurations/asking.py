"""Whoever is refused by the control plane, does what is said, and asks again.

What is said of a body is done in the body (mending.py). What has to be done before, by another call, is here, each way
of saying it once.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from marketo_simulator import Simulator
from testing.bad_configurations.mending import Errors, Reader
from testing.control_plane import AUD_1, CREATE, ApiAnswer, call

ROUNDS: Final = 5
"""What is mended may show what was hidden behind it."""

WHOLE: Final = ""
"""The name under which a body stands that is no object, as its problems call it."""

Prepared = Callable[[Simulator], str]
"""Makes what is there before a call; the id of the connection, or nothing where there is none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of the control plane, whose body a case makes bad.

    `path`: after that of the connection, if it begins with `…`. `good`: a body that is accepted, or parameters of the
    query; another than an object stands under `WHOLE`. `prepared`: makes what is there before, and gives the
    connection's id. `said`: where an answer that was not refused says something, as warnings do; the errors elsewhere.
    """

    method: str
    path: str
    good: Mapping[str, Any]
    prepared: Prepared = lambda _: ""
    is_query: bool = False
    said: Callable[[str, ApiAnswer], Sequence[Mapping[str, str]]] | None = None


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who makes one call, until it is not refused."""

    asked: Asked
    connection_id: str

    def errors(self, body: Mapping[str, Any]) -> Errors:
        """What is said of a call with this body; nothing, if it was accepted."""
        answer = self._answer(body)
        if answer.status < 300:
            found = self.asked.said(self.connection_id, answer) if self.asked.said else []
        else:
            assert answer.status in {409, 422}, answer.text
            found = answer.json["errors"]
            assert found, answer.text
        return [(one["path"], one["message"]) for one in found]

    def followed(self, body: Mapping[str, Any], errors: Errors) -> dict[str, Any] | None:
        """The body with which whoever did what was said asks again; None: nobody asks for it again."""
        made, left = copy.deepcopy(dict(body)), []
        for path, sentence in errors:
            if re.search(_NOT_AT_ALL, sentence) is not None:
                return None
            found = ((way, said) for pattern, way in _WAYS if (said := re.search(pattern, sentence)) is not None)
            if (done := next(found, None)) is None:
                left.append((path, sentence))
            else:
                way, said = done
                way(_PointedAt(self, made, path), said)
        return Reader(self.asked.good, self._choices).mended(made, left)

    def answers(self, body: Mapping[str, Any]) -> Iterator[Errors]:
        """What is said of a call, and then of the same once that was done, until nothing is."""
        for _ in range(ROUNDS):
            yield (errors := self.errors(body))
            if not errors:
                return
            if (again := self.followed(body, errors)) is None:
                yield []
                return
            body = again

    def _answer(self, body: Mapping[str, Any]) -> ApiAnswer:
        path = self.asked.path.replace("…", f"/connections/{self.connection_id}")
        if self.asked.is_query:
            return call(self.asked.method, path, query={name: str(value) for name, value in body.items()})
        return call(self.asked.method, path, body.get(WHOLE, body))

    def _choices(self, name: str) -> Sequence[Mapping[str, Any]]:
        return next(iter(call("GET", f"/connections/{self.connection_id}/marketo/{name}").json.values()))


@dataclass(frozen=True, slots=True)
class _PointedAt:
    """Where a sentence points to, in the body or in the connection, of which the body may have the same properties."""

    caller: Asker
    body: dict[str, Any]
    path: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = call(method, f"/connections/{self.caller.connection_id}{path}", body)
        assert answer.status < 300, answer.text
        return answer.json if answer.text else None

    @property
    def activation_id(self) -> str:
        """Of the audience that is named, or that the call is about."""
        return next((one for one in re.split(r"[./]", self.path) if len(one) == len(AUD_1)), AUD_1)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Those of the mapping."""
        found = self.body["mapping"] if "mapping" in self.body else self.call("GET", "")["mapping"]
        return copy.deepcopy(found)

    def row_of(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """The number of the row that is named, or whose source is."""
        if (number := re.match(r"mapping\[(\d+)\]", self.path)) is not None:
            return int(number[1])
        return next(number for number, row in enumerate(rows) if self.path == f"sources.{row['source']}")

    def map(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if "mapping" in self.body:
            self.body["mapping"] = rows
        else:
            self.call("PATCH", "", {"mapping": rows})


Way = Callable[[_PointedAt, re.Match[str]], object]


def _first(method: str, path: str, body: object = None) -> Way:
    """A call that is made first; then the same is asked again."""
    return lambda place, _: place.call(method, path, body)


def _row_out(place: _PointedAt, _: re.Match[str]) -> None:
    rows = place.rows
    del rows[place.row_of(rows)]
    place.map(rows)


def _other_source(place: _PointedAt, _: re.Match[str]) -> None:
    rows = place.rows
    row = rows[place.row_of(rows)]
    row.update(source=f"other.{row['source']}", labels=[])
    place.map(rows)


def _without_actions(place: _PointedAt, said: re.Match[str]) -> None:
    if place.path in place.body:
        place.body[place.path].remove(said[1])
    else:
        place.call("PATCH", "", {place.path: []})


def _labels_off(place: _PointedAt, _: re.Match[str]) -> None:
    """What the call asks for, by that which may."""
    if "mapping" in place.body:
        row = place.rows[place.row_of(place.rows)]
        place.call("PATCH", "/labels", {"sources": {row["source"]: row.get("labels", [])}})
    else:
        place.call("PATCH", "/labels", {"audiences": {place.activation_id: place.body["labels"]}})


def _correct_labels(place: _PointedAt, _: re.Match[str]) -> None:
    """In the body, if that has them; else those that are stored."""
    if place.path.startswith("audiences."):
        if "labels" in place.body:
            place.body["labels"] = []
        else:
            place.call("PATCH", "/labels", {"audiences": {place.activation_id: []}})
        return
    row = place.rows[place.row_of(place.rows)]
    if "mapping" in place.body:
        place.map([{**one, "labels": []} if one == row else one for one in place.rows])
    elif row["source"] in place.body.get("sources", {}):
        place.body["sources"][row["source"]] = []
    else:
        place.call("PATCH", "/labels", {"sources": {row["source"]: []}})


_NOT_AT_ALL: Final = r"do not activate the audience$"

_WAYS: Final[Sequence[tuple[str, Way]]] = (
    (r"enable the connection first", _first("POST", "/enable")),
    (r"fix the connection or disable it first", _first("POST", "/disable")),
    (r"^give them first", _first("PATCH", "", {"credentials": CREATE["credentials"]})),
    (r"set another sync_type", _first("PATCH", "", {"sync_type": "audience_and_profile"})),
    (r"^map a source to DedupeField; people", _first("PATCH", "", {"mapping": CREATE["mapping"]})),
    (r"deactivate the audience", lambda place, _: place.call("DELETE", f"/audiences/{place.activation_id}")),
    (r"take (\w+) out if the data is not used for it", _without_actions),
    (r"map another source to|map a source to \w+ that may be exported", _other_source),
    (r"take the row out of the mapping", _row_out),
    (r"cannot be taken off with this call: PATCH …/labels", _labels_off),
    (r"if its labels are wrong, correct them", _correct_labels),
)
"""How it is said that something is done by another call, or to a connection, and what is done then."""
