"""What the API and the pages call."""
