"""The formats in which a transcript is offered: any, if what its documents are made of was kept."""

import pytest

from dashboard.services.transcripts import ReadableJob
from tasks.names import DocumentFormat
from tasks.storage.edits import BatchEdits
from tests.support.job_facts import BATCH, JOB, PUBLICATION

TXT, JSON = DocumentFormat.TXT, DocumentFormat.JSON


def stored(*formats):
    (document,) = PUBLICATION.documents
    return tuple(document.model_copy(update={"format": each}) for each in formats)


KEPT = {"transcript": "batches/b/transcripts/j.json"}
CASES = [
    ({"documents": stored(TXT)}, {TXT}),  # of an older version: nothing more can be made of it
    ({"documents": stored(JSON)}, set(DocumentFormat)),
    ({"documents": stored(TXT)} | KEPT, set(DocumentFormat)),
]


@pytest.mark.parametrize(("published", "offered"), CASES)
def test_every_format_is_offered_that_is_stored_or_can_be_written(published, offered):
    publication = PUBLICATION.model_copy(update=published)
    formats = ReadableJob(BATCH, JOB, publication, None, BatchEdits(batch_id=BATCH.batch_id)).formats
    assert formats[0] is published["documents"][0].format
    assert (set(formats), len(formats)) == (offered, len(offered))
