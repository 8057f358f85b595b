"""The table of Marketo's codes: each belongs to one class, and the class decides what the client raises."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from destination.domain.remedy import remedy_of, told
from destination.marketo.errors import (
    CODES,
    CodeInfo,
    ConnectionBlockedError,
    FailureClass,
    InstanceWaitsError,
    ListMissingError,
    MarketoError,
    QuotaReachedError,
    RequestRejectedError,
    TokenRefusedError,
    classify,
    error_for,
    explain,
)
from destination.marketo.transport import Request
from testing.codes import REPRESENTATIVES, UNKNOWN
from testing.marketo import ScriptedAnswer, ScriptedMarketo, client, refused

EXPECTED = {
    FailureClass.REAUTHENTICATE: "401 600 601 602",
    FailureClass.INSTANCE_WAITS: """
        429 500 502 503 604 606 607 608 611 614 615 713 719 1014 1016 1019 1020 1029
        CONNECTION_FAILED CONNECTION_LOST TIMED_OUT NOT_JSON UNEXPECTED_ANSWER TOKEN_EXPIRING
        BUDGET_REACHED""",
    FailureClass.CONNECTION_BLOCKED: "403 404 603 605 609 610 612 613 616 703 710 711 1009 1011 1013 1026",
    FailureClass.RECORD_REJECTED: """
        413 414 701 702 704 709 712 714 718 1001 1002 1003 1004 1005 1006 1007 1008 1010 1012 1015 1017 1018 1021 1022
        1025 1027 1028 1035 1036 1037 1042 1048 1049 1076 1077 1078 1079 1080 SKIPPED
        FILE_GONE FILE_DAMAGED""",
}
AMBIGUOUS = {"500", "502", "503", "604", "CONNECTION_LOST", "TIMED_OUT", "NOT_JSON", "UNEXPECTED_ANSWER"}
"""After these Marketo may have carried the call out."""
CLASS_OF = {code: failure for failure, codes in EXPECTED.items() for code in codes.split()}
RAISED = {
    FailureClass.REAUTHENTICATE: TokenRefusedError,
    FailureClass.INSTANCE_WAITS: InstanceWaitsError,
    FailureClass.CONNECTION_BLOCKED: ConnectionBlockedError,
    FailureClass.RECORD_REJECTED: RequestRejectedError,
}
OF_THEIR_OWN = {"607": QuotaReachedError, "1013": ListMissingError}
DOCUMENT = Path(__file__).parents[3] / "docs" / "marketo-codes.md"
REQUEST = Request("probe", "GET", "/rest/v1/probe.json", 5.0)


def fails_with(*answers: ScriptedAnswer | Exception) -> MarketoError:
    with pytest.raises(MarketoError) as raised:
        client(ScriptedMarketo(*answers)).call(REQUEST)
    return raised.value


def documented() -> dict[str, tuple[CodeInfo, str]]:
    """The table of the document, with what to do."""
    rows = re.findall(r"^\| `(\w+)` \| ([\w -]+) \| (\d*) \| (.+?) \| (.*?) ?\|$", DOCUMENT.read_text(), re.MULTILINE)
    return {
        code: (CodeInfo(FailureClass(failure), meaning, timedelta(seconds=int(wait or 0)), code in AMBIGUOUS), remedy)
        for code, failure, wait, meaning, remedy in rows
    }


def test_every_code_has_the_class_wait_meaning_and_remedy_that_are_documented() -> None:
    assert documented() == {code: (info, told(remedy_of(code))) for code, info in CODES.items()}
    assert {code: info.failure for code, info in CODES.items()} == CLASS_OF
    waiting = {code for code, failure in CLASS_OF.items() if issubclass(RAISED[failure], InstanceWaitsError)}
    assert {code for code, info in CODES.items() if info.wait} == waiting


def test_every_code_leads_to_the_error_of_its_class() -> None:
    raised = {code: error_for(code, "probe") for code in CODES}
    expected = {code: OF_THEIR_OWN.get(code, RAISED[failure]) for code, failure in CLASS_OF.items()}
    assert {code: type(error) for code, error in raised.items()} == expected
    said = {code: (one.code, one.meaning, one.remedy) for code, one in raised.items()}
    assert said == {code: (code, info.meaning, told(remedy_of(code))) for code, info in CODES.items()}
    waits = {code: one for code, one in raised.items() if isinstance(one, InstanceWaitsError)}
    assert {code for code, one in waits.items() if one.wait == CODES[code].wait} == waits.keys()
    assert {code for code, one in waits.items() if one.executed_unknown} == AMBIGUOUS


def test_every_way_in_which_codes_are_treated_has_a_representative() -> None:
    """`REPRESENTATIVES` stand for all codes where calls are disturbed."""
    ways = {(info.failure, info.ambiguous) for info in map(explain, REPRESENTATIVES)}
    assert ways == {(info.failure, info.ambiguous) for info in map(explain, (*CODES, UNKNOWN))}


@pytest.mark.parametrize("code", [code for code in REPRESENTATIVES if code.isdigit() and code != UNKNOWN])
def test_a_code_at_the_top_level_of_an_answer_raises_its_error(code: str) -> None:
    error = fails_with(*[refused(code)] * 4)
    assert isinstance(error, RAISED[CLASS_OF[code]])
    assert error.code == code


@pytest.mark.parametrize("code", ["401", "413", "414", "429", "500", "502", "503"])
def test_every_status_raises_its_error_whatever_the_body(code: str) -> None:
    answer = ScriptedAnswer(b"<html>", int(code))
    error = fails_with(answer, answer)
    assert isinstance(error, RAISED[CLASS_OF[code]])
    assert error.code == code


@pytest.mark.parametrize("code", ["403", "404"])
@pytest.mark.parametrize("body", [{"errors": []}, b"<html>", b""])
def test_no_access_and_a_wrong_host_block_the_connection_whatever_the_body(code: str, body: object) -> None:
    error = fails_with(ScriptedAnswer(body, int(code)))
    assert isinstance(error, ConnectionBlockedError)
    assert error.code == code


@pytest.mark.parametrize("code", [504, 599])
def test_other_server_errors_wait(code: int) -> None:
    error = fails_with(ScriptedAnswer(b"", code))
    assert isinstance(error, InstanceWaitsError)
    assert error.executed_unknown
    assert error.wait.total_seconds() == 60


def test_an_unknown_code_waits_and_is_recognisable() -> None:
    error = fails_with(refused("9999"))
    assert isinstance(error, InstanceWaitsError)
    assert classify(error.code) is FailureClass.UNKNOWN
    assert error.executed_unknown
    assert error.wait.total_seconds() > 0


def test_a_number_for_a_code_is_understood() -> None:
    assert fails_with(refused(607)).code == "607"


def test_an_error_shows_no_text_of_marketo() -> None:
    error = fails_with(refused("1003", "Invalid value for field 'email' and value 'ada@example.org'"))
    assert "ada@example.org" not in repr(error) + str(error)
    assert str(error) == "probe: 1003, invalid data"


def test_a_refusal_without_a_code_waits() -> None:
    assert fails_with(ScriptedAnswer({"success": False, "errors": []})).code == "UNEXPECTED_ANSWER"
