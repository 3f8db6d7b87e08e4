"""The health notice on top of every page, in plain JavaScript and CSS."""
