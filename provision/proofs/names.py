"""The built-in proofs by name, each with what it shows: what `--skip` knows in every playbook.

A cluster may have no use for one of them (weights that vLLM fetches itself are not compared); its name can be skipped
all the same, so that a script does not depend on that.
"""

PROOFS = {
    "network": "that the hosts reach each other on every port",
    "all-reduce": "that their GPUs do, and how fast",
    "weights": "that all have the same model",
    "arguments": "that vLLM accepts its arguments",
}
