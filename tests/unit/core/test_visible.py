"""What cannot be seen is spelled out: whatever Unicode calls a control, a format mark or half a character."""

import sys
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from provision.core.visible import shown, visible

UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

#: Of Default_Ignorable_Code_Point (Unicode 16), what is none of these categories.
FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u2065\u3164\ufe00\ufe0f\uffa0\ufff0\U000e0000\U000e0080\U000e0fff"


def test_every_character_of_the_unseen_categories_is_spelled_out() -> None:
    left = [
        hex(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in UNSEEN
        and visible(chr(code)).isascii() is False
    ]  # fmt: skip
    assert left == []
    assert all(visible(filler).startswith("\\") for filler in FILLERS)


def test_letters_signs_and_pictures_stay() -> None:
    text = "naïve → 模型 `a b` … é שלום 🙂 \u00a0"
    assert visible(text) == text


def test_they_are_spelled_as_python_does() -> None:
    assert visible("\x1b[2J\x7f\x9b\u202e\u2066\u200b\U000e0041\ud800") == (
        "\\x1b[2J\\x7f\\x9b\\u202e\\u2066\\u200b\\U000e0041\\ud800"
    )
    assert visible("a\tb\nc", keep="\t\n") == "a\tb\nc"


@given(st.text(st.characters(), max_size=60))
@example("\x1b]0;x\x07")
def test_nothing_unseen_is_left_of_any_text_and_nothing_is_lost(text: str) -> None:
    result = visible(text)
    assert not any(unicodedata.category(character) in UNSEEN for character in result)
    assert visible(result) == result
    assert [c for c in result if not c.isascii()] == [c for c in text if not c.isascii() and visible(c) == c]


def test_a_mark_inside_a_password_does_not_keep_it_in_view() -> None:
    assert "hush" not in shown("https://me:hu\u200bsh@example.org https://me:hush@\u202eexample.org")
