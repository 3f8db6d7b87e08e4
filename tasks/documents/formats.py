"""The documents that a user gets for an upload: text to read, subtitles in two formats, and everything as JSON."""

from collections.abc import Callable, Iterable, Mapping

from tasks.batches import Job
from tasks.documents.json_document import JsonDocument, Processing
from tasks.documents.markdown import to_markdown
from tasks.documents.material import Material
from tasks.documents.sentences import sentences
from tasks.documents.stored_transcript import StoredTranscript
from tasks.documents.voices import speaker_turns
from tasks.documents.word_document import to_docx
from tasks.names import DocumentFormat
from tasks.subtitles.formats import compliance, to_srt, to_vtt
from tasks.subtitles.layout import lay_out
from tasks.subtitles.tokens import timed_words
from tasks.transcription.transcript import Transcript


def render(
    transcript: Transcript, job: Job, formats: Iterable[DocumentFormat], processing: Processing
) -> dict[DocumentFormat, bytes]:
    """Return the documents of *transcript*, texts in UTF-8. The same transcript gives the same bytes."""
    return render_stored(StoredTranscript(transcript=transcript, processing=processing), job, formats)


def render_stored(stored: StoredTranscript, job: Job, formats: Iterable[DocumentFormat]) -> dict[DocumentFormat, bytes]:
    """Return the documents of a transcript as it is stored, machine's or corrected."""
    transcript, standard = stored.transcript, stored.standard
    words = timed_words(transcript.segments)
    voices = speaker_turns(transcript)
    cues = lay_out(words, standard, end_seconds=transcript.end_seconds, voices=voices)
    material = Material(
        stored=stored,
        job=job,
        standard=standard,
        paragraphs=stored.divide(words),
        cues=cues,
        labelled_cues=lay_out(words, standard, end_seconds=transcript.end_seconds, voices=voices, labelled=True)
        if voices
        else cues,
    )
    return {document_format: WRITERS[document_format](material) for document_format in formats}


def _to_txt(material: Material) -> str:
    return f"{material.text}\n" if material.text else ""


def _to_json(material: Material) -> str:
    document = JsonDocument.of(
        material.transcript,
        material.job,
        material.processing,
        paragraphs=material.paragraphs,
        segments=sentences(material.transcript, material.paragraphs, material.standard),
        subtitles=compliance(material.labelled_cues, material.standard),
    )
    stored = material.stored
    if stored.revision:
        revised = {"revision": stored.revision, "revised_at": stored.revised_at, "revised_by": stored.revised_by}
        document = document.model_copy(update=revised)
    return f"{document.model_dump_json(indent=2)}\n"


WRITERS: Mapping[DocumentFormat, Callable[[Material], bytes]] = {
    DocumentFormat.TXT: lambda material: _to_txt(material).encode(),
    DocumentFormat.SRT: lambda material: to_srt(material.labelled_cues).encode(),
    DocumentFormat.VTT: lambda material: to_vtt(material.cues).encode(),
    DocumentFormat.JSON: lambda material: _to_json(material).encode(),
    DocumentFormat.DOCX: to_docx,
    DocumentFormat.MD: lambda material: to_markdown(material).encode(),
}
"""The writer of each format. A new one is a member of `DocumentFormat` and a line here."""
