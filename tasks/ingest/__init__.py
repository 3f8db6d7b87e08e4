"""Scheduled folder ingest: from a watched folder or S3 prefix to batches, each content once."""
