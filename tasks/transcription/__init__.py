"""From a recording to a transcript: voice detection, the model on its device, word times, hallucinations."""
