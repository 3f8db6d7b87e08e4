"""Deployment: set-up, work pools, workers."""
