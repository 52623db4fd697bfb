"""`ray start` without Ray Client: a head would open one more port at which code is run, 10001, and has no flag against
it (ray/scripts/scripts.py, 2.60.0: without a port it takes that one, wherever grpc can be imported).

Arguments: the program `ray`, and its own. Ray is told that what Ray Client needs is not installed.
"""

from __future__ import annotations

import runpy
import sys

#: How Ray asks for it, by version, and what it is told.
ASKED = {
    "get_ray_client_dependency_error": ImportError("Ray Client is switched off"),
    "check_ray_client_dependencies_installed": False,
}


def main() -> None:
    sys.argv = sys.argv[1:]
    try:
        from ray._private import utils
    except ImportError:
        pass  # then it is another Ray than those that are known
    else:
        for name, answer in ASKED.items():
            if hasattr(utils, name):
                setattr(utils, name, lambda answer=answer: answer)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
