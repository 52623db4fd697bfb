"""Whether what is to be installed can run on the hosts at all, and together: the table of `compatibility`, applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from provision.checks.compatibility_fit import allows, capability_refusal, driver_refusal, newest
from provision.checks.compatibility_table import (
    RAY,
    TORCH,
    VLLM,
    Release,
    Vllm,
    architecture_of,
    cuda_of,
    number,
    parsed,
    release,
    unknown,
)
from provision.checks.requirements import Wanted, wanted_by
from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Severity
from provision.facts import Facts


def against_possible(cluster: Cluster) -> Iterable[Finding]:
    """Blocks what surely cannot run. Builds for CPUs ask nothing of a GPU or its driver."""
    wanted = wanted_by(cluster)
    yield from _python(wanted)
    if not wanted.uses_cuda:
        return
    yield from _not_in_the_table(wanted)
    together = [*_torch(wanted), *_ray(wanted)]
    yield from together
    if wanted.at_odds and wanted.build_is_sure:
        return  # what the hosts must have is open until this is settled
    for node in cluster.nodes:
        driver = (node.facts.driver if node.facts else None) or ""
        if node.facts is not None and number(driver) and node.facts.gpus and not node.facts.gpu_fault:
            yield from _capability(wanted, node.name, node.facts)
            if not _forward_compatible(cluster, node):
                yield from _driver(wanted, node.name, node.facts, driver)


def _python(wanted: Wanted) -> Iterator[Finding]:
    rows: list[tuple[str, Release | None]] = [(f"ray {wanted.ray}", wanted.ray_row)]
    if wanted.uses_cuda:
        torch = (f"torch {wanted.torch_version}", wanted.torch_row)
        rows = [(f"vllm {wanted.vllm}", wanted.vllm_row), torch, *rows]
    known = [(name, row) for name, row in rows if row is not None]
    refused = [(name, row) for name, row in known if not allows(row.python, wanted.python)]
    if not refused:
        return
    fitting = [f"3.{minor}" for minor in range(8, 20) if all(allows(row.python, f"3.{minor}") for _, row in known)]
    best = "3.12" if "3.12" in fitting else "".join(fitting[-1:])
    needs = ", ".join(f"{name} needs Python {row.python}" for name, row in refused)
    yield _finding(
        "",
        "python version",
        Severity.BLOCKS,
        f"{needs}; python.version is {wanted.python}",
        found=wanted.python,
        expected=refused[0][1].python,
        why="there are no wheels for another Python, and hosts do not build from source",
        hint=f"set `python.version` to `{best}`" if best else "choose versions that share a Python",
        evidence=tuple(f"{name}: {row.source}" for name, row in refused),
    )


def _not_in_the_table(wanted: Wanted) -> Iterator[Finding]:
    named: Sequence[tuple[str, str, str, Sequence[Release]]] = (
        ("vLLM", "vllm", wanted.vllm, VLLM),
        ("torch", "torch", wanted.torch, TORCH),
        ("Ray", "ray", wanted.ray, RAY),
    )
    for fact, name, version, rows in named:
        if version and release(rows, version) is None:
            yield _unknown("", fact, f"{name} {version}", version, unknown(rows, version))
    strange = [(package, cuda) for package, cuda in wanted.needs if cuda_of(cuda) is None]
    for package, cuda in strange[:1]:
        yield _unknown("", "CUDA", f"CUDA {cuda} of {package}", cuda, "the table does not list it")


def _torch(wanted: Wanted) -> Iterator[Finding]:
    """vLLM's libraries are built against one torch, and for one CUDA."""
    row = wanted.vllm_row
    if wanted.at_odds:
        beside = _newest_beside(wanted.torch_cuda)
        ours, theirs = wanted.vllm_cuda, wanted.torch_cuda
        yield _finding(
            "",
            "torch",
            Severity.BLOCKS if wanted.build_is_sure else Severity.WARNING,
            f"vllm {wanted.vllm} is built with CUDA {ours}, torch {wanted.torch_version} with CUDA {theirs}",
            found=f"CUDA {theirs}",
            expected=f"CUDA {ours}",
            why="vLLM's libraries do not load beside another CUDA than their own",
            hint=f"take torch for CUDA {ours}: leave `python.torch_backend` out"
            + (f"; or vLLM for CUDA {theirs}: `vllm=={beside}` in `python.packages`" if beside else ""),
            evidence=(f"vllm {wanted.vllm}: {row.source}",) if row else (),
        )
    elif row is not None and wanted.torch and not _same(wanted.torch, row.torch):
        yield _finding(
            "",
            "torch",
            # A lock has been resolved: there somebody overrode what vLLM asks for.
            Severity.WARNING if wanted.locked else Severity.BLOCKS,
            f"vllm {wanted.vllm} needs torch {row.torch}, not {wanted.torch}",
            found=wanted.torch,
            expected=row.torch,
            why="vLLM's libraries are built against this one torch",
            hint=f"put `torch=={row.torch}` into `python.packages`, or leave torch to vLLM",
            evidence=(f"vllm {wanted.vllm}: {row.source}",),
        )


def _ray(wanted: Wanted) -> Iterator[Finding]:
    row, ray = wanted.vllm_row, parsed(wanted.ray)
    if row is None or ray is None:
        return
    refused = bool(row.ray_needs) and not allows(row.ray_needs, wanted.ray)
    if not refused and (not row.ray or number(row.ray)[:2] == ray.release[:2]):
        return
    yield _finding(
        "",
        "Ray",
        Severity.BLOCKS if refused and not wanted.locked else Severity.WARNING,
        f"vllm {wanted.vllm} needs ray {row.ray_needs}, not {wanted.ray}"
        if refused
        else f"vllm {wanted.vllm} is tested with ray {row.ray}, not with {wanted.ray}",
        found=wanted.ray,
        expected=row.ray_needs if refused else row.ray,
        why="vLLM starts its workers through interfaces of Ray that change between releases",
        hint=f"put `ray[default]=={row.ray}` into `python.packages`" if row.ray else "",
        evidence=(f"vllm {wanted.vllm}: {row.source}",),
    )


def _capability(wanted: Wanted, host: str, facts: Facts) -> Iterator[Finding]:
    """Of the GPU that is least able: what it refuses, another of the host may well take."""
    named = [gpu for gpu in facts.gpus if number(gpu.compute_capability)]
    least = wanted.vllm_row.capability if wanted.vllm_row else ""
    for gpu in sorted(named, key=lambda gpu: number(gpu.compute_capability)):
        has = gpu.compute_capability
        refusal = capability_refusal(f"vllm {wanted.vllm}", least, wanted.needs, has)
        if refusal is not None:
            because, expected = refusal
            instead = _newest_there(wanted, facts)
            yield _finding(
                host,
                "compute capability",
                Severity.WARNING if wanted.build_is_guessed else Severity.BLOCKS,
                f"{because}; {host} has {has} ({gpu.name}): {_in_words(wanted, instead)}",
                found=has,
                expected=expected,
                why="the libraries hold no code that such a GPU runs",
                hint=f"take {host} out of the inventory{_or_install(wanted, instead)}",
            )
            return
    strange = [gpu for gpu in named if architecture_of(gpu.compute_capability) is None]
    for gpu in strange[:1]:
        what = f"compute capability {gpu.compute_capability} of {host} ({gpu.name})"
        yield _unknown(host, "compute capability", what, gpu.compute_capability, "the table does not list it")


def _driver(wanted: Wanted, host: str, facts: Facts, driver: str) -> Iterator[Finding]:
    refusal = driver_refusal(wanted.needs, driver)
    if refusal is None:
        return
    package, cuda, row = refusal
    instead = _newest_there(wanted, facts)
    hint = f"install driver {row.driver} or newer on {host}{_or_install(wanted, instead)}"
    if not any("GeForce" in gpu.name for gpu in facts.gpus):
        # NVIDIA, CUDA Compatibility, Forward Compatibility: for datacenter GPUs, some RTX cards, and Jetson.
        compat = f"cuda-compat-{cuda.replace('.', '-')}"
        hint += f"; a datacenter GPU also runs it with `{compat}`, whose folder LD_LIBRARY_PATH in `env` then names"
    yield _finding(
        host,
        "driver",
        Severity.WARNING if wanted.build_is_guessed else Severity.BLOCKS,
        f"{package} needs CUDA {row.major}, i.e. driver >= {row.driver}; {host} has {driver}: "
        + _in_words(wanted, instead),
        found=driver,
        expected=f">= {row.driver}",
        why="an older driver does not run programs of a newer CUDA",
        hint=hint,
        evidence=(f"CUDA {row.major}: {row.source}",),
    )


def _forward_compatible(cluster: Cluster, node: Node) -> bool:
    """Somebody has set up NVIDIA's cuda-compat there: then nvidia-smi's driver does not decide."""
    serve = cluster.inventory.serve
    environments = (node.host.env, node.host.ray.env, serve.env if serve else {})
    return any("compat" in env.get("LD_LIBRARY_PATH", "") for env in environments)


def _newest_there(wanted: Wanted, facts: Facts) -> str:
    able = tuple(sorted({gpu.compute_capability for gpu in facts.gpus if number(gpu.compute_capability)}))
    return newest(VLLM if wanted.vllm else TORCH, facts.driver or "", able, wanted.python)


def _newest_beside(cuda: str) -> str:
    """The newest vLLM that is built with the same major CUDA."""
    rows: Sequence[Vllm] = VLLM
    return next((row.versions[-1] for row in reversed(rows) if number(row.cuda)[0] == number(cuda)[0]), "")


def _in_words(wanted: Wanted, instead: str) -> str:
    name, first = ("vLLM", VLLM[0].versions[0]) if wanted.vllm else ("torch", TORCH[0].versions[0])
    return f"newest {name} that runs there is {instead}" if instead else f"no {name} since {first} runs there"


def _or_install(wanted: Wanted, instead: str) -> str:
    if not instead:
        return ""
    default = " without `python.torch_backend`" if wanted.backend else ""
    return f", or put `{'vllm' if wanted.vllm else 'torch'}=={instead}` into `python.packages`{default}"


def _same(version: str, other: str) -> bool:
    one, two = parsed(version), parsed(other)
    return one is not None and two is not None and one.public == two.public


def _unknown(host: str, fact: str, what: str, found: str, because: str) -> Finding:
    return _finding(
        host,
        fact,
        Severity.NOTE,
        f"{what}: unknown: {because}",
        found=found,
        why="whether it runs there cannot be said beforehand",
        hint="see what its release notes ask for; docs/compatibility.md says how a row is added",
    )


def _finding(host: str, fact: str, severity: Severity, said: str, **more: Any) -> Finding:
    return Finding(host, "compatibility", fact, severity, against=Against.POSSIBLE, said=said, **more)
