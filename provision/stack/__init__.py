"""What the built-in playbooks are assembled from: the resources and proofs that a cluster with Ray, or without, is
made of.

The one room that knows which playbook belongs to which backend.
"""
