"""The commands behind `make up`, `make deploy` and `make worker`."""
