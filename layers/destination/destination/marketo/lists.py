"""Static lists: found, created, and their members changed.

Source: Marketo REST API, "Static lists" and "Folders" (asset API), "Lists" and "List membership" (lead database).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from destination.marketo.client import ASSET_TIMEOUT, DEFAULT_TIMEOUT, Client, json_body
from destination.marketo.errors import (
    LIST_MISSING,
    MAY_MEAN_LIST_MISSING,
    NAME_TAKEN,
    NO_DATA,
    PARENT_MISSING,
    UNEXPECTED_ANSWER,
    ConnectionBlockedError,
    InstanceWaitsError,
    ListMissingError,
    RequestRejectedError,
)
from destination.marketo.leads import CHUNK, RecordResult
from destination.marketo.transport import Request

NAME_LENGTH: Final = 255
"""Marketo documents no limit for names of lists; this is the length of its text fields."""

GROUP_LISTS: Final = "Group Lists"
"""The system folder of every workspace that holds its lists."""

_NAMES_TRIED: Final = 5

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StaticList:
    """`is_new`: it was created just now, so that nobody else has put anybody on it."""

    id: int
    name: str
    workspace: str | None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class ListPage:
    """`cursor`: what follows is asked for with it; None: nothing does."""

    lists: tuple[StaticList, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class MemberPage:
    """Some members of a list, and where to go on (None: there are no more)."""

    lead_ids: tuple[int, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class ListsOfLead:
    """Lists that a lead is on; `are_all`: it is on no others."""

    list_ids: frozenset[int]
    are_all: bool


def safe_name(name: str) -> str:
    """The name of the list for an audience of this name.

    Marketo cannot search names with commas ("Assets"), so commas become semicolons. Runs of white space become one
    space. A name that is too long ends in a digest of the whole, so that two long names stay two.
    """
    tidy = " ".join(name.replace(",", ";").split())
    if len(tidy) <= NAME_LENGTH:
        return tidy
    digest = hashlib.sha256(tidy.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{tidy[: NAME_LENGTH - 9].rstrip()} {digest}"


class Lists:
    """The static lists of one instance.

    Whether a list is gone is asked, whenever a call about it is refused with a code that may say so: no code of Marketo
    has this meaning alone, and an unknown list was not answered everywhere with the same one.
    """

    def __init__(self, client: Client, folders: dict[str, int] | None = None) -> None:
        """`folders`: where lists go, by workspace, as far as this user was told; it is added to."""
        self._client = client
        self._known_folders = {} if folders is None else folders

    def add(self, list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        """Put at most 300 leads on the list: `added` (also for members), or `skipped` with its code.

        Raises ListMissingError, or another MarketoError.
        """
        return self._change("add to list", "POST", list_id, lead_ids)

    def remove(self, list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        """Take at most 300 leads off the list: `removed`, or `skipped` with its code (1015: was not on it).

        Raises ListMissingError, or another MarketoError.
        """
        return self._change("remove from list", "DELETE", list_id, lead_ids)

    def membership(self, list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        """Ask of at most 300 leads: `memberof`, `notmemberof`, or `skipped` with its code.

        Raises ListMissingError, or another MarketoError.
        """
        ids = list(dict.fromkeys(lead_ids))
        path = f"/rest/v1/lists/{list_id}/leads/ismember.json?{urlencode([('id', lead_id) for lead_id in ids])}"
        return self._each(list_id, Request("is member of list", "GET", path, DEFAULT_TIMEOUT), ids)

    def members(self, list_id: int, cursor: str | None = None) -> MemberPage:
        """At most 300 of the leads on a list. Raises ListMissingError, or another MarketoError."""
        params = {"fields": "id", "batchSize": str(CHUNK)} | ({"nextPageToken": cursor} if cursor else {})
        path = f"/rest/v1/lists/{list_id}/leads.json"
        request = Request("list members", "GET", path, DEFAULT_TIMEOUT, params=params)
        page = self._of_list(list_id, lambda: self._client.call(request))
        lead_ids = tuple(row["id"] for row in page.result if isinstance(row.get("id"), int))
        return MemberPage(lead_ids, page.next_page_token)

    def of_lead(self, lead_id: int) -> ListsOfLead:
        """The first 300 lists that a lead is on, in one call; none for a lead that is not there. Raises MarketoError.

        Source: Marketo REST API, "Leads" (Get Lists by Lead Id), which takes the permission Read-Only Assets.
        """
        path = f"/rest/v1/leads/{lead_id}/listMembership.json"
        request = Request("lists of a lead", "GET", path, DEFAULT_TIMEOUT, params={"batchSize": str(CHUNK)})
        page = self._client.call(request)
        ids = frozenset(row["listId"] for row in page.result if isinstance(row.get("listId"), int))
        return ListsOfLead(ids, page.is_whole and page.next_page_token is None)

    def get(self, list_id: int) -> StaticList | None:
        """The list, None if there is none with this id; raises MarketoError.

        Whatever code Marketo answers of an id that is not there, a search for it finds nothing.
        """
        try:
            page = self._client.call(Request("get list", "GET", f"/rest/v1/lists/{list_id}.json", DEFAULT_TIMEOUT))
        except (ConnectionBlockedError, RequestRejectedError) as error:
            if error.code not in MAY_MEAN_LIST_MISSING:
                raise
            search = Request("find list", "GET", "/rest/v1/lists.json", DEFAULT_TIMEOUT, params={"id": str(list_id)})
            page = self._client.call(search)
        return next((_list(row) for row in page.result if row.get("id") == list_id), None)

    def find(self, name: str, workspace: str) -> StaticList | None:
        """The oldest list of exactly this (safe) name in the workspace, outside programs; raises MarketoError."""
        name = safe_name(name)
        request = Request(
            "find list",
            "GET",
            "/rest/v1/lists.json",
            DEFAULT_TIMEOUT,
            params={"name": name, "workspaceName": workspace, "batchSize": str(CHUNK)},
        )
        try:
            rows = [row for page in self._client.pages(request) for row in page.result]
        except ListMissingError:
            return None
        named = [row for row in rows if row.get("name") == name and isinstance(row.get("id"), int)]
        found = [_list(row) for row in named if not row.get("programName")]
        return min((one for one in found if one.workspace == workspace), key=lambda one: one.id, default=None)

    def browse(self, name: str | None = None, cursor: str | None = None, size: int = CHUNK) -> ListPage:
        """One page of the lists, of all workspaces, those of programs included; raises MarketoError.

        `name`: only lists of exactly this name, which must not have a comma. `cursor`: as the page before gave it.
        """
        params = {"batchSize": str(size)}
        if name is not None:
            params["name"] = name
        if cursor is not None:
            params["nextPageToken"] = cursor
        page = self._client.call(Request("browse lists", "GET", "/rest/v1/lists.json", DEFAULT_TIMEOUT, params=params))
        return ListPage(
            tuple(_list(row) for row in page.result if isinstance(row.get("id"), int)), page.next_page_token
        )

    def ensure(self, name: str, workspace: str, description: str = "") -> StaticList:
        """Find the list, or create it in the workspace's folder for lists.

        Names may be taken where this user cannot see it, or outside the workspace: then ` (2)` and so on is appended.

        Raises RequestRejectedError 709 when Marketo refuses every name, ConnectionBlockedError 710 when the workspace
        has no folder that this user may use, or another MarketoError. After an ambiguous failure call it again: it
        finds what was created.
        """
        for number in range(1, _NAMES_TRIED + 1):
            candidate = name if number == 1 else f"{safe_name(name)[: NAME_LENGTH - 4]} ({number})"
            if found := self.find(candidate, workspace):
                return found
            # Taken: perhaps by somebody who created it between our question and our call.
            if made := self._create(candidate, description, workspace) or self.find(candidate, workspace):
                return made
        raise RequestRejectedError(NAME_TAKEN, "create list")

    def rename(self, list_id: int, name: str) -> StaticList | None:
        """Give the list another (safe) name, in place; None if there is no list with this id.

        Raises RequestRejectedError 709 when the name is taken, or another MarketoError.
        """
        request = Request(
            "rename list",
            "POST",
            f"/rest/asset/v1/staticList/{list_id}.json",
            ASSET_TIMEOUT,
            form={"name": safe_name(name)},
        )
        for row in self._client.call(request).result:
            if row.get("id") == list_id:
                workspace = row.get("workspace")
                return StaticList(list_id, str(row.get("name")), None if workspace is None else str(workspace))
        return None

    def workspaces(self) -> list[str]:
        """The workspaces in which this user can create lists, by name; raises MarketoError."""
        return sorted(workspace for workspace, _ in self._folders())

    def _change(self, operation: str, method: str, list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        ids = list(dict.fromkeys(lead_ids))
        path = f"/rest/v1/lists/{list_id}/leads.json"
        body = json_body({"input": [{"id": lead_id} for lead_id in ids]})
        return self._each(list_id, Request(operation, method, path, DEFAULT_TIMEOUT, body=body), ids)

    def _each(self, list_id: int, request: Request, ids: Sequence[int]) -> dict[int, RecordResult]:
        if len(ids) > CHUNK:
            raise ValueError(f"one call takes at most {CHUNK}")
        if not ids:
            return {}

        def results() -> list[RecordResult]:
            return [RecordResult.of(row) for row in self._client.call(request).result]

        found = self._of_list(list_id, results)
        # A missing list is documented as 1013, but not where the code stands: at the top, in records, or nowhere.
        may_be_missing = not found or any(result.code == LIST_MISSING for result in found)
        if may_be_missing and self.get(list_id) is None:
            raise ListMissingError(LIST_MISSING, request.operation, list_id)
        by_id = {result.id: result for result in found}
        if not by_id.keys() >= set(ids):
            raise InstanceWaitsError(UNEXPECTED_ANSWER, request.operation)
        return {lead_id: by_id[lead_id] for lead_id in ids}

    def _of_list(self, list_id: int, call: Callable[[], _T]) -> _T:
        """Make a call about a list. One that may have been refused as there is no such list: it is asked for.

        Raises ListMissingError, and what the call raises.
        """
        try:
            return call()
        except (ConnectionBlockedError, RequestRejectedError) as error:
            if error.code in MAY_MEAN_LIST_MISSING and self.get(list_id) is None:
                raise ListMissingError(LIST_MISSING, error.operation, list_id) from error
            if isinstance(error, ListMissingError):
                raise ConnectionBlockedError(error.code, error.operation) from error
            raise

    def _create(self, name: str, description: str, workspace: str) -> StaticList | None:
        """None: a rule for assets is violated, most often because the name is taken."""
        is_known = workspace in self._known_folders
        try:
            return self._create_in(self._folder(workspace), name, description, workspace)
        except ConnectionBlockedError as error:
            if error.code != PARENT_MISSING or not is_known:
                raise
        del self._known_folders[workspace]  # It was another one when it was asked for.
        return self._create_in(self._folder(workspace), name, description, workspace)

    def _create_in(self, folder: int, name: str, description: str, workspace: str) -> StaticList | None:
        form = {"name": safe_name(name), "folder": json.dumps({"id": folder, "type": "Folder"})}
        if description:
            form["description"] = description
        request = Request(
            "create list", "POST", "/rest/asset/v1/staticLists.json", ASSET_TIMEOUT, form=form, repeatable=False
        )
        try:
            page = self._client.call(request)
        except RequestRejectedError as error:
            if error.code != NAME_TAKEN:
                raise
            return None
        for row in page.result:
            if isinstance(row.get("id"), int):
                name_now = str(row.get("name", form["name"]))
                return StaticList(row["id"], name_now, str(row.get("workspace", workspace)), is_new=True)
        raise InstanceWaitsError(UNEXPECTED_ANSWER, request.operation)

    def _folder(self, workspace: str) -> int:
        if workspace not in self._known_folders:
            self._known_folders.update(self._folders())
        if workspace in self._known_folders:
            return self._known_folders[workspace]
        raise ConnectionBlockedError(PARENT_MISSING, "find the workspace's folder for lists")

    def _folders(self) -> list[tuple[str, int]]:
        """The folders for lists, as (workspace, folder id)."""
        request = Request(
            "find folders for lists",
            "GET",
            "/rest/asset/v1/folder/byName.json",
            ASSET_TIMEOUT,
            params={"name": GROUP_LISTS, "type": "Folder"},
        )
        try:
            rows = self._client.call(request).result
        except RequestRejectedError as error:
            if error.code != NO_DATA:
                raise
            return []
        return [
            (str(row["workspace"]), folder)
            for row in rows
            if row.get("isSystem") is True and "workspace" in row and (folder := _folder_id(row)) is not None
        ]


def _list(row: Mapping[str, Any]) -> StaticList:
    workspace = row.get("workspaceName")
    return StaticList(row["id"], str(row.get("name")), None if workspace is None else str(workspace))


def _folder_id(row: Mapping[str, Any]) -> int | None:
    match row:
        case {"folderId": {"id": int() as folder}} | {"id": int() as folder}:
            return folder
    return None
