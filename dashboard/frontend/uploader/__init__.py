"""The uploader: a component of the upload page, in plain JavaScript, CSS and HTML that the browser gets as they are."""
