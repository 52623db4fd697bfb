"""Values that every other room speaks in: scripts, secrets, resources, proofs, playbooks, plans, findings, events,
reports and errors.

Nothing here imports another room, contacts a host or knows what is installed on one.
"""
