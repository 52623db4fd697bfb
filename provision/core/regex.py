"""`re.compile`, but when what it makes is first used: a command loads some hundred expressions, and looks for few."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

__all__ = ["regex"]

if TYPE_CHECKING:
    from re import compile as regex
else:

    class regex:
        """What is asked of it is what a compiled one has, and stays here."""

        def __init__(self, text: str | bytes, flags: int = 0) -> None:
            self._text, self._flags = text, flags

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):  # copied or pickled, it has no text yet
                raise AttributeError(name)
            # The module keeps what it compiled last, so that another name costs little.
            found = self.__dict__[name] = getattr(re.compile(self._text, self._flags), name)
            return found
