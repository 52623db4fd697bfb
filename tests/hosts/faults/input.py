"""What a person writes: inventories, locks, playbooks, secrets, options."""

from collections.abc import Callable
from pathlib import Path

from faults.fault import Fault
from faults.rack import Rack


def text(change: Callable[[str], str]) -> Callable[[Rack], None]:
    """Of the inventory."""

    def inject(rack: Rack) -> None:
        rack.inventory.write_text(change(rack.inventory.read_text()))
        rack.later(lambda: rack.write(rack.settings))

    return inject


def setting(**more: object) -> Callable[[Rack], None]:
    return lambda rack: rack.edit(lambda s: s.update(more))


def lock(change: Callable[[str], str]) -> Callable[[Rack], None]:
    def inject(rack: Rack) -> None:
        path = rack.inventory.with_suffix(".lock")
        before = path.read_text()
        path.write_text(change(before))
        rack.later(lambda: path.write_text(before))

    return inject


def conflict(text: str) -> str:
    first, rest = text.split("ray==", 1)
    return f"{first}<<<<<<< HEAD\nray=={rest}=======\nray==2.59.0\n>>>>>>> theirs\n"


def playbook(body: str) -> Callable[[Rack], None]:
    def inject(rack: Rack) -> None:
        (rack.folder / "mine.py").write_text(body)
        rack.later((rack.folder / "mine.py").unlink)
        rack.edit(lambda s: s.update(playbook="mine.py"))

    return inject


def no_model(rack: Rack) -> None:
    (rack.folder / "model").rename(rack.folder / "model.kept")
    rack.later(lambda: Path(rack.folder / "model.kept").rename(rack.folder / "model"))


FAULTS = [
    Fault(
        "input",
        "the inventory is no YAML",
        text(lambda t: t + "hosts: [\n"),
        ("inventory.yaml:",),
        2,
        "no host was contacted",
        "nothing to change",
        repair="correct the line that is named",
        quick=True,
    ),
    Fault(
        "input",
        "a key of the inventory is misspelt",
        setting(pyton={}),
        ("unknown key `pyton`", "did you mean `python`?"),
        2,
        "no host was contacted",
        "nothing to change",
        repair="the hint's word",
    ),
    Fault(
        "input",
        "the lock holds a merge conflict",
        lock(conflict),
        ("merge conflict that is not settled", "run `provision lock inventory.yaml`"),
        1,
        "`down` and `lock` do without it",
        "nothing to change",
        repair="`provision lock`",
        quick=True,
    ),
    Fault(
        "input",
        "the lock was cut off between two packages",
        lock(lambda t: t[: t.index("vllm==")]),
        ("a part of it is missing",),
        1,
        "`down` and `lock` do without it",
        "nothing to change",
        repair="`provision lock`",
    ),
    Fault(
        "input",
        "the playbook that the inventory names raises",
        playbook("def playbook(cluster):\n    return 1 / 0\n"),
        ("mine.py:2: ZeroDivisionError",),
        2,
        "no host was changed",
        "nothing to change",
        repair="correct the line that is named",
    ),
    Fault(
        "input",
        "the playbook that the inventory names does not exist",
        setting(playbook="none.py"),
        ("no such playbook file",),
        2,
        "no host was contacted",
        "nothing to change",
        repair="correct `playbook`",
    ),
    Fault(
        "input",
        "a secret's variable is not set",
        setting(secrets={"HF_TOKEN": {"env": "NO_SUCH_TOKEN"}}),
        ("NO_SUCH_TOKEN",),
        2,
        "no host was contacted",
        "nothing to change",
        run="up",
        repair="set it",
    ),
    Fault(
        "input",
        "a package that exists nowhere is asked for",
        lambda r: r.edit(lambda s: s["python"]["packages"].append("no-such-package-of-ours")),
        ("no-such-package-of-ours",),
        1,
        "the lock as it was; no host was changed",
        "nothing to change",
        run="up",
        repair="correct `python.packages`",
    ),
    Fault(
        "input",
        "the model's folder does not exist on the controller",
        no_model,
        ("model",),
        1,
        "what runs goes on",
        "nothing to change",
        run="up",
        repair="put it there",
    ),
    Fault(
        "input",
        "`--limit` names no host",
        lambda r: None,
        ("gpu-99",),
        2,
        "no host was contacted",
        "nothing to change",
        run="up --limit gpu-99",
        repair="correct it",
    ),
]
