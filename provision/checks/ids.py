"""The ids of all findings that an inventory can accept, with what each is."""

from __future__ import annotations

from collections.abc import Mapping

from provision.checks.advisories_table import ADVISORIES
from provision.checks.protections_table import PROTECTIONS

#: A store of models often belongs to whoever looks after it.
MODEL_FOLDER = "model-folder-of-others"

#: ServerlessLLM 0.8.0 pins a Ray that knows no token.
NO_TOKEN = "ray-without-token"

#: Of findings that are no published hole: id → what it says. A finding with an id has its line here.
OTHERS: Mapping[str, str] = {
    **{one.id: one.said for one in PROTECTIONS},
    NO_TOKEN: "Ray asks for no token, and nothing of ours keeps other hosts from its ports",
    MODEL_FOLDER: "a model that is only read lies in a folder that other users could change",
}


def acceptable() -> Mapping[str, str]:
    return {**{one.id: f"{one.package} {one.affected}: {one.what}" for one in ADVISORIES}, **OTHERS}
