"""Score a tool on the suite: which faults it finds, and at what it cries without cause."""

import importlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .program import CORRECT, PROGRAMS, Case, Program

SERIOUS = ("error", "warning")  # what a user has to look at
CRASH = "crash"  # in the place of a severity: the tool itself raised, which is no verdict and no silence either
Tool = Callable[..., Iterable[Any]]


@dataclass(frozen=True)
class Score:
    """How a tool did on one program.

    Attributes:
        program: The program.
        found: The rules of the wrong twin that it named.
        missed: Those that it did not.
        noticed: Whether it said anything serious of the wrong twin, whatever it called it.
        false_alarms: What it said, seriously, of the right twin (or of a correct program), or that it crashed there.
    """

    program: Program
    found: tuple[str, ...]
    missed: tuple[str, ...]
    noticed: bool
    false_alarms: tuple[str, ...]


def load_tool(name: str) -> Tool:
    """Import the tool that `"module:function"` names."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def verdicts(tool: Tool, case: Case) -> list[tuple[str, str]]:
    """Return what a tool says of one case, as (rule, severity); the error's name and `CRASH` where it raises.

    Args:
        tool: Called as `tool(model, x, y, **options)`. It returns findings: objects with `rule` and `severity`, pairs
            of these two, or names of rules alone, which count as errors.
        case: What it is to judge.
    """
    said = []
    try:
        findings = [*tool(case.model, case.x, case.y, **case.options)]
    except Exception as error:  # whatever it is, the other programs are to be scored too
        return [(type(error).__name__, CRASH)]
    for finding in findings:
        if isinstance(finding, str):
            said.append((finding, "error"))
        elif isinstance(finding, tuple):
            said.append((str(finding[0]), str(finding[1])))
        else:
            said.append((str(finding.rule), str(finding.severity)))
    return said


def score_program(tool: Tool, program: Program) -> Score:
    """Score a tool on one program and on its right twin."""
    said = verdicts(tool, program.build()) if program.faults else []
    rules = {rule for rule, _ in said}
    of_right = verdicts(tool, program.right())
    return Score(
        program=program,
        found=tuple(rule for rule in program.rules if rule in rules),
        missed=tuple(rule for rule in program.rules if rule not in rules),
        noticed=any(severity in SERIOUS for _, severity in said),
        false_alarms=tuple(f"{severity} {rule}" for rule, severity in of_right if severity in (*SERIOUS, CRASH)),
    )


def score(tool: Tool, programs: Iterable[Program] = (), correct: Iterable[Program] = ()) -> list[Score]:
    """Score a tool on these programs; on the whole suite if none are given."""
    chosen = [*programs, *correct] or [*PROGRAMS, *CORRECT]
    return [score_program(tool, program) for program in chosen]


def table(scores: Iterable[Score]) -> str:
    """Write scores as a table: a line for each rule, then what was missed and each false alarm."""
    scores = list(scores)
    wrong, correct = ([s for s in scores if bool(s.program.faults) is faulty] for faulty in (True, False))
    met = Counter(rule for s in wrong for rule in s.program.rules)
    found = Counter(rule for s in wrong for rule in s.found)
    alarmed = Counter(rule for s in wrong if s.false_alarms for rule in set(s.program.rules))
    width = max(map(len, met), default=4)
    lines = [f"{'rule':{width}}  programs  found  missed  right twins with a false alarm"]
    lines += [
        f"{rule:{width}}  {met[rule]:8}  {found[rule]:5}  {met[rule] - found[rule]:6}  {alarmed[rule]:8}"
        for rule in sorted(met)
    ]
    faults, hits = met.total(), found.total()
    lines += ["", f"{hits} of {faults} faults found by their rule; {sum(s.noticed for s in wrong)} of {len(wrong)} "
              "wrong programs noticed (an error or a warning of any name)."]  # fmt: skip
    lines += [f"{sum(bool(s.false_alarms) for s in wrong)} of {len(wrong)} right twins with a false alarm."]
    kinds = Counter(alarm.split()[0] for s in correct for alarm in s.false_alarms)
    lines += [f"{len(correct)} correct programs: {kinds['error']} errors, {kinds['warning']} warnings."]
    crashes = sum(alarm.startswith(CRASH) for s in scores for alarm in s.false_alarms)
    lines += [f"{crashes} of {len(scores)} right twins and correct programs at which the tool itself raised."] * bool(
        crashes
    )
    lines += [f"  missed: {s.program.name}: {', '.join(s.missed)}" for s in wrong if s.missed]
    lines += [f"  false alarm: {s.program.name}: {', '.join(s.false_alarms)}" for s in scores if s.false_alarms]
    return "\n".join(lines)
