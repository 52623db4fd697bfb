"""`proxy`: a URL without credentials, which have places of their own."""

import pytest

SMALL = "cluster: demo\nhosts: {a: 10.0.0.1}\n"
PLACE = "url: 'http://proxy.example.org:3128'"


def test_what_it_says(read, monkeypatch):
    monkeypatch.setenv("PROXY_PASSWORD", "x")
    said = read(SMALL + f"proxy: {{{PLACE}, no_proxy: [10.0.0.0/8], user: me, password: {{env: PROXY_PASSWORD}}}}\n")
    assert said.proxy.no_proxy == ("10.0.0.0/8",) and said.proxy.password.env == "PROXY_PASSWORD"
    assert read(SMALL).proxy is None and not said.python.proxies


@pytest.mark.parametrize("url", ["proxy.example.org:3128", "ftp://proxy:1", "http://", "http://proxy:port"])
def test_it_is_a_url(problem, url):
    _, path, message, hint = problem(SMALL + f"proxy: {{url: '{url}'}}\n")
    assert path == "proxy.url" and "the URL of a proxy" in message and "http://proxy" in hint


def test_credentials_are_not_in_the_url_and_are_not_repeated(problem):
    _, path, message, hint = problem(SMALL + "proxy: {url: 'http://me:canary@proxy:3128'}\n")
    assert path == "proxy.url" and "canary" not in message + hint and "password: {env: PROXY_PASSWORD}" in hint


def test_a_password_is_somebodys_and_is_there(problem, monkeypatch):
    monkeypatch.delenv("PROXY_PASSWORD", raising=False)
    _, path, message, _ = problem(SMALL + f"proxy: {{{PLACE}, user: me, password: {{env: PROXY_PASSWORD}}}}\n")
    assert path == "proxy.password.env" and "is not set" in message
    monkeypatch.setenv("PROXY_PASSWORD", "x")
    _, _, message, _ = problem(SMALL + f"proxy: {{{PLACE}, password: {{env: PROXY_PASSWORD}}}}\n")
    assert "needs the `user`" in message


def test_each_exception_stands_alone(problem):
    _, path, message, _ = problem(SMALL + f"proxy: {{{PLACE}, no_proxy: ['a.example, b.example']}}\n")
    assert path == "proxy.no_proxy[0]" and "a.example, b.example" in message
