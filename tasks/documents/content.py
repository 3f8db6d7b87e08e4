"""The content of a transcript that a user can correct: as it is, and as the user wants it."""

from collections.abc import Iterator

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from tasks.batches import StoredModel
from tasks.documents.word_placement import Span
from tasks.transcription.transcript import Speaker, Word

EXAMPLE: JsonDict = {
    "base": 0,
    "saved_by": "Ada",
    "note": "names",
    "speakers": [{"id": "S1", "name": "Grace"}],
    "paragraphs": [
        {
            "is_heading": False,
            "words": [
                {"text": " Welcome", "start": 0.54, "end": 0.9, "speaker": "S1", "probability": 0.98},
                {"text": " everyone.", "start": None, "end": None, "speaker": "S1", "probability": None},
            ],
        }
    ],
}
"""A correction, for the description of the API: its second word was written by the user."""


class ContentWord(Word):
    """A word of a transcript, with the language it is in."""

    language: str = Field(default="", description="empty: that of the transcript")


class ContentParagraph(StoredModel):
    """A paragraph of a transcript, word by word."""

    is_heading: bool = False
    words: tuple[ContentWord, ...] = ()


class Content(StoredModel):
    """All of a transcript that a user can correct."""

    speakers: tuple[Speaker, ...]
    paragraphs: tuple[ContentParagraph, ...]

    @property
    def words(self) -> Iterator[ContentWord]:
        """All words in order."""
        return (word for paragraph in self.paragraphs for word in paragraph.words)


class CorrectedWord(StoredModel):
    """A word as a user wants it."""

    text: str = Field(description="with the space before it, where there is one; a word without text is left out")
    start: float | None = Field(default=None, description="seconds on the clock of the upload; null: to be found")
    end: float | None = Field(default=None, description="null, too, if start is")
    speaker: str = Field(default="", description="id of one of the speakers; empty: not told apart")
    probability: float | None = Field(default=None, ge=0, le=1, description="null: written or confirmed by the user")
    language: str | None = Field(default=None, pattern="^([a-z]{2,3})?$", description="null: as around it")

    @property
    def times(self) -> Span | None:
        """Start and end, or None if they are to be found."""
        return None if self.start is None or self.end is None else (self.start, self.end)


class CorrectedParagraph(StoredModel):
    """A paragraph as a user wants it."""

    is_heading: bool = False
    words: tuple[CorrectedWord, ...] = ()


class Correction(StoredModel):
    """A corrected transcript, with the revision that was corrected and who did it."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    base: int = Field(ge=0, description="number of the revision that was corrected; 0: as the model heard it")
    saved_by: str = Field(description="name of who corrected it, for others to see")
    note: str = Field(default="", description="what was corrected")
    speakers: tuple[Speaker, ...] = ()
    paragraphs: tuple[CorrectedParagraph, ...]
