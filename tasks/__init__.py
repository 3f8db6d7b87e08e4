"""What touches the world: each module one outside system."""
