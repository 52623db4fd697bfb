"""What each layer of a model keeps of the tokens before: the part of its KV cache, by what config.json says of it.

Source: vllm 0.32.0, the models' own `get_kv_cache_spec` and vllm/v1/kv_cache_interface.py. What is not read here is
told by `not_modelled` in provision/parallel/keys.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from provision.core.values import dataclass
from provision.parallel.encoder_decoder import ENCODER_TOKENS, only_encodes
from provision.parallel.keys import STATES, WINDOWS, counts

#: Bytes that the indexer of sparse attention (DeepSeek V3.2, V4) keeps of a token: a key of 128 numbers in 8 bits, and
#: its scale (`DeepseekV32IndexerCache` in vllm/model_executor/models/deepseek_v2.py).
_SCALE = 4
#: And what DeepSeek V4 keeps of an entry, whatever `kv-cache-dtype` says: 448 numbers in 8 bits, 64 in 16, 8 scales
#: (`_resolve_dsv4_kv_cache_dtype` in vllm/models/deepseek_v4/attention.py).
_OF_V4 = 584


@dataclass(frozen=True)
class Cache:
    """A part of what a layer keeps. `kv_heads`, `head_dim`: of keys and values, which GPUs of a stage share;
    `value_dim`: of values, where they are of another size. `latent`: numbers per token that are on every GPU the same,
    in their place; 0 without. `window`: tokens, 0 for all. `every`: tokens that one entry stands for. `beside`: bytes
    per entry, whatever the type of the cache. `encoder`: tokens of an encoder that are kept instead, however long the
    request is."""

    kv_heads: int = 0
    head_dim: int = 0
    latent: int = 0
    window: int = 0
    every: int = 1
    beside: int = 0
    encoder: int = 0
    value_dim: int = 0

    def numbers(self, tensor: int) -> int:
        """Of one token, on each of so many GPUs that share the heads."""
        heads = max(1, self.kv_heads // tensor)
        return self.latent or heads * (self.head_dim + (self.value_dim or self.head_dim))


#: Per layer; none of a layer that keeps a state, or nothing.
Layers = tuple[tuple[Cache, ...], ...]


#: Types of models that have no attention at all, and of ones with two in each layer.
_WITHOUT = frozenset(("mamba", "mamba2", "falcon_mamba"))
#: Where nothing says which layers have attention, none has.
_STATES_AT_FIRST = frozenset(("granitemoehybrid",))
_TWICE = frozenset(("longcat_flash",))


def caches(text: Mapping[str, object], layers: int, heads: int, usual: Cache) -> Layers:
    """`usual`: of a layer of which nothing more is said."""
    if str(text.get("model_type")) in _WITHOUT or only_encodes(text):
        return ((),) * layers
    if str(text.get("model_type")) in _TWICE:
        return ((usual, usual),) * layers
    found = _blocks(text, layers, heads, usual)
    for read in _READERS:
        found = read(text, layers, usual) if found is None else found
    each = found if found is not None else _every(text, layers, usual)
    made = tuple((cache,) if isinstance(cache, Cache) else cache for cache in each)
    if tokens := _whole(text.get(ENCODER_TOKENS)):
        cross = replace(usual, encoder=tokens)
        return tuple((*layer, cross) for layer in made)
    return _index_once(text, _unshared(text, made))


def block_heads(text: Mapping[str, object], heads: int) -> int:
    """KV heads of the first layer of a Nemotron-NAS that has attention, as vLLM reads them; 0 of any other model."""
    made = _blocks(text, len(blocks), heads, Cache()) if isinstance(blocks := text.get("block_configs"), list) else None
    return next((cache.kv_heads for cache in made or () if isinstance(cache, Cache)), 0)


#: What Nemotron-H's newer configs call its kinds of layers, and their letters in its older ones.
_LETTERS = {"mamba": "M", "attention": "*", "full_attention": "*", "moe": "E", "mlp": "-"}


def letters(text: Mapping[str, object], layers: int) -> str:
    """Nemotron-H: `M` is Mamba, `*` attention, `-` and `E` feed-forward; empty for others."""
    pattern, listed = text.get("hybrid_override_pattern"), text.get("layers_block_type")
    if isinstance(listed, list) and str(text.get("model_type")) == "nemotron_h":
        pattern = "".join(_LETTERS.get(str(name), "?") for name in listed)
    return pattern if isinstance(pattern, str) and len(pattern) == layers else ""


Read = Sequence[Cache | tuple[Cache, ...]] | None


def _blocks(text: Mapping[str, object], layers: int, heads: int, usual: Cache) -> Read:
    """Nemotron-NAS: each layer has heads of its own, or none."""
    blocks = text.get("block_configs")
    if not isinstance(blocks, list) or len(blocks) < layers:
        return None
    found: list[Cache | tuple[Cache, ...]] = []
    for block in blocks[:layers]:
        attention = block.get("attention") if isinstance(block, Mapping) else None
        if not isinstance(attention, Mapping) or attention.get("no_op") or attention.get("replace_with_linear"):
            found.append(())
            continue
        group, own = _whole(attention.get("n_heads_in_group")), _whole(attention.get("num_key_value_heads"))
        window = _whole(attention.get("window_length"))
        found.append(replace(usual, kv_heads=own or (heads // group if group else usual.kv_heads), window=window))
    return found


def _pattern(text: Mapping[str, object], layers: int, usual: Cache) -> Read:
    """Nemotron-H."""
    pattern = letters(text, layers)
    if not pattern or "?" in pattern:
        return None
    return [usual if letter == "*" else () for letter in pattern]


def _compressed(text: Mapping[str, object], layers: int, _: Cache) -> Read:
    """DeepSeek V4: one latent vector for a window, and one for each so many tokens before it; the finest layers have
    an indexer over those."""
    ratios = text.get("compress_ratios")
    if not isinstance(ratios, list) or len(ratios) < layers:
        return None
    whole = [_whole(ratio) for ratio in ratios[:layers]]
    finest = min((ratio for ratio in whole if ratio), default=0)
    found = []
    for ratio in whole:
        near = Cache(beside=_OF_V4, window=_whole(text.get("sliding_window")))
        far = Cache(every=ratio, beside=_OF_V4 + (_indexer(text) if ratio == finest else 0))
        found.append((near, far) if ratio else (near,))
    return found


def _linear(text: Mapping[str, object], layers: int, usual: Cache) -> Read:
    """Kimi-Linear: the layers with full attention are listed, counted from 1."""
    config = text.get("linear_attn_config")
    full = config.get("full_attn_layers") if isinstance(config, Mapping) else None
    return [usual if layer + 1 in full else () for layer in range(layers)] if isinstance(full, list) else None


def _listed(text: Mapping[str, object], layers: int, usual: Cache) -> Read:
    """Most models with layers of several kinds."""
    listed = text.get("layer_types") or text.get("layers_block_type")
    if not isinstance(listed, list) or len(listed) < layers:
        return None
    own = text.get("per_layer_config")
    full = _wider(text, usual)
    found: list[Cache | tuple[Cache, ...]] = []
    near = _other(text.get("attention_other_setting"), usual)
    for layer, name in enumerate(map(str, listed[:layers])):
        if name in WINDOWS:
            cache = replace(near, window=_whole(text.get(WINDOWS[name])))
        elif name in STATES:
            found.append(())
            continue
        else:
            cache = full
        found.append(_own(own, layer, cache))
    return found


def _swa(text: Mapping[str, object], layers: int, usual: Cache) -> Read:
    """MiMo V2: 1 is a layer with a window, which has heads of its own; values are smaller than keys."""
    pattern = text.get("hybrid_layer_pattern")
    ours = str(text.get("model_type")).startswith("mimo_v2")
    if not ours or not isinstance(pattern, list) or len(pattern) < layers:
        return None
    full = replace(usual, value_dim=_whole(text.get("v_head_dim")))
    near = Cache(
        _whole(text.get("swa_num_key_value_heads")) or usual.kv_heads,
        _whole(text.get("swa_head_dim")) or usual.head_dim,
        window=_whole(text.get("sliding_window_size")) or _whole(text.get("sliding_window")),
        value_dim=_whole(text.get("swa_v_head_dim")),
    )
    return [near if kind == 1 else full for kind in pattern[:layers]]


def _wider(text: Mapping[str, object], usual: Cache) -> Cache:
    """Gemma 4 has other heads where attention is full."""
    heads, size = _whole(text.get("num_global_key_value_heads")), _whole(text.get("global_head_dim"))
    return replace(usual, kv_heads=heads or usual.kv_heads, head_dim=size or usual.head_dim)


def _other(said: object, usual: Cache) -> Cache:
    """Step 3.5 has other heads where attention has a window."""
    if not isinstance(said, Mapping) or said.get("attention_type") != "sliding_attention":
        return usual
    heads, size = _whole(said.get("num_attention_groups")), _whole(said.get("head_dim"))
    return replace(usual, kv_heads=heads or usual.kv_heads, head_dim=size or usual.head_dim)


def _own(per_layer: object, layer: int, cache: Cache) -> Cache:
    """Layers are named by their numbers, which may have zeros in front (transformers 5.19)."""
    if isinstance(per_layer, Mapping):
        said = next(
            (own for name, own in per_layer.items() if str(name).lstrip("0") == (str(layer) if layer else "")), None
        )
    else:
        said = per_layer[layer] if isinstance(per_layer, list) and layer < len(per_layer) else None
    if not isinstance(said, Mapping):
        return cache
    heads, size = _whole(said.get("num_key_value_heads")), _whole(said.get("head_dim"))
    return replace(cache, kv_heads=heads or cache.kv_heads, head_dim=size or cache.head_dim)


def _some(text: Mapping[str, object], layers: int, usual: Cache) -> Read:
    """Which layers have attention is said by their numbers; the others keep a state."""
    kinds, kind = text.get("attn_type_list"), str(text.get("model_type"))
    if isinstance(kinds, list) and len(kinds) >= layers:  # MiniMax M1, M2: 0 is linear attention
        return [usual if kinds[layer] else () for layer in range(layers)]
    indices = text.get("attn_layer_indices") or text.get("full_attn_idxs") or text.get("hybrid_layer_ids")
    if isinstance(indices, list):  # Bamba; LFM2; Zamba2
        return [usual if layer in indices else () for layer in range(layers)]
    if period := _whole(text.get("attn_layer_period")):  # Jamba
        offset = _whole(text.get("attn_layer_offset"))
        return [usual if layer % period == offset else () for layer in range(layers)]
    if every := _whole(text.get("full_attention_interval")):  # Qwen3-Next
        return [usual if (layer + 1) % every == 0 else () for layer in range(layers)]
    if kind.startswith(("bailing_hybrid", "bailing_moe_linear")) and (group := _whole(text.get("layer_group_size"))):
        return [usual if (layer + 1) % group == 0 else () for layer in range(layers)]
    return [()] * layers if kind in _STATES_AT_FIRST else None


def _chunked(text: Mapping[str, object], layers: int, usual: Cache) -> Read:
    """Llama 4: layers with positions see a chunk alone, every fourth has none and sees all."""
    chunk = _whole(text.get("attention_chunk_size"))
    if not chunk:
        return None
    rope = text.get("no_rope_layers")
    interval = _whole(text.get("no_rope_layer_interval")) or 4
    listed = rope if isinstance(rope, list) and len(rope) >= layers else None
    positions = listed or [(layer + 1) % interval for layer in range(layers)]
    return [replace(usual, window=chunk if positions[layer] else 0) for layer in range(layers)]


_READERS = (_pattern, _compressed, _linear, _swa, _listed, _some, _chunked)


def _every(text: Mapping[str, object], layers: int, usual: Cache) -> list[Cache]:
    window = _whole(text.get("sliding_window"))
    if not window or text.get("use_sliding_window") is False:
        return [usual] * layers
    near, full = replace(usual, window=window), _wider(text, usual)
    pattern = text.get("sliding_window_pattern") or text.get("_sliding_window_pattern")
    if isinstance(pattern, str) and pattern:  # EXAONE 4: `LLLG`
        return [full if pattern[layer % len(pattern)] == "G" else near for layer in range(layers)]
    if every := _whole(pattern):
        return [full if (layer + 1) % every == 0 else near for layer in range(layers)]
    return [near] * layers


def _unshared(text: Mapping[str, object], made: Layers) -> Layers:
    """The last layers of Gemma 3n and 4 read the cache of earlier ones."""
    shared = _whole(text.get("num_kv_shared_layers"))
    return made if not 0 < shared < len(made) else (*made[:-shared], *[()] * shared)


def _index_once(text: Mapping[str, object], made: Layers) -> Layers:
    """Layers of HY V4 whose indexer is shared read what the one before them kept."""
    types = text.get("indexer_types")
    if not isinstance(types, list) or len(types) < len(made):
        return made
    return tuple(
        tuple(replace(cache, beside=0) for cache in layer) if types[at] == "shared" else layer
        for at, layer in enumerate(made)
    )


def indexed(text: Mapping[str, object]) -> int:
    """Bytes per token that the indexer of a model with sparse attention keeps in every layer; 0 without one."""
    if str(text.get("model_type")) == "hy_v4" and not text.get("layer_types"):
        return 0  # its layers are sparse only where they are listed
    sparse = _whole(text.get("index_topk")) and not isinstance(text.get("compress_ratios"), list)
    return _indexer(text) if sparse else 0


def _indexer(text: Mapping[str, object]) -> int:
    size = _whole(text.get("index_head_dim"))
    return size + size // 128 * _SCALE if size else 0


def _whole(value: object) -> int:
    return int(value) if counts(value) else 0


def parts(layers: Layers) -> Iterator[Cache]:
    for layer in layers:
        yield from layer
