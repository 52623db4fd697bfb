"""The samples of docs/serving.md: what the code prints today for the numbers that stand in them, which came of runs on
a lab, so that no word of them goes out of date."""

import os
import re
from pathlib import Path

from provision.core.finding import Known
from provision.core.outcome import Ended
from provision.inventory.models import Host, Ssh
from provision.payload.ask import CHAT, Answer
from provision.render.serving import bench_lines, smoke_lines
from provision.serving.bench import Bench, Load, Times
from provision.serving.instructions import Served
from provision.serving.smoke import Smoke
from provision.transport.reach import PATIENCE

ROOT = Path(__file__).parents[3]
PATH = ROOT / "docs" / "serving.md"
PAGE = PATH.read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
NUMBER = r"(\d+(?:\.\d+)?)"


def block(begin: str) -> str:
    (found,) = [text for text in BLOCKS if text.startswith(begin)]
    return found


def numbers(pattern: str, text: str) -> list[str]:
    found = re.search(pattern.replace("#", NUMBER), text)
    assert found, (pattern, text)
    return list(found.groups())


def test_the_end_of_up_is_that_of_the_demo_in_the_readme() -> None:
    """Which is pasted whole from a run."""
    sample = re.compile(r"^tiny answers at .*?^up: .*?\n", re.MULTILINE | re.DOTALL)
    (demo,) = sample.findall((ROOT / "README.md").read_text())
    if os.environ.get("WRITE_DOCS"):
        PATH.write_text(sample.sub(lambda _: demo, PAGE, count=1))
        return
    assert block("tiny answers at") == demo, "run this test with WRITE_DOCS=1 in the environment to take it over"


def test_smoke() -> None:
    lines = block("$ provision smoke\n").splitlines()[1:]
    first, tokens, seconds = numbers(r"first token after # s, (\d+) tokens in # s", lines[1])
    url, text = lines[0].split(" at ")[1].removesuffix("/v1"), lines[2].strip()
    answer = Answer(CHAT, text, float(first), float(seconds), int(tokens))
    assert smoke_lines(Smoke(url, "tiny", "lab-1", True, "", answer)) == lines


def test_smoke_through_ssh() -> None:
    (line,) = block("  a chat completion answered on").splitlines()
    first, tokens, seconds = numbers(r"first token after # s, (\d+) tokens in # s", line)
    answer = Answer(CHAT, "", float(first), float(seconds), int(tokens))
    smoke = Smoke("http://x", "tiny", "lab-1", False, f"no answer within {PATIENCE:g} s", answer)
    assert smoke_lines(smoke)[1:] == [line]


def test_bench() -> None:
    _, announced, _, *lines = block("$ provision bench").splitlines()
    said = r"at (\S+)/v1: (\d+) of (\d+) requests answered in # s, (\d+)"
    url, done, all_of_it, seconds, at_once = numbers(said, lines[0])
    assert announced == f"{url} answers; {all_of_it} requests, {at_once} at a time"
    said = r"# requests/s, # tokens/s \((\d+) tokens in, (\d+) out\), (\d+)"
    rate, speed, came, went, errors = numbers(said, lines[1])
    first, between, whole = (Times(*map(float, numbers(r"# ms +# ms +# ms", line))) for line in lines[4:])
    bench = Bench(
        url=url, model="tiny", host="lab-1", load=Load(requests=int(all_of_it), concurrency=int(at_once)),
        seconds=float(seconds), completed=int(done), failed=int(errors), requests_per_second=float(rate),
        input_tokens=int(came), output_tokens=int(went), output_tokens_per_second=float(speed), first=first,
        next=between, whole=whole,
    )  # fmt: skip
    assert bench_lines(bench) == lines


def test_the_forwarding() -> None:
    text = block("10.77.59.11:8000 cannot be reached")
    key, known_hosts = re.findall(r"-i (\S+) -o UserKnownHostsFile=(\S+)", text)[0]
    head = Host(name="lab-1", address="10.77.59.11", role="head", ssh=Ssh(user="ops", key=key, known_hosts=known_hosts))
    endpoint = ("10.77.59.11", 8000)
    served = Served("tiny", endpoint, head, ("lab-1",), 1, 1, "over Ray", "ranks", "answers")
    known = {"lab-1": (Known("services", "vLLM", "running"), Known("services", "answers", CHAT))}
    lines = served.lines(Ended(known, {endpoint: f"no answer within {PATIENCE:g} s"}))
    begin = lines.index(text.splitlines()[0])
    assert lines[begin : begin + 3] == text.splitlines()
