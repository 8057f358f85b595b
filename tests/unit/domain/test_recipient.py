"""Which recipients a connection can have."""

import pytest

from destination.domain.recipient import MAX_RECIPIENTS, Protocol, Recipient, recipient_problems


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [
        (Protocol.EMAIL, "ops@example.com"),
        (Protocol.EMAIL, "größe+alerts@example.org"),
        (Protocol.HTTPS, "https://example.com"),
        (Protocol.HTTPS, "https://example.com:8443/hook?room=1"),
    ],
)
def test_an_address_is_taken(protocol: Protocol, endpoint: str) -> None:
    assert list(recipient_problems([Recipient(protocol, endpoint)])) == []


@pytest.mark.parametrize(
    ("protocol", "endpoint", "message"),
    [
        (Protocol.EMAIL, "ops", "must be an e-mail address"),
        (Protocol.EMAIL, "a b@example.com", "must be an e-mail address"),
        (Protocol.EMAIL, "a@b@example.com", "must be an e-mail address"),
        (Protocol.HTTPS, "ops@example.com", "must be an https URL"),
        (Protocol.HTTPS, "http://example.com/hook", "must be an https URL"),
        (Protocol.HTTPS, "https:///hook", "must be an https URL"),
        (Protocol.HTTPS, "https://[::1/hook", "must be an https URL"),
        (Protocol.HTTPS, "https://example.com/a hook", "must be an https URL"),
        (Protocol.HTTPS, "https://ada:secret@example.com/hook", "must have no user name and password"),
    ],
)
def test_what_is_no_address_is_refused(protocol: Protocol, endpoint: str, message: str) -> None:
    [problem] = recipient_problems([Recipient(protocol, endpoint)])
    assert problem.path == "[0].endpoint"
    assert problem.message.startswith(message)


def test_an_address_is_given_once_and_there_are_only_so_many() -> None:
    twice = [Recipient(Protocol.EMAIL, "ops@example.com")] * 2
    assert [one.path for one in recipient_problems(twice)] == ["[1].endpoint"]
    many = [Recipient(Protocol.EMAIL, f"{number}@example.com") for number in range(MAX_RECIPIENTS + 1)]
    assert [one.path for one in recipient_problems(many)] == [""]
    assert list(recipient_problems(many[:-1])) == []


def test_of_a_url_the_host_alone_is_shown() -> None:
    assert Recipient(Protocol.HTTPS, "https://example.com/T0/secret").shown == "https://example.com/…"
    assert Recipient(Protocol.EMAIL, "ops@example.com").shown == "ops@example.com"
