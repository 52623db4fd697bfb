"""The model that is served, from its users' side: ask it one thing (`smoke`), put a bounded load on it (`bench`).

`instructions` is what the end of `up` tells people to type. Only the cluster's own server is ever asked: its stamp on
the head says where it listens.
"""
