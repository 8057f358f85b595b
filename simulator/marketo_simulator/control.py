"""The control interface of an instance, as methods and as JSON below `/_simulator/`: never counted as API calls."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from marketo_simulator.calls import Call, CallQuery
from marketo_simulator.changes import Change, carry_out
from marketo_simulator.decode import DecodeError, decode
from marketo_simulator.explanations import explain
from marketo_simulator.faults import Fault
from marketo_simulator.instance import Instance
from marketo_simulator.journal import ADMINISTRATOR, Cause
from marketo_simulator.message import Request, Response, json_response
from marketo_simulator.pages import Pages
from marketo_simulator.seed import Seed
from marketo_simulator.settings import Settings, changed

PREFIX: Final = "/_simulator"
_logger: Final = logging.getLogger("marketo_simulator")


class Control(Instance):
    """An instance with everything a test needs to prepare it and to see what came of it."""

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Under the lock, after whatever has ended by now: jobs are executed when somebody asks, as if in time."""
        with self.lock:
            self.settle()
            yield

    def seed(self, data: Mapping[str, object]) -> None:
        """Add data in the form of the seed file; of the settings it changes those it names.

        Raises DecodeError, and nothing is added or changed then.
        """
        with self._settled():
            settings = changed(self.settings, data.get("settings", {}), "seed.settings")
            self.add(decode(Seed, {**data, "settings": settings}, "seed"))
            self.settings = settings

    def configure(self, **changes: object) -> Settings:
        """Change single settings by name. Raises DecodeError."""
        with self._settled():
            self.settings = changed(self.settings, changes, "settings")
            return self.settings

    def change(self, **change: object) -> None:
        """Change what is there, as an administrator would; the properties are those of Change.

        Raises DecodeError, and nothing is changed then.
        """
        made = decode(Change, change, "change")
        with self._settled():
            cause = Cause(self.clock.now(), ADMINISTRATOR, "", "", "")
            with self.state.journal.caused_by(cause, self.settings.activities_kept):
                carry_out(made, self.state, self.identity, cause.time)

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

    def log(self, **query: object) -> list[Call]:
        """The latest API calls, oldest first; `query` chooses among them, as in CallQuery. Raises DecodeError."""
        with self.lock:
            return self.calls.find(decode(CallQuery, query, "calls"))

    def explain(self, number: int) -> dict[str, object]:
        """Why the call of this number ended as it did (explanations.explain). Raises ValueError if it is not kept."""
        with self.lock:
            for call in self.calls.log:
                if call.number == number:
                    return explain(call, self.calls.exchange(number))
            raise ValueError(f"there is no call {number} in the log; GET calls shows those that are kept")

    def usage(self) -> dict[str, object]:
        """How the limits are used: now, and over time (Calls.windows), as far as the log goes back."""
        with self.lock:
            now = self.clock.now()
            in_window, of_quota = self.limits.used(now, self.settings)
            return {
                "time": now.isoformat(),
                "in_window": in_window,
                "calls_per_window": self.settings.calls_per_window,
                "window_seconds": self.settings.window_seconds,
                "executing": self.limits.executing,
                "concurrency": self.settings.concurrency,
                "of_quota": of_quota,
                "daily_quota": self.settings.daily_quota,
                "windows": list(self.calls.windows()),
            }

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
        with self._settled():
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
        method = "GET" if request.method == "HEAD" else request.method
        name = request.path.removeprefix(PREFIX).strip("/")
        if method == "GET" and name.partition("/")[0] in ("", "pages"):
            base = f"/{self.munchkin_id}{PREFIX}" if self.munchkin_id else PREFIX
            self.settle()
            return Pages(self, base).answer(request, name)
        if method != "GET" and _is_of_another_site(request):
            return json_response({"error": "control calls are not for the pages of others"}, HTTPStatus.FORBIDDEN)
        action = _ACTIONS.get((method, name))
        if action is None:
            known = ", ".join(f"{method} {PREFIX}/{name}" for method, name in _ACTIONS)
            return json_response({"error": f"unknown control call; known are {known}"}, HTTPStatus.NOT_FOUND)
        return self._acted(request, action)

    def _acted(self, request: Request, action: Callable[["Control", object], object]) -> Response:
        try:
            content = json.loads(request.body) if request.body.strip() else dict(request.query)
            return json_response(action(self, content))
        except RecursionError:
            return json_response({"error": "the body is nested too deeply"}, HTTPStatus.BAD_REQUEST)
        except ValueError as error:  # DecodeError and broken JSON
            return json_response({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except OverflowError as error:
            return json_response({"error": f"a number is out of reach: {error}"}, HTTPStatus.BAD_REQUEST)
        except Exception as error:  # whatever it is, the caller gets an answer
            _logger.exception("an error in the simulator itself, answered with 500")
            return json_response({"error": f"the simulator failed with {type(error).__name__}"}, 500)


def _is_of_another_site(request: Request) -> bool:
    """Whether a page of another site sends it. Browsers say so, over plain HTTP to other machines by Origin alone."""
    if request.header("Sec-Fetch-Site") == "cross-site":
        return True
    origin = request.header("Origin")
    try:
        return bool(origin) and urlsplit(origin).hostname != urlsplit(f"//{request.header('Host')}").hostname
    except ValueError:
        return True


def _seed(control: Control, content: object) -> object:
    control.seed(decode(dict[str, object], content, "seed"))
    return {}


def _reset(control: Control, _content: object) -> object:
    control.reset()
    return {}


def _change(control: Control, content: object) -> object:
    control.change(**decode(dict[str, object], content, "change"))
    return {}


def _calls(control: Control, content: object) -> object:
    query = decode(dict[str, object], content, "calls")
    bodies = query.pop("bodies", False) in (True, "true")
    for name in ("lead", "status", "after", "limit"):  # in a URL all is text
        if isinstance(given := query.get(name), str):
            query[name] = _number(given, f"calls.{name}")
    with control.lock:
        found = control.log(**query)
        kept = {call.number: control.calls.exchange(call.number) for call in found} if bodies else {}
    exchanges = {number: exchange.json() for number, exchange in kept.items() if exchange is not None}
    return [call.json() | exchanges.get(call.number, {}) for call in found]


def _explain(control: Control, content: object) -> object:
    given = decode(dict[str, object], content, "explain").get("call")
    return control.explain(given if type(given) is int else _number(str(given), "explain.call"))


def _number(text: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise DecodeError(f"{where}: expected a whole number, got '{text[:40]}'")
    return int(text)


def _settings(control: Control, _content: object) -> object:
    return asdict(control.settings)


def _configure(control: Control, content: object) -> object:
    return asdict(control.configure(**decode(dict[str, object], content, "settings")))


def _faults(control: Control, _content: object) -> object:
    return [asdict(fault) for fault in control.faults]


def _script(control: Control, content: object) -> object:
    control.script(*decode(tuple[Fault, ...], content if isinstance(content, list) else [content], "faults"))
    return _faults(control, content)


def _clear_faults(control: Control, _content: object) -> object:
    control.clear_faults()
    return []


def _move_clock(control: Control, content: object) -> object:
    given = decode(dict[str, object], content, "clock")
    if unknown := given.keys() - {"advance", "now", "offset"}:
        raise DecodeError(f"clock: unknown key '{min(unknown)}'; use advance or offset (seconds) or now (ISO 8601)")
    moment = datetime.fromisoformat(decode(str, given["now"], "clock.now")) if "now" in given else None
    offset = decode(float, given["offset"], "clock.offset") if "offset" in given else None
    seconds = decode(float, given.get("advance", 0), "clock.advance")
    if moment is not None:
        control.clock.set(moment)
    if offset is not None:
        control.clock.shift(offset)
    control.advance(seconds)
    return _clock(control, content)


def _clock(control: Control, _content: object) -> object:
    return {"now": control.clock.now().isoformat(), "offset": control.clock.offset.total_seconds()}


_ACTIONS: Final[dict[tuple[str, str], Callable[[Control, object], object]]] = {
    ("GET", "health"): lambda _control, _content: {"status": "ok"},
    ("GET", "dump"): lambda control, _: control.dump(),
    ("GET", "calls"): _calls,
    ("GET", "explain"): _explain,
    ("GET", "stats"): lambda control, _: control.stats(),
    ("GET", "usage"): lambda control, _: control.usage(),
    ("POST", "seed"): _seed,
    ("POST", "changes"): _change,
    ("POST", "reset"): _reset,
    ("GET", "settings"): _settings,
    ("PATCH", "settings"): _configure,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _script,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _move_clock,
}
