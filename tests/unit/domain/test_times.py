from datetime import UTC, datetime, timedelta, timezone

import pytest

from destination.domain.times import format_time, parse_time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2022-01-11T21:24:39Z", datetime(2022, 1, 11, 21, 24, 39, tzinfo=UTC)),
        ("2019-04-15T02:41:50+0000", datetime(2019, 4, 15, 2, 41, 50, tzinfo=UTC)),
        ("2019-04-15T02:41:50.000+0000", datetime(2019, 4, 15, 2, 41, 50, tzinfo=UTC)),
        ("2020-05-25T12:16:00.828461Z", datetime(2020, 5, 25, 12, 16, 0, 828461, tzinfo=UTC)),
        ("2020-05-25T12:16:00+00:00", datetime(2020, 5, 25, 12, 16, tzinfo=UTC)),
        ("2020-05-25T12:16:00.5Z", datetime(2020, 5, 25, 12, 16, 0, 500000, tzinfo=UTC)),
        ("2020-05-25T12:16:00.123456789Z", datetime(2020, 5, 25, 12, 16, 0, 123456, tzinfo=UTC)),
        ("2020-05-25T12:16:00.1234567-0530", datetime(2020, 5, 25, 17, 46, 0, 123456, tzinfo=UTC)),
        ("2020-05-25T23:16:00-05:00", datetime(2020, 5, 26, 4, 16, tzinfo=UTC)),
        ("2020-05-25T12:16", datetime(2020, 5, 25, 12, 16, tzinfo=UTC)),
        ("2020-05-25 12:16:00", datetime(2020, 5, 25, 12, 16, tzinfo=UTC)),
        ("2020-05-25t12:16:00z", datetime(2020, 5, 25, 12, 16, tzinfo=UTC)),
        ("2020-05-25T12:16:00.5z", datetime(2020, 5, 25, 12, 16, 0, 500000, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2016-12-31t15:59:60.25-08:00", datetime(2016, 12, 31, 23, 59, 59, 250000, tzinfo=UTC)),
    ],
)
def test_every_form_that_sources_write_is_read_as_utc(text: str, time: datetime) -> None:
    parsed = parse_time(text)
    assert (parsed, parsed.utcoffset()) == (time, timedelta(0))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-21",
        "2026-11-21T10",
        "2026-13-21T10:00:00Z",
        "2026-11-21T25:00:00Z",
        "2026-11-21T10:00:61Z",
        "2026-11-21T10:60:00Z",
        "2026-11-21T10:00:00Zulu",
        "1762000000000000",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "x" * 100_000,
    ],
)
def test_what_is_no_date_and_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)


def test_a_time_is_written_in_utc_with_a_fraction_only_where_there_is_one() -> None:
    eastern = timezone(timedelta(hours=-5))
    assert format_time(datetime(2026, 11, 21, 5, 0, tzinfo=eastern)) == "2026-11-21T10:00:00Z"
    assert format_time(datetime(2026, 11, 21, 10, 0, 0, 7, tzinfo=UTC)) == "2026-11-21T10:00:00.000007Z"
