"""The doctor: what is right and wrong with an installation on this machine, and what to do about it."""
