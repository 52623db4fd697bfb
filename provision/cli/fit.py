"""`fit`: does a model fit GPUs that one does not have at hand."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from provision.cli import completing
from provision.cli.options import ShownOptions, example, shown_options
from provision.cli.page import COMMANDS
from provision.core.errors import UsageError
from provision.core.exits import Exit

if TYPE_CHECKING:
    from provision.parallel.fit import Fit

Scalar = str | int | float | bool


@click.command(
    short_help=COMMANDS["fit"].help,
    epilog=example("""\
  provision fit meta-llama/Llama-3.1-70B --hosts 2 --gpus 8 --gpu H100
  provision fit ./model --gpus 4 --memory 48 --max-model-len 32768
  provision fit ./model --bytes 131e9 --hosts 1:4 --gpu A100 --gpu H200    # a table"""),
)
@click.argument("model", metavar="MODEL", shell_complete=completing.model)
@click.option("--hosts", default="1", show_default=True, metavar="N", help="Hosts; `1:8` tries each number.")
@click.option("--gpus", default="8", show_default=True, metavar="N", help="GPUs of each host; `1:8` tries 1, 2, 4, 8.")
@click.option("--gpu", "names", multiple=True, metavar="NAME", help="Their name, such as H100; repeatable.")
@click.option("--memory", type=float, metavar="GIB", help="Their memory instead, as nvidia-smi shows it.")
@click.option("--bytes", "size", metavar="N", help="Bytes of the weights, where MODEL has none.")
@click.option("--tensor-parallel", default="auto", show_default=True, metavar="N", help="GPUs that share each layer.")
@click.option("--pipeline-parallel", default="auto", show_default=True, metavar="N", help="Stages of layers.")
@click.option("--max-model-len", metavar="N", help="Tokens of a request.  [default: the model's own length]")
@click.option("--args", "flags", multiple=True, metavar="FLAGS", help="Further flags of `vllm serve`; repeatable.")
@click.option("--vllm", default="", metavar="VERSION", help="The version that is to serve it.")
@shown_options
def fit(
    model: str,
    hosts: str,
    gpus: str,
    names: tuple[str, ...],
    memory: float | None,
    size: str | None,
    tensor_parallel: str,
    pipeline_parallel: str,
    max_model_len: str | None,
    flags: tuple[str, ...],
    vllm: str,
    **options: Any,
) -> int:
    """Say whether MODEL fits GPUs, how it would be cut over them, and what it takes of each. Contacts no host.

    MODEL is a folder with a config.json, and weights or their index, or a name on the model hub. Exit code 0 if it
    fits, 3 if it does not, 1 where that could not be worked out.
    """
    from provision.render.fit import fit_json, fit_lines, fits_lines
    from provision.render.jsonl import result_line

    screen = ShownOptions(**options).screen()
    args = dict(_flags(flags))
    if max_model_len is not None:
        args["max-model-len"] = max_model_len
    _judge(args, vllm)
    degrees = {
        "tensor_parallel": _degree("--tensor-parallel", str(args.pop("tensor-parallel-size", tensor_parallel))),
        "pipeline_parallel": _degree("--pipeline-parallel", str(args.pop("pipeline-parallel-size", pipeline_parallel))),
    }
    kinds = _kinds(names, memory)
    tried = [
        (gpu, _fit(model, size, {"args": args, **degrees}, count, each, bytes_, vllm))
        for gpu, bytes_ in kinds
        for count in _range("--hosts", hosts, every=True)
        for each in _range("--gpus", gpus, every=False)
    ]
    if len(tried) == 1:
        gpu, found = tried[0]
        screen.json(result_line("fit", fit_json(found)))
        lines = fit_lines(found, gpu, screen.paint)
    else:
        shown = [{"hosts": len(f.hosts), "gpus": f.hosts[0].gpus, "gpu": gpu, **fit_json(f)} for gpu, f in tried]
        screen.json(result_line("fits", {"options": shown}))
        lines = fits_lines(tried, screen.paint)
    if not screen.as_json:
        screen.say(*lines)
    verdicts = [found.fits for _, found in tried]
    return Exit.DONE if True in verdicts else Exit.NO if all(v is False for v in verdicts) else Exit.FAILED


def _fit(model: str, size: str | None, serve: dict[str, Any], hosts: int, gpus: int, memory: int, vllm: str) -> Fit:
    from provision import fit as ask

    return ask(model, hosts=hosts, gpus=gpus, memory=memory, weights=_bytes(size), vllm=vllm, **serve)


def _kinds(names: Sequence[str], memory: float | None) -> list[tuple[str, int]]:
    """Name and bytes of each kind of GPU that is asked for."""
    from provision.core.wording import did_you_mean
    from provision.parallel.gpus import MEMORY_MIB, memory_of

    if memory is not None:
        if not 0 < memory < 1e6 or (names and len(names) > 1):
            raise UsageError("--memory is the memory of one kind of GPU, in GiB", hint="as in `--memory 80`")
        return [(names[0] if names else f"{memory:g} GiB", int(memory * 2**30))]
    if not names:
        raise UsageError("which GPUs?", hint="name them (`--gpu H100`), or give their memory in GiB (`--memory 80`)")
    found = []
    for name in names:
        size = memory_of(name)
        if size is None:
            meant = did_you_mean(name.upper(), MEMORY_MIB, "; ")
            hint = f"give its memory in GiB, as in `--memory 80`; known are {', '.join(MEMORY_MIB)}"
            raise UsageError(f"the memory of a GPU `{name}` is not known{meant}", hint=hint)
        found.append((name, size))
    return found


def _range(option: str, said: str, *, every: bool) -> list[int]:
    match = re.fullmatch(r"(\d{1,4})(?::(\d{1,4}))?", said)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 0 < first <= last:
        raise UsageError(f"{option}: `{said}` is no number of them", hint=f"as in `{option} 2`, or `{option} 1:8`")
    if every or first == last:
        return list(range(first, last + 1))
    return [number for number in (first * 2**power for power in range(12)) if number <= last]


def _degree(option: str, said: str) -> int | str:
    if said == "auto" or (said.isdecimal() and int(said) > 0):
        return said if said == "auto" else int(said)
    raise UsageError(f"{option}: `{said}` is no number", hint=f"`{option} 8`, or leave it out for `auto`")


def _bytes(said: str | None) -> int:
    if said is None:
        return 0
    size = _number(said)
    if not 0 < size < 1e18:
        raise UsageError(f"--bytes: `{said}` is no number of bytes", hint="as in `--bytes 131e9`")
    return int(size)


def _number(said: object) -> float:
    """Not a number (NaN) for what is none."""
    try:
        return float(str(said))
    except ValueError:
        return math.nan


def _judge(args: Mapping[str, Scalar], vllm: str) -> None:
    """An answer would be worth nothing where one of these was passed over."""
    from provision.parallel.settings import tokens, unread_overrides

    length = args.get("max-model-len", "auto")
    if str(length) not in ("auto", "-1") and tokens(length) is None:
        raise UsageError(f"max-model-len: `{length}` is no number of tokens", hint="as in `--max-model-len 32768`")
    share = args.get("gpu-memory-utilization", 1)
    if not 0 < _number(share) <= 1:
        raise UsageError(f"gpu-memory-utilization: `{share}` is not above 0 and at most 1", hint="as in `0.92`")
    if unread_overrides(args):
        raise UsageError("hf-overrides: this is no JSON object", hint="as in `--args '--hf-overrides={\"key\":1}'`")
    for flag, said in args.items():
        if flag.endswith("-parallel-size") and not (str(said).isdecimal() and int(said) > 0):
            raise UsageError(f"{flag}: `{said}` is no number of GPUs", hint=f"as in `--args '--{flag} 2'`")
    if not re.fullmatch(r"(?:v?\d+(?:\.\d+)*(?:[-.+a-z]\S*)?)?", vllm):
        raise UsageError(f"--vllm: `{vllm}` is no version", hint="as in `--vllm 0.32.0`")


#: Short forms of vLLM's flags (vllm/engine/arg_utils.py) that change what is worked out here.
_SHORT = {
    "-tp": "tensor-parallel-size",
    "-pp": "pipeline-parallel-size",
    "-dp": "data-parallel-size",
    "-dpl": "data-parallel-size-local",
    "-dpb": "data-parallel-backend",
    "-dcp": "decode-context-parallel-size",
    "-pcp": "prefill-context-parallel-size",
    "-ep": "enable-expert-parallel",
    "-q": "quantization",
    "-sc": "speculative-config",
    "-cc": "compilation-config",
    "-ac": "attention-config",
}


def _flags(said: Sequence[str]) -> Iterator[tuple[str, Scalar]]:
    """`--enable-expert-parallel --data-parallel-size 2`, `key=value`, or a JSON object."""
    for text in said:
        if text.lstrip().startswith("{"):
            yield from _object(text)
            continue
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise UsageError(f"--args: {error}", hint="as in `--args '--data-parallel-size 2'`") from None
        while words:
            word = words.pop(0)
            word = f"--{_SHORT[word]}" if word in _SHORT else word
            name, equals, value = word.removeprefix("--").partition("=")
            if equals:
                yield name.replace("_", "-"), _scalar(value)
            elif word.startswith("--") and words and not words[0].startswith("--") and words[0] not in _SHORT:
                yield name.replace("_", "-"), _scalar(words.pop(0))
            elif word.startswith("--"):
                yield name.replace("_", "-"), True
            else:
                raise UsageError(f"--args: `{word}` is no flag", hint="as in `--args '--data-parallel-size 2'`")


def _object(text: str) -> Iterator[tuple[str, Scalar]]:
    try:
        found = json.loads(text)
    except ValueError:
        raise UsageError("--args: this is no JSON object", hint="as in `--args '{\"max-num-seqs\": 64}'`") from None
    for name, value in found.items():
        yield str(name), value if isinstance(value, (str, int, float, bool)) else json.dumps(value)


def _scalar(text: str) -> Scalar:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if re.fullmatch(r"\d{1,18}", text) else text
