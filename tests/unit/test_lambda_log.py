"""Lambda's filter of log lines, as its documents have it."""

import pytest

from testing.lambda_log import is_kept

AT = '"timestamp": "2026-11-21T10:00:00.000Z"'


@pytest.mark.parametrize(
    ("line", "level", "stays"),
    [
        (f'{{"level": "WARNING", {AT}}}', "WARN", True),
        (f'{{"level": "INFO", {AT}}}', "WARN", False),
        (f'{{"level": "debug", {AT}}}', "INFO", False),
        (f'{{"level": "CRITICAL", {AT}}}', "FATAL", True),
        ('{"level": "ERROR", "timestamp": "2026-11-21 10:00:00,000+0000"}', "WARN", False),
        ('{"level": "ERROR", "timestamp": "2026-11-21 10:00:00,000+0000"}', "INFO", True),
        ('{"_aws": {"Timestamp": 1}}', "WARN", False),
        ('{"_aws": {"Timestamp": 1}}', "INFO", True),
        ("[ERROR] Task timed out", "FATAL", True),
        ("5", "FATAL", True),
    ],
)
def test_a_line_stays_unless_its_level_is_below_that_of_the_function(line: str, level: str, *, stays: bool) -> None:
    assert is_kept(line, {"LogFormat": "JSON", "ApplicationLogLevel": level}) is stays
    assert is_kept(line, {"LogFormat": "Text"})


def test_the_level_is_info_where_none_is_said() -> None:
    assert not is_kept(f'{{"level": "DEBUG", {AT}}}', {"LogFormat": "JSON"})
    assert is_kept(f'{{"level": "INFO", {AT}}}', {"LogFormat": "JSON"})
