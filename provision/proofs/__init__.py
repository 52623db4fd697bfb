"""What the hosts prove together, before anything depends on it: see provision.core.proof.

- `network`: each reaches every other on every port that will be used
- `all_reduce`: their ranks add up a number, over the transport that the model will use
"""
