"""Sender credentials and the tokens that they give: how long, how many, and when they end."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.sender_credentials import (
    MAX_TOKENS,
    SAME_TOKEN_FOR,
    TOKEN_LIFE,
    SenderCredentials,
    SenderToken,
    SenderTokens,
    derived,
    hash_of,
    secret_end,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CREDENTIALS = SenderCredentials(hash_of("new"), hash_of("old"), NOON)


def test_a_token_is_the_same_for_some_hours_and_good_for_a_day_from_each_of_them() -> None:
    first, last = derived("c", "s", None, NOON), derived("c", "s", None, NOON + SAME_TOKEN_FOR - HOUR)
    assert first == last
    assert first.until >= NOON + SAME_TOKEN_FOR - HOUR + TOKEN_LIFE
    assert derived("c", "s", None, NOON + SAME_TOKEN_FOR).token != first.token


def test_a_token_is_of_its_secret_and_its_connection_and_shows_neither() -> None:
    tokens = {derived(one, secret, None, NOON).token for one in "ab" for secret in "st"}
    assert len(tokens) == 4
    assert all(len(token) == 43 for token in tokens)  # 256 bits in Base64
    assert derived("a", "s", None, NOON).token not in repr(derived("a", "s", None, NOON))


def test_a_token_of_the_secret_before_ends_with_it() -> None:
    assert derived("c", "old", NOON + HOUR, NOON).until == NOON + HOUR


def test_the_secret_before_is_good_until_its_time_and_no_other_is() -> None:
    before = NOON - timedelta(microseconds=1)
    assert secret_end("new", CREDENTIALS, before) == (True, None)
    assert secret_end("old", CREDENTIALS, before) == (True, NOON)
    assert not secret_end("old", CREDENTIALS, NOON)[0]
    assert not secret_end("older", CREDENTIALS, before)[0]
    assert not secret_end("", SenderCredentials(hash_of("new")), before)[0]
    assert not secret_end("new", None, before)[0]


def test_a_secret_that_is_replaced_pushes_out_the_one_before_it() -> None:
    replaced = CREDENTIALS.replaced(hash_of("newest"), NOON + HOUR)
    good = {one: secret_end(one, replaced, NOON)[0] for one in ("newest", "new", "old")}
    assert good == {"newest": True, "new": True, "old": False}


def test_with_the_secret_end_its_tokens_at_the_latest() -> None:
    tokens = SenderTokens("of", (SenderToken("short", NOON + HOUR), SenderToken("long", NOON + 9 * HOUR)))
    replaced = tokens.replaced("other", NOON + 2 * HOUR, NOON)
    assert replaced == SenderTokens("other", (SenderToken("short", NOON + HOUR), SenderToken("long", NOON + 2 * HOUR)))
    assert tokens.replaced("other", NOON, NOON) == SenderTokens("other")


@given(st.lists(st.tuples(st.integers(0, 90), st.sampled_from(["old", "new"])), max_size=60))
def test_however_often_a_sender_asks_there_is_a_handful_of_tokens(asked: list[tuple[int, str]]) -> None:
    tokens, most = SenderTokens("of"), 0
    for minutes, secret in asked:
        now = NOON + timedelta(minutes=20 * minutes)
        given = derived("c", secret, None, now)
        tokens = tokens.with_token(SenderToken(hash_of(given.token), given.until), now)
        most = max(most, len(tokens.good(now)))
        assert hash_of(given.token) in {one.hash for one in tokens.good(now)}
    if [minutes for minutes, _ in asked] == sorted(minutes for minutes, _ in asked):
        assert most <= MAX_TOKENS


def test_hashes_are_never_shown() -> None:
    shown = repr(CREDENTIALS) + repr(SenderTokens("0f", (SenderToken("1f", NOON),)))
    assert not [one for one in (hash_of("new"), hash_of("old"), "0f", "1f") if one in shown]
