"""`python.existing`: an environment that is there already, and nothing else beside it but a version."""

import pytest

SMALL = "cluster: demo\nhosts: {a: 10.0.0.1}\n"


def test_what_it_says(read):
    said = read(SMALL + "python: {existing: /opt/vllm}\n").python
    assert (said.existing, said.packages) == ("/opt/vllm", ())
    assert "version" not in said.model_fields_set
    assert read(SMALL + "python: {existing: /home/me/conda/envs/vllm-0.33, version: '3.12'}\n").python.version == "3.12"


@pytest.mark.parametrize(
    "path", ["vllm", "~/vllm", "./vllm", "/opt/../vllm", "/opt/vllm/", "/opt/v llm", "/opt/a:b", "/"]
)
def test_it_is_an_absolute_path_that_can_stand_in_a_path(problem, path):
    _, where, message, hint = problem(SMALL + f"python: {{existing: '{path}'}}\n")
    assert where == "python.existing" and path in message and "/opt/vllm" in hint


@pytest.mark.parametrize(
    "setting", ["packages: [vllm]", "wheels: controller", "index: https://a.example/simple", "compile: false"]
)
def test_settings_of_what_is_built_have_no_business_beside_it(problem, setting):
    _, where, message, _ = problem(SMALL + f"python: {{existing: /opt/vllm, {setting}}}\n")
    assert where == "python" and f"`{setting.partition(':')[0]}` is for an environment that is built" in message


def test_an_image_has_its_own(problem):
    _, where, message, _ = problem(
        SMALL + "python: {existing: /opt/vllm}\nruntime: {container: docker, image: ./vllm.tar}\n"
    )
    assert where == "python.existing" and "runtime.image" in message
