"""The timed all-reduce: each host's part in it, with the Python of its environment (host.py)."""
