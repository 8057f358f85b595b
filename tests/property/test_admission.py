"""Whatever a request brings: it is admitted or refused, and told nothing of what it brought."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.connection import Proof
from destination.ingest.admission import Signature, SourceRequest, WaysIn, admitted

TOKEN = "token-of-the-test"
HASHES = (hashlib.sha256(TOKEN.encode()).hexdigest(), "-" * 64)
ANYTHING = st.text() | st.sampled_from(["Bearer ", "basic ", "Basic =", "bearer \ud800", "Basic \ud800", TOKEN[:-1]])


@given(
    st.dictionaries(st.sampled_from(["authorization", "x-api-key", "x-signature"]), ANYTHING),
    st.dictionaries(st.just("token"), ANYTHING),
    st.binary(),
    st.sampled_from(Proof),
)
def test_nothing_but_the_proof_opens(headers: dict[str, str], query: dict[str, str], body: bytes, proof: Proof) -> None:
    ways = WaysIn(HASHES, "X-Api-Key", "token", proof, Signature("X-Signature"), (b"key",))
    refused = admitted(SourceRequest(body, headers, query), ways)
    assert refused is not None
    assert all(len(given) < 20 or given not in refused.detail for given in (*headers.values(), *query.values()))
