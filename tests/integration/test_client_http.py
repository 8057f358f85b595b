"""The client's calls: what is said again, for how long it waits, and how a refusal reads."""

import time
import traceback
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from urllib3.util import retry

from destination_client.errors import ApiRefusedError, CommandError
from destination_client.http import ATTEMPTS, Api
from destination_client.send import Sent, send
from testing.gateway import Gateway, gateway

JSON = {"Content-Type": "application/json"}
PROBLEM = '{"title": "Busy", "detail": "Try again.", "errors": [{"path": "a", "message": "b"}]}'


@pytest.fixture(scope="module")
def serving() -> Iterator[Gateway]:
    with gateway() as entrance:
        yield entrance


@pytest.fixture
def entrance(serving: Gateway) -> Gateway:
    serving.seen.clear()
    serving.scripted.clear()
    return serving


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long it was waited, without the chance in it."""
    waited: list[float] = []
    monkeypatch.setattr(retry, "time", SimpleNamespace(sleep=waited.append, time=time.time))
    monkeypatch.setattr(retry, "random", SimpleNamespace(random=lambda: 0.5))
    return waited


@pytest.fixture
def api(entrance: Gateway) -> Api:
    return Api(entrance.url, None)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_reading_call_is_said_again_while_the_stack_is_busy(
    api: Api, entrance: Gateway, waits: list[float], status: int
) -> None:
    entrance.scripted += [(status, {"Retry-After": "7"}, ""), (status, {}, PROBLEM), (200, JSON, '{"a": 1}')]
    assert api.get("/connections") == {"a": 1}
    assert waits == [7, 2.5]


def test_it_is_given_up_in_the_end(api: Api, entrance: Gateway, waits: list[float]) -> None:
    entrance.scripted += [(503, JSON, PROBLEM)] * ATTEMPTS
    with pytest.raises(ApiRefusedError, match=r"Busy: Try again\."):
        api.get("/connections")
    assert waits == [2.5, 4.5, 8.5, 16.5]
    assert len(entrance.seen) == ATTEMPTS


def test_nobody_is_waited_for_longer_than_the_signature_is_good(
    api: Api, entrance: Gateway, waits: list[float]
) -> None:
    entrance.scripted += [(503, {"Retry-After": "3600"}, "")] * ATTEMPTS
    with pytest.raises(ApiRefusedError):
        api.get("/connections")
    assert waits == [30] * (ATTEMPTS - 1)


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_what_was_throttled_before_the_stack_saw_it_is_said_again(
    api: Api, entrance: Gateway, waits: list[float], method: str
) -> None:
    entrance.scripted += [(429, {}, ""), (200, JSON, '{"a": 1}')]
    assert api.call(method, "/connections") == {"a": 1}
    assert len(entrance.seen) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_changing_call_is_said_once(api: Api, entrance: Gateway, waits: list[float], method: str) -> None:
    entrance.scripted.append((503, JSON, PROBLEM))
    with pytest.raises(ApiRefusedError) as refused:
        api.call(method, "/connections")
    assert [(one.path, one.message) for one in refused.value.problems] == [("a", "b")]
    assert len(entrance.seen) == 1
    assert waits == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"message": "Too many"}', "The stack answers 413: Too many"),
        ('{"Message": "Too large"}', "The stack answers 413: Too large"),
        ("<html>", "The stack answers 413: <html>"),
        ("", "The stack answers 413"),
    ],
)
def test_what_others_on_the_way_say_is_told(api: Api, entrance: Gateway, text: str, said: str) -> None:
    entrance.scripted.append((413, {}, text))
    with pytest.raises(ApiRefusedError) as refused:
        api.get("/connections")
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/connections/c-1/letters?code=x", ["View Destinations", "Observer, Connector, Marketer, Steward"]),
        ("POST", "/connections/c-1/ingest-token", ["Manage Destinations", "Connector, Administrator"]),
        ("DELETE", "/connections/c-1/letters", ["Activate Destinations or Manage Destinations", "Marketer"]),
        ("PUT", "/governance/policies", ["Manage Data Usage Policies", "Steward, Administrator"]),
    ],
)
def test_who_is_refused_is_told_what_it_takes_and_who_has_it(
    api: Api, entrance: Gateway, method: str, path: str, needed: list[str]
) -> None:
    entrance.scripted.append((403, {"x-amzn-ErrorType": "AccessDeniedException"}, '{"Message": "not authorized"}'))
    with pytest.raises(ApiRefusedError) as refused:
        api.call(method, path)
    assert all(one in refused.value.detail for one in ["not authorized.", *needed])


def test_credentials_that_are_no_good_are_no_matter_of_permissions(api: Api, entrance: Gateway) -> None:
    entrance.scripted.append((403, {"x-amzn-ErrorType": "ExpiredTokenException"}, '{"message": "The token expired"}'))
    with pytest.raises(ApiRefusedError) as refused:
        api.get("/connections")
    assert str(refused.value) == "The stack answers 403: The token expired"


def test_a_stack_that_is_not_there_is_said_so(waits: list[float]) -> None:
    with pytest.raises(CommandError, match=r"The stack cannot be reached: http://127\.0\.0\.1:9: .*refused"):
        Api("http://127.0.0.1:9", None).get("/connections")
    assert len(waits) == ATTEMPTS - 2  # the second attempt comes at once


def test_connections_are_read_page_by_page(api: Api, entrance: Gateway) -> None:
    entrance.scripted += [
        (200, JSON, '{"connections": [{"id": "a"}], "cursor": "x y/+"}'),
        (200, JSON, '{"connections": [{"id": "b"}], "cursor": null}'),
    ]
    assert [one["id"] for one in api.connections()] == ["a", "b"]
    assert [urlsplit(one.url).query for one in entrance.seen] == ["limit=100", "limit=100&cursor=x%20y%2F%2B"]


def test_parts_are_sent_again_and_their_rejections_have_their_places_in_the_file(
    api: Api, entrance: Gateway, waits: list[float]
) -> None:
    entrance.scripted += [
        (429, {}, ""),
        (202, JSON, '{"accepted": 999, "rejected": [{"index": 5, "errors": [{"path": "at", "message": "x"}]}]}'),
        (400, JSON, '{"title": "Invalid body", "errors": [{"path": "[1].profile", "message": "y"}]}'),
    ]
    sent = Sent()
    counts = list(send(api, "c-1", "token", [{}] * 1002, sent))
    assert counts == [1000, 2]
    assert (sent.accepted, sent.rejected) == (999, 3)
    assert [(one.path, one.message) for one in sent.problems] == [("[5].at", "x"), ("[1001].profile", "y")]
    assert len(entrance.seen) == 3


def test_a_wrong_token_ends_the_sending(api: Api, entrance: Gateway) -> None:
    entrance.scripted.append((401, JSON, '{"title": "Unauthorized", "detail": "Send the token."}'))
    with pytest.raises(ApiRefusedError, match="Unauthorized"):
        list(send(api, "c-1", "wrong", [{}] * 1002, Sent()))
    assert len(entrance.seen) == 1


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (200, "text/html", "<html>Sign in</html>"),
        (200, "application/json", "[]"),
        (200, "application/json", ""),
        (200, "application/json", "{"),
    ],
)
def test_an_answer_in_the_place_of_the_stack_is_said_to_be_one(
    api: Api, entrance: Gateway, status: int, kind: str, text: str
) -> None:
    """As of a proxy that wants a password, or where the URL is that of a website."""
    entrance.scripted.append((status, {"Content-Type": kind}, text))
    with pytest.raises(CommandError, match=rf"no answer of a stack: .* answered {kind}; give its output ApiUrl"):
        api.get("/connections")


@pytest.mark.parametrize("errors", ['["x"]', '"x"', "7", '[{"reason": "x"}]'])
def test_a_refusal_in_a_form_of_its_own_is_told(api: Api, entrance: Gateway, errors: str) -> None:
    entrance.scripted.append((400, JSON, f'{{"title": "No", "errors": {errors}}}'))
    with pytest.raises(ApiRefusedError, match=r"^No$"):
        api.get("/connections")


@pytest.mark.parametrize("token", ["hidden\rx", "hidden\nx", "hidden\N{HORIZONTAL ELLIPSIS}"])
def test_a_token_that_cannot_be_sent_is_not_shown(api: Api, entrance: Gateway, token: str) -> None:
    with pytest.raises(CommandError, match="cannot be signed") as refused:
        api.send("c-1", token, b"[]")
    told = "".join(traceback.format_exception(refused.value))
    assert "hidden" not in told
    assert entrance.seen == []
