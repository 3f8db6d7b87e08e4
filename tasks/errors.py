"""
Everything that can go wrong with a job, as one tree of exceptions.

::

    TranscriptionError             a job could not be completed
    ├── MediaRejected              the upload holds nothing that can be transcribed
    │   └── NoSpeech               it holds sound, but no speech
    ├── UploadRejected             an upload was refused before or while it was received
    │   ├── NotMedia               neither its name nor its content is that of an audio or video file
    │   ├── UploadTooLarge         over a limit of this installation
    │   ├── PathTaken              the batch holds another file under this path
    │   ├── UploadUnderWay         the same file is being received                    (retryable)
    │   ├── UploadOffsetWrong      the request goes on elsewhere than the file ends   (retryable)
    │   ├── TooManyUploads         as many are being received as may be               (retryable)
    │   ├── LinkUnreadable         a link leads to nothing that can be fetched
    │   ├── LinksUnavailable       yt-dlp, which reads links, is not installed
    │   ├── UploadsUnavailable     the disk for uploads cannot be written             (retryable)
    │   └── DiskFull               no room for it                                     (retryable)
    ├── NotFound                   no such batch, job or document
    ├── SearchInvalid              a search in the transcripts names nothing to look for, or too much
    ├── SearchUnavailable          the index of the search cannot be read or written   (retryable)
    ├── RecordDamaged              a record in the store cannot be understood
    ├── Unreadable                 one thing in the store cannot be read, though the store answers
    ├── WrongInstallation          the store is that of another installation
    ├── WrongStage                 not possible at this stage of the batch or job
    ├── RevisionConflict           a revision, or another name, was saved since the one that was changed
    ├── CorrectionInvalid          a corrected transcript that cannot be one
    ├── LabelInvalid               a name, title or tag that cannot be one
    ├── OptionInvalid              a model or a language that there is not
    ├── UploadMissing              the upload is gone, so the job cannot be converted again
    ├── ConversionInterrupted      ffmpeg was stopped from outside                    (retryable)
    ├── StoreUnavailable           the store did not answer                           (retryable)
    ├── PrefectUnavailable         the Prefect server did not answer                  (retryable)
    ├── PrefectRefused             the Prefect server refused the request
    ├── WorkPoolUnavailable        no GPU work pool can take a job at the moment      (retryable)
    ├── InboxInvalid               the definition of an inbox cannot be followed
    ├── InboxUnavailable           the folder or bucket of an inbox cannot be read    (retryable)
    ├── ReceiverUnset              no receiver of messages is set, or one of no known kind
    ├── ReceiverUnavailable        a receiver of messages did not answer              (retryable)
    ├── ModelUnavailable           the model is not on this machine and cannot be fetched
    └── DeviceFailed               the device of this machine cannot do its work      (retryable)

A message is one sentence or two for the user: what happened, with the value, then what to do. ``retryable`` says
whether trying the same thing again can help; Prefect's retries ask for it.
"""

from typing import Final


class TranscriptionError(Exception):
    """A job could not be completed."""

    retryable = False


class MediaRejected(TranscriptionError):
    """The upload holds nothing that can be transcribed."""


class NoSpeech(MediaRejected):
    """The recording holds sound, but the voice detector heard no speech."""


class UploadRejected(TranscriptionError):
    """An upload was refused before or while it was received."""


class UploadBrokenOff(UploadRejected):
    """The connection ended before all of an upload was there, or more or less came than was announced."""


class UploadStalled(UploadRejected):
    """Nothing of an upload was received for too long."""


class NotMedia(UploadRejected):
    """The name is not that of an audio or video file."""


class UploadTooLarge(UploadRejected):
    """The file or the batch is over a limit of this installation."""


class PathTaken(UploadRejected):
    """The batch holds a file with other content under the same path."""


class UploadUnderWay(UploadRejected):
    """The same file is being received over another connection, of another tab or one that has not ended yet."""

    retryable = True


class UploadOffsetWrong(UploadRejected):
    """The rest of a file does not begin where what has arrived of it ends."""

    retryable = True


class TooManyUploads(UploadRejected):
    """As many uploads are being received as this installation receives at the same time."""

    retryable = True


class LinkUnreadable(UploadRejected):
    """A link leads to nothing that can be fetched, or to where it may not lead."""


class LinksUnavailable(UploadRejected):
    """The program that reads links, yt-dlp, is not installed."""


class UploadsUnavailable(UploadRejected):
    """The folder for uploads cannot be written: its disk is not there, is read-only or fails."""

    retryable = True


class DiskFull(UploadRejected):
    """The disk has no room for the upload."""

    retryable = True


class NotFound(TranscriptionError):
    """There is no such batch, job or document."""


class SearchInvalid(TranscriptionError):
    """A search in the transcripts names nothing to look for, or too much."""


class SearchUnavailable(TranscriptionError):
    """The index of the search cannot be read or written: its disk is full, is read-only or fails."""

    retryable = True


class RecordDamaged(TranscriptionError):
    """A record in the store cannot be understood: it was changed from outside, or another version wrote it."""


class Unreadable(TranscriptionError):
    """One thing in the store cannot be read, though the store answers: a bad sector, a missing permission."""


class WrongInstallation(TranscriptionError):
    """The store belongs to another installation than the Prefect server does."""


class WrongStage(TranscriptionError):
    """The batch or job is at a stage at which this is not possible."""


class RevisionConflict(TranscriptionError):
    """Another revision was saved since the one that this correction is based on, or another name than was seen."""


class CorrectionInvalid(TranscriptionError):
    """The corrected transcript cannot be one: a time outside the recording, a speaker that there is not."""


class LabelInvalid(TranscriptionError):
    """A name, title or tag that cannot be one."""


class OptionInvalid(TranscriptionError):
    """A model or a language that there is not."""


class UploadMissing(TranscriptionError):
    """The upload is gone, so the job cannot be converted again."""


class ConversionInterrupted(TranscriptionError):
    """The converter was stopped from outside: no memory left, a signal, the machine shut down."""

    retryable = True


class StoreUnavailable(TranscriptionError):
    """The store did not answer, or refused."""

    retryable = True


class PrefectUnavailable(TranscriptionError):
    """The Prefect server did not answer."""

    retryable = True


class PrefectRefused(TranscriptionError):
    """The Prefect server refused the request, and would do so again."""


class WorkPoolUnavailable(TranscriptionError):
    """No GPU work pool can take a job at the moment."""

    retryable = True


class InboxInvalid(TranscriptionError):
    """The definition of an inbox, or of the options of a folder in it, cannot be followed."""


class InboxUnavailable(TranscriptionError):
    """The folder or bucket of an inbox cannot be read: a share is not mounted, a permission is missing."""

    retryable = True


class ReceiverUnset(TranscriptionError):
    """No receiver of messages is set where one is to be sent, or one of no known kind."""


class ReceiverUnavailable(TranscriptionError):
    """A receiver of messages did not answer."""

    retryable = True


class ModelUnavailable(TranscriptionError):
    """The model is not on this machine and cannot be fetched."""


class DeviceFailed(TranscriptionError):
    """The device stopped working, does not answer, or lacks what the job needs: another one may do it."""

    retryable = True


PASSING: Final = frozenset((408, 425, 429))
"""Statuses below 500 that ask to come back later."""


def is_success(status: int) -> bool:
    """Return whether the request was accepted."""
    return 200 <= status < 300  # noqa: PLR2004 - 2xx


def is_passing(status: int) -> bool:
    """Return whether the same request may be accepted later."""
    return status >= 500 or status in PASSING  # noqa: PLR2004 - the server's own trouble
