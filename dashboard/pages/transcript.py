"""The transcript page: what was said in one recording, to read while listening."""

import math

import streamlit as st

from dashboard.client import ask
from dashboard.frontend.player.component import show_player
from dashboard.frontend.search.component import show_search
from dashboard.pages.links import batch_link, batches_link, go_to_batch, transcript_link
from dashboard.pages.local_time import local_time
from dashboard.pages.markdown import plain
from dashboard.pages.notices import problems_shown
from dashboard.services.transcripts import ReadableBatch, ReadableJob, UnreadableJob
from tasks.batches import Stage
from tasks.errors import NotFound, TranscriptionError
from tasks.names import shown_name
from tasks.orchestration.status import JobStatus

BATCHES_OFFERED = 5
JOBS_OFFERED = 20
SECONDS_BETWEEN_LOOKS = 2.0

STAGE_SENTENCES = {
    Stage.UPLOADED: "It is uploaded and waits for its conversion.",
    Stage.CONVERTING: "It is being converted.",
    Stage.QUEUED: "It waits for a free device.",
    Stage.TRANSCRIBING: "It is being transcribed.",
    Stage.STORING: "Its documents are being stored.",
    Stage.DONE: "It is done: its transcript opens in a moment.",
    Stage.FAILED: "It failed, so there is no transcript.",
    Stage.CANCELLED: "It was cancelled, so there is no transcript.",
}


def show() -> None:
    """
    Show the transcript of the job that the address names, ``?job=…``, at a second of it, ``&at=…``.

    Without a job, transcripts can be chosen, or searched: ``?q=…``.
    """
    job_id = st.query_params.get("job", "")
    if not job_id:
        _show_choice()
        return
    st.query_params["job"] = job_id  # Streamlit leaves it out of the address when a link leads from this page to itself
    try:
        found = ask(lambda client: client.reading.job(job_id))
    except NotFound as error:
        st.title("Transcript")
        st.error(plain(str(error)), icon=":material/error:")
        batches_link("All batches")
    except TranscriptionError as error:
        _show_until_it_answers(job_id, str(error))
    else:
        _show_job(found)


def _show_job(found: ReadableJob | UnreadableJob) -> None:
    batch_link(found.batch.batch_id, shown_name(found.edits.name or found.batch.name))
    if isinstance(found, ReadableJob):
        show_player(found, at=_second())
        return
    folder, _, name = found.status.path.rpartition("/")
    st.title(plain(shown_name(found.status.title or name)), anchor=False)
    if folder or found.status.title:
        st.caption(plain(shown_name(found.status.path if found.status.title else folder)))
    if found.status.stage in (Stage.FAILED, Stage.CANCELLED):
        _show_stage(found.status)
        _offer_retry(found.batch.batch_id, found.status)
    else:
        _show_until_done(found.status.job_id)


def _second() -> float | None:
    """Return the second that the address names, or None if it names none."""
    try:
        second = float(st.query_params.get("at", ""))
    except ValueError:
        return None
    return second if math.isfinite(second) and second >= 0 else None


def _offer_retry(batch_id: str, status: JobStatus) -> None:
    """Offer to retry the job, with whatever else of its batch has to be done again."""
    if status.upload_removed:
        st.markdown("Its upload was removed. To transcribe it, upload it again.")
    if not status.runs_again or status.upload_removed:
        return
    if status.unusable:
        st.markdown("A retry comes to the same end: mend or replace the file, then upload it again.")
    if st.button("Retry", icon=":material/refresh:", help="Runs everything of its batch again that failed"):
        ask(lambda client: client.lifecycle.retry(batch_id))
        st.rerun()


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _show_until_done(job_id: str) -> None:
    """Show the stage of the job at intervals; once it has ended, run the page again."""
    with problems_shown():
        found = ask(lambda client: client.reading.job(job_id))
        if isinstance(found, ReadableJob) or found.status.stage in (Stage.FAILED, Stage.CANCELLED):
            st.rerun()
        _show_stage(found.status)


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _show_until_it_answers(job_id: str, problem: str) -> None:
    """Show the problem; once it is over, run the page again."""
    try:
        ask(lambda client: client.reading.job(job_id))
    except TranscriptionError as error:
        problem = str(error)
    else:
        st.rerun()
    st.title("Transcript")
    st.error(plain(problem), icon=":material/error:")


def _show_stage(status: JobStatus) -> None:
    sentence = STAGE_SENTENCES[status.stage]
    if status.stage is Stage.FAILED:
        st.error(plain(f"{sentence} {status.error or ''}"), icon=":material/error:")
    elif status.stage is Stage.TRANSCRIBING:
        st.progress(status.progress, text=f"{sentence} {status.progress:.0%}")
    elif status.queue_position is not None:
        st.info(f"{sentence} Its position in the queue is {status.queue_position}.", icon=":material/hourglass:")
    else:
        st.info(sentence, icon=":material/hourglass:")


def _show_choice() -> None:
    st.title("Transcripts")
    search = show_search()
    if search.batch:
        go_to_batch(search.batch)
    if "q" in st.query_params:
        return
    batches = ask(lambda client: client.reading.newest(batches=BATCHES_OFFERED))
    if not batches:
        st.info("There is no transcript to read yet. When a job is done, it can be opened here and from its batch.")
    for readable in batches:
        _show_batch(readable)
    batches_link("All batches")


def _show_batch(readable: ReadableBatch) -> None:
    batch, jobs = readable.batch, readable.jobs
    with st.container(border=True):
        st.subheader(plain(shown_name(readable.edits.name or batch.name)), anchor=False)
        st.caption(f"{local_time(batch.created_at):%d %B %Y, %H:%M}")
        for job, audio_seconds in jobs[:JOBS_OFFERED]:
            minutes, seconds = divmod(round(audio_seconds), 60)
            name = readable.edits.titles.get(job.job_id, job.path)
            transcript_link(job.job_id, f"{shown_name(name)} ({minutes}:{seconds:02})")
        if len(jobs) > JOBS_OFFERED:
            batch_link(batch.batch_id, f"All {len(jobs)} transcripts of this batch", icon=":material/stacks:")
