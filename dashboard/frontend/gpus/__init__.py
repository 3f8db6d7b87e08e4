"""The board of the GPUs page: a card for each work pool, in plain JavaScript and CSS."""
