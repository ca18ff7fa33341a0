"""What is trained on: Transform, reading, row sets, counting, noise."""
