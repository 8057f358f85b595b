from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.connection import PersonAction, SyncType
from destination.domain.matching import TABLE, Lead, newest_match

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def test_every_sync_type_and_person_action_has_a_row() -> None:
    assert set(TABLE) == {(sync_type, action) for sync_type in SyncType for action in PersonAction}


@pytest.mark.parametrize("sync_type", SyncType)
def test_only_the_person_action_decides_whether_people_are_created(sync_type: SyncType) -> None:
    create = TABLE[sync_type, PersonAction.UPDATE_EXISTING_AND_CREATE_NEW]
    update = TABLE[sync_type, PersonAction.UPDATE_EXISTING_ONLY]
    assert (create.creates, update.creates) == (True, False)
    assert (create.updates_fields, create.keeps_lists) == (update.updates_fields, update.keeps_lists)


def test_the_most_recently_updated_lead_is_the_person_whatever_the_order() -> None:
    leads = [Lead(9, "k", NOW), Lead(3, "k", NOW + timedelta(microseconds=1)), Lead(5, "k", NOW)]
    assert newest_match(leads).id == newest_match(leads[::-1]).id == 3


def test_of_leads_updated_at_once_the_highest_id_is_the_person() -> None:
    assert newest_match([Lead(9, "k", NOW), Lead(10, "k", NOW), Lead(5, "k", NOW)]).id == 10
