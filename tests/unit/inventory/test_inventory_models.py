"""`models:`, the long form of `serve:`: the same inventory, the same mistakes, told at their places."""

import json

import jsonschema
import pytest

from provision.inventory import json_schema

HOSTS = """\
cluster: demo
hosts: {a: {role: head}, gpu-[1:2]: {address: "10.0.0.[1:2]"}}
groups: {rack: {hosts: ["gpu-[1:2]"]}}
"""
SETTINGS = "{model: Qwen/Qwen3-8B, port: 9000, weights: {path: here}, args: {max-model-len: 8192}}"


def models(text: str) -> str:
    return HOSTS + f"models: {text}\n"


def test_one_entry_is_read_as_serve_is(read):
    short = read(HOSTS + f"serve: {SETTINGS}\n")
    assert read(models(f"{{qwen: {SETTINGS}}}")) == short
    assert short.serve is not None and short.serve.port == 9000


@pytest.mark.parametrize("placement", ["", "{}", "{hosts: }", "{hosts: [a, rack]}", '{hosts: ["gpu-[1:2]", a]}'])
def test_a_placement_on_all_hosts_is_the_default(read, placement):
    assert read(models(f"{{qwen: {{model: m, placement: {placement}}}}}")) == read(HOSTS + "serve: {model: m}\n")


@pytest.mark.parametrize("nothing", ["", "{}"])
def test_without_an_entry_nothing_is_served(read, nothing):
    assert read(models(nothing)).serve is None
    assert read(models(nothing) + "serve: {model: m}\n").serve is not None


def test_several_entries_are_refused(problem):
    assert problem(models("{b: {model: m}, a: {model: n}, c: {model: o}}")) == (
        "4:25",
        "models",
        "3 models: `b`, `a` and `c`, but a cluster serves one so far",
        "keep `b`, and give the others inventories with hosts of their own",
    )


def test_serve_beside_models_is_refused_at_the_later_of_the_two(problem):
    hint = "remove one of the two: `serve:` is the short form of `models:` with one entry"
    said = "`serve` and `models` both say what is served"
    assert problem(models("{a: {model: m}}") + "serve: {model: m}\n") == ("5:1", "", said, hint)
    assert problem(HOSTS + "serve: {model: m}\nmodels: {a: {model: m}}\n") == ("5:1", "", said, hint)


def test_an_entry_needs_a_model(problem):
    assert problem(models("{a: {port: 9000}}"))[1:3] == ("models.a", "`model` is missing")
    assert problem(models("{a: }")) == (
        "4:12",
        "models.a",
        "should be a mapping, found nothing",
        "write `a: {model: Qwen/Qwen3-8B}`",
    )


def test_a_name_that_cannot_be_one(problem):
    assert problem(models("{Qwen/Qwen3-8B: {model: m}}"))[:3] == (
        "4:10",
        "models",
        "the name of a model should be at most 40 lower-case letters, digits and dashes, found `Qwen/Qwen3-8B`",
    )


def test_a_mistake_inside_has_the_name_of_the_entry(problems):
    text = "{q: {model: m, tensor-parallel: 2, port: 6379, args: {tensor_parallel_size: 2}, env: {1: x}}}"
    found = problems(models(text))
    assert [(p.path, p.message, p.hint) for p in found if "cannot be" not in p.message and "word" not in p.message] == [
        ("models.q", "unknown key `tensor-parallel`", "did you mean `tensor_parallel`?"),
        ("models.q.port", "port 6379 is both `ray.port` and `models.q.port` on a", "give one of the two another port"),
        (
            "models.q.args",
            "provision itself sets `--tensor_parallel_size`".replace("_", "-"),
            "use `models.q.tensor_parallel`",
        ),
    ]


def test_a_list_instead_of_names(problem):
    assert problem(models("[{model: m}]"))[1:] == (
        "models",
        "should be a mapping, found a list",
        "write `models: {qwen3-8b: {model: Qwen/Qwen3-8B}}`",
    )


def test_a_placement_on_some_hosts_is_refused(problem):
    assert problem(models("{q: {model: m, placement: {hosts: [rack]}}}")) == (
        "4:43",
        "models.q.placement.hosts",
        "leaves out `a`, but a model is placed on all hosts of the inventory so far",
        "remove `placement`, or take these hosts out of the inventory",
    )


def test_a_placement_on_a_host_that_is_none(problem):
    assert problem(models("{q: {model: m, placement: {hosts: [a, rakc]}}}"))[1:] == (
        "models.q.placement.hosts[1]",
        "there is no host or group `rakc`",
        "did you mean `rack`?",
    )


def test_a_placement_of_serve_is_sent_to_models(problem):
    assert problem(HOSTS + "serve: {model: m, placement: {}}\n")[2:] == (
        "unknown key `placement`",
        "it belongs to an entry of `models`, the long form of `serve`",
    )


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        ({"models": {"qwen": {"model": "m", "placement": {"hosts": ["a"]}}}}, True),
        ({"models": None, "serve": {"model": "m"}}, True),
        ({"models": {}, "serve": {"model": "m"}}, True),
        ({"models": {"qwen": {"model": "m"}}, "serve": None}, True),
        ({"models": {"qwen": {"model": "m"}}, "serve": {"model": "m"}}, False),
        ({"models": {"a": {"model": "m"}, "b": {"model": "m"}}}, False),
        ({"models": {"A": {"model": "m"}}}, False),
        ({"models": {"a": {"port": 1}}}, False),
        ({"models": {"a": None}}, False),
        ({"models": [{"model": "m"}]}, False),
    ],
)
def test_an_editor_judges_as_lint_does(more, fits, problems, write):
    document = {"cluster": "demo", "hosts": {"a": None}, **more}
    assert jsonschema.Draft202012Validator(json_schema()).is_valid(document) is fits
    assert (problems(json.dumps(document)) == []) is fits
