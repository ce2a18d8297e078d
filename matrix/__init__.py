"""Runs the tests on the versions that `support.toml` names."""
