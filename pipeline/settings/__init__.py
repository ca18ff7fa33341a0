"""The YAML file, read into typed blocks and checked."""
