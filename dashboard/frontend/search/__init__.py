"""The search in all transcripts: a field, and the recordings in which the words are said."""
