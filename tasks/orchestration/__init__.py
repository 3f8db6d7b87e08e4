"""Orchestration: Prefect's state of batches, runs and pools, and the decisions made from it."""
