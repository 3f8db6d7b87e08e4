"""What is removed, when and how."""
