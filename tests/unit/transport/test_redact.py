"""No form of a secret that a host is likely to print is left in a line."""

import base64
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.core.secret import MASK, Secret
from provision.transport.redact import redactor

VALUE = "hf_Ab/c+d 'e\"f=é&12345"


@pytest.mark.parametrize(
    "written",
    [
        VALUE,
        json.dumps(VALUE),
        json.dumps(VALUE, ensure_ascii=False),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        quote(VALUE, safe="").lower().replace(VALUE.lower(), ""),
        "'" + VALUE.replace("'", "'\\''") + "'",
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
    ],
)
def test_a_secret_is_masked_however_it_is_written(written: str) -> None:
    clean = redactor([Secret(VALUE)])
    masked = clean(f"before {written} after")
    assert MASK in masked or written == written.lower()
    assert VALUE not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@given(st.binary(max_size=7), st.binary(max_size=7), st.text("abcdefghijkXYZ0189-_", min_size=8, max_size=70))
def test_a_secret_within_something_encoded_leaves_no_usable_part(before: bytes, after: bytes, value: str) -> None:
    masked = redactor([Secret(value)])(base64.b64encode(before + value.encode() + after).decode())
    assert MASK in masked
    # At most the characters at both ends, which mix with their neighbours, are left.
    rest = masked.replace(MASK, "", 1)
    assert len(rest) <= len(base64.b64encode(before)) + len(base64.b64encode(after)) + 4


@pytest.mark.parametrize("width", [64, 76])
def test_base64_that_was_wrapped_is_masked_line_by_line(width: int) -> None:
    value = "".join(chr(33 + n % 90) for n in range(300))
    text = base64.b64encode(f"{value}\n".encode()).decode()
    clean = redactor([Secret(value)])
    for at in range(0, len(text) - 8, width):
        assert clean(text[at : at + width]).replace(MASK, "").strip("=") == ""


def test_each_line_of_a_secret_with_several_is_masked() -> None:
    clean = redactor([Secret("-----BEGIN-----\nline-one-of-it\n  line-two-of-it  \n-----END-----")])
    assert clean("x line-one-of-it y") == f"x {MASK} y"
    assert clean("line-two-of-it") == MASK


def test_a_secret_within_another_does_not_leave_a_rest() -> None:
    assert redactor([Secret("short"), Secret("short-and-long")])("short-and-long") == MASK


def test_a_value_too_short_to_be_one_masks_nothing() -> None:
    assert redactor([Secret("1"), Secret("abc"), Secret("")])("abc 1 2 3") == "abc 1 2 3"


def test_a_text_without_secrets_is_left_as_it_is() -> None:
    assert redactor([Secret(VALUE)])("nothing here") == "nothing here"
    assert redactor([])(VALUE) == VALUE


@given(st.text(min_size=8))
def test_any_secret_is_masked_where_it_is_printed_as_it_is(value: str) -> None:
    if len(value.strip()) < 4 or value in MASK:
        return
    clean = redactor([Secret(value)])
    for line in value.splitlines():
        if len(line.strip()) >= 4 and line not in MASK:
            assert line not in clean(f"<{line}>")
    assert shlex.quote(value) not in clean(shlex.quote(value)) or len(value.splitlines()) > 1
