"""What Marketo's refusals mean: one table of all codes, and the errors that it leads to.

    MarketoError                        .code .meaning .remedy
     ├─ InstanceWaitsError              .wait .executed_unknown: nothing is failed, the work is repeated later
     │   ├─ TokenRefusedError           600 601 602 and HTTP 401, also with a new token
     │   └─ QuotaReachedError           607, and BUDGET_REACHED, which is decided here
     ├─ ConnectionBlockedError          a person must fix the configuration in Marketo or here
     │   └─ ListMissingError            1013
     └─ RequestRejectedError            the whole request was refused for what is in it

Decided by code alone, whatever the level it comes at: Marketo answers codes of every range at the top level and in
records (Marketo REST API, "Error codes"). Messages of Marketo may hold profile values and are never kept.
What to do about a code is in `domain.remedy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from destination.domain.remedy import remedy_of, told


class FailureClass(StrEnum):
    REAUTHENTICATE = "re-authenticate"
    INSTANCE_WAITS = "instance waits"
    CONNECTION_BLOCKED = "connection blocked"
    RECORD_REJECTED = "record rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """What a code means. `ambiguous`: the request may have been carried out all the same."""

    failure: FailureClass
    meaning: str
    wait: timedelta = timedelta(0)
    ambiguous: bool = False


CREDENTIALS_REFUSED: Final = "401"
LIST_MISSING: Final = "1013"
MAY_MEAN_LIST_MISSING: Final = frozenset({LIST_MISSING, "610", "702", "1003"})
"""Codes that calls about a list were seen to answer where there is none of its id; each has other meanings too."""

EXTRACT_REFUSED: Final = "1029"
IMPORT_REFUSED: Final = frozenset({"1016", "1019", EXTRACT_REFUSED})
"""Codes that an import is answered with as long as there is no room for it, or for its list."""

NAME_TAKEN: Final = "709"
NOT_SEARCHABLE: Final = "1011"
NO_DATA: Final = "702"
PARENT_MISSING: Final = "710"
WRONG_FOLDER: Final = "711"
ACCESS_DENIED: Final = "603"
PARTITION_DENIED: Final = "1008"
OF_PARTITION: Final = frozenset({PARTITION_DENIED, "1009"})
"""Answered to a creation they are about the partition that the connection creates in; else about where the lead is."""

RATE_REACHED: Final = "606"
QUOTA_REACHED: Final = "607"
CONCURRENCY_REACHED: Final = "615"
BY_SEVERAL: Final = frozenset({ACCESS_DENIED, "609"})
"""Codes that one record may cause as well, and that it is then refused with for good."""

INVALID_DATA: Final = "1003"
LEAD_GONE: Final = "1004"
FIELD_UNKNOWN: Final = "1006"
BY_SCHEMA: Final = frozenset({INVALID_DATA, FIELD_UNKNOWN})
"""Codes that a write is refused with for a field or a value, maybe as the schema is not what it was."""

SOMEBODY_ELSE_CREATED_IT: Final = frozenset({"1005", "1007", "1010"})
"""Codes that a creation is refused with because there is such a lead by now."""

CONNECTION_FAILED: Final = "CONNECTION_FAILED"
CONNECTION_LOST: Final = "CONNECTION_LOST"
TIMED_OUT: Final = "TIMED_OUT"
NOT_JSON: Final = "NOT_JSON"
UNEXPECTED_ANSWER: Final = "UNEXPECTED_ANSWER"
TOKEN_EXPIRING: Final = "TOKEN_EXPIRING"  # noqa: S105 - a code, not a secret
SKIPPED: Final = "SKIPPED"
BUDGET_REACHED: Final = "BUDGET_REACHED"
FILE_GONE: Final = "FILE_GONE"
FILE_DAMAGED: Final = "FILE_DAMAGED"

OF_INSTANCE: Final = frozenset(
    {
        *(CREDENTIALS_REFUSED, "600", "601", "602", TOKEN_EXPIRING),
        *(RATE_REACHED, CONCURRENCY_REACHED, "429", QUOTA_REACHED, BUDGET_REACHED),
    }
)
"""Codes that say that nobody can be served now, whatever is asked and of whom."""


def _authenticate(meaning: str) -> CodeInfo:
    return CodeInfo(FailureClass.REAUTHENTICATE, meaning, timedelta(seconds=60))


def _waits(meaning: str, seconds: int, *, ambiguous: bool = False) -> CodeInfo:
    return CodeInfo(FailureClass.INSTANCE_WAITS, meaning, timedelta(seconds=seconds), ambiguous)


def _blocked(meaning: str) -> CodeInfo:
    return CodeInfo(FailureClass.CONNECTION_BLOCKED, meaning)


def _rejected(meaning: str) -> CodeInfo:
    return CodeInfo(FailureClass.RECORD_REJECTED, meaning)


CODES: Final[Mapping[str, CodeInfo]] = {
    # HTTP status; 5xx that are not listed mean the same as 503, and 3xx the same as 404: Marketo redirects nobody
    "401": _authenticate("Marketo does not accept the credentials"),
    "403": _blocked("access denied"),
    "404": _blocked("resource not found"),
    "413": _rejected("the request is too large"),
    "414": _rejected("the address is too long"),
    "429": _waits("too many requests", 20),
    "503": _waits("Marketo is not available", 60, ambiguous=True),
    # below HTTP
    CONNECTION_FAILED: _waits("Marketo cannot be reached", 30),
    CONNECTION_LOST: _waits("the connection was lost before the answer", 30, ambiguous=True),
    TIMED_OUT: _waits("no answer in time", 60, ambiguous=True),
    NOT_JSON: _waits("the answer is not JSON", 60, ambiguous=True),
    UNEXPECTED_ANSWER: _waits("the answer has an unexpected form", 60, ambiguous=True),
    TOKEN_EXPIRING: _waits("Marketo hands out expired access tokens only", 30),
    SKIPPED: _rejected("Marketo skipped the record without a reason"),
    BUDGET_REACHED: _waits("the connection's share of the instance's daily quota is used up", 3600),
    FILE_GONE: _rejected("the extract is not there any more, or its file is not"),
    FILE_DAMAGED: _rejected("the file of the extract is not what Marketo says it is"),
    # response level
    "500": _waits("internal error in Marketo", 60, ambiguous=True),
    "502": _waits("bad gateway or time-out in Marketo", 60, ambiguous=True),
    "600": _authenticate("the access token is empty"),
    "601": _authenticate("the access token is invalid"),
    "602": _authenticate("the access token has expired"),
    "603": _blocked("access denied"),
    "604": _waits("the request timed out in Marketo", 60, ambiguous=True),
    "605": _blocked("HTTP method not supported"),
    "606": _waits("the instance's rate limit is reached", 20),
    "607": _waits("the instance's daily quota is reached", 3600),
    "608": _waits("the API is temporarily unavailable", 60),
    "609": _blocked("invalid JSON"),
    "610": _blocked("resource not found"),
    "611": _waits("system error in Marketo", 60),
    "612": _blocked("invalid content type"),
    "613": _blocked("invalid multipart content"),
    "614": _waits("the subscription is not reachable", 300),
    "615": _waits("the instance's limit of concurrent calls is reached", 5),
    "616": _blocked("the subscription's type does not allow this"),
    "701": _rejected("a field must not be blank"),
    "702": _rejected("no data found"),
    "703": _blocked("the feature is not enabled"),
    "704": _rejected("invalid date format"),
    "709": _rejected("a rule for assets is violated, for example the name exists"),
    "710": _blocked("parent folder not found"),
    "711": _blocked("wrong type of folder"),
    "712": _rejected("person accounts of Salesforce cannot be merged"),
    "713": _waits("transient error in Marketo", 60),
    "714": _rejected("no default record type for the merge"),
    "718": _rejected("external sales person not found"),
    "719": _waits("a lock in Marketo was not free in time", 30),
    # record level
    "1001": _rejected("wrong type of value"),
    "1002": _rejected("a required value is missing"),
    "1003": _rejected("invalid data"),
    "1004": _rejected("lead not found, or not visible to the API user or the workspace"),
    "1005": _rejected("lead exists already"),
    "1006": _rejected("field not found"),
    "1007": _rejected("several leads match"),
    "1008": _rejected("access to the partition is denied"),
    "1009": _blocked("a partition must be named"),
    "1010": _rejected("the lead is in another partition"),
    "1011": _blocked("the field is not searchable"),
    "1012": _rejected("invalid cookie"),
    "1013": _blocked("the list does not exist any more"),
    "1014": _waits("Marketo could not create the object", 60),
    "1015": _rejected("the lead is not on the list"),
    "1016": _waits("too many imports are waiting", 300),
    "1017": _rejected("object exists already"),
    "1018": _rejected("blocked by the native CRM integration"),
    "1019": _waits("another import into the list is in progress", 120),
    "1020": _waits("the daily quota of clones is reached", 3600),
    "1021": _rejected("company fields cannot be changed through leads"),
    "1022": _rejected("the object is in use"),
    "1025": _rejected("program status not found"),
    "1026": _blocked("custom objects are not enabled"),
    "1027": _rejected("too many activity types"),
    "1028": _rejected("too many fields of an activity type"),
    "1029": _waits("too many exports, or the export quota is reached", 300),
    "1035": _rejected("the filter is not available for exports"),
    "1036": _rejected("the same object twice in one request"),
    "1037": _rejected("the lead is in this status or past it"),
    "1042": _rejected("the time to run is too far ahead"),
    "1048": _rejected("the draft could not be discarded"),
    "1049": _rejected("the activity's attributes are too large"),
    "1076": _rejected("the leads cannot be merged: duplicate records in the CRM"),
    "1077": _rejected("the leads cannot be merged: a field is too long for Salesforce"),
    "1078": _rejected("the leads cannot be merged: one was deleted"),
    "1079": _rejected("the leads cannot be merged: personalised addresses"),
    "1080": _rejected("too many leads in one merge"),
}

_UNKNOWN: Final = CodeInfo(
    FailureClass.UNKNOWN, "Marketo answered an undocumented code", timedelta(seconds=60), ambiguous=True
)


def explain(code: str) -> CodeInfo:
    """What the code means, whatever the level it came at."""
    if code in CODES:
        return CODES[code]
    of_http = len(code) == 3 and CODES.get({"3": "404", "5": "503"}.get(code[0], ""))
    return of_http or _UNKNOWN


def classify(code: str) -> FailureClass:
    """Which of the four classes the code belongs to, or UNKNOWN."""
    return explain(code).failure


class MarketoError(Exception):
    """A call that did not do its work. `operation` names the call; the message holds no profile value and no secret.

    `took`: how long after it was sent it failed, as far as is known.
    """

    def __init__(self, code: str, operation: str) -> None:
        info = explain(code)
        super().__init__(f"{operation}: {code}, {info.meaning}")
        self.code = code
        self.operation = operation
        self.meaning = info.meaning
        self.remedy = told(remedy_of(code))
        self.took = timedelta(0)


class InstanceWaitsError(MarketoError):
    """Nothing works for now: repeat after `wait`.

    `executed_unknown`: Marketo may have carried the request out, or may still be doing so, so what was to be created
    must be looked up before it is created again (and not before Marketo's own limit of 90 s has passed).
    `classify(code)` is UNKNOWN for an undocumented code; repeat those a limited number of times.
    """

    def __init__(self, code: str, operation: str) -> None:
        super().__init__(code, operation)
        info = explain(code)
        self.wait = info.wait
        self.executed_unknown = info.ambiguous


class TokenRefusedError(InstanceWaitsError):
    """Marketo refuses the access token."""


class QuotaReachedError(InstanceWaitsError):
    """The instance's daily quota is used up (607), or the share of it that may be used (BUDGET_REACHED, decided here).

    Nothing works until the quota's reset. `wait` is the time to the next probe: until the next possible reset where
    that is known, 6 h at most.
    """

    def __init__(self, code: str, operation: str, wait: timedelta | None = None) -> None:
        super().__init__(code, operation)
        self.wait = self.wait if wait is None else wait


class ConnectionBlockedError(MarketoError):
    """The connection cannot work until a person fixes the cause."""


class ListMissingError(ConnectionBlockedError):
    """The static list does not exist. `list_id`: which, where it is known."""

    def __init__(self, code: str, operation: str, list_id: int | None = None) -> None:
        super().__init__(code, operation)
        self.list_id = list_id


class RequestRejectedError(MarketoError):
    """Marketo rejected the request for what is in it; the same request is refused again."""


def error_for(code: str, operation: str) -> MarketoError:
    """The error that a code at the top level of an answer leads to."""
    match code, classify(code):
        case "607", _:
            return QuotaReachedError(code, operation)
        case "1013", _:
            return ListMissingError(code, operation)
        case _, FailureClass.REAUTHENTICATE:
            return TokenRefusedError(code, operation)
        case _, FailureClass.CONNECTION_BLOCKED:
            return ConnectionBlockedError(code, operation)
        case _, FailureClass.RECORD_REJECTED:
            return RequestRejectedError(code, operation)
    return InstanceWaitsError(code, operation)
