"""The components of the pages that run in the browser."""
