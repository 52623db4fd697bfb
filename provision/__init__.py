"""provision: bring up one large language model across GPU machines over SSH.

The library is what the command line is made of: `load` an inventory, then `plan`, `up`, `check` or `down`
it. Each takes a listener for events and returns a typed report; none prints, exits or keeps global state.
"""

__version__ = "0.1.0"
