"""What methods cost in time, parameters and memory."""
