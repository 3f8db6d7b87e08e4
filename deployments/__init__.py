"""Where it runs: set-up, work pools, workers."""
