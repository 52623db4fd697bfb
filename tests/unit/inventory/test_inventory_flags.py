"""Flags and variables that would be lost, or taken for something else, are told."""

import pytest

OK = "cluster: demo\nhosts: {a: {role: head}, b: }\n"


def test_a_variable_without_a_value_is_told(problem, read):
    where, path, message, hint = problem(OK + "env: {NCCL_IB_HCA: mlx5_0,mlx5_1}\n")
    assert (where, path, message) == ("3:27", "env", "the variable `mlx5_1` has no value")
    assert '`"0,1"`' in hint
    assert read(OK + 'env: {A: ""}\n').head.env == {"A": ""}


def test_numbers_with_commas_want_quotes(problems):
    found = problems(OK + "env: {CUDA_VISIBLE_DEVICES: 0,1}\n")
    assert [(p.line, p.column, p.hint) for p in found] == [(3, 31, 'put a value with commas in quotes: `"0,1"`')]


def test_a_host_takes_a_variable_away_that_is_set_for_all(read):
    hosts = read("cluster: demo\nenv: {A: 1, B: 2}\nhosts: {a: {role: head, env: {A: }}, b: }\n").hosts
    assert [host.env for host in hosts] == [{"B": "2"}, {"A": "1", "B": "2"}]


def test_a_host_takes_away_what_a_group_of_ansible_sets(read):
    hosts = read(
        """\
all:
  vars: {provision: {cluster: demo}}
  children:
    gpu:
      vars: {provision: {env: {A: 1}, ray: {args: {num-cpus: 4}}}}
      children:
        head: {hosts: {a: {provision: {env: {A: }, ray: {args: {num-cpus: }}}}}}
        workers: {hosts: {b: }}
"""
    ).hosts
    assert [(host.env, host.ray.args) for host in hosts] == [({}, {}), ({"A": "1"}, {"num-cpus": 4})]


def test_a_flag_without_a_value_is_told(problem):
    where, path, message, hint = problem(OK + "serve: {model: m, args: {enforce-eager: }}\n")
    assert (where, path, message) == ("3:26", "serve.args", "the flag `enforce-eager` has no value")
    assert "`enforce-eager: true`" in hint


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("max-model-len: 8192", "max_model_len: 4096"),
        ("enable-prefix-caching: true", "no-enable-prefix-caching: true"),
        ("compilation_config.level: 1", "compilation-config.level: 3"),
    ],
)
def test_one_flag_in_two_spellings_is_told(problem, first, second):
    names = [text.partition(":")[0] for text in (first, second)]
    _, path, message, _ = problem(OK + f"serve: {{model: m, args: {{{first}, {second}}}}}\n")
    assert (path, message) == ("serve.args", f"`{names[1]}` and `{names[0]}` are one flag")


def test_keys_behind_a_dot_are_flags_of_their_own(read):
    args = "{compilation-config.level: 3, compilation-config.use_inductor: true}"
    assert len(read(OK + f"serve: {{model: m, args: {args}}}\n").serve.args) == 2


@pytest.mark.parametrize(
    ("flag", "message", "hint"),
    [
        ("dp", "`dp` is short for a flag that is written in full", "write `data-parallel-size: …`"),
        ("-dp", "flags are written without their dashes, found `-dp`", "write `data-parallel-size: …`"),
        ("tp", "provision itself sets `--tensor-parallel-size`", "use `serve.tensor_parallel`"),
    ],
)
def test_a_short_flag_is_written_in_full(problem, flag, message, hint):
    assert problem(OK + f"serve: {{model: m, args: {{{flag}: 2}}}}\n")[2:] == (message, hint)


def test_ray_knows_dashes_alone(problem, read):
    found = problem(OK + "ray: {args: {num_cpus: 4}}\n")
    assert found[2:] == ("`ray start` has no flag `--num_cpus`", "write `num-cpus: …`")
    assert read(OK + "ray: {args: {num-cpus: 4}}\n").ray.args == {"num-cpus": 4}


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("data_parallel", "write it among the flags of `vllm serve`: `args: {data-parallel-size: …}`"),
        ("enable_expert_parallel", "write it among the flags of `vllm serve`: `args: {enable-expert-parallel: …}`"),
        ("max_model_len", "if it is a flag of `vllm serve`, write `args: {max-model-len: …}`"),
        ("tensor-parallel-size", "did you mean `tensor_parallel`?"),
    ],
)
def test_a_flag_in_the_place_of_a_key(problem, key, hint):
    assert problem(OK + f"serve: {{model: m, {key}: 2}}\n")[2:] == (f"unknown key `{key}`", hint)


@pytest.mark.parametrize("place", ["env", "file"])
def test_a_secret_in_the_place_of_its_source_is_not_repeated(problem, place):
    token = "hf_" + "aB3" * 11
    _, path, message, hint = problem(OK + f"secrets: {{HF_TOKEN: {{{place}: {token}}}}}\n")
    assert (path, hint) == (f"secrets.HF_TOKEN.{place}", "name where it is: `{env: HF_TOKEN}`")
    assert token not in message


def test_a_file_whose_name_reads_like_a_token_is_a_file(problems, tmp_path):
    file = tmp_path / ("sk-prod-" + "aB3" * 11)
    file.touch(0o600)
    file.write_text("a secret\n")
    assert problems(OK + f"secrets: {{A_KEY: {{file: {file}}}}}\n") == []


def test_without_ray_its_ports_are_free(read, problems):
    serve = OK + "serve: {model: m, backend: %s, port: %d}\n"
    for port in (6379, 20500):
        assert read(serve % ("mp", port)).serve.port == port
        assert problems(serve % ("ray", port))


def test_replicas_want_gpus_of_their_own(problem, read):
    text = (
        "cluster: a\nhosts: {a: {role: head}}\nexpect: {gpus: 8}\nserve: {model: m, tensor_parallel: 4, args: {%s}}\n"
    )
    assert problem(text % "data_parallel_size: 4")[2] == (
        "tensor_parallel 4 × pipeline_parallel 1 × data-parallel-size 4 needs 16 GPUs, "
        "the hosts are expected to have 8 (8)"
    )
    read(text % "data-parallel-size: 2, data-parallel-backend: ray")
    read(text % "data-parallel-size: 4, data-parallel-rank: 0")  # the others are elsewhere


def test_the_page_of_a_model_without_its_scheme(problem):
    assert problem(OK + "serve: {model: hf.co/Qwen/Qwen3-8B}\n")[3] == "write `Qwen/Qwen3-8B`"


def test_a_secret_whose_name_nobody_looks_for(problem):
    assert problem(OK + "secrets: {vllm_api_key: {env: K}}\n", require_secrets=False)[2:] == (
        "`vllm_api_key` is another variable than `VLLM_API_KEY`",
        "write `VLLM_API_KEY: …`",
    )


def test_a_secret_as_a_value_is_not_sent_to_a_vault(problems):
    found = problems(OK + "secrets: {A: {value: hunter2}}\n")
    assert found[0].hint == "name the source, not the value: `{env: NAME}` or `{file: PATH}`"
    assert "hunter2" not in "".join(map(str, found))


def test_a_version_behind_an_at(problem):
    found = problem(OK + "python: {packages: ['vllm@0.33.0']}\n")
    assert found[2:] == ("behind `@` stands an address, found `0.33.0`", "write `vllm==0.33.0`")


def test_a_port_of_a_jump_host_that_is_none(problem):
    assert problem(OK + "ssh: {jump: 'bastion:99999'}\n")[1] == "ssh.jump"


def test_the_hosts_by_another_name(problems):
    assert problems("cluster: a\nnodes: {a: }\n")[1].hint == "write `hosts: {gpu-01: {address: 10.0.0.1}}`"
