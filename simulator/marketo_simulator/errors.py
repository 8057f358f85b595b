"""Marketo's error codes as they leave the simulator (Marketo REST, Error Codes)."""

import json
from dataclasses import dataclass
from typing import Final

UNCOUNTED = frozenset({"601", "602", "604", "605", "608", "611"})
"""Calls answered with these codes count against neither quota nor rate (Error Codes, footnote)."""

MESSAGES = {
    "500": "Internal error",
    "502": "Bad gateway",
    "600": "Access token not specified",
    "601": "Access token invalid",
    "602": "Access token expired",
    "603": "Access denied",
    "604": "Request timed out",
    "605": "Request method not supported",
    "606": "Max rate limit '100' exceeded with in '20' secs",
    "607": "Daily API request quota reached",
    "608": "API temporarily unavailable",
    "609": "Invalid JSON",
    "610": "Requested resource not found",
    "611": "System error",
    "612": "Invalid content type",
    "613": "Invalid multipart request",
    "614": "Invalid subscription",
    "615": "Concurrent access limit '10' reached",
    "616": "Invalid subscription type",
    "701": "Field cannot be blank",
    "702": "No data found for a given search scenario",
    "703": "The feature is not enabled for the subscription",
    "704": "Invalid date format",
    "709": "Business rule violation",
    "710": "Parent folder not found",
    "711": "Incompatible folder type",
    "712": "Merge to person account operation is invalid",
    "713": "Transient error",
    "714": "Unable to find the default record type",
    "718": "ExternalSalesPersonID not found",
    "719": "Lock wait timeout exception",
    "1001": "Invalid value. Required of another type",
    "1002": "Missing value for required parameter",
    "1003": "Invalid data",
    "1004": "Lead not found",
    "1005": "Lead already exists",
    "1006": "Field not found",
    "1007": "Multiple lead match lookup criteria",
    "1008": "Access denied to partition",
    "1009": "Partition name must be specified",
    "1010": "Partition update not allowed",
    "1011": "Lookup field not supported",
    "1012": "Invalid cookie value",
    "1013": "Object not found",
    "1014": "Failed to create object",
    "1015": "Lead not in list",
    "1016": "Too many imports",
    "1017": "Object already exists",
    "1018": "CRM enabled",
    "1019": "Import in progress",
    "1020": "Too many clones to program",
    "1021": "Company update not allowed",
    "1022": "Object in use",
    "1025": "Program status not found",
    "1026": "Custom objects not enabled",
    "1027": "Max activity type limit reached",
    "1028": "Max field limit reached",
    "1029": "Too many jobs in queue",
    "1035": "Unsupported filter type",
    "1036": "Duplicate object found in input",
    "1037": "Lead was skipped",
    "1042": "Invalid runAt date",
    "1048": "Custom object discard draft failed",
    "1049": "Failed to create activity",
    "1076": "Merge leads call failed due to duplicate records in the CRM",
    "1077": "Merge leads call failed due to the length of a field in the CRM",
    "1078": "Merge leads call failed due to a deleted entity",
    "1079": "Merge leads call failed due to conflicting personalized URLs",
    "1080": "Merge leads call failed due to too many leads",
}
"""The usual texts. Decisions go by the code, since Marketo's own texts differ from time to time."""
UNKNOWN: Final = "System error"


@dataclass(frozen=True, slots=True)
class Reason:
    """Code and text of one error, of a whole call or of one record."""

    code: str
    message: str

    def json(self) -> dict[str, str]:
        """As it stands in `errors` and `reasons`: the code is a quoted string."""
        return {"code": self.code, "message": self.message}


def reason(code: str, message: str = "") -> Reason:
    """The reason with Marketo's usual text, or with `message`."""
    return Reason(code, message or MESSAGES.get(code, UNKNOWN))


def spelled(value: object) -> str:
    """A value of a request as an error shows it: text as it is, anything else as JSON spells it."""
    return value if isinstance(value, str) else json.dumps(value)


class CallError(Exception):
    """The whole call fails: `success: false` with one error."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.reason = reason(code, message)
