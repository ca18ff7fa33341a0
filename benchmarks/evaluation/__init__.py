"""The evaluation's speed and the coverage of its intervals."""
