"""What runs on hosts: files of Python and shell, each what it seems, and `bundle`, the one way to send them.

They are all that a host gets, so they import the standard library and one another (torch, Ray and what else an
environment holds inside functions, where the environment's Python runs them). Who runs them, and what they are told,
is the business of facts, resources and proofs.
"""
