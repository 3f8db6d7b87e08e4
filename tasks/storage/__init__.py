"""The store: a folder or a bucket, its keys and its records."""
