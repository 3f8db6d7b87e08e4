"""Recordings that are fetched from a link: a page of a video site, a podcast's feed, a file on a web server."""
