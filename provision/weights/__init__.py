"""The files of a model: where they come from, where they lie on the controller and on a host, what they should be.

Bringing them to a host is a resource; showing that all hosts hold the same is a proof.
"""
