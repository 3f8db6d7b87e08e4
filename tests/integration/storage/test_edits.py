"""Edits of batches in a folder and in a bucket: two users lose nothing, and one listing tells of all."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from dashboard.services.edit_cache import EditCache
from tasks.batches import Batch
from tasks.cleanup.deletion import delete_hidden_batch, hide_batch
from tasks.errors import NotFound, RevisionConflict
from tasks.storage.edits import change_edits, read_edits
from tasks.storage.keys import EDITS, BatchKeys

BATCH_IDS = [f"20260101-12000{number}-abcdef" for number in range(5)]


@pytest.fixture
def batches(store):
    """The ids of five batches."""
    for batch_id in BATCH_IDS:
        batch = Batch(batch_id=batch_id, name="Talks", created_at=datetime.now(UTC))
        store.write(BatchKeys.of(batch_id).batch, batch.model_dump_json().encode())
    return BATCH_IDS


def test_tags_that_many_users_add_at_once_are_all_kept(store, batches):
    tags = [f"tag {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as users:
        list(users.map(lambda tag: change_edits(store, batches[0], lambda edits: edits.tagged([tag])), tags))
    edits = read_edits(store, batches[0])
    assert (list(edits.tags), edits.number) == (tags, 8)
    assert change_edits(store, batches[0], lambda edits: edits.tagged(["TAG 3"])).number == 8, "it has this tag"


def test_of_two_users_who_rename_a_batch_the_second_is_told_of_the_first(store, batches):
    def rename(name):
        return change_edits(
            store, batches[0], lambda edits: edits.renamed(name, first_name="Talks", instead_of="Talks")
        )

    assert rename("Lectures").name == "Lectures"
    assert rename("Lectures").number == 1, "sent again since its answer was lost"
    with pytest.raises(RevisionConflict, match="“Lectures” by another user"):
        rename("Speeches")
    assert read_edits(store, batches[0]).name == "Lectures"


def test_of_a_damaged_edit_the_one_before_it_counts_and_the_next_is_no_loss(store, batches):
    change_edits(store, batches[0], lambda edits: edits.tagged(["kept"]))
    store.write(BatchKeys.of(batches[0]).edit(2), b"{")
    assert read_edits(store, batches[0]).tags == ("kept",)
    assert change_edits(store, batches[0], lambda edits: edits.tagged(["new"])).number == 3
    assert read_edits(store, batches[0]).tags == ("kept", "new")


def test_nothing_is_left_of_the_edits_of_a_batch_that_is_dismissed(store, settings, batches):
    change_edits(store, batches[0], lambda edits: edits.tagged(["gone"]))
    hide_batch(store, batches[0])
    with pytest.raises(NotFound):  # it came too late
        change_edits(store, batches[0], lambda edits: edits.tagged(["late"]))
    delete_hidden_batch(store, settings, batches[0])
    assert list(store.list(EDITS)) == []


def test_all_batches_are_followed_by_one_listing_and_what_is_new(store, batches, monkeypatch):
    for batch_id in batches[:4]:
        change_edits(store, batch_id, lambda edits: edits.tagged(["x"]))
    asked = []
    for method in ("list", "read_range"):
        ask = getattr(store, method)
        monkeypatch.setattr(store, method, lambda key, *rest, ask=ask: asked.append(key) or ask(key, *rest))

    async def follow():
        cache = EditCache(store)
        assert len(await cache.all()) == 4
        change_edits(store, batches[4], lambda edits: edits.renamed("Fifth", first_name="Talks"))
        asked.clear()
        cache.forget_listing()  # as after its second
        names = [(await cache.of(batch_id)).name for batch_id in batches]
        assert names == ["", "", "", "", "Fifth"]
        return list(asked)

    assert asyncio.run(follow())[:1] == [EDITS]
    of_others = [key for key in asked if any(batch_id in key for batch_id in batches[:4])]
    assert of_others == []
