"""Names, tags and titles that users give: what is kept of them, and what is refused."""

from datetime import UTC, datetime

import pytest

from dashboard.services.labels import tags_in_use
from tasks.batches import Batch, Job, Manifest
from tasks.errors import LabelInvalid, RevisionConflict
from tasks.storage.edits import BatchEdits

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EDITS = BatchEdits(batch_id="20260101-120000-abcdef")


def test_a_name_is_one_line_and_an_empty_one_is_the_first_name_again():
    named = EDITS.renamed("  Lectures\n of\tspring ", first_name="Talks")
    assert named.name == "Lectures of spring"
    assert EDITS.renamed("Cafe\u0301", first_name="Talks").name == "Café"
    assert [named.renamed(again, first_name="Talks").name for again in ("", "Talks")] == ["", ""]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: EDITS.renamed("x" * 201, first_name=""), "The name of a batch can have 200 characters"),
        (lambda: EDITS.titled("job", "a\x07b"), "cannot hold a control character"),
        (lambda: EDITS.titled("job", "a\ud800b"), "holds half a character"),
        (lambda: EDITS.tagged(["\u200b\u202e"]), "nothing but characters that are not seen"),
        (lambda: EDITS.tagged(["x" * 51]), "A tag can have 50 characters"),
        (lambda: EDITS.tagged([" "]), "A tag cannot be empty"),
        (lambda: EDITS.tagged(map(str, range(21))), "A batch can have 20 tags, and these would be 21"),
    ],
)
def test_what_cannot_be_a_label_is_refused_with_the_reason(change, said):
    with pytest.raises(LabelInvalid, match=said):
        change()


def test_tags_are_sorted_and_differ_in_more_than_case():
    tagged = EDITS.tagged(["Garden", "budget", "GARDEN"])
    assert tagged.tags == ("budget", "Garden")
    assert tagged.tagged(["BUDGET"]).tags == ("budget", "Garden")
    assert tagged.tagged(["new"], ["garden"]).tags == ("budget", "new")


def test_a_comma_separates_tags():
    tagged = EDITS.tagged(["one, two,,one ,", "三、四\uff0c五", "\u05d0\u060c\u05d1"])
    assert set(tagged.tags) == {"one", "two", "三", "四", "五", "\u05d0", "\u05d1"}
    assert tagged.tagged(remove=["one, two"]).tags == tagged.tags, "an older tag may hold one"
    with pytest.raises(LabelInvalid, match="A tag cannot be empty"):
        EDITS.tagged([" , "])


def test_a_title_that_another_user_gave_meanwhile_is_not_overwritten_unseen():
    titled = EDITS.titled("job", "Opening", instead_of="")
    with pytest.raises(RevisionConflict, match="titled “Opening” by another user"):
        titled.titled("job", "Welcome", instead_of="")
    assert titled.titled("job", "Welcome", instead_of="Opening").titles == {"job": "Welcome"}
    assert titled.titled("job", "").titles == {}


def test_dismissed_jobs_are_no_part_of_a_batch_and_leave_no_title():
    jobs = tuple(Job(job_id=each, path=each, size=1, sha256="", document_stem=each) for each in "abc")
    manifest = Manifest(batch=Batch(batch_id=EDITS.batch_id, name="Talks", created_at=NOW), jobs=jobs, started_at=NOW)
    edits = EDITS.titled("b", "Opening").without_jobs(["b"]).without_jobs(["c"])
    assert [job.job_id for job in edits.standing(manifest).jobs] == ["a"]
    assert edits.titles == {}
    assert [job.job_id for job in edits.with_jobs(["c"]).standing(manifest).jobs] == ["a", "c"]


def test_tags_in_use_are_counted_by_batches_with_the_most_frequent_first():
    edits = [EDITS.tagged(tags) for tags in (["Budget", "garden"], ["budget"], ["zoo"])]
    assert tags_in_use(edits) == [("Budget", 2), ("garden", 1), ("zoo", 1)]
