"""One call: the address, the token, the envelope, and when it is repeated."""

from dataclasses import replace

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError

from destination.delivery.batch import INSTANCES_AT_ONCE
from destination.domain.remedy import Remedy
from destination.marketo.client import base_url, json_body
from destination.marketo.errors import ConnectionBlockedError, InstanceWaitsError, MarketoError, TokenRefusedError
from destination.marketo.pace import OutOfTimeError
from destination.marketo.transport import Call, Request, session
from testing.marketo import URL, FakeClock, ScriptedAnswer, ScriptedMarketo, client, ok, pace, refused

READ = Request("probe", "GET", "/rest/v1/probe.json", 7.0)
CREATE = Request("create", "POST", "/rest/v1/probe.json", 7.0, body=b"{}", repeatable=False)
LOST = requests.ConnectionError(ProtocolError("Connection aborted."))
REFUSED = requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "refused")))  # type: ignore[arg-type]
SLOW_BODY = requests.ConnectionError(ReadTimeoutError(None, "/", "slow"))  # type: ignore[arg-type]


def code_of(request: Request, *answers: ScriptedAnswer | Exception) -> str:
    with pytest.raises(InstanceWaitsError) as raised:
        client(ScriptedMarketo(*answers)).call(request)
    return raised.value.code


@pytest.mark.parametrize(
    "munchkin_id", ["", "123-ABC-45", "123-ABC-456\n", "123-AB1-456", "evil.example.com/123-ABC-456"]
)
def test_the_host_is_made_of_a_valid_munchkin_id_only(munchkin_id: str) -> None:
    with pytest.raises(ValueError, match="Munchkin ID"):
        base_url("https://{munchkin_id}.mktorest.com", munchkin_id)


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("https://{munchkin_id}.mktorest.com", "https://123-ABC-456.mktorest.com"),
        ("https://{munchkin_id}.mktorest.com/", "https://123-ABC-456.mktorest.com"),
        ("https://{munchkin_id}.mktorest.com/rest/", "https://123-ABC-456.mktorest.com"),
        ("http://127.0.0.1:9000/{munchkin_id}/", "http://127.0.0.1:9000/123-ABC-456"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ],
)
def test_the_address_has_no_double_slash_and_no_rest(template: str, url: str) -> None:
    assert base_url(template, "123-ABC-456") == url


def test_a_lower_case_munchkin_id_is_valid() -> None:
    assert base_url(URL, "123-abc-456") == URL


def test_the_token_goes_into_the_header_only() -> None:
    marketo = ScriptedMarketo(ok())
    client(marketo).call(READ)
    assert marketo.sent[0].headers["Authorization"] == "Bearer token-1"
    assert "access_token" not in marketo.sent[0].query


def test_a_netrc_file_does_not_replace_the_token(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="utf-8") as file:
        file.write("machine 123-abc-456.mktorest.example.com login someone password something\n")
    monkeypatch.setenv("NETRC", netrc)
    marketo = ScriptedMarketo(ok())
    client(marketo).call(READ)
    assert marketo.sent[0].headers["Authorization"] == "Bearer token-1"
    assert "Authorization" not in marketo.identity_sent[0].headers


def test_every_call_has_a_time_out() -> None:
    marketo = ScriptedMarketo(ok())
    client(marketo).call(READ)
    assert marketo.timeouts == [(5.0, 7.0)]


@pytest.mark.parametrize("refusal", [refused("600"), refused("601"), refused("602"), ScriptedAnswer(b"", 401)])
def test_a_refused_token_is_renewed_once_and_the_call_repeated_once(refusal: ScriptedAnswer) -> None:
    marketo = ScriptedMarketo(refusal, ok({"id": 1}))
    assert client(marketo).call(CREATE).result == [{"id": 1}]
    assert [sent.headers["Authorization"] for sent in marketo.sent] == ["Bearer token-1", "Bearer token-2"]


def test_a_dead_token_ends_in_a_loud_stop_after_one_renewal() -> None:
    marketo = ScriptedMarketo(refused("601"), refused("601"), ok())
    with pytest.raises(TokenRefusedError) as raised:
        client(marketo).call(READ)
    assert raised.value.code == "601"
    assert len(marketo.sent) == 2
    assert len(marketo.identity_sent) == 2


def test_a_read_is_repeated_once_when_the_connection_was_lost() -> None:
    marketo = ScriptedMarketo(LOST, ok({"id": 1}))
    assert client(marketo).call(READ).result == [{"id": 1}]
    assert code_of(READ, LOST, LOST, ok()) == "CONNECTION_LOST"


def test_a_creation_is_never_repeated() -> None:
    assert code_of(CREATE, LOST, ok()) == "CONNECTION_LOST"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (REFUSED, "CONNECTION_FAILED"),
        (requests.ConnectTimeout("slow"), "CONNECTION_FAILED"),
        (requests.ReadTimeout("slow"), "TIMED_OUT"),
        (SLOW_BODY, "TIMED_OUT"),
        (requests.exceptions.ChunkedEncodingError("cut"), "CONNECTION_LOST"),
        (requests.exceptions.ContentDecodingError("cut"), "CONNECTION_LOST"),
        (requests.exceptions.SSLError("cut"), "CONNECTION_LOST"),
    ],
)
def test_failures_of_the_network_wait(failure: Exception, code: str) -> None:
    assert code_of(CREATE, failure) == code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (ScriptedAnswer(b"<html>maintenance</html>"), "NOT_JSON"),
        (ScriptedAnswer(b""), "NOT_JSON"),
        (ScriptedAnswer([]), "UNEXPECTED_ANSWER"),
        (ScriptedAnswer({}), "UNEXPECTED_ANSWER"),
        (ScriptedAnswer({"success": True, "result": "?"}), "UNEXPECTED_ANSWER"),
    ],
)
def test_answers_that_are_none_wait(answer: ScriptedAnswer, code: str) -> None:
    assert code_of(READ, answer) == code


@pytest.mark.parametrize("status", [301, 302, 307])
@pytest.mark.parametrize("body", [b"", b"<html>moved</html>", {}])
def test_redirects_are_not_followed_and_are_a_wrong_host(status: int, body: object) -> None:
    marketo = ScriptedMarketo(ScriptedAnswer(body, status, {"Location": "https://example.com/steal"}), ok())
    with pytest.raises(ConnectionBlockedError) as raised:
        client(marketo).call(READ)
    assert (raised.value.code, raised.value.remedy) == (str(status), Remedy.CHECK_HOST.says)
    assert len(marketo.sent) == 1


def test_a_missing_result_is_an_empty_one() -> None:
    found = client(ScriptedMarketo(ScriptedAnswer({"success": True, "warnings": ["No assets found"]}))).call(READ)
    assert found.result == []


def test_errors_beside_success_are_none() -> None:
    answer = ScriptedAnswer({"success": True, "errors": [], "warnings": [], "result": [{"id": 1}]})
    assert client(ScriptedMarketo(answer)).call(READ).result == [{"id": 1}]


def test_pages_are_read_to_the_end() -> None:
    marketo = ScriptedMarketo(
        ok(1, nextPageToken="b", moreResult=True),
        ok({"id": 2}, nextPageToken="c"),
        ok({"id": 3}, nextPageToken="d", moreResult=False),
    )
    rows = [row for page in client(marketo).pages(READ) for row in page.result]
    assert rows == [{"id": 2}, {"id": 3}]
    assert [sent.query.get("nextPageToken") for sent in marketo.sent] == [None, "b", "c"]


def test_a_page_token_that_leads_nowhere_ends_the_reading() -> None:
    marketo = ScriptedMarketo(*[ok(nextPageToken="b", moreResult=True)] * 3)
    with pytest.raises(InstanceWaitsError, match="UNEXPECTED_ANSWER"):
        list(client(marketo).pages(READ))
    assert len(marketo.sent) == 2


def test_calls_are_counted_with_repetitions_and_without_identity() -> None:
    marketo = ScriptedMarketo(LOST, refused("602"), ok(), refused("608"))
    calling = client(marketo)
    calling.call(READ)
    with pytest.raises(MarketoError):
        calling.call(READ)
    assert calling.calls == 4


def test_every_sending_takes_its_place_in_the_pace() -> None:
    clock = FakeClock()
    calling = client(ScriptedMarketo(LOST, ok()), clock)
    calling.pace = pace(1, 1, clock)
    calling.call(READ)
    assert sum(clock.slept) == pytest.approx(20.3)


def test_nothing_is_sent_out_of_time() -> None:
    clock = FakeClock()
    marketo = ScriptedMarketo(ok(), ok())
    calling = client(marketo, clock)
    calling.pace = pace(1, 1, clock, deadline=10.0)
    calling.call(READ)
    with pytest.raises(OutOfTimeError):
        calling.call(READ)
    assert len(marketo.sent) == 1
    assert calling.calls == 1


def test_whoever_watches_is_told_how_each_call_went_and_nothing_of_what_it_said() -> None:
    calls: list[Call] = []
    marketo = ScriptedMarketo(refused("606"), ok({"email": "ada@example.org"}), ScriptedAnswer(b"", 503), LOST)
    request = Request("find leads", "POST", "/rest/v1/leads.json", 5.0, form={"filterValues": "ada@example.org"})
    calling = client(marketo, watch=calls.append)
    calling.call(request)
    for _ in range(2):
        with pytest.raises(MarketoError):
            calling.call(replace(request, repeatable=False))
    assert [(one.operation, one.status, one.code) for one in calls] == [
        ("obtain access token", 200, None),
        ("find leads", 200, "606"),
        ("find leads", 200, None),
        ("find leads", 503, "503"),
        ("find leads", None, "CONNECTION_LOST"),
    ]
    assert all(one.milliseconds is not None for one in calls)
    for secret in ("ada@example.org", "token-1", "the-secret", "leads.json"):
        assert secret not in repr(calls)


def test_nobody_is_told_of_a_call_that_was_not_sent() -> None:
    calls: list[Call] = []
    clock = FakeClock()
    calling = client(ScriptedMarketo(), clock, calls.append)
    calling.pace = pace(100, 10, clock, deadline=0.0)
    clock.sleep(1.0)
    with pytest.raises(OutOfTimeError):
        calling.call(READ)
    assert [one.operation for one in calls] == ["obtain access token"]


def test_json_is_utf8_and_never_invalid() -> None:
    assert json_body({"firstName": "Zoë"}) == '{"firstName":"Zoë"}'.encode()
    assert json_body(["\ud800"]) == b'["?"]'
    with pytest.raises(ValueError, match="JSON"):
        json_body([float("nan")])


def test_no_answer_is_waited_for_beyond_the_end() -> None:
    marketo, clock = ScriptedMarketo(ok(), ok()), FakeClock()
    caller = client(marketo, clock)
    caller.pace = pace(100, 10, clock, end=40.0)
    caller.call(READ)
    clock.elapsed = 37.0
    caller.call(READ)
    assert [timeout for _, timeout in marketo.timeouts] == [7.0, 3.0]
    assert [timeout for _, timeout in marketo.identity_timeouts] == [35.0]
    clock.elapsed = 40.0
    with pytest.raises(OutOfTimeError):
        caller.call(READ)
    assert (len(marketo.sent), caller.calls) == (2, 2)


def test_a_token_is_not_waited_for_beyond_the_end() -> None:
    marketo, clock = ScriptedMarketo(ok()), FakeClock()
    caller = client(marketo, clock)
    caller.pace = pace(100, 10, clock, end=4.0)
    caller.call(READ)
    assert [timeout for _, timeout in marketo.identity_timeouts] == [4.0]


def test_the_session_repeats_nothing_by_itself() -> None:
    made = session(pool_size=3)
    for url in ("https://example.com", "http://example.com"):
        adapter = made.get_adapter(url)
        assert isinstance(adapter, requests.adapters.HTTPAdapter)
        assert adapter.max_retries.total == 0


def test_the_session_keeps_connections_to_all_instances_that_are_delivered_to_at_once() -> None:
    adapter = session().get_adapter("https://example.com")
    assert isinstance(adapter, requests.adapters.HTTPAdapter)
    for number in range(INSTANCES_AT_ONCE + 1):
        adapter.poolmanager.connection_from_url(f"https://{number}.example.com")
    assert len(adapter.poolmanager.pools) == INSTANCES_AT_ONCE
