"""A secret among flags or variables is refused at its line, with the way to do it; ordinary values are not."""

import pytest

from provision.inventory.lookalikes import looks_secret

HEAD = "cluster: a\nhosts:\n  one:\n    address: 10.0.0.1\n    role: head\n"
TOKEN = "hf_" + "aBcD" * 8


def test_the_token_of_the_hub_among_the_flags_is_refused_with_the_variable_that_vllm_reads(problem) -> None:
    where, path, said, hint = problem(f"{HEAD}serve:\n  model: m\n  args: {{hf-token: hf_CANARYargtoken, seed: 1}}\n")
    assert (where, path) == ("8:20", "serve.args.hf-token")
    assert said == "`hf-token` looks like a secret, and would be seen in the process list, in plans and in logs"
    assert hint == (
        "remove it, and name its source: `secrets: {HF_TOKEN: {env: HF_TOKEN}}`, which vLLM reads from its environment"
    )


@pytest.mark.parametrize(
    "text",
    [
        "serve: {model: m, args: {hf_token: anything}}",
        "serve: {model: m, args: {hf-token: [one, two]}}",
        "serve: {model: m, args: {my-token: opensesame}}",
        "serve: {model: m, args: {ssl-keyfile-password: 123456}}",
        "serve: {model: m, args: {kv-transfer-config.extra.redis_password: swordfish}}",
        """serve: {model: m, args: {kv-transfer-config: '{"a": [{"b": {"api_key": "swordfish"}}]}'}}""",
        """serve: {model: m, args: {x: '{"a": "{\\"password\\": \\"swordfish\\"}"}'}}""",
        """serve: {model: m, args: {default-headers: '{"Authorization": "Bearer abcdefghijkl"}'}}""",
        "serve: {model: m, args: {otlp-traces-endpoint: 'http://me:opensesame@otel:4317'}}",
        """serve: {model: m, args: {kv-transfer-config: '{"url": "redis://:opensesame@cache/0"}'}}""",
        "serve: {model: m, args: {root-path: 'http://proxy/x?api_key=opensesame'}}",
        "ray: {env: {SMTP_PASS: opensesame}}",
        f"serve: {{model: m, args: {{download-dir: {TOKEN}}}}}",
        f"serve: {{model: m, env: {{ANYTHING: 'x {TOKEN} y'}}}}",
        "serve: {model: m, env: {HF_TOKEN: opensesame}}",
        "serve: {model: m, env: {VLLM_API_KEY: opensesame}}",
        "serve: {model: m, env: {ANY: AKIAIOSFODNN7EXAMPLE}}",
        "env: {AWS_SECRET_ACCESS_KEY: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY}",
        "env: {GITHUB: ghp_abcdefghijklmnopqrstuvwxyz0123456789}",
        "env: {OPENAI: sk-abcdefghijklmnop1234}",
        "env: {WANDB_API_KEY: 0123456789abcdef0123456789abcdef01234567}",
        "ray: {args: {redis-password: opensesame}}",
        "ray: {env: {DB_PASSWORD: opensesame}}",
        "groups: {g: {hosts: [one], env: {NGC_API_KEY: opensesame}}}",
        "models: {m: {model: m, args: {hf-token: opensesame}}}",
    ],
)
def test_a_secret_is_refused_wherever_flags_and_variables_can_be_said(problems, text: str) -> None:
    (found,) = problems(f"{HEAD}{text}\n")
    assert "looks like a secret" in found.message
    assert found.line == 6
    for value in ("opensesame", "swordfish", TOKEN, "AKIA", "wJalr", "ghp_", "sk-a", "012345", "Bearer", "123456"):
        assert value not in f"{found.message} {found.hint}"


def test_one_of_a_host_is_refused_at_its_line(problem) -> None:
    where, path, _, hint = problem(f"{HEAD}    env: {{HF_TOKEN: opensesame}}\n")
    assert (where, path) == ("6:21", "hosts.one.env.HF_TOKEN")
    assert hint == "remove it, and name its source: `secrets: {HF_TOKEN: {env: HF_TOKEN}}`"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max-num-batched-tokens", "8192"),
        ("max_num_batched_tokens", "8192"),
        ("otlp-traces-endpoint", "http://otel:4317/a@b"),
        ("CUSTOM_PASS", "true"),
        ("tokenizer", "org/name"),
        ("tokenizer-mode", "auto"),
        ("skip-tokenizer-init", "true"),
        ("long-prefill-token-threshold", "2048"),
        ("pad_token", "<|endoftext|>"),
        ("image_token", "<image>"),
        ("eos_token_id", "2"),
        ("token", "1"),
        ("hf-token", "true"),
        ("ssl-keyfile", "/etc/ssl/private/key.pem"),
        ("api-key", "VLLM_API_KEY"),
        ("api_key_env", "opensesame"),
        ("RAY_AUTH_MODE", "token"),
        ("RAY_AUTH_TOKEN_PATH", "/run/x/ray-token"),
        ("HF_TOKEN_PATH", "~/.cache/huggingface/token"),
        ("PASSWORD_FILE", "/run/secrets/password"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"),
        ("HF_TOKEN", ""),
        ("HF_TOKEN", "${HF_TOKEN}"),
        ("HF_HUB_ENABLE_HF_TRANSFER", "hf_transfer"),
        ("load-format", "hf_transformers"),
        ("model-impl", "hf_overrides"),
        ("sort-key", "name"),
        ("monkey", "banana-smoothie"),
        ("keyboard", "dvorak-layout"),
        ("passthrough", "everything"),
        ("revision", "0123456789abcdef0123456789abcdef01234567"),
        ("VLLM_HOST", "disk-sk-storage-rack-number-17"),
        ("NCCL_IB_HCA", "=mlx5_0,mlx5_1,mlx5_2,mlx5_3"),
        ("chat-template", "{% for message in messages %}{{ message.content }}{% endfor %}"),
        ("hf-overrides", '{"rope_scaling": {"type": "yarn"}, "pad_token_id": 0}'),
        ("speculative-config", '{"model": "org/sk-draft", "num_speculative_tokens": 3}'),
    ],
)
def test_ordinary_values_are_taken_as_they_are(name: str, value: str) -> None:
    assert not looks_secret(name, value)


def test_a_flag_that_provision_sets_is_told_once(problems) -> None:
    (found,) = problems(f"{HEAD}serve: {{model: m, args: {{api-key: opensesame}}}}\n")
    assert (found.message, found.hint) == ("provision itself sets `--api-key`", "use `secrets.VLLM_API_KEY`")


def test_nothing_of_vllm_s_own_flags_looks_like_a_secret_but_the_two_that_are() -> None:
    """Each with a word as its value."""
    named = [name for name in FLAGS if looks_secret(name, "ordinary-word-1")]
    assert named == ["api-key", "hf-token"]


#: Flags and variables of vLLM 0.32.0 (engine/arg_utils.py, entrypoints, envs.py) with such a word in their names.
FLAGS = (
    "api-key",
    "dbo-decode-token-threshold",
    "dbo-prefill-token-threshold",
    "hf-token",
    "long-prefill-token-threshold",
    "long-prefill-token-threshold-adaptive",
    "max-num-batched-tokens",
    "max-num-queued-tokens",
    "max-num-scheduled-tokens",
    "skip-tokenizer-init",
    "spec-tokens",
    "tokenizer",
    "tokenizer-mode",
    "tokenizer-revision",
    "ssl-keyfile",
    "VLLM_MAX_BAD_WORDS_TOTAL_TOKENS",
    "VLLM_MULTI_STREAM_GEMM_TOKEN_THRESHOLD",
    "VLLM_SHARED_EXPERTS_STREAM_TOKEN_THRESHOLD",
    "VLLM_USE_FASTOKENS",
)
