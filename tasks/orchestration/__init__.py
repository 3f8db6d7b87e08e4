"""Batches, runs and pools: what Prefect knows of them, and what is decided from it."""
