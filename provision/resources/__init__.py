"""What can be put on a host: environment, Ray, vLLM, services, files, ports.

Each resource says how it is probed, its desired state, and how it gets there; none of them acts. What they run on a
host is in `payload`.
"""
