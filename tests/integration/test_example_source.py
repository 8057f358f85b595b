"""The documented example of a source: built as a layer, it is found, keeps the rules, and takes its sender's bodies."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from destination.domain.connection import Proof
from destination.ingest.admission import SourceRequest, WaysIn
from destination.ingest.conformance import breaches
from destination.ingest.samples import folder_of, samples_of
from destination.ingest.sources import SOURCES, source
from destination_client.main import app
from testing.example_source import EXAMPLE, built
from testing.webhook import WebhookStand, submission

MAX_LINES = 100


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What Lambda puts on the path of the function's modules, built by the example's Makefile from what is here."""
    folder = tmp_path_factory.mktemp("layer")
    with ZipFile(built(folder / "source")) as packed:
        packed.extractall(folder / "opt")
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(folder / "opt/python")
        yield folder / "opt/python"
    source.cache_clear()


def test_it_is_as_short_as_a_source_should_be() -> None:
    assert len((EXAMPLE / "source_acme.py").read_text().splitlines()) < MAX_LINES


def test_it_keeps_every_rule(layer: Path) -> None:
    acme = source("acme")
    assert folder_of(acme).parent == layer
    assert breaches(acme, samples_of(folder_of(acme))) == []


def test_its_sender_hears_of_each_member_once_the_events_are_stored(layer: Path) -> None:
    webhook = WebhookStand(source_format="acme")
    body = {"members": [{"mail": "ada@example.org", "tiers": [{"tier": "gold", "in": True}]}, 7]}
    reply = webhook.ingest(submission(body)).reply
    assert reply is not None
    assert (reply.status, reply.body) == (
        200,
        {"members": [{"ok": True, "why": None}, {"ok": False, "why": "must be a JSON object"}]},
    )
    assert webhook.queued() == [None]


def test_the_signature_of_its_sender_opens(layer: Path) -> None:
    acme = source("acme")
    ways = WaysIn((), proof=Proof.SIGNATURE, signature=acme.signature, keys=(b"Jefe",))
    # RFC 4231, test case 2.
    signed = "v1=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    body = b"what do ya want for nothing?"
    assert acme.admit(SourceRequest(body, {"x-acme-signature": signed}), ways) is None
    assert acme.admit(SourceRequest(body[:-1], {"x-acme-signature": signed}), ways) is not None


def checked(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["source", "check", *arguments])
    return result.exit_code, result.output


def test_the_command_tells_whether_a_source_keeps_the_rules(layer: Path, tmp_path: Path) -> None:
    assert checked("acme") == (0, "The source acme keeps all 12 rules, tried with 1 samples.\n")
    shutil.copytree(layer / "source_acme_samples", tmp_path / "samples")
    (tmp_path / "samples/members.expected.json").write_text('{"rejected": [1]}')
    code, told = checked("acme", "--samples", str(tmp_path / "samples"))
    assert code == 1
    assert "the events of its samples" in told
    (tmp_path / "samples/members.expected.json").unlink()
    code, told = checked("acme", "--samples", str(tmp_path / "samples"))
    assert (code, "members.expected.json" in told) == (1, True)


def test_the_command_names_the_sources_that_there_are(layer: Path) -> None:
    code, told = checked("carrier-pigeon")
    assert code == 1
    assert ", ".join(sorted([*SOURCES, "acme"])) in " ".join(told.split())
