"""The verdict before the push: computed once, written down, and read by all who come after."""
