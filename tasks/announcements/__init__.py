"""The end of a batch, told to other programs: as an event and by a webhook."""
