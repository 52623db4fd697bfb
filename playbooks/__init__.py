"""The built-in playbooks, installed with the package: pure functions of a cluster, to copy and edit."""
