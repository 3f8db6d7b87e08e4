"""What is true: plain Python without Prefect, input, output or clock."""
