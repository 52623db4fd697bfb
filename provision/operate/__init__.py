"""What people do with a cluster on the day after: look at it, read its logs, run a command, log in, restart.

Nothing here makes a plan of its own; what only looks writes on no host.
"""
