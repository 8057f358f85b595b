"""The control plane for the tests of its calls; and what functions ask of AWS, which their roles must allow."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from destination.marketo import budget, pace
from marketo_simulator import Simulator
from testing.control_plane import control_plane, fresh
from testing.permissions import ASKED, ActionRecorder, refused
from testing.template import Template, expand, settle


@pytest.fixture(scope="module")
def control_plane_marketo() -> Iterator[Simulator]:
    with control_plane() as simulator:
        yield simulator


@pytest.fixture
def marketo(control_plane_marketo: Simulator) -> Iterator[Simulator]:
    """The Marketo behind the control plane; it and AWS are as they are before anything was done."""
    with fresh(control_plane_marketo):
        yield control_plane_marketo


@pytest.fixture(autouse=True)
def far_from_the_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for Marketo's next day waits for hours, at whatever time of the day these tests are run."""
    monkeypatch.setattr(budget, "_RESET_HOURS", ((datetime.now(UTC).hour + 3) % 24,))


@pytest.fixture
def short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has used up a window, or is refused as others have, waits for another one that begins at once."""
    monkeypatch.setattr(pace, "WINDOW", 0.1)
    monkeypatch.setattr(pace, "MARGIN", 0.0)


@pytest.fixture(scope="session")
def deployed() -> Template:
    return settle(expand(), SigningKeys="true", Console="cloudfront")


@pytest.fixture(scope="session")
def recorder() -> Iterator[ActionRecorder]:
    recorder = ActionRecorder()
    with recorder.recording():
        yield recorder


@pytest.fixture(autouse=True)
def permitted(recorder: ActionRecorder, deployed: Template) -> Iterator[None]:
    """A function does nothing that its role does not allow."""
    recorder.asked.clear()  # of tests of other folders, which may call tables and queues as they like
    yield
    ASKED.update(recorder.asked)
    assert refused(deployed, recorder.asked) == []
