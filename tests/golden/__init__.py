"""The golden suite: small programs, each wrong in one line, with the rule that finds it; and correct ones.

`PROGRAMS` are the wrong ones, each with its right twin; `CORRECT` those in which nothing is to be found. The README
beside this file says how to score a tool on them.
"""

from . import correct, data, heads, inside, labels, two_faults, variants  # noqa: F401 - each adds its programs to the two lists
from .program import CORRECT, PROGRAMS, Case, Fault, Program

__all__ = ["CORRECT", "PROGRAMS", "Case", "Fault", "Program"]
