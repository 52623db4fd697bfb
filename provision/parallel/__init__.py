"""How a model is cut over GPUs: which cuts there are, what vLLM would refuse of them, what they take of each GPU.

Pure: a cut depends on values alone. Who looks at the model and at the hosts is another room.
"""
