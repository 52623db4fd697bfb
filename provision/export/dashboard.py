"""A Grafana dashboard for a vLLM server and the GPUs below it.

The names are those of vLLM 0.32 (vllm/v1/metrics/loggers.py), as Prometheus has them: a counter ends in `_total`, a
histogram has `_bucket`. Those of GPUs are of payload/figures/gpus.sh.
"""

from __future__ import annotations

import json

_OF = '{cluster="$cluster"}'

#: (title, unit of Grafana's, (what is shown, legend) …), two a row.
PANELS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Tokens per second",
        "short",
        (
            (f"sum(rate(vllm:generation_tokens_total{_OF}[1m]))", "made"),
            (f"sum(rate(vllm:prompt_tokens_total{_OF}[1m]))", "read"),
        ),
    ),
    (
        "Requests",
        "short",
        (
            (f"sum(vllm:num_requests_running{_OF})", "running"),
            (f"sum(vllm:num_requests_waiting{_OF})", "waiting"),
        ),
    ),
    (
        "Time to first token",
        "s",
        tuple(
            (f"histogram_quantile({q}, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket{_OF}[5m])))", legend)
            for q, legend in ((0.5, "half are faster"), (0.95, "95 % are faster"))
        ),
    ),
    (
        "Time between two tokens",
        "s",
        tuple(
            (f"histogram_quantile({q}, sum by (le) (rate(vllm:inter_token_latency_seconds_bucket{_OF}[5m])))", legend)
            for q, legend in ((0.5, "half are faster"), (0.95, "95 % are faster"))
        ),
    ),
    ("KV cache in use", "percentunit", ((f"max by (host, engine) (vllm:kv_cache_usage_perc{_OF})", "{{host}}"),)),
    (
        "Preempted requests, per minute",
        "short",
        ((f"60 * sum(rate(vllm:num_preemptions_total{_OF}[5m]))", "preempted"),),
    ),
    ("GPU memory in use", "bytes", ((f"provision_gpu_memory_used_bytes{_OF}", "{{host}} {{gpu}}"),)),
    ("GPU utilization", "percentunit", ((f"provision_gpu_utilization_ratio{_OF}", "{{host}} {{gpu}}"),)),
    ("GPU temperature", "celsius", ((f"provision_gpu_temperature_celsius{_OF}", "{{host}} {{gpu}}"),)),
    ("GPU power", "watt", ((f"provision_gpu_power_watts{_OF}", "{{host}} {{gpu}}"),)),
    (
        "Answering",
        "short",
        ((f"up{_OF}", "{{job}} {{host}}"), (f"provision_gpu_collected{_OF}", "GPUs of {{host}}")),
    ),
)


def dashboard(cluster: str) -> str:
    """To be imported in Grafana, or put where it is provisioned from."""
    source = {"type": "prometheus", "uid": "${datasource}"}
    panels = [
        {
            "id": number + 1,
            "type": "timeseries",
            "title": title,
            "datasource": source,
            "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + place), "datasource": source, "expr": expression, "legendFormat": legend}
                for place, (expression, legend) in enumerate(shown)
            ],
        }
        for number, (title, unit, shown) in enumerate(PANELS)
    ]
    variables = [
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        {"name": "cluster", "type": "constant", "query": cluster, "current": {"text": cluster, "value": cluster}},
    ]
    page = {
        **{"title": f"vLLM: {cluster}", "uid": None, "schemaVersion": 39, "refresh": "30s"},
        **{"time": {"from": "now-1h", "to": "now"}, "templating": {"list": variables}, "panels": panels},
    }
    return json.dumps(page, indent=1) + "\n"
