"""Lists read by extract: against the simulator, and by the shapes of answers that it does not give."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from destination.domain.credentials import ClientCredentials
from destination.marketo import lead_extracts
from destination.marketo.errors import (
    FILE_DAMAGED,
    FILE_GONE,
    ConnectionBlockedError,
    InstanceWaitsError,
    MarketoError,
    RequestRejectedError,
)
from destination.marketo.instance import Marketo
from destination.marketo.lead_extracts import ExtractState, ExtractStatus, LeadExtracts, Row
from marketo_simulator import Fault, Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.marketo import START, FakeClock, ScriptedAnswer, ScriptedMarketo, client, ok, pace, refused
from testing.memory import MemoryToken

LIST = 7
FIELDS = ["id", "email", "firstName"]
LEADS = [
    {"id": 1, "email": "ada@example.org", "firstName": "Ada"},
    {"id": 2, "email": "bob@example.org", "firstName": 'B, "ob"\né€'},
    {"id": 3, "firstName": "Ünloved"},
    {"id": 4, "email": "eve@example.org"},
]
FILE = "/export/[^/]+/file.json"


class Instance:
    """A simulator with a list, as the edge calls it."""

    def __init__(self, **settings: object) -> None:
        self.clock = FakeClock()
        seed = {
            "leads": LEADS,
            "lists": [{"name": "Lions", "id": LIST, "members": [1, 2, 3]}, {"name": "None", "id": 8}],
        }
        self.simulator = Simulator(seed=seed, settings=settings, clock=self.clock.now, sleep=self.clock.sleep)
        http = requests.Session()
        http.mount("https://", SimulatorAdapter(self.simulator))
        self.marketo = Marketo(
            munchkin_id="123-ABC-456",
            credentials=ClientCredentials("client", "secret"),
            tokens=MemoryToken(),
            http=http,
            pace=pace(100, 10, self.clock),
            clock=self.clock.now,
            sleep=self.clock.sleep,
        )

    @property
    def extracts(self) -> LeadExtracts:
        return self.marketo.extracts

    def completed(self, list_id: int = LIST, fields: list[str] | None = None) -> tuple[str, ExtractState]:
        extract = self.extracts.create(fields or FIELDS, list_id)
        self.extracts.enqueue(extract)
        self.clock.sleep(60)
        return extract, self.extracts.state(extract)

    def rows(self, extract: str, state: ExtractState) -> list[Row]:
        return list(self.extracts.rows(extract, state, FIELDS))

    def fault(self, path: str, **fault: Any) -> None:
        self.simulator.script(Fault(path=path, **fault))


def code_of(work: object) -> str:
    assert callable(work)
    with pytest.raises(MarketoError) as raised:
        work()
    return raised.value.code


def test_a_job_goes_from_created_to_completed_and_its_file_has_the_members() -> None:
    instance = Instance(export_queue_seconds=60, export_seconds=120)
    extract = instance.extracts.create(FIELDS, LIST)
    assert instance.extracts.state(extract) == ExtractState(ExtractStatus.CREATED)
    assert instance.extracts.enqueue(extract) == ExtractState(ExtractStatus.QUEUED)
    instance.clock.sleep(60)
    started_at = START + timedelta(seconds=60)
    assert instance.extracts.state(extract) == ExtractState(ExtractStatus.PROCESSING, started_at=started_at)
    instance.clock.sleep(120)
    state = instance.extracts.state(extract)
    assert (state.status, state.rows, state.started_at) == (ExtractStatus.COMPLETED, 3, started_at)
    assert len(state.checksum or "") == 64
    assert instance.rows(extract, state) == [
        ("1", "ada@example.org", "Ada"),
        ("2", "bob@example.org", 'B, "ob"\né€'),
        ("3", None, "Ünloved"),
    ]


@pytest.mark.parametrize("piece", [1, 2, 7, 64])
def test_a_file_is_the_same_however_small_its_pieces_are(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    """Also where a piece ends within a letter, a line or a quoted cell."""
    instance = Instance(calls_per_window=None)
    extract, state = instance.completed()
    whole = instance.rows(extract, state)
    monkeypatch.setattr(lead_extracts, "PIECE", piece)
    assert instance.rows(extract, state) == whole


def test_a_file_may_have_those_who_were_created_within_a_time() -> None:
    instance = Instance()
    state = instance.simulator.state
    for seconds, name in ((10, "early"), (20, "first"), (40, "last"), (50, "late")):
        state.create_lead({"email": f"{name}@example.org"}, 1, START + timedelta(seconds=seconds))
    since, until = START + timedelta(seconds=20, microseconds=5), START + timedelta(seconds=40, microseconds=5)
    extract = instance.extracts.create_of_time(FIELDS, since, until)
    instance.extracts.enqueue(extract)
    instance.clock.sleep(60)
    found = instance.rows(extract, instance.extracts.state(extract))
    assert [one[1] for one in found] == ["first@example.org", "last@example.org"]


@pytest.mark.parametrize("empty", ["header", "null"])
def test_a_list_without_members_has_no_rows(empty: str) -> None:
    instance = Instance(export_empty_file=empty)
    extract, state = instance.completed(8)
    assert (state.rows, instance.rows(extract, state)) == (0, [])


def test_a_job_that_was_given_up_is_cancelled() -> None:
    instance = Instance()
    extract = instance.extracts.create(FIELDS, LIST)
    instance.extracts.cancel(extract)
    assert instance.extracts.state(extract).status is ExtractStatus.CANCELLED


def test_another_users_job_and_one_of_long_ago_are_gone() -> None:
    instance = Instance()
    extract, state = instance.completed()
    instance.clock.sleep(timedelta(days=8).total_seconds())
    assert code_of(lambda: instance.rows(extract, state)) == FILE_GONE
    instance.clock.sleep(timedelta(days=40).total_seconds())
    assert code_of(lambda: instance.extracts.state(extract)) == FILE_GONE
    assert code_of(lambda: instance.extracts.state("none")) == FILE_GONE


def test_a_file_may_be_gone_although_the_job_is_completed() -> None:
    instance = Instance()
    extract, state = instance.completed()
    instance.fault(FILE, effect="http", status=404)
    assert code_of(lambda: instance.rows(extract, state)) == FILE_GONE
    assert len(instance.rows(extract, state)) == 3


@pytest.mark.parametrize("damage", ["cut", "charset"])
def test_a_damaged_file_is_known_by_its_checksum(damage: str) -> None:
    instance = Instance()
    extract, state = instance.completed()
    instance.fault(FILE, effect="malformed", damage=damage)
    assert code_of(lambda: instance.rows(extract, state)) == FILE_DAMAGED
    assert len(instance.rows(extract, state)) == 3


def test_what_the_pace_and_the_token_ask_for_holds_for_files_as_well() -> None:
    instance = Instance()
    extract, state = instance.completed()
    faults: list[dict[str, str]] = [{"code": "606"}, {"code": "602"}, {"effect": "drop"}]
    for fault in faults:
        instance.fault(FILE, **fault)
        assert len(instance.rows(extract, state)) == 3
    instance.fault(FILE, effect="error", code="611")
    assert code_of(lambda: instance.rows(extract, state)) == "611"


def test_the_queue_and_the_days_bytes_have_an_end() -> None:
    instance = Instance(export_daily_bytes=50, export_seconds=3600, calls_per_window=None)
    jobs = [instance.extracts.create(FIELDS, LIST) for _ in range(11)]
    for job in jobs[:10]:
        instance.extracts.enqueue(job)
    assert code_of(lambda: instance.extracts.enqueue(jobs[10])) == "1029"
    instance.clock.sleep(3700)
    assert code_of(lambda: instance.extracts.create(FIELDS, LIST)) == "1029"


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ({"effect": "error", "code": "603"}, ConnectionBlockedError),
        ({"effect": "error", "code": "1035"}, RequestRejectedError),
        ({"effect": "error", "code": "1029"}, InstanceWaitsError),
    ],
)
def test_who_may_not_extract_is_told(fault: dict[str, str], raised: type[MarketoError]) -> None:
    instance = Instance()
    instance.fault("/export/create.json", **fault)
    with pytest.raises(raised):
        instance.extracts.create(FIELDS, LIST)


def test_a_creation_is_not_repeated_when_its_answer_is_lost() -> None:
    instance = Instance()
    instance.fault("/export/create.json", effect="drop", executes=True)
    assert code_of(lambda: instance.extracts.create(FIELDS, LIST)) == "CONNECTION_LOST"
    assert [one.path for one in instance.simulator.log() if "create" in one.path] == [
        "/bulk/v1/leads/export/create.json"
    ]


# What the simulator does not answer


def state_of(content: bytes, **known: Any) -> ExtractState:
    told: dict[str, Any] = {"size": len(content), "checksum": hashlib.sha256(content).hexdigest()} | known
    return ExtractState(ExtractStatus.COMPLETED, **told)


def read(content: bytes, *, status: int = 206, kind: str = "text/csv", **known: Any) -> list[Row]:
    answer = ScriptedAnswer(content, status, {"Content-Type": kind})
    extracts = LeadExtracts(client(ScriptedMarketo(answer)))
    return list(extracts.rows("e-1", state_of(content, **known), ["id", "email"]))


def test_a_file_without_rows_says_null() -> None:
    assert read(b"null") == read(b"null\n", rows=0) == read(b"id,email\n") == []


def test_a_server_that_knows_no_pieces_gives_the_whole() -> None:
    assert read(b"id,email\n1,null\n", status=200) == [("1", None)]


@pytest.mark.parametrize(
    "content",
    [
        b"null\n1,a@example.org\n",
        b"id\n1\n",
        b"id,email\n1\n",
        b"id,email\n1,a,b\n",
        b'id,email\n1,"a"b\n',
        b"id,email\n1,\xff\n",
    ],
)
def test_a_file_of_another_form_is_damaged(content: bytes) -> None:
    assert code_of(lambda: read(content)) == FILE_DAMAGED


@pytest.mark.parametrize("known", [{"size": None}, {"size": 0}, {"rows": 2}, {"checksum": "0" * 64}, {"size": 12}])
def test_a_file_that_is_not_what_was_told_is_damaged(known: dict[str, Any]) -> None:
    """One that tells no size is not read: it would pass for that of a list without members."""
    assert code_of(lambda: read(b"id,email\n1,a@example.org\n", **known)) == FILE_DAMAGED


def test_a_page_of_a_gateway_is_no_file() -> None:
    assert code_of(lambda: read(b"<html>", status=503)) == "503"
    assert code_of(lambda: read(b'{"success": true, "result": []}', status=200, kind="application/json")) == (
        "UNEXPECTED_ANSWER"
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"status": "Canceled"}, ExtractState(ExtractStatus.CANCELLED)),
        ({"status": "Completed", "fileChecksum": "md5:1", "fileSize": "7"}, ExtractState(ExtractStatus.COMPLETED)),
        (
            {"status": "Processing", "startedAt": "2026-11-29T10:00:00Z"},
            ExtractState(ExtractStatus.PROCESSING, started_at=datetime.fromisoformat("2026-11-29T10:00:00Z")),
        ),
        ({"status": "Processing", "startedAt": "soon"}, ExtractState(ExtractStatus.PROCESSING)),
    ],
)
def test_a_state_is_read_as_far_as_it_is_told(row: dict[str, object], expected: ExtractState) -> None:
    assert LeadExtracts(client(ScriptedMarketo(ok(row)))).state("e-1") == expected


@pytest.mark.parametrize("answer", [ok(), ok({"status": "Resting"}), ok({"exportId": 7})])
def test_an_answer_without_a_state_is_unexpected(answer: ScriptedAnswer) -> None:
    extracts = LeadExtracts(client(ScriptedMarketo(answer, answer)))
    assert code_of(lambda: extracts.state("e-1")) == "UNEXPECTED_ANSWER"
    assert code_of(lambda: extracts.create(["id"], LIST)) == "UNEXPECTED_ANSWER"


def test_a_file_is_refused_as_any_call_is() -> None:
    extracts = LeadExtracts(client(ScriptedMarketo(refused("603"))))
    assert code_of(lambda: list(extracts.rows("e-1", state_of(b"x"), ["id"]))) == "603"
