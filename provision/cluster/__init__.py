"""The inventory and the facts, joined: what a playbook and the checks are functions of.

Addresses, networks and firewall rules are worked out here, purely; `gather` is the one module that contacts hosts.
"""
