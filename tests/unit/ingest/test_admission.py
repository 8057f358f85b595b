"""The ways in: what opens a connection, and what does not."""

import base64
import hashlib
from collections.abc import Mapping, Sequence

import pytest

from destination.domain.connection import Proof
from destination.ingest.admission import Refused, Signature, SourceRequest, WaysIn, admitted

TOKEN = "token-1"
HASHES = tuple(hashlib.sha256(token.encode()).hexdigest() for token in (TOKEN, "token-0"))
BODY = b"what do ya want for nothing?"
KEY = b"Jefe"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def opens(ways: WaysIn, headers: Mapping[str, str], query: Mapping[str, str] | None = None) -> bool:
    return admitted(SourceRequest(BODY, headers, query or {}), ways) is None


@pytest.mark.parametrize(
    ("authorization", "is_open"),
    [
        (f"Bearer {TOKEN}", True),
        ("bearer token-0 ", True),
        (basic(f"anybody:{TOKEN}"), True),
        (basic(f":{TOKEN}").replace("Basic", "BASIC"), True),
        (basic(f"{TOKEN}:"), False),
        (basic(TOKEN), False),
        (basic(f"anybody:{TOKEN}:"), False),
        (f"Basic {TOKEN}", False),
        ("Basic w6k=", False),
        ("Basic /w==", False),
        ("Basic", False),
        (f"Token {TOKEN}", False),
        (TOKEN, False),
        ("", False),
    ],
)
def test_the_header_authorization_brings_the_token(authorization: str, is_open: bool) -> None:
    assert opens(WaysIn(HASHES), {"authorization": authorization}) is is_open


def test_a_token_elsewhere_counts_only_where_the_connection_names_the_place() -> None:
    header, query = {"x-api-key": TOKEN}, {"token": TOKEN}
    assert not opens(WaysIn(HASHES), header, query)
    assert opens(WaysIn(HASHES, header="X-Api-Key"), header)
    assert not opens(WaysIn(HASHES, header="X-Api-Key"), {"x-api-key": "another"}, query)
    assert opens(WaysIn(HASHES, parameter="token"), {}, query)
    assert not opens(WaysIn(HASHES, parameter="Token"), header, query)
    assert opens(WaysIn(HASHES, header="X-Api-Key"), {"authorization": f"Bearer {TOKEN}"})


def test_who_is_refused_hears_where_the_token_may_come() -> None:
    ways = WaysIn(HASHES, header="X-Api-Key", parameter="token")
    refused = admitted(SourceRequest(BODY, {"x-api-key": "secret-of-somebody"}), ways)
    assert refused == Refused(
        "Send the connection's ingest token as 'Authorization: Bearer <token>', or in the header X-Api-Key, or as the "
        "query parameter token."
    )


# The HMACs of RFC 2202 (case 2) and RFC 4231 (case 2).
SHA1 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
SHA256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
SIGNED = Signature("X-Signature")


@pytest.mark.parametrize(
    ("signature", "header"),
    [
        (SIGNED, SHA256),
        (SIGNED, f" {SHA256}"),
        (Signature("X-Signature", "sha1"), SHA1),
        (Signature("X-Signature", prefix="sha256="), f"sha256={SHA256}"),
        (Signature("X-Signature", encoding="base64"), base64.b64encode(bytes.fromhex(SHA256)).decode()),
    ],
)
def test_a_signature_is_compared_as_its_sender_writes_it(signature: Signature, header: str) -> None:
    ways = WaysIn(HASHES, proof=Proof.SIGNATURE, signature=signature, keys=(b"another", KEY))
    assert opens(ways, {"x-signature": header})
    assert not opens(ways, {"x-signature": header[:-1]})
    assert not opens(ways, {"x-signature": f"\ud800{header}"})
    assert not opens(ways, {"authorization": f"Bearer {TOKEN}"})
    assert admitted(SourceRequest(BODY + b" ", {"x-signature": header}), ways) is not None


@pytest.mark.parametrize(
    ("proof", "token", "signature", "is_open"),
    [
        (Proof.TOKEN, True, False, True),
        (Proof.TOKEN, False, True, False),
        (Proof.SIGNATURE, False, True, True),
        (Proof.SIGNATURE, True, False, False),
        (Proof.BOTH, True, True, True),
        (Proof.BOTH, True, False, False),
        (Proof.BOTH, False, True, False),
    ],
)
def test_the_connection_says_what_is_to_be_proved(proof: Proof, token: bool, signature: bool, is_open: bool) -> None:
    headers = ({"authorization": f"Bearer {TOKEN}"} if token else {}) | ({"x-signature": SHA256} if signature else {})
    assert opens(WaysIn(HASHES, proof=proof, signature=SIGNED, keys=(KEY,)), headers) is is_open


@pytest.mark.parametrize("proof", [Proof.SIGNATURE, Proof.BOTH])
def test_nothing_opens_where_a_signature_is_asked_for_and_there_is_no_key_or_no_scheme(proof: Proof) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "x-signature": SHA256}
    assert not opens(WaysIn(HASHES, proof=proof, signature=SIGNED), headers)
    assert not opens(WaysIn(HASHES, proof=proof, keys=(KEY,)), headers)


def test_a_source_says_which_text_its_sender_signs() -> None:
    """One that signs the time too, one that signs either text, and a kind of request that its sender never signs."""

    def with_time(request: SourceRequest) -> Sequence[bytes]:
        return (b"what do ya want " + request.headers["x-time"].encode() + request.body,)

    timed = WaysIn(HASHES, proof=Proof.SIGNATURE, signature=Signature("X-Signature", signed=with_time), keys=(KEY,))
    assert admitted(SourceRequest(b"nothing?", {"x-signature": SHA256, "x-time": "for "}), timed) is None
    assert admitted(SourceRequest(b"nothing?", {"x-signature": SHA256, "x-time": "to "}), timed) is not None

    either = Signature("X-Signature", signed=lambda request: (request.body, request.body[1:-1]))
    assert opens(WaysIn((), proof=Proof.SIGNATURE, signature=either, keys=(KEY,)), {"x-signature": SHA256})
    within = SourceRequest(b"[" + BODY + b"]", {"x-signature": SHA256})
    assert admitted(within, WaysIn((), proof=Proof.SIGNATURE, signature=either, keys=(KEY,))) is None

    never = Signature("X-Signature", signed=lambda _: ())
    token = {"authorization": f"Bearer {TOKEN}"}
    assert opens(WaysIn(HASHES, proof=Proof.BOTH, signature=never, keys=(KEY,)), token)
    assert not opens(WaysIn(HASHES, proof=Proof.BOTH, signature=never, keys=(KEY,)), {})
    assert not opens(WaysIn(HASHES, proof=Proof.SIGNATURE, signature=never, keys=(KEY,)), token)


def test_nothing_secret_is_shown() -> None:
    shown = repr(WaysIn(HASHES, keys=(KEY,)))
    assert HASHES[0] not in shown
    assert "Jefe" not in shown
