"""The client's calls: what is said again, for how long it waits, and how a refusal reads."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

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
def waits() -> list[float]:
    return []


@pytest.fixture
def api(entrance: Gateway, waits: list[float]) -> Api:
    return Api(entrance.url, None, sleep=waits.append, chance=lambda: 1.0)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_reading_call_is_said_again_while_the_stack_is_busy(
    api: Api, entrance: Gateway, waits: list[float], status: int
) -> None:
    entrance.scripted += [(status, {"Retry-After": "7"}, ""), (status, {}, PROBLEM), (200, JSON, '{"a": 1}')]
    assert api.get("/connections") == {"a": 1}
    assert waits == [7.0, 2.0]


def test_it_is_given_up_in_the_end(api: Api, entrance: Gateway, waits: list[float]) -> None:
    entrance.scripted += [(503, JSON, PROBLEM)] * ATTEMPTS
    with pytest.raises(ApiRefusedError, match=r"Busy: Try again\."):
        api.get("/connections")
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]


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
        ('{"message": "Missing Authentication Token"}', "The stack answers 403: Missing Authentication Token"),
        ('{"Message": "User is not authorized"}', "The stack answers 403: User is not authorized"),
        ("<html>", "The stack answers 403: <html>"),
        ("", "The stack answers 403"),
    ],
)
def test_what_others_on_the_way_say_is_told(api: Api, entrance: Gateway, text: str, said: str) -> None:
    entrance.scripted.append((403, {}, text))
    with pytest.raises(ApiRefusedError) as refused:
        api.get("/connections")
    assert str(refused.value) == said


def test_a_stack_that_is_not_there_is_said_so(waits: list[float]) -> None:
    with pytest.raises(CommandError, match=r"The stack cannot be reached: http://127\.0\.0\.1:9: .*refused"):
        Api("http://127.0.0.1:9", None, sleep=waits.append).get("/connections")
    assert len(waits) == ATTEMPTS - 1


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
    assert waits == [1.0]


def test_a_wrong_token_ends_the_sending(api: Api, entrance: Gateway) -> None:
    entrance.scripted.append((401, JSON, '{"title": "Unauthorized", "detail": "Send the token."}'))
    with pytest.raises(ApiRefusedError, match="Unauthorized"):
        list(send(api, "c-1", "wrong", [{}] * 1002, Sent()))
    assert len(entrance.seen) == 1
