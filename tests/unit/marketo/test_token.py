"""The access token: shared, renewed in time, never shown."""

import threading
from datetime import timedelta

import pytest
import requests

from destination.domain.credentials import AccessToken
from destination.marketo.errors import ConnectionBlockedError, InstanceWaitsError
from destination.marketo.token import Tokens
from testing.marketo import START, FakeClock, ScriptedAnswer, ScriptedMarketo, token, tokens
from testing.memory import MemoryToken


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def asked(marketo: ScriptedMarketo) -> int:
    return len(marketo.identity_sent)


def test_the_secret_travels_in_the_body(clock: FakeClock) -> None:
    marketo = ScriptedMarketo()
    assert tokens(marketo, clock).current() == "token-1"
    sent = marketo.identity_sent[0]
    assert (sent.method, sent.query) == ("POST", {})
    assert sent.form == {
        "grant_type": "client_credentials",
        "client_id": "the-client",
        "client_secret": "the-secret",
    }


def test_one_token_serves_until_a_minute_before_its_end(clock: FakeClock) -> None:
    marketo = ScriptedMarketo()
    shared = tokens(marketo, clock)
    shared.current()
    clock.elapsed = 3539
    assert shared.current() == "token-1"
    clock.elapsed = 3541
    assert shared.current() == "token-2"


def test_the_token_is_shared_through_the_store(clock: FakeClock) -> None:
    store = MemoryToken()
    first, second = ScriptedMarketo(), ScriptedMarketo()
    tokens(first, clock, store).current()
    assert store.token == AccessToken("token-1", START + timedelta(hours=1))
    assert tokens(second, clock, store).current() == "token-1"
    assert asked(second) == 0


def test_a_stored_token_about_to_end_is_not_used(clock: FakeClock) -> None:
    marketo = ScriptedMarketo()
    store = MemoryToken(AccessToken("old", START + timedelta(seconds=60)))
    assert tokens(marketo, clock, store).current() == "token-1"


def test_a_short_life_is_used_to_its_end_without_asking_again(clock: FakeClock) -> None:
    marketo = ScriptedMarketo(identity=[token("short", 30), token("fresh")])
    shared = tokens(marketo, clock)
    assert shared.current() == "short"
    clock.elapsed = 27
    assert shared.current() == "short"
    clock.elapsed = 28
    assert shared.current() == "fresh"
    assert clock.slept == []


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_token_that_ends_on_arrival_is_waited_out(clock: FakeClock, left: int) -> None:
    marketo = ScriptedMarketo(identity=[token("ending", left), token("fresh")])
    assert tokens(marketo, clock).current() == "fresh"
    assert clock.slept == [left + 1]


def test_waiting_for_a_token_is_bounded(clock: FakeClock) -> None:
    marketo = ScriptedMarketo(identity=[token("ending", 0)] * 10)
    with pytest.raises(InstanceWaitsError, match="TOKEN_EXPIRING"):
        tokens(marketo, clock).current()
    assert asked(marketo) == 3
    assert sum(clock.slept) <= 10


def test_a_refused_token_is_replaced_by_the_one_that_others_have(clock: FakeClock) -> None:
    marketo = ScriptedMarketo()
    store = MemoryToken()
    shared = tokens(marketo, clock, store)
    shared.current()
    store.put(AccessToken("of another worker", START + timedelta(minutes=30)))
    assert shared.refresh("token-1") == "of another worker"
    assert asked(marketo) == 1


def test_a_refused_token_that_the_store_still_has_is_replaced_by_a_new_one(clock: FakeClock) -> None:
    marketo = ScriptedMarketo()
    store = MemoryToken(AccessToken("dead", START + timedelta(minutes=30)))
    shared = tokens(marketo, clock, store)
    assert shared.refresh(shared.current()) == "token-1"
    assert store.token is not None
    assert store.token.value == "token-1"


def test_the_second_thread_with_the_same_refused_token_takes_what_the_first_one_got(clock: FakeClock) -> None:
    marketo = ScriptedMarketo()
    shared = tokens(marketo, clock)
    refused = shared.current()
    assert shared.refresh(refused) == "token-2"
    assert shared.refresh(refused) == "token-2"
    assert asked(marketo) == 2


def test_many_threads_ask_once(clock: FakeClock) -> None:
    marketo = ScriptedMarketo()
    shared = tokens(marketo, clock)
    got: list[str] = []
    start = threading.Barrier(10)

    def work() -> None:
        start.wait()
        got.append(shared.current())

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["token-1"] * 10
    assert asked(marketo) == 1


@pytest.mark.parametrize("status", [400, 401])
def test_wrong_credentials_block_the_connection(clock: FakeClock, status: int) -> None:
    refusal = ScriptedAnswer({"error": "invalid_client", "error_description": "Bad client credentials"}, status)
    with pytest.raises(ConnectionBlockedError) as raised:
        tokens(ScriptedMarketo(identity=[refusal]), clock).current()
    assert raised.value.code == "401"
    assert "client secret" in raised.value.remedy


@pytest.mark.parametrize("body", [b"<html>", b"", {"error": "not here"}])
@pytest.mark.parametrize("status", [301, 403, 404])
def test_an_identity_service_that_is_not_there_is_a_wrong_host(clock: FakeClock, status: int, body: object) -> None:
    with pytest.raises(ConnectionBlockedError) as raised:
        tokens(ScriptedMarketo(identity=[ScriptedAnswer(body, status)]), clock).current()
    assert raised.value.code == str(status)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (ScriptedAnswer(b"<html>", 503), "503"),
        (ScriptedAnswer(b"<html>"), "NOT_JSON"),
        (ScriptedAnswer({"expires_in": 3600}), "UNEXPECTED_ANSWER"),
        (ScriptedAnswer({"access_token": "", "expires_in": 3600}), "UNEXPECTED_ANSWER"),
        (ScriptedAnswer([]), "UNEXPECTED_ANSWER"),
        (requests.ReadTimeout("slow"), "TIMED_OUT"),
    ],
)
def test_trouble_at_the_identity_service_waits(clock: FakeClock, answer: ScriptedAnswer | Exception, code: str) -> None:
    with pytest.raises(InstanceWaitsError) as raised:
        tokens(ScriptedMarketo(identity=[answer]), clock).current()
    assert raised.value.code == code


def test_after_a_failure_the_next_call_asks_anew(clock: FakeClock) -> None:
    shared: Tokens = tokens(ScriptedMarketo(identity=[ScriptedAnswer(b"", 500), token("fresh")]), clock)
    with pytest.raises(InstanceWaitsError):
        shared.current()
    assert shared.current() == "fresh"
