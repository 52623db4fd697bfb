"""What the facts of the GPUs mean: health, memory, Xid errors, throttling, and whether nvidia-smi answers at all.

Pure, and below the other checks, which ask here which GPUs of a host can be counted on.
"""
