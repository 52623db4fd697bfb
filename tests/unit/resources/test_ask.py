"""One question, in whichever way the model answers."""

import json

import pytest
from fake_server import Fake, chat, events, usage

from provision.payload.ask import CHAT, COMPLETION, EMBEDDING, POOLING, Refused, article, ask

CHATS, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
NO_TEMPLATE = (400, {"error": {"message": "default chat template is no longer allowed", "type": "BadRequestError"}})


def test_a_chat_model_chats() -> None:
    answer = ask(Fake({CHATS: chat("Hel", "lo.")}), "llama")
    assert (answer.kind, answer.text, answer.tokens) == (CHAT, "Hello.", 2)
    assert 0 < answer.first <= answer.seconds


def test_a_reasoning_model_that_is_still_thinking_has_answered() -> None:
    answer = ask(Fake({CHATS: chat("Let", " me", field="reasoning_content")}), "r1")
    assert (answer.kind, answer.text) == (CHAT, "Let me")


def test_a_base_model_completes() -> None:
    text = events({"choices": [{"text": ", wor"}]}, {"choices": [{"text": "ld"}]}, usage(2))
    fake = Fake({CHATS: NO_TEMPLATE, COMPLETIONS: text})
    assert ask(fake, "base").kind == COMPLETION
    assert fake.asked == [CHATS, COMPLETIONS]


def test_an_embedding_model_gives_a_vector() -> None:
    vector = json.dumps({"data": [{"embedding": [0.1, 0.2, 0.3]}]}).encode()
    answer = ask(Fake({EMBEDDINGS: vector}), "bge")
    assert (answer.kind, answer.text, answer.tokens) == (EMBEDDING, "3 numbers", 0)


def test_a_classifier_answers_through_pooling() -> None:
    answer = ask(Fake({"/pooling": json.dumps({"data": [{"data": [0.1, 0.9]}]}).encode()}), "classifier")
    assert (answer.kind, answer.text) == (POOLING, "2 numbers")


def test_a_key_that_is_refused_ends_it_at_once() -> None:
    fake = Fake({CHATS: (401, {"error": "Unauthorized"})})
    with pytest.raises(Refused, match="HTTP 401: Unauthorized") as caught:
        ask(fake, "llama")
    assert caught.value.status == 401
    assert fake.asked == [CHATS]


def test_where_all_is_refused_the_first_refusal_says_why() -> None:
    unknown = (404, {"error": {"message": "The model `other` does not exist."}})
    with pytest.raises(Refused, match="The model `other` does not exist"):
        ask(Fake({CHATS: unknown, COMPLETIONS: unknown}), "other")


def test_an_error_in_the_middle_of_an_answer_is_a_refusal() -> None:
    broken = events({"choices": [{"delta": {"content": "Hel"}}]}, {"error": {"message": "EngineCore died"}})
    with pytest.raises(Refused, match="EngineCore died"):
        ask(Fake({CHATS: broken}), "llama")


def test_a_servers_page_of_html_is_cut_to_a_line() -> None:
    with pytest.raises(Refused) as caught:
        ask(Fake({CHATS: (502, "<html>\n<body>" + "x" * 5000)}), "llama")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_kinds_have_their_article() -> None:
    assert [article(kind) for kind in (CHAT, EMBEDDING)] == ["a chat completion", "an embedding"]
