"""Full-text search in all transcripts, in an index that can be made again from the store at any time."""
