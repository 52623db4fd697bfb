"""How long provision takes, held against the least that the same job can cost. `python -m benchmarks --help`."""
