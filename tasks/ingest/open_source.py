"""Open what an inbox watches, whatever it is."""

from tasks.ingest.folder import FolderSource
from tasks.ingest.inboxes import Inbox
from tasks.ingest.sources import Source
from tasks.settings import Settings


def open_source(inbox: Inbox, settings: Settings) -> Source:
    """Return what the inbox watches; it need not be there. Raises `InboxUnavailable` for unusable credentials."""
    if inbox.is_bucket:
        from tasks.ingest.bucket import open_bucket_source  # boto3 costs half a second

        return open_bucket_source(inbox, settings)
    return FolderSource(inbox.path)
