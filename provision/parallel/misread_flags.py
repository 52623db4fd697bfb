"""What `serve.args` says in a way that nobody understands: any sum that passed over it would be wrong.

Source: vllm 0.32.0 and 0.33.0, `CacheDType` and `block_size` in vllm/config/cache.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from provision.core.wording import did_you_mean
from provision.inventory.models import Serve
from provision.parallel.misread import short
from provision.parallel.settings import flags, tokens, unread_overrides

#: Types of a KV cache whose size is counted, and others that vLLM has.
_COUNTED = (
    "auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc", "int8_per_token_head",
    "fp8_per_token_head",
)  # fmt: skip
_OTHERS = (
    "fp8_ds_mla", "nvfp4_ds_mla", "turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc",
    "ultraquant_4bit", "int4_per_token_head", "nvfp4", "nvfp4_4over6",
)  # fmt: skip
_DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")

#: Flags that have a number of tokens or requests → one that makes sense.
_NUMBERS = {"block-size": 16, "max-num-seqs": 256, "max-num-batched-tokens": 8192}


def of_args(serve: Serve) -> tuple[str, ...]:
    """A sentence each."""
    args = flags(serve)
    return (
        *_choice(args, "kv-cache-dtype", _COUNTED, _OTHERS),
        *_choice(args, "dtype", _DTYPES, ()),
        *_numbers(args),
        *_others(args),
    )


def _choice(args: Mapping[str, object], flag: str, counted: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    said = str(args.get(flag, "auto"))
    if said in others:
        yield f"how much `{flag}: {said}` takes is not known here"
    elif said not in counted:
        yield f"`{flag}` is `{short(said)}`, which is not known here{did_you_mean(said, (*counted, *others), '; ')}"


def _numbers(args: Mapping[str, object]) -> Iterator[str]:
    for flag, sound in _NUMBERS.items():
        if flag in args and (tokens(args[flag]) is None or isinstance(args[flag], float)):
            yield f"`{flag}` is `{short(args[flag])}`, expected a whole number above 0 such as `{sound}`"
    if not _is_amount(args.get("cpu-offload-gb", 0)):
        yield f"`cpu-offload-gb` is `{short(args['cpu-offload-gb'])}`, expected a number of GiB such as `8`"


def _others(args: Mapping[str, object]) -> Iterator[str]:
    share = args.get("gpu-memory-utilization", 1)
    if not (_is_amount(share) and 0 < float(str(share)) <= 1):
        yield f"`gpu-memory-utilization` is `{short(share)}`, expected a number above 0 and at most 1 such as `0.92`"
    length = args.get("max-model-len", "auto")
    if str(length) not in ("auto", "-1") and tokens(length) is None:
        yield f"`max-model-len` is `{short(length)}`, expected a number of tokens such as `32768`"
    if unread_overrides(args):
        yield f"`hf-overrides` is `{short(args['hf-overrides'])}`, expected a JSON object"
    for flag, said in args.items():
        if flag.endswith("-parallel-size") and not (str(said).isdecimal() and int(str(said)) > 0):
            yield f"`{flag}` is `{short(said)}`, expected a whole number above 0 such as `2`"


def _is_amount(value: object) -> bool:
    try:
        return not isinstance(value, bool) and 0 <= float(str(value)) < 1e9
    except ValueError:
        return False
