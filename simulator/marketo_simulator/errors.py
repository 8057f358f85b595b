"""Marketo's error codes as they leave the simulator (Marketo REST, Error Codes)."""

from dataclasses import dataclass

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
    "713": "Transient error",
    "1004": "Lead not found",
    "1005": "Lead already exists",
    "1007": "Multiple lead match lookup criteria",
    "1010": "Partition update not allowed",
    "1013": "Object not found",
    "1015": "Lead not in list",
    "1018": "CRM enabled",
    "1019": "Import in progress",
}


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
    return Reason(code, message or MESSAGES.get(code, "Error"))


class CallError(Exception):
    """The whole call fails: `success: false` with one error."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.reason = reason(code, message)
