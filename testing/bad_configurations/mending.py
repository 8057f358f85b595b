"""Whoever is told what is wrong with a configuration, and does what is said: the sentence, and nothing else.

Each way of saying it stands here once, with what is done then. A sentence that is said in no such way can be followed
by nobody, which is an error.
"""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

Step = str | int
Errors = Sequence[tuple[str, str]]
"""The paths and the sentences."""

KNOWN: Final[Mapping[str, Any]] = {
    "client_id": "client",
    "client_secret": "secret",
    "credentials": {"client_id": "client", "client_secret": "secret"},
    "allowed": ["y"],
    "labels": ["C2"],
    "source": "person.name.fullName",
    "target": "company",
    "ecid_field": "visitorKey",
    "join": ";",
    "partition": "Default",
    "description": "Webinars",
    "origin": "CRM",
    "namespace": "ups",
    "list": {},
    "marketing_actions": ["emailTargeting"],
    "consent": {"source": "consents.marketing.email.val", "allowed": ["y"]},
    "threshold": 0.5,
    "header": "X-Key",
    "value": "email",
    "realized": ["in"],
    "exited": ["out"],
    "calls_per_20s": 50,
    "concurrency": 5,
    "daily_calls": 40_000,
    "lead_updates_per_hour": 10_000,
    "id": 1001,
    "name": "Webinar",
}
"""What somebody who configures a connection knows, by what it is needed for."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with a configuration like this that is good, and with what a call of Marketo's choices offers."""

    good: Mapping[str, Any]
    choices: Callable[[str], Sequence[Mapping[str, Any]]]

    def mended(self, body: Mapping[str, Any], errors: Errors) -> dict[str, Any]:
        """The body as whoever does what the sentences say makes it; the last is done first, so that paths stay true."""
        made = copy.deepcopy(dict(body))
        for path, sentence in reversed(errors):
            self._follow(made, path, sentence)
        return made

    def _follow(self, body: dict[str, Any], path: str, sentence: str) -> None:
        for pattern, way in _WAYS:
            if (said := re.search(pattern, sentence)) is not None:
                way(_Spot(self, body, _steps(path, body)), said)
                return
        raise AssertionError(f"nobody can follow: {path}: {sentence}")


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a sentence points to in a body."""

    reader: Reader
    body: dict[str, Any]
    steps: Sequence[Step]

    def value(self) -> Any:
        return _at(self.body, self.steps)

    def put(self, value: Any) -> None:
        *above, last = self.steps
        _at(self.body, above)[last] = value

    def leave_out(self) -> None:
        *above, last = self.steps
        _at(self.body, above).pop(last)

    @property
    def row(self) -> "_Spot":
        """The entry of a list that holds it."""
        number = max(number for number, step in enumerate(self.steps) if isinstance(step, int))
        return _Spot(self.reader, self.body, self.steps[: number + 1])

    def own(self) -> Any:
        """What the reader knows belongs here."""
        with suppress(KeyError, IndexError, TypeError):
            return _at(self.reader.good, self.steps)
        known = KNOWN[next(step for step in reversed(self.steps) if isinstance(step, str))]
        return known[0] if isinstance(self.steps[-1], int) and isinstance(known, list) else known

    def offered(self, call: str, *types: str) -> str:
        """A choice that the mapping does not have yet, of one of these types; any type if none is named."""
        taken = {row["target"] for row in self.body["mapping"] if isinstance(row, dict)} | {self.body["dedupe_field"]}
        return next(
            str(one["name"])
            for one in self.reader.choices(call)
            if one["name"] not in taken and one.get("writable", True) and (not types or one["type"] in types)
        )


def _steps(path: str, whole: Any) -> list[Step]:
    """A name with dots in it is one step where the body has it; the empty name is that of what is no object."""
    names = [str(name) for name in whole] if isinstance(whole, dict) else []
    there = [name for name in names if path == name or path.startswith((f"{name}.", f"{name}["))]
    if there:
        name = max(there, key=len)
        return [name, *_steps(path.removeprefix(name).removeprefix("."), whole[name])]
    if (said := re.match(r"\[(\d+)\]\.?|([^.\[\]]+)\.?", path)) is None:
        return []
    step: Step = int(said[1]) if said[1] else said[2]
    inner = whole[step] if isinstance(step, int) and isinstance(whole, list) and step < len(whole) else None
    return [step, *_steps(path[said.end() :], inner)]


def _at(whole: Any, steps: Sequence[Step]) -> Any:
    for step in steps:
        whole = whole[step]
    return whole


def _plain(word: str) -> Any:
    """What a word of a sentence is in JSON."""
    words = {"null": None, "true": True, "false": False}
    return words[word] if word in words else int(word) if word.isdecimal() else word


def _cut(place: _Spot, said: re.Match[str]) -> None:
    place.put(place.value()[: int(said[1])])


def _without_sign(place: _Spot, said: re.Match[str]) -> None:
    place.put(place.value().replace(chr(int(said[1], 16)), ""))


def _map(place: _Spot, said: re.Match[str]) -> None:
    place.body.setdefault("mapping", []).append({"source": f"people.{said[1]}", "target": said[1]})


def _of_types(place: _Spot, said: re.Match[str]) -> None:
    """An identity stays what it is."""
    row = place.row.value()
    if row["target"] == "DedupeField":
        place.leave_out()
    else:
        row["target"] = place.offered("fields", *re.split(r", | or ", said[1]))
        row.pop("opt_in", None)


def _longer_path(place: _Spot, _: re.Match[str]) -> None:
    row = place.row.value()
    row.update(source=f"{row['source']}.name", source_type="string")


def _few_labels(place: _Spot, _: re.Match[str]) -> None:
    for row in place.body["mapping"]:
        row.pop("labels", None)


def _later(place: _Spot, _: re.Match[str]) -> None:
    place.put("2099-01-01T00:00:00Z")


def _other_words(place: _Spot, said: re.Match[str]) -> None:
    place.put([one for one in place.value() if one.lower() not in said[1].split(", ")] or ["left"])


def _person(place: _Spot, _: re.Match[str]) -> None:
    place.body["value"] = place.reader.good["value"]
    place.body.pop("source", None)


def _whole(place: _Spot, _: re.Match[str]) -> None:
    place.body.clear()
    place.body.update(place.reader.good)


def _mailing_list(place: _Spot, _: re.Match[str]) -> None:
    place.put([{"protocol": "email", "endpoint": "team@example.com"}])


def _join_policies(place: _Spot, said: re.Match[str]) -> None:
    """Those beyond the last that fits with it; they deny the same actions."""
    fit = int(re.findall(r"at most (\d+)", said.string)[0])
    policies = place.value()
    last = policies[fit - 1]
    last["deny"] = {"operator": "OR", "operands": [one["deny"] for one in policies[fit - 1 :]]}
    del policies[fit:]


def _flat(deny: Mapping[str, Any]) -> dict[str, Any]:
    """What is within one of the same operator, joined."""
    if "label" in deny:
        return dict(deny)
    inner = [_flat(one) for one in deny["operands"]]
    joined = (one["operands"] if one.get("operator") == deny["operator"] else [one] for one in inner)
    return {**deny, "operands": [one for several in joined for one in several]}


def _two_policies(place: _Spot, _: re.Match[str]) -> None:
    """Both deny what one did; OR alone can be parted so."""
    policies, policy = _at(place.body, place.steps[:1]), place.row.value()
    operands = policy["deny"]["operands"]
    other = {**policy, "id": f"{policy['id']}-2", "deny": {**policy["deny"], "operands": operands[30:]}}
    policy["deny"] = {**policy["deny"], "operands": operands[:30]}
    policies.append(other)


def _renamed(place: _Spot, said: re.Match[str]) -> None:
    """A label; where a list of them is named, that which is first in the sentence."""
    named = said.string.split()[0]
    value = place.value()
    place.put([f"own-{one}" if one == named else one for one in value] if isinstance(value, list) else f"own-{value}")


def _put(value: Callable[[_Spot, re.Match[str]], Any]) -> Callable[[_Spot, re.Match[str]], None]:
    return lambda place, said: place.put(value(place, said))


def _beside(name: str, value: Any) -> Callable[[_Spot, re.Match[str]], None]:
    return lambda place, _: place.body.update({name: value})


def _value(value: Any) -> Callable[[_Spot, re.Match[str]], None]:
    return lambda place, _: place.put(value)


_said = _put(lambda _, said: _plain(said[1]))
_own = _put(lambda place, _: place.own())

_WAYS: Final[Sequence[tuple[str, Callable[[_Spot, re.Match[str]], object]]]] = (
    (r"such as (\S+@\S+|https://\S+)$", _said),
    (r"must have no user name and password", _put(lambda place, _: re.sub("//.*@", "//", place.value()))),
    (r"subscribe a mailing list", _mailing_list),
    (r"give another address$", _value("team@example.com")),
    (r"must be ([\w.]+): people are known", _said),
    (r"keep the policy a draft$", lambda place, _: place.value().update(status="draft")),
    (r"or build it without such data$", _put(lambda place, _: [one for one in place.value() if one != "C12"])),
    (r"perhaps ([\w-]+) is meant$|those that policies name are ([\w-]+)", _put(lambda _, said: said[1] or said[2])),
    (r"; choose another id$", _value("own")),
    (r"join some with OR", _join_policies),
    (r"OR within OR, can be joined", _put(lambda place, _: _flat(place.value()))),
    (r"make two policies", _two_policies),
    (r"it is a core policy's; leave it out", lambda place, _: place.leave_out()),
    (r"call one of your own otherwise", _renamed),
    (r"\(did you mean ([\w ]+)\?\)", _said),
    (r"must have (?:at most|a length of at most) (\d+)", _cut),
    (r"characters that nobody sees: U\+(\w{4})", _without_sign),
    (r"must not begin or end with space", _put(lambda place, _: place.value().strip())),
    (r"leave out labels that no policy names", _few_labels),
    (r"leave the row out|; keep one(?: row)?$", lambda place, _: place.row.leave_out()),
    (r"map it to a field of type (.*), or leave source_type out", _of_types),
    (r"map them to a field of type (.*), or choose one", _of_types),
    (r"with same_people: true beside it", _beside("same_people", True)),
    (r"cannot be changed", _own),
    (r"^say (\w+), so that", _said),
    (r"activate an audience", lambda place, _: place.value().append("aud-1")),
    (r"^give the client id and client secret", _own),
    (r"or choose (update_existing_only)", lambda place, said: place.body.update(person_action=said[1])),
    (r"use it for a sender that has nothing else", lambda place, _: place.leave_out()),
    (r"more than the (\d+) .*that Adobe advises; (?:leave out what|spread them)", _cut),
    (r"has no list: activate it again", _value(["aud-1"])),
    (r"leave list out", lambda place, _: place.body.pop("list")),
    (r"leave it out", lambda place, _: place.leave_out()),
    (r"say what joins them \(join\)", lambda place, _: place.row.value().update(join=";")),
    (r"by a longer path", _longer_path),
    (r"map a string or a number", _value("string")),
    (r"see the call marketo/(\w+)", _put(lambda place, said: place.offered(said[1]))),
    (r"choose one of the call marketo/dedupe-fields", _put(lambda place, _: place.offered("dedupe-fields"))),
    (r"choose another, or update_existing_only", _beside("person_action", "update_existing_only")),
    (r"map (?:a|the) source .*?to (\w+)", _map),
    (r"without a path$", _put(lambda place, _: place.value().rpartition("/")[2] or place.own())),
    (r"split a larger one$|of which audience the rows are|that is activated$", _own),
    (r"must be one character", _value(";")),
    (r"must be the name or the path of a column", _value("status")),
    (r"must be one of those that the mapping reads: ([\w.]+)", _said),
    (r"must be one of ([\w-]+), ", _said),
    (r"^fits no lead", _own),
    (r"(?:give a value|give one's value) of|give the value of this", _person),
    (r"days before to$|not be later than to$", _put(lambda place, _: place.body["to"])),
    (r"one dataflow at a time|GET …/flows/|as it is$", _whole),
    (r"; write ([A-Za-z]\w*(?:\.\w+)*) \(", _said),
    (r": write (\w+) for", _said),
    (r"(?:such|as in|such as) (?:as |in )?([A-Za-z0-9][\w.:-]*\w)", _said),
    (r"must be '([\w-]+)'", _said),
    (r"must be from (\w+) to (\w+)", _said),
    (r"must be a source of this stack: (\w+)", _said),
    (r"must be (\w+) or (?:\w+): ", _said),
    (r"must be (\w+): ", _said),
    (r"must be (null|token), or ", _said),
    (r"must be (\d+), or at least", _said),
    (r"must be at least (\d+)", _said),
    (r"must be at most (\d+)", _said),
    (r"must have either", _own),
    (r"must have marketing_actions and labels", _whole),
    (r"must be later than start|give a later one", _later),
    (r"must have no word that realized has: (.*)", _other_words),
    (r"activate a people audience", _value("people")),
    (r"ECID alone|that holds the ECID|field of your own", _own),
    (r"choose one of your own", _own),
    (r"must be true or false", _value(True)),
    (r"must be a (?:whole )?number", _put(lambda place, _: place.own())),
    (r"must (?:be (?:given|an object|a list|a string)|not be empty|match|have ASCII|have 1 to|be 1 to)", _own),
    (r"must (?:lead to a value|have from 1 to)", _own),
)
"""How something is said, the more telling ways first, and what is done then."""
