"""What `make up`, `make deploy` and `make worker` do."""
