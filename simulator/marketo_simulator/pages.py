"""The pages at `/_simulator`: what an instance holds and what was asked of it, for reading in a browser."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nsmallest
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from marketo_simulator.activities import TYPES
from marketo_simulator.calls import Call, CallQuery
from marketo_simulator.decode import decode
from marketo_simulator.explanations import explain, said
from marketo_simulator.instance import Instance
from marketo_simulator.markup import Html, document, pairs, table, tag, together
from marketo_simulator.message import Request, Response
from marketo_simulator.state import Lead

ROWS: Final = 50
"""Of leads, lists, members and calls on a page."""
_COLUMNS: Final = ("email", "firstName", "lastName", "company", "updatedAt")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


class _NotThere(Exception):  # noqa: N818 (the answer 404, not a mistake)
    """No page at this address."""


class Pages:
    """The pages of one instance. `base` is the path of its control interface."""

    def __init__(self, instance: Instance, base: str) -> None:
        self._instance = instance
        self._base = base

    def answer(self, request: Request, path: str) -> Response:
        """The page at `path` below the control interface: 404 where there is none, 400 for a query without sense."""
        query = dict(request.query)
        try:
            with self._instance.lock:
                title, *body = self._page(path, query)
            status = HTTPStatus.OK
        except _NotThere:
            title, body, status = (
                "Not there",
                [tag("p", "There is no such page, or no such object.")],
                HTTPStatus.NOT_FOUND,
            )
        except ValueError as error:
            title, body, status = "Not understood", [tag("p", error)], HTTPStatus.BAD_REQUEST
        name = self._instance.munchkin_id or "default instance"
        return document(
            f"{title} · Marketo simulator", self._menu(), tag("h1", title, " · ", name), *body, status=status
        )

    def _menu(self) -> Html:
        names = {"": "Overview", "leads": "Leads", "lists": "Lists", "calls": "Calls", "limits": "Limits"}
        return tag("nav", *(self._link(text, name) for name, text in names.items()))

    def _link(self, text: object, page: str, **query: object) -> Html:
        address = f"{self._base}/pages/{page}" if page else self._base
        return tag("a", text, href=f"{address}?{urlencode(query)}" if query else address)

    def _page(self, path: str, query: Mapping[str, str]) -> Sequence[object]:
        name, _, number = path.strip("/").removeprefix("pages").strip("/").partition("/")
        if number:
            if name not in _OF_ONE or not _NUMBER.fullmatch(number):
                raise _NotThere
            return _OF_ONE[name](self, int(number), query)
        if name not in _OF_ALL:
            raise _NotThere
        return _OF_ALL[name](self, query)

    def _overview(self, _query: Mapping[str, str]) -> Sequence[object]:
        instance = self._instance
        state, calls = instance.state, instance.calls
        numbers = {
            "Leads": f"{len(state.leads):,}",
            "Lists": f"{len(state.lists):,}",
            "Fields": sum(1 for _ in state.schema),
            "Partitions": ", ".join(state.partitions),
            "Workspaces": ", ".join(state.workspaces),
            "Calls": f"{calls.total:,}",
            "Errors": ", ".join(f"{code}: {count:,}" for code, count in sorted(calls.per_code.items())) or "none",
            "Time": instance.clock.now().isoformat(),
        }
        faults = [tag("pre", json.dumps(said(fault))) for fault in instance.faults] or [tag("p", "None.")]
        return ("Overview", pairs(numbers), tag("h2", "Faults"), *faults, tag("h2", "Latest calls"), self._calls(10))

    # Leads

    def _leads(self, query: Mapping[str, str]) -> Sequence[object]:
        leads = self._instance.state.leads
        wanted = query.get("q", "").strip()
        if wanted:
            found, more = self._found(wanted), tag("p")
        else:
            found, more = self._slice(leads, query, "leads")
        form = tag(
            "form", tag("label", "Id or e-mail address ", Html('<input name="q" maxlength="255">')),
            tag("button", "Find"), method="get", action=f"{self._base}/pages/leads",
        )  # fmt: skip
        return ("Leads", tag("p", f"{len(leads):,} leads"), form, self._lead_table(leads[each] for each in found), more)

    def _found(self, wanted: str) -> Sequence[int]:
        state = self._instance.state
        if _NUMBER.fullmatch(wanted):
            return [number for number in [int(wanted)] if number in state.leads]
        email = state.schema.searchable("email")
        return [] if email is None else state.find(email, [wanted], None)[:ROWS]

    def _slice(self, ids: Iterable[int], query: Mapping[str, str], page: str) -> tuple[Sequence[int], Html]:
        """The ids behind `after`, ascending, and the links to the first and the next ones."""
        after = _whole(query, "after")
        rest = nsmallest(ROWS + 1, (each for each in ids if each > after) if after else ids)
        links = [self._link("First", page)] if after else []
        if len(rest) > ROWS:
            links.append(self._link("Next", page, after=rest[ROWS - 1]))
        return rest[:ROWS], tag("nav", *links)

    def _lead_table(self, leads: Iterable[Lead]) -> Html:
        names = {each.id: each.name for each in self._instance.state.partitions.values()}
        rows = [
            (
                self._link(lead.id, f"leads/{lead.id}"),
                *("" if (value := lead.values.get(name)) is None else value for name in _COLUMNS),
                names.get(lead.partition_id, lead.partition_id),
            )
            for lead in leads
        ]
        return table(("id", *_COLUMNS, "partition"), rows)

    def _lead(self, number: int, _query: Mapping[str, str]) -> Sequence[object]:
        state = self._instance.state
        lead = state.leads.get(number)
        if lead is None:
            raise _NotThere
        lists = [
            (self._link(each.id, f"lists/{each.id}"), each.name)
            for each in state.lists.values()
            if number in each.members
        ]
        calls = tag("p", self._link("Calls that name it", "calls", lead=number))
        fields = pairs({name: _shown(value) for name, value in lead.values.items()})
        return (
            f"Lead {number}",
            fields,
            tag("h2", "Lists"),
            table(("id", "name"), lists),
            tag("h2", "Activities, the latest first"),
            self._activities(number),
            calls,
        )

    def _activities(self, lead_id: int) -> Html:
        found = [each for each in self._instance.state.journal.all() if each.lead_id == lead_id]
        rows = [
            (
                each.time.isoformat(),
                TYPES[each.type_id].name,
                each.primary_value,
                "; ".join(f"{name}: {'' if value is None else value}" for name, value in each.details.items()),
                each.cause.source,
            )
            for each in reversed(found[-ROWS:])
        ]
        return table(("time", "activity", "of", "details", "from"), rows)

    # Lists

    def _lists(self, query: Mapping[str, str]) -> Sequence[object]:
        lists, folders = self._instance.state.lists, self._instance.state.folders
        found, more = self._slice(lists, query, "lists")
        rows = [
            (
                self._link(each.id, f"lists/{each.id}"),
                each.name,
                folders[each.folder].path if each.folder in folders else "",
                f"{len(each.members):,}",
            )
            for each in map(lists.__getitem__, found)
        ]
        return ("Lists", tag("p", f"{len(lists):,} lists"), table(("id", "name", "folder", "members"), rows), more)

    def _list(self, number: int, query: Mapping[str, str]) -> Sequence[object]:
        state = self._instance.state
        static_list = state.lists.get(number)
        if static_list is None:
            raise _NotThere
        found, more = self._slice(static_list.members, query, f"lists/{number}")
        about = pairs(
            {"Name": static_list.name, "Workspace": static_list.workspace, "Members": len(static_list.members)}
        )
        members = self._lead_table(state.leads[each] for each in found if each in state.leads)
        return (f"List {number}", about, members, more)

    # Calls

    def _calls_page(self, query: Mapping[str, str]) -> Sequence[object]:
        given: dict[str, object] = {name: value for name, value in query.items() if name != "before"}
        for name in ("lead", "status", "after", "limit"):
            if name in given:
                given[name] = _whole(query, name)
        found = self._instance.calls.find(decode(CallQuery, given, "calls"))
        before = _whole(query, "before")
        found = [call for call in found if call.number < before] if before else found
        latest = found[-ROWS:]
        more = [self._link("Older", "calls", **{**query, "before": latest[0].number})] if len(found) > ROWS else []
        choices = "code=606, lead=7, operation=Sync Leads, path=…, method=…"
        count = tag("p", f"{len(found):,} calls, the latest first. Choose by ?{choices}")
        return ("Calls", count, self._call_table(latest), tag("nav", *more))

    def _calls(self, count: int) -> Html:
        return self._call_table(list(self._instance.calls.log)[-count:])

    def _call_table(self, calls: Sequence[Call]) -> Html:
        head = ("no.", "time", "call", "records", "status", "code", "took effect", "limited", "scripted")
        rows = [
            (
                self._link(call.number, f"calls/{call.number}"),
                call.time.strftime("%H:%M:%S.%f")[:-3],
                call.endpoint,
                call.records or "",
                call.status or "broken",
                call.code,
                "yes" if call.executed else "no",
                "yes" if call.by_limit else "",
                "yes" if call.fault else "",
            )
            for call in reversed(calls)
        ]
        return table(head, rows)

    def _call(self, number: int, _query: Mapping[str, str]) -> Sequence[object]:
        calls = self._instance.calls
        call = next((each for each in calls.log if each.number == number), None)
        if call is None:
            raise _NotThere
        exchange = calls.exchange(number)
        why = {name: _shown(value) for name, value in explain(call, exchange).items()}
        about = {name: _shown(value) for name, value in call.json().items()}
        said_in_it = {} if exchange is None else exchange.json()
        bodies = [together((tag("h2", name), tag("pre", _shown(value)))) for name, value in said_in_it.items()]
        if exchange is None:
            bodies = [tag("p", "Its bodies are not kept any more (setting body_bytes_kept).")]
        return (f"Call {number}", pairs(why), *bodies, tag("h2", "All of it"), pairs(about))

    # Limits

    def _limits(self, _query: Mapping[str, str]) -> Sequence[object]:
        instance = self._instance
        settings = instance.settings
        in_window, of_quota = instance.limits.used(instance.clock.now(), settings)
        now = {
            f"Calls in {settings.window_seconds:g} s": _used(in_window, settings.calls_per_window),
            "Calls executing": _used(instance.limits.executing, settings.concurrency),
            "Calls of the day": _used(of_quota, settings.daily_quota),
        }
        windows = list(instance.calls.windows())[-ROWS:]
        rows = [[_shown(value) for value in window.values()] for window in reversed(windows)]
        head = list(windows[0]) if windows else []
        return ("Limits", pairs(now), tag("h2", "By window, the latest first"), table(head, rows))


_OF_ALL: Final[Mapping[str, Callable[[Pages, Mapping[str, str]], Sequence[object]]]] = {
    "": Pages._overview,
    "leads": Pages._leads,
    "lists": Pages._lists,
    "calls": Pages._calls_page,
    "limits": Pages._limits,
}
_OF_ONE: Final[Mapping[str, Callable[[Pages, int, Mapping[str, str]], Sequence[object]]]] = {
    "leads": Pages._lead,
    "lists": Pages._list,
    "calls": Pages._call,
}


def _whole(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if text and not _NUMBER.fullmatch(text):
        raise ValueError(f"{name}: expected a whole number")
    return int(text or 0)


def _used(used: int, limit: int | None) -> Html:
    if not limit:
        return together((f"{used:,} of {'any number' if limit is None else 0}",))
    return together((tag("meter", min=0, max=limit, value=min(used, limit)), f" {used:,} of {limit:,}"))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
