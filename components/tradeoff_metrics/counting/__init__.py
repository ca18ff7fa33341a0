"""From extracts to counts that can be merged."""
