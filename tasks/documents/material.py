"""The material of the documents: a transcript, and what is derived from it once for all formats."""

from dataclasses import dataclass

from tasks.batches import Job
from tasks.documents.json_document import Processing
from tasks.documents.paragraphs import Paragraph
from tasks.documents.stored_transcript import StoredTranscript
from tasks.subtitles.formats import Cue
from tasks.subtitles.standards import SubtitleStandard
from tasks.transcription.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Material:
    """Input of the document writers."""

    stored: StoredTranscript
    job: Job
    standard: SubtitleStandard
    paragraphs: tuple[Paragraph, ...]
    cues: tuple[Cue, ...]
    labelled_cues: tuple[Cue, ...]
    """The same for formats that have no place for the speaker but the text."""

    @property
    def transcript(self) -> Transcript:
        """The words, and where none are."""
        return self.stored.transcript

    @property
    def processing(self) -> Processing:
        """The details of the transcription."""
        return self.stored.processing

    @property
    def text(self) -> str:
        """The paragraphs behind their speakers, with an empty line between them; empty if nothing was said."""
        return "\n\n".join(f"{paragraph.label}{paragraph.text}" for paragraph in self.paragraphs)
