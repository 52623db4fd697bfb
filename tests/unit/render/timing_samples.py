"""Where the time of a made-up run went: two hosts, of which one is slower."""

from provision.core.timing import Span, Timings

FACTS = [Span("facts", "facts", host, 0.0, 0.2 + number / 10) for number, host in enumerate(("gpu-01", "gpu-02"))]
ENVS = [
    Span("change", "environment 3f9c", "gpu-01", 0.5, 30.5, "gpu-01/env", behind=FACTS[1]),
    Span("change", "environment 3f9c", "gpu-02", 0.5, 36.5, "gpu-02/env", behind=FACTS[1]),
]
PROOF = [Span("proof", "network proof", host, 0.5, 2.0, behind=FACTS[1]) for host in ("gpu-01", "gpu-02")]
HEAD = Span("change", "Ray head", "gpu-01", 36.6, 41.6, "gpu-01/head", ("gpu-01/env", "gpu-02/env"), FACTS[1])
MODEL = Span("change", "vLLM", "gpu-01", 41.6, 80.0, "gpu-01/vllm", done=False, behind=FACTS[1])

TIMINGS = Timings.of([*FACTS, *ENVS, *PROOF, HEAD, MODEL], 81.0)
