"""How a run is shown: every view is a fold over the same events.

`fanout` hands events to the views on one thread of its own; `live`, `plain`, `jsonl` and `log` are views;
`plan`, `recap`, `findings`, `matrix`, `since` and `errors` turn values into lines; `junit` and `html` into
files. This package and `cli` are the only ones that print.
"""
