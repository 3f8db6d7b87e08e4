"""The Prefect flows: when things happen, and in which order."""
