"""Why something did not start, from what its hosts have in their logs. Lines in, a diagnosis out; `logs` reads files.

`signatures/*.yaml` say what a line means and what to do about it; `decisive` reads one log, `diagnose` those of all
hosts, `explain` whatever logs somebody has. Where nothing is known, the best lines are shown on one time line.
"""

from provision.diagnosis.diagnose import Diagnosis, decisive, diagnose
from provision.diagnosis.lines import Line, read_lines
from provision.diagnosis.signature import Kind, Signature
from provision.diagnosis.table import signatures

__all__ = ["Diagnosis", "Kind", "Line", "Signature", "decisive", "diagnose", "read_lines", "signatures"]
