"""What a run on this machine does beside its nodes: places, processes, records, and what it failed of."""
