"""Marketo's codes: of each way in which one is treated, a code that stands for the others."""

from collections.abc import Mapping

UNKNOWN = "9999"
"""A code of no table."""

REPRESENTATIVES: Mapping[str, str] = {
    "602": "re-authenticate: a new token, and the call once more",
    "606": "waits: the rate falls",
    "607": "waits: the day's quota",
    "608": "waits",
    "615": "waits: fewer calls at a time",
    "713": "waits, also of a record alone",
    "CONNECTION_FAILED": "waits: nothing was sent",
    "503": "waits, ambiguous: an HTTP status",
    "604": "waits, ambiguous: a code",
    "CONNECTION_LOST": "waits, ambiguous: sent, and no answer",
    "TIMED_OUT": "waits, ambiguous: the answer may come yet",
    "NOT_JSON": "waits, ambiguous: an answer that cannot be read",
    "UNEXPECTED_ANSWER": "waits, ambiguous: an answer of another shape",
    "603": "blocked",
    "1013": "blocked: the list is gone",
    "413": "rejected: an HTTP status",
    "1003": "rejected: of a look-up, too many leads",
    "1004": "rejected: the lead is gone",
    "1005": "rejected: somebody else made the lead",
    "1006": "rejected: the field is gone",
    "1008": "a partition: blocked where a lead is created, else rejected",
    "1009": "the same",
    "1015": "rejected: not on the list",
    "1018": "rejected",
    "SKIPPED": "rejected: a record without a reason",
    UNKNOWN: "unknown: waits, ambiguous, and counts against the record after a while",
}
