"""A window: pages and the HTTP API."""
