"""Open the source of an inbox, a folder or a bucket."""

from tasks.ingest.folder import FolderSource
from tasks.ingest.inboxes import Inbox
from tasks.ingest.sources import Source
from tasks.settings import Settings


def open_source(inbox: Inbox, settings: Settings) -> Source:
    """Return the source of the inbox; it need not exist. Raises `InboxUnavailable` for unusable credentials."""
    if inbox.is_bucket:
        from tasks.ingest.bucket import open_bucket_source  # boto3 costs half a second

        return open_bucket_source(inbox, settings)
    return FolderSource(inbox.path)
