"""TFX's Tuner for the candidate: settings are searched on validation, before the Trainer takes the best."""
