"""The files of an environment against what was installed: looked at, repaired, and sealed when it is finished."""
