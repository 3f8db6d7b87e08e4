"""The clean-up: which data is removed, when and how."""
