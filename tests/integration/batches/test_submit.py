"""Uploads that wait for their turn to be converted."""

import asyncio
from datetime import UTC, datetime

from tasks.batches import Batch, Upload, job_id_for, manifest_of
from tasks.media.conversion_slots import turns_on_this_host
from tasks.orchestration.conversions import Conversions, most_begun
from tasks.settings import Settings
from tests.support.waiting import wait_until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCH_ID = "20260101-120000-abcdef"
UPLOADS = 10_000


def large_manifest():
    paths = [f"{number}.mp3" for number in range(UPLOADS)]
    uploads = [
        Upload(job_id=job_id_for(BATCH_ID, path), path=path, size=1, sha256="0", uploaded_at=NOON) for path in paths
    ]
    return manifest_of(Batch(batch_id=BATCH_ID, name="large", created_at=NOON), uploads, started_at=NOON)


def test_ten_thousand_uploads_ask_for_a_few_turns_and_can_be_withdrawn_one_by_one_or_all(tmp_path):
    settings = Settings(_env_file=None, data=tmp_path, conversions=1)
    manifest, turns, held = large_manifest(), turns_on_this_host(settings), []
    turns.ask(manifest.batch, held.append)
    wait_until(lambda: held, "the only place on the host", 10)

    async def scene():
        conversions = Conversions(manifest.batch, settings)
        conversions.start(manifest.jobs)
        asked = len(turns._people)
        first = conversions.cancel_conversion(manifest.jobs[0].job_id)
        others = conversions.withdraw()
        held[0].release()
        await asyncio.to_thread(wait_until, lambda: not len(turns._people), "turns that begin nothing", 30)
        return asked, [first, *others]

    asked, withdrawn = asyncio.run(asyncio.wait_for(scene(), 60))
    assert asked == most_begun(settings)
    assert withdrawn == list(manifest.jobs)
