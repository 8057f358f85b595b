"""Folders and static lists of the Asset API (Marketo REST, Folders; Static Lists)."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from marketo_simulator.context import Context
from marketo_simulator.errors import CallError
from marketo_simulator.message import Response
from marketo_simulator.state import Folder, StaticList, id_of

T = TypeVar("T")

MAX_RETURNED: Final = 200
MAX_DESCRIPTION: Final = 2000
"""Characters of a folder's description."""
_USUALLY_RETURNED: Final = 20
_FOLDER: Final = ("", "folder")
"""What a type says, in lower case, that is not of a program."""
_URL: Final = "https://app-ab00.marketo.com/"


# Static lists


def list_by_id(context: Context) -> Response:
    """GET /rest/asset/v1/staticList/{id}.json."""
    return context.asset_answer(_found_list(context))


def list_by_name(context: Context) -> Response:
    """GET /rest/asset/v1/staticList/byName.json: every list of exactly this name. Names with commas are not found."""
    name = context.param("name")
    if not name:
        raise CallError("701", "name cannot be blank")
    found = [] if "," in name else [each for each in context.state.lists.values() if each.name == name]
    return context.asset_answer([_shown_list(each) for each in found])


def browse_lists(context: Context) -> Response:
    """GET /rest/asset/v1/staticLists.json, narrowed by folder and time of change."""
    folder = _folder_id(context, "folder")
    earliest, latest = _moment(context, "earliestUpdatedAt"), _moment(context, "latestUpdatedAt")
    found = (
        each
        for each in sorted(context.state.lists.values(), key=lambda static_list: static_list.id)
        if folder in (None, each.folder)
        and (earliest is None or each.updated_at >= earliest)
        and (latest is None or each.updated_at <= latest)
    )
    return context.asset_answer([_shown_list(each) for each in _slice(context, found)])


def create_list(context: Context) -> Response:
    """POST /rest/asset/v1/staticLists.json (form-encoded): a list in a folder of lists.

    Raises CallError 701 (blank name), 710 (no such folder), 711 (folder of another type), 709 (name taken).
    """
    name = context.param("name")
    if not name:
        raise CallError("701", "name cannot be blank")
    folder = context.state.folders.get(_folder_id(context, "folder") or 0)
    if folder is None:
        raise CallError("710", "Parent folder not found")
    if folder.folder_type != "List":
        raise CallError("711", "Incompatible folder type")
    _refuse_taken(context, name, folder.workspace)
    return context.asset_answer(
        [_shown_list(context.state.add_list(name, folder, context.now, context.param("description")))]
    )


def update_list(context: Context) -> Response:
    """POST /rest/asset/v1/staticList/{id}.json (form-encoded): new name, new description. Raises CallError 709."""
    static_list = context.state.lists.get(context.ids[0])
    if static_list is None:
        return context.asset_answer([])
    name = context.param("name")
    if name and name != static_list.name:
        _refuse_taken(context, name, static_list.workspace)
        static_list.name = name
    if "description" in context.params:
        static_list.description = context.param("description")
    static_list.updated_at = context.now
    return context.asset_answer([_shown_list(static_list)])


def delete_list(context: Context) -> Response:
    """POST /rest/asset/v1/staticList/{id}/delete.json. Raises CallError 709 while an import into the list goes on."""
    static_list = context.state.lists.get(context.ids[0])
    if static_list is None:
        return context.asset_answer([])
    if context.imports.is_using(static_list.id, context.now):
        raise CallError("709", "Static List is in use")
    del context.state.lists[static_list.id]
    return context.asset_answer([{"id": static_list.id}])


def _refuse_taken(context: Context, name: str, workspace: str) -> None:
    if any(each.name == name and each.workspace == workspace for each in context.state.lists.values()):
        raise CallError("709", "Static List with the same name already exists")


def _found_list(context: Context) -> list[dict[str, object]]:
    static_list = context.state.lists.get(context.ids[0])
    return [] if static_list is None else [_shown_list(static_list)]


# Folders


def folder_by_id(context: Context) -> Response:
    """GET /rest/asset/v1/folder/{id}.json?type=Folder."""
    folder = context.state.folders.get(context.ids[0])
    wanted = context.param("type").lower() in _FOLDER
    return context.asset_answer([_shown_folder(context, folder)] if folder is not None and wanted else [])


def folder_by_name(context: Context) -> Response:
    """GET /rest/asset/v1/folder/byName.json: every folder of exactly this name, narrowed by workSpace and root."""
    name, workspace = context.param("name"), context.param("workSpace")
    if not name:
        raise CallError("701", "name cannot be blank")
    root = _folder_id(context, "root")
    below = {folder.id for folder in context.state.folders.values()} if root is None else _below(context, root)
    found = (
        folder
        for folder in context.state.folders.values()
        if folder.name == name
        and "," not in name
        and workspace in ("", folder.workspace)
        and folder.id in below
        and context.param("type").lower() in _FOLDER
    )
    return context.asset_answer([_shown_folder(context, folder) for folder in found])


def browse_folders(context: Context) -> Response:
    """GET /rest/asset/v1/folders.json: the folders below `root` (all without), to `maxDepth` (2; 0 = only root)."""
    root, workspace = _folder_id(context, "root"), context.param("workSpace")
    depth = context.number("maxDepth", 2, 1000)
    tops = [root] if root is not None else [folder.id for folder in context.state.folders.values() if not folder.parent]
    found = {folder_id for top in tops for folder_id in _below(context, top, depth)}
    folders = (context.state.folders[folder_id] for folder_id in sorted(found))
    seen = (folder for folder in folders if workspace in ("", folder.workspace))
    return context.asset_answer([_shown_folder(context, folder) for folder in _slice(context, seen)])


def folder_content(context: Context) -> Response:
    """GET /rest/asset/v1/folder/{id}/content.json: folders and lists right below the folder."""
    folder = context.state.folders.get(context.ids[0])
    if folder is None or context.param("type").lower() not in _FOLDER:
        return context.asset_answer([])
    rows = [{"id": each.id, "type": "Folder"} for each in context.state.folders.values() if each.parent == folder.id]
    rows += [
        {"id": each.id, "type": "Static List"} for each in context.state.lists.values() if each.folder == folder.id
    ]
    return context.asset_answer(list(_slice(context, rows)))


def create_folder(context: Context) -> Response:
    """POST /rest/asset/v1/folders.json (form-encoded): a folder of lists in a folder of lists.

    Raises CallError 701 (blank name), 710 (no such parent), 711 (parent of another type), 709 (name taken).
    """
    name = context.param("name")
    if not name:
        raise CallError("701", "name cannot be blank")
    parent = context.state.folders.get(_folder_id(context, "parent") or 0)
    if parent is None:
        raise CallError("710", "Parent folder not found")
    if parent.folder_type != "List":
        raise CallError("711", "Incompatible folder type")
    _refuse_taken_folder(context, name, parent.id)
    description = _description(context)
    folder = context.state.add_folder(name, parent, context.now)
    context.state.replace_folder(replace(folder, description=description))
    return context.asset_answer([_shown_folder(context, context.state.folders[folder.id])])


def update_folder(context: Context) -> Response:
    """POST /rest/asset/v1/folder/{id}.json (form-encoded): another name, description, in the archive or out of it.

    Raises CallError 709 for a system folder and a taken name, 1001 for an `isArchive` that is neither true nor false.
    """
    folder = context.state.folders.get(context.ids[0])
    if folder is None or context.param("type").lower() not in _FOLDER:
        return context.asset_answer([])
    if folder.is_system:
        raise CallError("709", "A system folder cannot be changed")
    archived = {"": folder.archived, "true": True, "false": False}.get(context.param("isArchive").lower())
    if archived is None:
        raise CallError("1001", "Invalid value for isArchive. Required of type 'Boolean'")
    name = context.param("name") or folder.name
    if name != folder.name:
        _refuse_taken_folder(context, name, folder.parent)
    description = _description(context) if "description" in context.params else folder.description
    path = f"{folder.path.rpartition('/')[0]}/{name}"
    context.state.replace_folder(replace(folder, name=name, path=path, description=description, archived=archived))
    return context.asset_answer([_shown_folder(context, context.state.folders[folder.id])])


def _refuse_taken_folder(context: Context, name: str, parent: int | None) -> None:
    if any(each.name == name and each.parent == parent for each in context.state.folders.values()):
        raise CallError("709", "Folder with the same name already exists")


def _description(context: Context) -> str:
    """The description of a folder. Raises CallError 709 for one that is too long."""
    text = context.param("description")
    if len(text) > MAX_DESCRIPTION:
        raise CallError("709", f"The description exceeds the limit of {MAX_DESCRIPTION} characters")
    return text


def delete_folder(context: Context) -> Response:
    """POST /rest/asset/v1/folder/{id}/delete.json. Raises CallError 709 for a system folder and one with content."""
    folder = context.state.folders.get(context.ids[0])
    if folder is None or context.param("type").lower() not in _FOLDER:
        return context.asset_answer([])
    if folder.is_system:
        raise CallError("709", "A system folder cannot be deleted")
    folders, lists = context.state.folders, context.state.lists
    if any(each.parent == folder.id for each in folders.values()) or any(
        each.folder == folder.id for each in lists.values()
    ):
        raise CallError("709", "Folder is not empty")
    del folders[folder.id]
    return context.asset_answer([{"id": folder.id}])


def _below(context: Context, root: int, depth: int = 1000) -> set[int]:
    """The folder and those in it, down to the depth."""
    found = {root} & context.state.folders.keys()
    level = found
    for _ in range(depth):
        level = {folder.id for folder in context.state.folders.values() if folder.parent in level}
        if not level:
            break
        found = found | level
    return found


# Parameters and rows


def _folder_id(context: Context, name: str) -> int | None:
    """A folder parameter: `{"id": 12, "type": "Folder"}` or the bare id; 0, which no folder has, for a program.

    Raises CallError 1003.
    """
    text = context.param(name)
    if not text:
        return None
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CallError("1003", f"Invalid value for {name}") from error
    folder_id, kind = (given.get("id"), given.get("type", "")) if isinstance(given, dict) else (given, "")
    if isinstance(folder_id, str):
        folder_id = id_of(folder_id) or None
    if type(folder_id) is not int or not isinstance(kind, str):
        raise CallError("1003", f"Invalid value for {name}")
    return folder_id if kind.lower() in _FOLDER else 0


def _moment(context: Context, name: str) -> datetime | None:
    """A time without milliseconds. Raises CallError 704."""
    text = context.param(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CallError("704", f"Invalid date format for {name}") from error
    if "." in text:
        raise CallError("704", f"Invalid date format for {name}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _slice(context: Context, rows: Iterable[T]) -> Iterator[T]:
    offset = context.number("offset", 0, 10**9)
    most = context.number("maxReturn", _USUALLY_RETURNED, MAX_RETURNED)
    return (row for position, row in enumerate(rows) if offset <= position < offset + most)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ+0000")


def _shown_list(static_list: StaticList) -> dict[str, object]:
    return {
        "id": static_list.id,
        "name": static_list.name,
        **({"description": static_list.description} if static_list.description else {}),
        "createdAt": _stamp(static_list.created_at),
        "updatedAt": _stamp(static_list.updated_at),
        "folder": {"id": static_list.folder, "type": "Folder"},
        "computedUrl": f"{_URL}#ST{static_list.id}A1",
        "workspace": static_list.workspace,
    }


def _shown_folder(context: Context, folder: Folder) -> dict[str, object]:
    """A row as recorded of Group Lists: system folders have no `url`, `description` is null where there is none."""
    return {
        "name": folder.name,
        "description": folder.description or None,
        "createdAt": _stamp(folder.created_at),
        "updatedAt": _stamp(folder.created_at),
        "url": None if folder.is_system else f"{_URL}#ML{folder.id}A1",
        "folderId": {"id": folder.id, "type": "Folder"},
        "folderType": folder.folder_type,
        "parent": None if folder.parent is None else {"id": folder.parent, "type": "Folder"},
        "path": folder.path,
        "isArchive": folder.archived,
        "isSystem": folder.is_system,
        "accessZoneId": context.state.workspaces[folder.workspace].id,
        "workspace": folder.workspace,
        "id": folder.id,
    }
