"""`serve.tls`, as it can be written."""

import jsonschema
import pytest
import yaml

from provision.inventory.models import Tls
from provision.inventory.schema import json_schema

OK = "cluster: demo\nhosts: {a: {role: head}}\n"


def given(text: str) -> str:
    return f"{OK}serve: {{model: m, tls: {text}}}\n"


@pytest.fixture
def files(tmp_path):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch(mode=0o600)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "tls"),
    [
        ("true", Tls()),
        ("{}", Tls()),
        ("false", None),
        ("null", None),
        ("{cert: cert.pem, key: key.pem}", "files"),
    ],
)
def test_it_is_switched_on_or_given(text, tls, read, files) -> None:
    if tls == "files":
        tls = Tls(cert=str(files / "cert.pem"), key=str(files / "key.pem"))
    assert read(given(text)).serve.tls == tls
    jsonschema.validate(yaml.safe_load(given(text)), json_schema())


def test_a_model_of_a_list_has_it_too(read, files) -> None:
    of_the_list = read(f"{OK}models: {{m: {{model: m, tls: true}}}}\n").serve
    assert of_the_list.tls == Tls()
    text = "{cert: cert.pem, key: key.pem}"
    given = read(f"{OK}models: {{m: {{model: m, tls: {text}}}}}\n").serve.tls
    assert given.cert == str(files / "cert.pem")


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("{cert: cert.pem}", "serve.tls", "`cert` without `key`"),
        ("{key: key.pem}", "serve.tls", "`key` without `cert`"),
        ("{cert: gone.pem, key: key.pem}", "serve.tls.cert", "the certificate `gone.pem` does not exist"),
        ("{cert: cert.pem, key: gone.pem}", "serve.tls.key", "the key file `gone.pem` does not exist"),
    ],
)
@pytest.mark.usefixtures("files")
def test_one_without_the_other_or_a_file_that_is_not_there_is_a_mistake(text, where, message, problem) -> None:
    found = problem(given(text))
    assert (found[1], found[2]) == (where, message)
    assert found[3]


def test_a_key_that_others_could_read_is_not_used(problem, files) -> None:
    (files / "key.pem").chmod(0o640)
    found = problem(given("{cert: cert.pem, key: key.pem}"))
    assert found[1:] == (
        "serve.tls.key",
        "the key file `key.pem` is open to others (mode 0640)",
        f"chmod 600 {files / 'key.pem'}",
    )


def test_the_schema_wants_both(files) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(given("{cert: cert.pem}")), json_schema())
