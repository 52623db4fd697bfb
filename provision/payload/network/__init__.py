"""The network proof: each host listens on all of its ports, and connects to all of everybody else's."""
