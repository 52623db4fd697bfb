"""No password or token of a URL is left in a text, wherever the URL stands in it and however it is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.core.errors import HostError, Problem
from provision.core.secret import Secret
from provision.core.urls import bare, masked, passwords, split


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("https://me:hush@example.org/simple", "https://********@example.org/simple"),
        ("https://hush@example.org/simple", "https://********@example.org/simple"),
        ("https://me:hush@sh@example.org/simple", "https://********@example.org/simple"),
        ("https://me:hu%40sh@example.org", "https://********@example.org"),
        ("https://me:hu/sh?#x@example.org/a", "https://********@example.org/a"),
        ("https://:hush@example.org", "https://********@example.org"),
        ("HTTPS_PROXY=http://me:hush@10.0.0.1:3128", "HTTPS_PROXY=http://********@10.0.0.1:3128"),
        ("own=https://me:hush@[fd00::1]:8080/simple", "own=https://********@[fd00::1]:8080/simple"),
        ("git+https://hush@example.org/a/b.git@v1", "git+https://********@example.org/a/b.git@v1"),
        ("socks5h://me:hush@proxy:1080", "socks5h://********@proxy:1080"),
        ("a https://a:hush@b and https://c:hush@d", "a https://********@b and https://********@d"),
        ("/fetch?from=https%3A%2F%2Fme%3Ahush%40example.org", "/fetch?from=https%3A%2F%2F********%40example.org"),
        ("https://e.org/x?X-Amz-Signature=hush&size=1", "https://e.org/x?X-Amz-Signature=********&size=1"),
        ("https://e.org/x?a=1&access_token=hush", "https://e.org/x?a=1&access_token=********"),
    ],
)
def test_credentials_are_masked(text: str, result: str) -> None:
    assert masked(text) == result


@pytest.mark.parametrize(
    "text",
    [
        "https://pypi.org/simple",
        "git+https://example.org/a/b.git@v1#egg=c",
        "http://10.0.0.1:8000/v1 answers, a@b does not",
        "http://10.0.0.1:8000, then mail a@b",
        "http://[fd00::1]:8000/x@y",
        "ssh://git@example.org/a/b.git",
        "git+ssh://git@example.org/a.git",
        "user@host, no URL: a:b@c",
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert masked(text) == text


@given(
    st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"<>`[\\'), min_size=6, max_size=20
    )
)
def test_whatever_a_password_is_made_of_json_and_errors_hold_none(password: str) -> None:
    canary = f"Zq{password}qZ"
    url = f"https://me:{canary}@example.org/simple"
    assert canary not in masked(json.dumps({"url": url, "after": "x"}))
    error = HostError("gpu-01", f"{url} cannot be reached", evidence=[url], hint=f"curl {url}")
    assert canary not in "".join([str(error), *error.evidence, error.hint, *map(str, error.args)])
    assert canary not in str(Problem("i.yaml", 1, 1, "python.index", f"`{url}` is no index", url))


def test_masked_json_is_still_json() -> None:
    text = masked(json.dumps(["https://a:b@c", {"x": "https://tok@d/e?token=f"}]))
    assert json.loads(text) == ["https://********@c", {"x": "https://********@d/e?token=********"}]


def test_the_passwords_of_all_urls_of_an_inventory_are_found() -> None:
    found = passwords({"index": "https://me:hu%40sh@e.org", "links": ["https://tok@e.org", "/a"], "env": {"A": ("b",)}})
    assert found == [Secret("hu@sh"), Secret("tok")]


def test_a_url_comes_apart() -> None:
    assert split("https://me:hu%40sh@example.org:8443/simple?a=1") == (
        "https://example.org:8443/simple?a=1", "me", "hu@sh",
    )  # fmt: skip
    assert split("https://tok@example.org/") == ("https://example.org/", "tok", "")
    assert bare("https://example.org/a@b") == "https://example.org/a@b"
    assert bare("ssh://git@example.org/a") == "ssh://git@example.org/a"
