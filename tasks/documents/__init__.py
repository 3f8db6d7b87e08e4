"""The documents of a job: their formats, and how they are published."""
