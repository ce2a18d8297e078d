"""What `python -m example_project` shows: the same application before and after its indexes."""
