"""The proof that every host reaches every other one, on the addresses and at the packet sizes that the model needs.

`proof` describes it, `host` and what it imports run on the hosts, `faults` and `findings` read the answers.
"""
