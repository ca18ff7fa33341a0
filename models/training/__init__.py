"""The step, the epochs, stages, the run in its child process, TFX's run_fn, sweeps and checkpoints."""
