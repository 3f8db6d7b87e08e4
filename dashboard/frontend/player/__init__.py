"""The player: a transcript that follows its recording, as a component of the transcript page."""
