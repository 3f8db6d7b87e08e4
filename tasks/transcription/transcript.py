"""Transcripts: the spoken words, one by one, with their times in seconds from the start."""

from pydantic import Field

from tasks.batches import Gap, StoredModel


def is_empty(value: object) -> bool:
    """Return whether a field has nothing to say, and is left out of documents."""
    return not value


class Word(StoredModel):
    """One word as faster-whisper gives it: its text carries the space before it."""

    text: str
    start: float
    end: float
    probability: float = Field(ge=0, le=1)
    speaker: str = Field(default="", description="id of the speaker who says it; empty: speakers were not told apart")


class Speaker(StoredModel):
    """One of the voices of a recording."""

    id: str = Field(description="S1, S2 and so on, in the order in which they are first heard")
    name: str = Field(default="", description="given by a user; empty: none")


class Segment(StoredModel):
    """A stretch of speech that the model wrote down in one piece."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    average_log_probability: float = 0.0
    no_speech_probability: float = 0.0
    compression_ratio: float = 0.0
    temperature: float = 0.0
    language: str = Field(default="", description="language that is spoken in it; empty: that of the transcript")
    speaker: str = Field(default="", description="id of its speaker, if it has one alone", exclude_if=is_empty)


class RemovedText(StoredModel):
    """Text that the model wrote and we took out, with the reason."""

    start: float
    end: float
    text: str
    reason: str


class Transcript(StoredModel):
    """Segments in order of time, their language and the model that wrote them."""

    segments: tuple[Segment, ...]
    language: str = Field(description="the one that is spoken most")
    language_probability: float
    model: str
    audio_seconds: float
    offset_seconds: float = Field(default=0.0, description="where the sound starts on the clock of the upload")
    removed: tuple[RemovedText, ...] = ()
    gaps: tuple[Gap, ...] = Field(default=(), description="stretches without words, in order of time")
    speakers: tuple[Speaker, ...] = Field(default=(), description="empty: speakers were not told apart")
    notes: tuple[str, ...] = Field(default=(), description="what was asked for and could not be done, and why")
    compute_type: str = Field(default="", description="number format of the model when it was done")
    batch_size: int = Field(default=0, ge=0, description="most chunks that entered the model together when it was done")

    @property
    def end_seconds(self) -> float:
        """The end of the sound on the clock of the upload."""
        return self.offset_seconds + self.audio_seconds

    @property
    def words(self) -> tuple[Word, ...]:
        """All words in order."""
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def language_seconds(self) -> dict[str, float]:
        """Seconds of the words of each language, the most spoken first."""
        seconds: dict[str, float] = {}
        for segment in self.segments:
            language = segment.language or self.language
            spoken = sum(word.end - word.start for word in segment.words)
            seconds[language] = seconds.get(language, 0.0) + spoken
        return {language: round(seconds[language], 3) for language in sorted(seconds, key=lambda one: -seconds[one])}

    @property
    def text(self) -> str:
        """The segments' texts as one line."""
        return " ".join(segment.text.strip() for segment in self.segments).strip()
