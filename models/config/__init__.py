"""Settings, and which of them go together."""
