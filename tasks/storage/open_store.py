"""Open the store of an installation, a folder or a bucket."""

from pathlib import Path

from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.folder import open_folder


def open_store(settings: Settings) -> Store:
    """Return the store that *settings* name. A missing folder is made, a missing bucket is not."""
    if settings.store_is_bucket:
        from tasks.storage.open_bucket import open_bucket  # boto3 costs half a second

        return open_bucket(settings)
    return open_folder(Path(settings.store_address))
