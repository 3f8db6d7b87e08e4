"""Services that the API and the pages call."""
