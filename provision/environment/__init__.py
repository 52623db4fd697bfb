"""The Python environment that every host gets, as the controller knows it: resolved once, locked, fetched once.

Locks, wheels and uv; building an environment on a host is a resource.
"""
