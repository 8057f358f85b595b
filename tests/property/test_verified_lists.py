"""Lists that are verified equal audiences, whatever changed since every lead was known and none is touched."""

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from destination.domain.connection import SyncType
from testing.world import audience
from tests.property.test_lists_equal_audiences import PEOPLE, STATUSES, Lists


class VerifiedLists(Lists):
    """What is changed and said while every lead is known and none is touched, a verification makes true by itself."""

    @precondition(lambda self: self._active())
    @rule(
        data=st.data(),
        changes=st.lists(
            st.sampled_from(["hand", "bind", "delete", "type", "dormant", "end", "start"]), min_size=1, max_size=4
        ),
    )
    def verified_at_rest(self, data: st.DataObject, changes: list[str]) -> None:
        self._come_to_rest("probe")
        self._check()
        for change in changes:
            self._disturb(data, change)
        self._drain()
        self._verify()

    def _disturb(self, data: st.DataObject, change: str) -> None:
        name = data.draw(st.sampled_from(sorted(self._active())))
        if change == "hand" and self.state.leads:
            self.change_list(data, data.draw(st.booleans()))
        elif change in {"bind", "delete"}:
            if change == "delete":
                self.delete_list(name)
            self.world.connections.deactivate(self.world.connection.id, audience(name))
            self.switch(name, data)
        elif change == "type":
            before = self._stored().connection.sync_type
            self._configure(sync_type=SyncType.PROFILE_ONLY)
            self._say(data, name)
            self._configure(sync_type=before)
        elif change == "dormant":
            list_id = self._active()[name].list_id
            self.world.connections.deactivate(self.world.connection.id, audience(name))
            self._say(data, name)
            self._activate(name, list_id)
        elif change in {"end", "start"}:
            before = self._active()[name]
            moved = (
                {"end": self.world.now - timedelta(minutes=5)}
                if change == "end"
                else {"start": self.world.now + timedelta(minutes=5)}
            )
            self._change_audience(name, **moved)
            self._say(data, name)
            self._change_audience(name, start=before.start, end=before.end)

    def _say(self, data: st.DataObject, name: str) -> None:
        """People enter and leave an audience, and all is delivered."""
        said = data.draw(st.dictionaries(st.sampled_from(PEOPLE), STATUSES, max_size=4))
        now = self._tick()
        self._send([self._event(key, now, "y", "complete", {name: (status, now)}) for key, status in said.items()])
        self._drain()

    def teardown(self) -> None:
        super().teardown()
        self._verify()


_usual, _steps = settings().max_examples, settings().stateful_step_count * 2 // 5
TestVerifiedLists = pytest.mark.timeout(900)(VerifiedLists.TestCase)
TestVerifiedLists.settings = settings(max_examples=_usual // 8, stateful_step_count=_steps)
