"""The control interface of an instance, as methods and as JSON below `/_simulator/`: never counted as API calls."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from marketo_simulator.calls import Call
from marketo_simulator.decode import DecodeError, decode
from marketo_simulator.faults import Fault
from marketo_simulator.instance import Instance
from marketo_simulator.message import Request, Response, json_response
from marketo_simulator.seed import Seed
from marketo_simulator.settings import Settings

PREFIX: Final = "/_simulator"


class Control(Instance):
    """An instance with everything a test needs to prepare it and to see what came of it."""

    def seed(self, data: Mapping[str, object]) -> None:
        """Add data in the form of the seed file; `settings` in it replace the present ones. Raises DecodeError."""
        seed = decode(Seed, data, "seed")
        self.add(seed)
        if "settings" in data:
            self.settings = seed.settings

    def configure(self, **changes: object) -> Settings:
        """Change single settings by name. Raises DecodeError."""
        present = {each.name: getattr(self.settings, each.name) for each in fields(Settings)}
        self.settings = decode(Settings, present | changes, "settings")
        return self.settings

    def script(self, *faults: Fault) -> None:
        """Append faults to the list of what goes wrong."""
        with self.lock:
            self.faults.add(*faults)

    def clear_faults(self) -> None:
        """Nothing goes wrong from now on."""
        with self.lock:
            self.faults.clear()

    def advance(self, seconds: float) -> None:
        """Let time pass, for all instances."""
        self.clock.advance(seconds)
        self.settle()

    def log(self) -> list[Call]:
        """The latest API calls, oldest first."""
        with self.lock:
            return list(self.calls.log)

    def stats(self) -> dict[str, Any]:
        """Counts over all calls since the start or reset.

        `by_limit` counts the 606, 607 and 615 the limits themselves gave, `codes` every top-level code, scripted ones
        too. `most_executing` and `most_in_window` count refused calls too, so they show what a limit would have to be.
        """
        with self.lock:
            today = self.clock.now()
            return {
                "calls": self.calls.total,
                "endpoints": dict(self.calls.per_endpoint),
                "codes": dict(self.calls.per_code),
                "by_limit": dict(self.calls.by_limit),
                "most_in_window": self.limits.most_in_window,
                "most_executing": self.limits.most_executing,
                "time": today.isoformat(),
            }

    def dump(self) -> dict[str, Any]:
        """What the instance holds. Leads: every field that is set, with `partition`; lists: with their members."""
        self.settle()
        with self.lock:
            state = self.state
            names = {partition.id: partition.name for partition in state.partitions.values()}
            return {
                "leads": [
                    lead.values | {"partition": names[lead.partition_id]}
                    for lead in sorted(state.leads.values(), key=lambda lead: lead.id)
                ],
                "lists": [
                    {
                        "id": each.id,
                        "name": each.name,
                        "workspace": each.workspace,
                        "folder": state.folders[each.folder].path,
                        "description": each.description,
                        "members": sorted(each.members),
                    }
                    for each in sorted(state.lists.values(), key=lambda static_list: static_list.id)
                ],
                "partitions": [asdict(each) for each in state.partitions.values()],
                "workspaces": [
                    {
                        "id": each.id,
                        "name": each.name,
                        "partitions": None if each.partitions is None else sorted(each.partitions),
                    }
                    for each in state.workspaces.values()
                ],
            }

    def handle(self, request: Request, patience: float | None = None) -> Response:
        """Answer an API call, or a control call below `/_simulator/`."""
        if request.path.startswith(f"{PREFIX}/") or request.path == PREFIX:
            return self._controlled(request)
        return super().handle(request, patience)

    def _controlled(self, request: Request) -> Response:
        action = _ACTIONS.get((request.method, request.path.removeprefix(PREFIX).strip("/")))
        if action is None:
            known = ", ".join(f"{method} {PREFIX}/{name}" for method, name in _ACTIONS)
            return json_response({"error": f"unknown control call; known are {known}"}, HTTPStatus.NOT_FOUND)
        try:
            return json_response(action(self, json.loads(request.body) if request.body.strip() else {}))
        except ValueError as error:  # DecodeError and broken JSON
            return json_response({"error": str(error)}, HTTPStatus.BAD_REQUEST)


def _seed(control: Control, content: object) -> object:
    control.seed(decode(dict[str, object], content, "seed"))
    return {}


def _reset(control: Control, _content: object) -> object:
    control.reset()
    return {}


def _calls(control: Control, _content: object) -> object:
    return [call.json() for call in control.log()]


def _settings(control: Control, content: object) -> object:
    return asdict(control.configure(**decode(dict[str, object], content, "settings")))


def _faults(control: Control, _content: object) -> object:
    return [asdict(fault) for fault in control.faults]


def _script(control: Control, content: object) -> object:
    control.script(*decode(tuple[Fault, ...], content if isinstance(content, list) else [content], "faults"))
    return _faults(control, content)


def _clear_faults(control: Control, _content: object) -> object:
    control.clear_faults()
    return []


def _clock(control: Control, content: object) -> object:
    given = decode(dict[str, object], content, "clock")
    if unknown := given.keys() - {"advance", "now", "offset"}:
        raise DecodeError(f"clock: unknown key '{min(unknown)}'; use advance or offset (seconds) or now (ISO 8601)")
    if "now" in given:
        control.clock.set(datetime.fromisoformat(decode(str, given["now"], "clock.now")))
    if "offset" in given:
        control.clock.advance(decode(float, given["offset"], "clock.offset") - control.clock.offset.total_seconds())
    control.advance(decode(float, given.get("advance", 0), "clock.advance"))
    return {"now": control.clock.now().isoformat(), "offset": control.clock.offset.total_seconds()}


_ACTIONS: Final[dict[tuple[str, str], Callable[[Control, object], object]]] = {
    ("GET", "dump"): lambda control, _: control.dump(),
    ("GET", "calls"): _calls,
    ("GET", "stats"): lambda control, _: control.stats(),
    ("POST", "seed"): _seed,
    ("POST", "reset"): _reset,
    ("GET", "settings"): _settings,
    ("PATCH", "settings"): _settings,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _script,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _clock,
}
