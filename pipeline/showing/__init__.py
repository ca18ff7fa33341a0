"""What a person sees in the terminal: the console, the end of a run, runs side by side."""
