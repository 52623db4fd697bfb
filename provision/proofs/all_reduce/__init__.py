"""The proof that the ranks of the model can add up a tensor together, and how fast they do.

`proof` describes it, `findings` and `speed` read what the hosts answered.
"""
