"""Loading a playbook file: ordinary Python with a function `playbook(cluster) -> Playbook`.

The built-in ones are loaded the same way as a user's own, so that a copy of one behaves like the original.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import field
from importlib import resources
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

from provision.cluster.cluster import Cluster
from provision.core.errors import PlaybookError, ProvisionError
from provision.core.playbook import Playbook
from provision.core.values import dataclass
from provision.engine.moved_imports import moved_imports

PlaybookFunction = Callable[[Cluster], Playbook]


def built_in(name: str) -> Path:
    """The file of a playbook that comes with the package."""
    try:
        folder = Path(str(resources.files("provision.playbooks")))
    except ModuleNotFoundError:  # a checkout that is not installed
        folder = Path(__file__).parents[2] / "playbooks"
    return folder / f"{name}.py"


class _Uncached(SourceFileLoader):
    """Compiles the file every time and keeps nothing: no `__pycache__` appears beside it, and none is believed."""

    def get_code(self, fullname: str) -> CodeType:
        code = self.source_to_code(self.get_data(self.path), self.path)
        assert isinstance(code, CodeType)
        return code


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """Within, Python keeps no compiled copy of what is imported, beside a person's files or anywhere."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


@dataclass(frozen=True)
class PlaybookFile:
    """`like`: the built-in playbook that a person's own may be made from. `moved`: what it may import from where it was
    once → where that is now."""

    path: Path
    like: Path
    moved: Mapping[str, str] = field(default_factory=dict)

    @property
    def own(self) -> bool:
        """Whether it is a person's, and none that comes with the package."""
        return self.path.parent != self.like.parent

    def load(self, missed: Callable[[str], None] | None = None) -> PlaybookFunction:
        """Raises PlaybookError: no such file, an error while it loads (with its line), or no `playbook` in it; so does
        what is returned. `missed` hears of it instead, and then nothing is declared: what runs is found by its mark."""
        if missed is None:
            return self._load()
        hear, heard = missed, set[str]()

        def call(cluster: Cluster) -> Playbook:
            try:
                return self._load()(cluster)
            except PlaybookError as error:
                if error.message not in heard:  # it is asked once for each host that has left, too
                    hear(f"{error.message}: what runs is found by its mark")
                heard.add(error.message)
                return Playbook()

        return call

    def _load(self) -> PlaybookFunction:
        path = self.path
        if not path.is_file():
            raise PlaybookError(f"{path}: no such playbook file", hint=f"the built-in one to copy is {self.like}")
        if path.suffix != ".py":
            raise PlaybookError(f"{path}: a playbook is a Python file, `.py`")
        name = f"provision_playbook_{path.stem}_{abs(hash(path.resolve()))}"
        spec = importlib.util.spec_from_file_location(name, path, loader=_Uncached(name, str(path)))
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # Dataclasses of the file look their module up while they are being made.
        sys.modules[name] = module
        try:
            with leaving_nothing():
                spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise self._located(error) from error
        function = getattr(module, "playbook", None)
        if not callable(function):
            raise PlaybookError(f"{path}: defines no `playbook(cluster)` function", hint=f"start from {self.like}")
        return self._guarded(function)

    def _guarded(self, function: PlaybookFunction) -> PlaybookFunction:
        """`function`, with whatever it raises turned into a PlaybookError that names file and line."""
        path = self.path

        def call(cluster: Cluster) -> Playbook:
            try:
                with leaving_nothing():
                    book = function(cluster)
            except ProvisionError:
                raise
            except (Exception, SystemExit) as error:
                raise self._located(error) from error
            if not isinstance(book, Playbook):
                raise PlaybookError(f"{path}: `playbook` returned {type(book).__name__}, not a Playbook")
            known = {node.name for node in cluster.nodes}
            for step in book.steps:
                if step.host not in known:
                    raise PlaybookError(
                        f"{path}: `{step.resource.id}` is on `{step.host}`, which is not in the inventory"
                    )
            return book

        return call

    @contextmanager
    def mistakes(self) -> Iterator[None]:
        """Turns what a resource that the file defines raises, deep within a run, into a PlaybookError. An error that
        did not pass through the file stays what it is. What a person's own playbook imports may lie beside it, and be
        imported late: Python keeps no compiled copy of it."""
        try:
            with leaving_nothing() if self.own else nullcontext():
                yield
        except ProvisionError:
            raise
        except (Exception, SystemExit) as error:
            if self._line(error):
                raise self._located(error) from error
            raise

    def _line(self, error: BaseException) -> int:
        """The line of the file that the error came through last, 0 if it did not."""
        line = 0
        if isinstance(error, SyntaxError) and error.filename == str(self.path):
            line = error.lineno or 0
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == str(self.path):
                line = frame.lineno or line
        return line

    def _located(self, error: BaseException) -> PlaybookError:
        if old := moved_imports(error, self.moved):
            first, *others = old
            return PlaybookError(
                f"{first.path}:{first.line}: `{first.old}` has moved",
                evidence=[f"line {one.line}: `{one.old}` has moved: `{one.write}`" for one in others],
                hint=f"write `{first.write}`",
            )
        line = self._line(error)
        where = f"{self.path}:{line}" if line else str(self.path)
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        return PlaybookError(f"{where}: {type(error).__name__}: {said}")
