"""The files of an environment against what was installed: looked at, mended, and sealed when it is finished."""
