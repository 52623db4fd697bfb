"""What the facts mean: against the inventory, against the other hosts, against what can work at all.

Pure functions of the cluster that return findings, and the table of facts that a report shows. `judge` runs them all.
"""
