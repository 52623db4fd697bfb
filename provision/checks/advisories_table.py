"""Published holes of vLLM and Ray that whoever reaches a port or a route of the cluster, or publishes a model, can use.
Data, each row with the advisory that it was read in.

Left out is what concerns no part of a cluster as provision builds it: datasets of Ray Data, container images, batch
files, what a model sees of a picture; and what a setting opens (provision/checks/protections_table.py), as
CVE-2025-34351 is that Ray asks for no token unless told to.
"""

from __future__ import annotations

from typing import Literal

from provision.core.values import dataclass

Package = Literal["vllm", "ray"]

_GITHUB = "https://github.com/advisories/"


@dataclass(frozen=True, slots=True)
class Advisory:
    """`affected`: versions, as a requirement has them; `fixed`: the first without it. `what`: what somebody can do who
    gets there; `only`: where it is not so everywhere. `source`: the advisory's address."""

    id: str
    package: Package
    affected: str
    fixed: str
    what: str
    source: str
    only: str = ""


#: In the order of the package, then of the first version without it.
ADVISORIES = (
    Advisory(
        "CVE-2023-6019", "ray", "<2.8.1", "2.8.1",
        "runs commands through the dashboard's `cpu_profile`, without a login",
        f"{_GITHUB}GHSA-h3xg-wv58-5p43", only="where the dashboard can be reached",
    ),
    Advisory(
        "CVE-2023-6020", "ray", "<2.8.1", "2.8.1",
        "reads any file of the host through the dashboard's `/static/`",
        f"{_GITHUB}GHSA-6cxr-8q3m-jwrr", only="where the dashboard can be reached",
    ),
    Advisory(
        "CVE-2023-6021", "ray", "<2.8.1", "2.8.1",
        "reads any file of the host through the API for logs",
        f"{_GITHUB}GHSA-3pww-qvr8-6mhp", only="where the dashboard can be reached",
    ),
    Advisory(
        "CVE-2026-32981", "ray", "<2.8.1", "2.8.1",
        "reads any file of the host through the dashboard's static files",
        f"{_GITHUB}GHSA-j3mh-qmjj-xp83", only="where the dashboard can be reached",
    ),
    Advisory(
        "CVE-2023-48022", "ray", "<2.52.0", "2.52.0",
        "submits jobs and runs any code, because these releases know no login (ShadowRay)",
        f"{_GITHUB}GHSA-6wgj-66m2-xxp2",
    ),
    Advisory(
        "CVE-2025-62593", "ray", "<2.52.0", "2.52.0",
        "runs code by a page that somebody opens in Firefox or Safari, beside a Ray that knows no login",
        f"{_GITHUB}GHSA-q279-jhrf-cc6v",
    ),
    Advisory(
        "CVE-2026-27482", "ray", "<2.54.0", "2.54.0",
        "deletes jobs and stops services by a page that somebody opens",
        f"{_GITHUB}GHSA-q5fh-2hc8-f6rq", only="where the dashboard can be reached",
    ),
    Advisory(
        "CVE-2024-8768", "vllm", "<0.5.5", "0.5.5",
        "stops the server by a request with an empty prompt",
        f"{_GITHUB}GHSA-w2r7-9579-27hf",
    ),
    Advisory(
        "CVE-2024-9053", "vllm", "<=0.6.0", "0.6.1",
        "runs any code by a pickle sent to the engine's RPC server",
        f"{_GITHUB}GHSA-cj47-qj6g-x7r4",
    ),
    Advisory(
        "CVE-2024-11041", "vllm", "<=0.6.2", "0.6.3",
        "runs any code by a pickle sent to the ranks' message queue",
        f"{_GITHUB}GHSA-5vqr-wprc-cpp7",
    ),
    Advisory(
        "CVE-2025-24357", "vllm", "<0.7.0", "0.7.0",
        "runs any code by a model whose weights are pickles",
        f"{_GITHUB}GHSA-rh4j-5rhw-hr54", only="with weights that are not safetensors",
    ),
    Advisory(
        "CVE-2025-29783", "vllm", ">=0.6.5,<0.8.0", "0.8.0",
        "runs any code by a pickle sent to the KV transfer's ZeroMQ port, which listens on every address",
        f"{_GITHUB}GHSA-x3m8-f7g5-qhm7", only="with Mooncake",
    ),
    Advisory(
        "GHSA-ggpf-24jw-3fcw", "vllm", "<0.8.0", "0.8.0",
        "runs any code by a model whose weights are pickles, past the fix of CVE-2025-24357",
        f"{_GITHUB}GHSA-ggpf-24jw-3fcw", only="with weights that are not safetensors, and torch before 2.6.0",
    ),
    Advisory(
        "CVE-2024-9052", "vllm", "<=0.8.1", "0.8.2",
        "runs any code by a pickle sent to a rank as an object",
        f"{_GITHUB}GHSA-pgr7-mhp5-fgjp",
    ),
    Advisory(
        "CVE-2025-32444", "vllm", ">=0.6.5,<0.8.5", "0.8.5",
        "runs any code by a pickle sent to the KV transfer's ZeroMQ port, which listens on every address",
        f"{_GITHUB}GHSA-hj4w-hm2g-p6w5", only="with Mooncake",
    ),
    Advisory(
        "CVE-2025-47277", "vllm", ">=0.6.5,<0.8.5", "0.8.5",
        "runs any code by a pickle sent to the KV transfer's port; its TCPStore listens on every address",
        f"{_GITHUB}GHSA-hjq4-87xh-g4fv", only="with PyNcclPipe and the V0 engine",
    ),
    Advisory(
        "CVE-2025-30202", "vllm", ">=0.5.2,<0.8.5", "0.8.5",
        "reads what ranks tell each other, or holds them up, by a ZeroMQ port that listens on every address",
        f"{_GITHUB}GHSA-9f8f-2vmf-885j", only="on several hosts",
    ),
    Advisory(
        "CVE-2025-48942", "vllm", ">=0.8.0,<0.9.0", "0.9.0",
        "stops the server by an invalid JSON schema",
        f"{_GITHUB}GHSA-6qc9-v4r8-22xg",
    ),
    Advisory(
        "CVE-2025-48943", "vllm", ">=0.8.0,<0.9.0", "0.9.0",
        "stops the server by an invalid regular expression",
        f"{_GITHUB}GHSA-9hcf-v7m4-6m2j",
    ),
    Advisory(
        "CVE-2025-48944", "vllm", ">=0.8.0,<0.9.0", "0.9.0",
        "stops the server by a malformed tool definition",
        f"{_GITHUB}GHSA-vrq3-r879-7m65",
    ),
    Advisory(
        "CVE-2025-30165", "vllm", ">=0.5.2,<0.10.0", "0.10.0",
        "runs any code on other hosts of the cluster from one of them, by a pickle sent between the ranks",
        f"{_GITHUB}GHSA-9pcc-gvx5-r5wm", only="with the V0 engine and tensor parallelism over several hosts",
    ),
    Advisory(
        "CVE-2025-9141", "vllm", ">=0.10.0,<0.10.1.1", "0.10.1.1",
        "runs any code by a tool call that the model can be talked into",
        f"{_GITHUB}GHSA-79j6-g2m3-jgfw", only="with the tool parser `qwen3_coder`",
    ),
    Advisory(
        "CVE-2025-48956", "vllm", ">=0.1.0,<0.10.1.1", "0.10.1.1",
        "fills the server's memory by one huge header, without a key",
        f"{_GITHUB}GHSA-rxc4-3w6r-4v47",
    ),
    Advisory(
        "CVE-2025-6242", "vllm", ">=0.5.0,<0.11.0", "0.11.0",
        "has the server fetch addresses of its own network",
        f"{_GITHUB}GHSA-3f6c-7fw2-ppm4", only="with models that take images, video or audio",
    ),
    Advisory(
        "CVE-2025-59425", "vllm", "<0.11.0", "0.11.0",
        "guesses the API key by how long its comparison takes",
        f"{_GITHUB}GHSA-wr9h-g72x-mwhm",
    ),
    Advisory(
        "CVE-2025-61620", "vllm", ">=0.5.1,<0.11.0", "0.11.0",
        "keeps the server busy by a chat template in the request",
        f"{_GITHUB}GHSA-6fvq-23cw-5628",
    ),
    Advisory(
        "CVE-2025-62164", "vllm", ">=0.10.2,<0.11.1", "0.11.1",
        "overwrites the server's memory, and may run code, by prompt embeddings",
        f"{_GITHUB}GHSA-mrw7-hf4f-83pf",
    ),
    Advisory(
        "CVE-2025-62372", "vllm", ">=0.5.5,<0.11.1", "0.11.1",
        "stops the server by embeddings of the wrong shape",
        f"{_GITHUB}GHSA-pmqf-x6x8-p7qw", only="with models that take images, video or audio",
    ),
    Advisory(
        "CVE-2025-62426", "vllm", ">=0.5.5,<0.11.1", "0.11.1",
        "keeps the server busy by `chat_template_kwargs`",
        f"{_GITHUB}GHSA-69j4-grxj-j64p",
    ),
    Advisory(
        "CVE-2025-66448", "vllm", "<0.11.1", "0.11.1",
        "runs any code by a model's configuration, whatever `trust-remote-code` says",
        f"{_GITHUB}GHSA-8fr4-5q9j-m8gm",
    ),
    Advisory(
        "CVE-2026-56340", "vllm", ">=0.10.2,<0.13.0", "0.13.0",
        "stops the server by prompt embeddings, past the fix of CVE-2025-62164",
        f"{_GITHUB}GHSA-mcmc-2m55-j8jj", only="with `enable-prompt-embeds`",
    ),
    Advisory(
        "CVE-2026-22807", "vllm", ">=0.10.1,<0.14.0", "0.14.0",
        "runs any code by a model's configuration, whatever `trust-remote-code` says",
        f"{_GITHUB}GHSA-2pc9-4j83-qjmr",
    ),
    Advisory(
        "CVE-2026-22778", "vllm", ">=0.8.3,<0.14.1", "0.14.1",
        "runs any code by a video that the server is asked to fetch",
        f"{_GITHUB}GHSA-4r2x-xpjr-7cvv", only="with models that take video",
    ),
    Advisory(
        "CVE-2026-24779", "vllm", "<0.14.1", "0.14.1",
        "has the server fetch addresses of its own network",
        f"{_GITHUB}GHSA-qh4c-xf7m-gxfc", only="with models that take images, video or audio",
    ),
    Advisory(
        "CVE-2026-27893", "vllm", ">=0.10.1,<0.18.0", "0.18.0",
        "runs any code by a model's repository, although `trust-remote-code` is off",
        f"{_GITHUB}GHSA-7972-pg2x-xr59", only="with two of the model classes",
    ),
    Advisory(
        "CVE-2026-34756", "vllm", ">=0.1.0,<0.19.0", "0.19.0",
        "fills the server's memory by a huge `n`",
        f"{_GITHUB}GHSA-3mwp-wvh9-7528",
    ),
    Advisory(
        "CVE-2026-5497", "vllm", ">=0.8.0,<0.19.0", "0.19.0",
        "fills the server's memory by a video with many frames",
        f"{_GITHUB}GHSA-wcwg-c5fc-9vrc", only="with models that take video",
    ),
    Advisory(
        "CVE-2026-44222", "vllm", ">=0.6.1,<0.20.0", "0.20.0",
        "stops the server by a prompt that spells out special tokens",
        f"{_GITHUB}GHSA-hpv8-x276-m59f", only="with models that take images or video",
    ),
    Advisory(
        "CVE-2026-48746", "vllm", ">=0.3.0,<0.22.0", "0.22.0",
        "uses the API without its key, by a request line that the key's check reads differently",
        f"{_GITHUB}GHSA-94f4-hr76-p5j6",
    ),
    Advisory(
        "CVE-2026-41523", "vllm", "<0.22.0", "0.22.0",
        "runs any code by a model's configuration",
        f"{_GITHUB}GHSA-q8gq-377p-jq3r", only="with `PYTHONOPTIMIZE`",
    ),
    Advisory(
        "CVE-2026-47155", "vllm", "<0.22.0", "0.22.0",
        "gets other files loaded than those of the pinned revision",
        f"{_GITHUB}GHSA-3ww4-5jv9-j5gm", only="where vLLM fetches the model itself",
    ),
    Advisory(
        "CVE-2026-53923", "vllm", ">=0.5.5,<0.24.0", "0.24.0",
        "sees what other requests left in the GPU's memory",
        f"{_GITHUB}GHSA-5jv2-g5wq-cmr4", only="with weights in GGUF",
    ),
    Advisory(
        "CVE-2026-54234", "vllm", ">=0.17.1,<0.24.0", "0.24.0",
        "stops the server by tokens that are not valid",
        f"{_GITHUB}GHSA-8wr5-jm2h-8r4f", only="with speculative decoding",
    ),
    Advisory(
        "CVE-2026-54235", "vllm", ">=0.8.5,<0.24.0", "0.24.0",
        "stops the server by a temperature that is no number",
        f"{_GITHUB}GHSA-7h4p-rffg-7823",
    ),
    Advisory(
        "CVE-2026-54236", "vllm", "<0.24.0", "0.24.0",
        "reads addresses of the server's memory in its error messages",
        f"{_GITHUB}GHSA-hgg8-fqqc-vfmw", only="by the routes of Anthropic's API",
    ),
    Advisory(
        "CVE-2026-55514", "vllm", ">=0.12.0,<0.24.0", "0.24.0",
        "stops the server by a request of prompt embeddings alone",
        f"{_GITHUB}GHSA-33cg-gxv8-3p8g", only="with `enable-prompt-embeds`, and models with M-RoPE",
    ),
    Advisory(
        "CVE-2026-55574", "vllm", "<0.24.0", "0.24.0",
        "keeps the server busy by a regular expression",
        f"{_GITHUB}GHSA-rwxx-mrjm-wc2m",
    ),
    Advisory(
        "CVE-2026-55646", "vllm", ">=0.22.0,<0.24.0", "0.24.0",
        "fills the server's memory by a huge upload",
        f"{_GITHUB}GHSA-v82g-2437-67m2", only="with models that take audio",
    ),
    Advisory(
        "GHSA-99f2-hwrc-gvq8", "vllm", "<0.28.0", "0.28.0",
        "fills the server's memory by a long recording",
        "https://github.com/vllm-project/vllm/security/advisories/GHSA-99f2-hwrc-gvq8",
        only="with models that take audio",
    ),
    Advisory(
        "GHSA-h3rc-6mm3-gc2m", "vllm", ">=0.7.3,<0.31.0", "0.31.0",
        "runs any code by `mm_processor_kwargs` in a request",
        "https://github.com/vllm-project/vllm/security/advisories/GHSA-h3rc-6mm3-gc2m",
        only="with `trust-remote-code`",
    ),
)  # fmt: skip
