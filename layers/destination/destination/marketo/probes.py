"""What the API user may do, found out by calls that change nothing.

Source: Marketo REST API, "Custom services" (a missing permission is answered 603, before anything is done), "Leads"
(Sync Leads) and "Static lists" (asset API).
"""

import json
from typing import Final

from destination.domain.schema import Field
from destination.marketo.client import ASSET_TIMEOUT, Client
from destination.marketo.errors import (
    PARENT_MISSING,
    PARTITION_DENIED,
    WRONG_FOLDER,
    ConnectionBlockedError,
    FailureClass,
    RequestRejectedError,
    classify,
)
from destination.marketo.leads import Leads, SyncAction
from destination.marketo.transport import Request

NOBODY: Final = 2**31 - 1
"""The highest lead id there can be. Nobody has it; and if somebody had, a record of an id alone changes nothing."""

_LEAD_ID: Final = Field("id", "integer")
_NO_FOLDER: Final = json.dumps({"id": 0, "type": "Folder"})
_REFUSED_FOR_ITS_FOLDER: Final = frozenset({PARENT_MISSING, WRONG_FOLDER})


class Probes:
    """Each asks for one permission and raises ConnectionBlockedError where it is missing, or another MarketoError."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._leads = Leads(client)

    def read_leads(self) -> None:
        """Look up a lead that nobody has."""
        self._leads.find(_LEAD_ID, [str(NOBODY)])

    def write_leads(self) -> None:
        """Update no field of a lead that nobody has: Marketo skips it (1004) for whoever may update leads."""
        operation = SyncAction.UPDATE_ONLY
        [result] = self._leads.sync(operation, "id", [{"id": NOBODY}])
        code = result.code
        if code is not None and (code == PARTITION_DENIED or classify(code) is FailureClass.CONNECTION_BLOCKED):
            raise ConnectionBlockedError(code, f"sync leads ({operation})")

    def create_lists(self) -> None:
        """Create a list without a name in a folder that cannot be, which Marketo refuses whoever asks.

        Somebody without the permission is refused for that first.
        """
        form = {"name": "", "folder": _NO_FOLDER}
        request = Request(
            "create list (probe)", "POST", "/rest/asset/v1/staticLists.json", ASSET_TIMEOUT, form=form, repeatable=False
        )
        try:
            self._client.call(request)
        except RequestRejectedError:
            return
        except ConnectionBlockedError as error:
            if error.code not in _REFUSED_FOR_ITS_FOLDER:
                raise
