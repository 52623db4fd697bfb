"""No form of a secret that a host is likely to print is left in a line."""

import base64
import html
import json
import re
import shlex
import string
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from provision.core.script import Stream
from provision.core.secret import MASK, Secret
from provision.transport.forms import SHORTEST
from provision.transport.redact import Redactor, redactor

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


@settings(deadline=None)
@given(st.text(min_size=8))
def test_any_secret_is_masked_where_it_is_printed_as_it_is(value: str) -> None:
    if len(value.strip()) < SHORTEST or value in MASK:
        return
    clean = redactor([Secret(value)])
    for line in value.splitlines():
        if len(line.strip()) >= SHORTEST and line not in MASK:
            assert line not in clean(f"<{line}>")
    assert shlex.quote(value) not in clean(shlex.quote(value)) or len(value.splitlines()) > 1


def _as_ls_does(text: str) -> Iterator[str]:
    """GNU's shell-escape style: what is not ASCII in quotes of its own."""
    yield "'"
    for character in text:
        if character == "'":
            yield "'\\''"
        elif character.isascii():
            yield character
        else:
            yield "'$'" + "".join(f"\\{byte:03o}" for byte in character.encode()) + "''"
    yield "'"


#: Every way to write a text that somebody has to think of.
WAYS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": json.dumps,
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps({"log": json.dumps({"key": text})}),
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda text: repr(text.encode()),
    "repr of a repr": lambda text: repr(repr(text)),
    "shlex": shlex.quote,
    "bash": lambda text: re.sub(r"([^A-Za-z0-9_])", r"\\\1", text),
    "URL": quote,
    "URL, all of it": lambda text: quote(text, safe=""),
    "URL, lower case": lambda text: re.sub("%..", lambda m: m[0].lower(), quote(text, safe="")),
    "form": quote_plus,
    "URL, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "every character as %": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "HTML": html.escape,
    "XML, in numbers": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex with blanks": lambda text: text.encode().hex(" "),
    "hex by xxd": lambda text: text.encode().hex(" ", -2),
    "hex of C": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "octal": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "ls": lambda text: "".join(_as_ls_does(text)),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 of a header": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
}
TOKENS = st.text("abcdefghijkXYZ0189-_", min_size=16, max_size=64)
PASSWORDS = st.text(string.ascii_letters + string.digits + " '\"\\$`%&+/=<>;é€😀", min_size=10, max_size=40).filter(
    lambda text: text == text.strip() and len(set(text)) > 5
)


def leaks(value: str, shown: str) -> bool:
    """Whether a third of what `value` is in some form, or ten characters, can still be read."""
    return any(
        written[at : at + 10] in shown
        for way in WAYS.values()
        for written in [way(value).strip("'\"")]
        if len(written) >= 16
        for at in range(0, len(written) - 9)
        if len(set(written[at : at + 10])) > 3
    )


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None, max_examples=40)
@given(value=TOKENS | PASSWORDS)
@example(value="$'0000012é")
@example(value="'0000123'é")
@example(value="é00000123\\")
@example(value="0000123''\"")
@example(value="$é00000123")
def test_no_way_of_writing_leaves_a_secret_to_be_read(way: str, value: str) -> None:
    written = WAYS[way](value)
    masked = redactor([Secret(value)])(f"before {written} after")
    assert MASK in masked
    assert written.strip("'\"") not in masked
    assert value not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@pytest.mark.parametrize("way", ["plain", "URL, all of it", "hex", "base64", "base64 of a header", "JSON"])
@settings(deadline=None, max_examples=60)
@given(
    value=TOKENS,
    before=st.text("QW ", max_size=90),
    width=st.integers(12, 90),
    margin=st.sampled_from(["", "    ", "| "]),
)
def test_one_that_is_broken_over_lines_leaves_no_part_to_be_read(
    way: str, value: str, before: str, width: int, margin: str
) -> None:
    text = f"{before}{WAYS[way](value)} QWQW"
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    shown = through_a_stream([Secret(value)], "".join(f"{margin}{line}\n" for line in lines))
    assert MASK in shown
    rest = "".join(line.removeprefix(margin) for line in shown.splitlines())
    assert WAYS[way](value).strip('"') not in rest
    assert not leaks(value, rest)


@settings(deadline=None, max_examples=60)
@given(value=TOKENS | PASSWORDS, sizes=st.lists(st.integers(1, 40), min_size=1))
def test_the_chunks_in_which_it_arrives_make_no_difference(value: str, sizes: list[int]) -> None:
    shown = through_a_stream([Secret(value)], f"one {value} two\nthree {value}\n{value}\n", sizes)
    assert shown == f"one {MASK} two\nthree {MASK}\n{MASK}\n"


@pytest.mark.parametrize("keep", [8, 12, 20])
def test_what_is_left_of_one_that_was_cut_off_is_masked(keep: int) -> None:
    value = "abcdefghij-KLMNOPQRST-0123456789"
    clean = redactor([Secret(value)])
    assert clean(f"text {value[:keep]}") == f"text {MASK}"
    assert clean(f"{value[-keep:]} text") == f"{MASK} text"
    assert clean(f"| {value[4 : 4 + keep]}") == f"| {MASK}"
    assert clean(f"text {value[:5]}, text") == f"text {value[:5]}, text"


def test_a_short_secret_is_masked_where_it_is_a_value_and_does_not_turn_the_rest_into_stars() -> None:
    clean = redactor([Secret("1234"), Secret("root")])
    text = "pid 1234 of root listens on 0.0.0.0:1234, /root/1234.log, groot, 12:1234"
    assert clean(text) == text
    assert clean("password=1234") == f"password={MASK}"
    assert clean("{'password': '1234', \"user\": \"root\"}") == f"{{'password': '{MASK}', \"user\": \"{MASK}\"}}"


def test_a_long_secret_with_many_lines_costs_no_more_than_its_length() -> None:
    lines = [base64.b64encode(f"line {n} of a private key, all of it".encode()).decode() for n in range(60)]
    key = "\n".join(["-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----"])
    shown = through_a_stream([Secret(key)], f"{key}\n{base64.b64encode(key.encode()).decode()}\n")
    assert not any(line in shown for line in lines)
    assert set(shown.split()) == {MASK}


def through_a_stream(secrets: Sequence[Secret], text: str, sizes: Sequence[int] = (4096,)) -> str:
    """As a host's output is read."""
    stream = Stream("n", 1, redactor(secrets))
    heard = [line for _, line in stream.feed(b"\036n begin 0\n")]
    data, at, turn = text.encode(), 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        heard += [line for _, line in stream.feed(data[at : at + size])]
        at, turn = at + size, turn + 1
    heard += [line for _, line in stream.feed(b"\036n end 0 0\n")]
    assert "".join(f"{line}\n" for line in heard) == stream.text(0)
    return stream.text(0)


WRITTEN: list[Callable[[str], str]] = [
    str, json.dumps, quote, quote_plus, shlex.quote, html.escape, repr,
    lambda value: value.encode().hex(),
    lambda value: value.encode().hex(":").upper(),
    lambda value: " ".join(f"0x{byte:02x}" for byte in value.encode()),
    lambda value: "".join(f"\\\\x{byte:02x}" for byte in value.encode()),
    lambda value: base64.b64encode(value.encode()).decode(),
    lambda value: base64.b64encode(b"a" + value.encode()).decode(),
]  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.one_of(st.text(string.printable, min_size=1, max_size=40), st.text("0aé", max_size=12)), max_size=3),
    st.sampled_from(WRITTEN), st.integers(0, 120), st.integers(0, 120),
    st.text(string.printable, max_size=9), st.text(string.printable, max_size=9),
)  # fmt: skip
@example(["hf_AbcdefGhijklmn"], str, 3, 14, "", "")  # neither its beginning nor its end
@example(["hf_AbcdefGhijklmn"], str, 0, 3, "so ", "")
@example(["abcdef"], lambda value: value.encode().hex(" "), 0, 120, "at ", " it")
@example(["12"], str, 0, 120, "pin=", "")
def test_a_quick_look_at_a_line_sees_what_the_long_one_does(
    values: list[str], write: Callable[[str], str], first: int, last: int, before: str, after: str
) -> None:
    long = Redactor(values)
    long._quiet = lambda _: False  # type: ignore[method-assign]
    for value in values:
        line = "".join((before, write(value)[first:last], after)).translate(str.maketrans("", "", "\r\n"))
        quick = Redactor(values)
        assert (quick.joined([line]), quick.holds([line])) == (long.joined([line]), long.holds([line]))
        assert not quick.quiet(line) or (quick.joined([line]), quick.holds([line])) == ([line], False)


def test_most_lines_are_seen_to_hold_nothing_by_a_quick_look() -> None:
    quick = Redactor(["hf_AbcdefGhijklmn", "0123456789abcdef0123456789abcdef"])
    for line in ("MemTotal: 527961088 kB", "/dev/nvme0n1p1 1843235160 45 /", "2025-11-29 10:12:13 kernel: eth0 up"):
        assert quick._quiet(line), line
