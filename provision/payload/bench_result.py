"""What `vllm bench serve` found, without every request's text and times: its result file in the current folder, as one
line of JSON. `errors`: what failed requests ended with, each once, the commonest first."""

from __future__ import annotations

import collections
import json
import sys
from pathlib import Path

from provision.payload import bounded

#: Bytes: some ten thousand requests, with their texts.
LARGEST = 1 << 30


def main() -> None:
    with Path("result.json").open("rb") as file:
        try:
            values = json.loads(bounded.whole(file, LARGEST))
        except bounded.TooMuch as error:
            sys.exit(f"result.json cannot be read: {error}")
    said = [text.strip().splitlines()[-1][:200] for text in values.get("errors", []) if text and text.strip()]
    kept = {name: value for name, value in values.items() if not isinstance(value, (list, dict))}
    kept["errors"] = [f"{text} ({times} times)" for text, times in collections.Counter(said).most_common(5)]
    sys.stdout.write("result=" + json.dumps(kept) + "\n")
