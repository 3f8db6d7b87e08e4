"""When things happen, and in which order."""
