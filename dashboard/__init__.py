"""The dashboard: pages and the HTTP API."""
