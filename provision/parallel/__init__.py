"""The cut of a model over GPUs: what fits, what vLLM accepts, and what `auto` stands for. Pure functions."""
