"""What a host is, read in one round trip before anything is planned.

`facts_script` is one POSIX shell script that starts no interpreter (`python -V` answers before it is one) and writes
nothing; `read_facts` turns what it printed into typed, frozen values and never raises, whatever a host prints.
"""

from provision.facts.ask import facts_script
from provision.facts.model import (
    Exposed,
    Fabric,
    Facts,
    Gpu,
    GpuProcess,
    Interface,
    Listener,
    ModelFolder,
    Program,
    PythonFound,
    Xid,
)
from provision.facts.read import read_facts

__all__ = [
    "Exposed",
    "Fabric",
    "Facts",
    "Gpu",
    "GpuProcess",
    "Interface",
    "Listener",
    "ModelFolder",
    "Program",
    "PythonFound",
    "Xid",
    "facts_script",
    "read_facts",
]
