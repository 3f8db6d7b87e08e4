"""The tasks of the flows: access to the outside world, one external system per module."""
