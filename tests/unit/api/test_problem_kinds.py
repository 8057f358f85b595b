"""The form that every problem has."""

import pytest

from destination.api.problem_kinds import KINDS, MAX_ERRORS, by_record, problem
from destination.domain.problem import Problem


def test_a_problem_has_the_type_the_title_and_the_status_of_its_kind() -> None:
    assert problem(KINDS["unauthorized"], "Send the token.", [Problem("a", "is wrong")], "request-1") == {
        "type": "urn:marketo-destination:problem:unauthorized",
        "title": "There is no ingest token, or a wrong one",
        "status": 401,
        "detail": "Send the token.",
        "errors": [{"path": "a", "message": "is wrong"}],
        "correlation_id": "request-1",
    }


@pytest.mark.parametrize(("errors", "count"), [(0, None), (MAX_ERRORS, None), (MAX_ERRORS + 1, MAX_ERRORS + 1)])
def test_how_many_errors_there_are_is_told_where_they_are_not_all_listed(errors: int, count: int | None) -> None:
    made = problem(KINDS["invalid"], "", [Problem(str(number), "is wrong") for number in range(errors)])
    assert (len(made["errors"]), made.get("error_count")) == (min(errors, MAX_ERRORS), count)


def test_the_problems_of_a_record_stand_together() -> None:
    found = by_record([(7, Problem("a", "x")), (2, Problem("", "y")), (7, Problem("b", "z"))])
    assert found == [
        {"index": 7, "errors": [{"path": "a", "message": "x"}, {"path": "b", "message": "z"}]},
        {"index": 2, "errors": [{"path": "", "message": "y"}]},
    ]
