"""The warm worker: it executes flow runs in processes that keep imports and models loaded."""
