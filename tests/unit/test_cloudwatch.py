"""The alarms of the tests against the examples that CloudWatch documents."""

import pytest

from testing.cloudwatch import Alarm, Series, State

EXAMPLES = {
    "0 - X - X": ("OK", "OK", "OK"),
    "- - - - 0": ("OK", "OK", "OK"),
    "- - - - -": ("as it is", "ALARM", "OK"),
    "0 X X - X": ("ALARM", "ALARM", "ALARM"),
    "- - X - -": ("as it is", "ALARM", "OK"),
}
"""Data points, oldest first, `X` breaches and `-` is missing; the state where three breach of three, for each treatment
of missing data (Amazon CloudWatch, "Configuring how CloudWatch alarms treat missing data").
"""


def alarm(missing: str) -> Alarm:
    series = [Series(("namespace", "name", frozenset()), "Maximum")]
    return Alarm(series, False, 300, 3, 0, "GreaterThanThreshold", missing)


@pytest.mark.parametrize("missing", ["ignore", "breaching", "notBreaching"])
@pytest.mark.parametrize("points", EXAMPLES)
def test_missing_data_is_treated_as_cloudwatch_documents(points: str, missing: str) -> None:
    judged = alarm(missing)
    judged.judge([{"0": 0.0, "X": 1.0, "-": None}[one] for one in points.split()])
    expected = dict(zip(("ignore", "breaching", "notBreaching"), EXAMPLES[points], strict=True))[missing]
    assert judged.state == (State.INSUFFICIENT_DATA if expected == "as it is" else State(expected))
