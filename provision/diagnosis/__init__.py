"""Why something did not start, from what its hosts have in their logs. Pure: lines in, a diagnosis out.

`signatures/*.yaml` say what a line means and what to do about it; `decisive` reads one log, `diagnose` those of all
hosts, and where nothing is known it says so and shows their best lines on one time line.
"""

from provision.diagnosis.diagnose import Diagnosis, decisive, diagnose
from provision.diagnosis.lines import Line, read_lines
from provision.diagnosis.signature import Kind, Signature
from provision.diagnosis.table import signatures

__all__ = ["Diagnosis", "Kind", "Line", "Signature", "decisive", "diagnose", "read_lines", "signatures"]
