"""What a batch measures: bounded in its names, whatever Marketo answers."""

from collections import Counter

from destination.delivery.batch import BatchReport
from destination.delivery.metrics import Calls, measured, reasons
from destination.domain.outcome import ALREADY_DELIVERED, MESSAGES, MISSING_DEDUPE_VALUE, rejected
from destination.domain.run import Tally
from destination.marketo.errors import CODES
from destination.marketo.reasons import bounded
from destination.marketo.token import IDENTITY
from destination.marketo.transport import Call


def report(tally: Tally) -> BatchReport:
    return BatchReport((), {}, tally=tally)


def test_codes_of_no_table_are_one_reason() -> None:
    tally = Tally(reasons=Counter({rejected("4711"): 1, rejected("9999"): 2, rejected("1003"): 3}))
    assert reasons(report(tally)) == {"MARKETO_UNKNOWN": 3, "MARKETO_1003": 3}


def test_the_reasons_of_who_is_unchanged_are_not_measured() -> None:
    tally = Tally(reasons=Counter({ALREADY_DELIVERED: 5, MISSING_DEDUPE_VALUE: 1}))
    assert reasons(report(tally)) == {"MISSING_DEDUPE_VALUE": 1}


def test_codes_of_the_tables_stay_what_they_are() -> None:
    codes = [*MESSAGES, *(rejected(code).code for code in CODES)]
    assert list(map(bounded, codes)) == codes


def test_calls_are_counted_once_and_identity_not_at_all() -> None:
    calls = Calls()
    for one in (
        Call("find leads", 200),
        Call("sync leads", 200, "606"),
        Call("sync leads", None, "TIMED_OUT"),
        Call(IDENTITY, 200),
        Call(IDENTITY, 401, "401"),
    ):
        calls.count(one)
    counts = calls.take()
    assert counts == {"marketo_calls": 3, "marketo_refusals": 2, "rate_reached": 1}
    assert calls.take() == {}
    values = measured(report(Tally()), counts, seconds=1.5)
    assert (values["marketo_calls"], values["rate_reached"], values["quota_reached"]) == (3, 1, 0)
    assert values["batch_duration"] == 1_500
    assert "latency_p50" not in values
