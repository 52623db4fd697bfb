"""Whatever a file holds, it is an inventory or its mistakes are told: nothing else is ever raised."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from provision.core.errors import InventoryError
from provision.inventory import load

WORDS = [
    *("cluster", "hosts", "groups", "ssh", "serve", "python", "secrets", "ray", "env", "vars", "expect", "role"),
    *("head", "worker", "address", "model", "all", "children", "gpu-[1:3]", "10.0.0.[1:3]", "ansible_host"),
    *("provision", "true", "no", "3.10", "8", "~", "-", "&a", "*a", "<<", "!x", ">", "|", '"', "'", "{", "}"),
    *("[", "]", ",", ":", ": ", "\n", "\n  ", "\n    ", "\t", "#", "---", "%", "?", "@", "\x00", "é", "\u2028"),
]

YAML_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)

SECTIONS = st.dictionaries(
    st.sampled_from(
        [
            *("cluster", "hosts", "groups", "ssh", "sudo", "root", "expect", "env", "ray", "vars", "python", "serve"),
            *("secrets", "sudo_password", "all"),
        ]
    ),
    YAML_VALUES,
    max_size=8,
)

settings.register_profile(
    "files", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def loads_or_tells(path) -> None:
    try:
        load(path)
    except InventoryError as error:
        assert error.problems
        assert all(p.message and "pydantic" not in p.message for p in error.problems)
        str(error).encode()


@settings(settings.get_profile("files"), max_examples=300)
@given(text=st.lists(st.sampled_from(WORDS), max_size=25).map("".join) | st.text(max_size=60))
@example(text='x: "\\UFFFFFFFF"')
@example(text='x: "\\uD800"')
@example(text="? [a, b]\n: c\n")
@example(text="a: &a {<<: *a}\n")
def test_arbitrary_text(tmp_path, text):
    path = tmp_path / "i.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    loads_or_tells(path)


@settings(settings.get_profile("files"), max_examples=100)
@given(raw=st.binary(max_size=60))
def test_arbitrary_bytes(tmp_path, raw):
    path = tmp_path / "i.yaml"
    path.write_bytes(raw)
    loads_or_tells(path)


@settings(settings.get_profile("files"), max_examples=400)
@given(tree=SECTIONS)
def test_arbitrary_trees_under_the_right_keys(tmp_path, tree):
    import json

    path = tmp_path / "i.yaml"
    path.write_text(json.dumps({"cluster": "demo", **tree}, allow_nan=True), encoding="utf-8")
    loads_or_tells(path)
