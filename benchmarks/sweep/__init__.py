"""What a training costs: in a process of its own, in a sweep, and several in one step."""
