"""The golden suite: each wrong line is the first thing found, its right twin is let be, and so is what others write."""

import difflib
from collections import Counter

import golden
import pytest
from golden.program import WAYS_OF_FIT
from golden.score import score, table

import cheatsheet

ALL = golden.PROGRAMS + golden.CORRECT
ONE = [program for program in golden.PROGRAMS if len(program.faults) == 1]
TWO = [program for program in golden.PROGRAMS if len(program.faults) == 2]
# Every rule of `check` but those about weights, which it is not given.
RULES = {
    "softmax_over_one", "fewer_outputs_than_classes", "softmax_with_binary_crossentropy",
    "sigmoid_with_categorical_crossentropy", "sigmoid_with_kl_divergence",
    "logits_taken_for_probabilities", "probabilities_taken_for_logits",
    "activation_outside_loss", "unreachable_target", "softmax_for_several_labels", "loss_for_numbers", "target_shape",
    "stretched_target", "label_range", "fractional_labels", "label_encoding", "text_labels", "loss_domain",
    "accuracy_of_numbers", "imbalance", "counts_by_squares", "skewed_target", "missing_target", "unscaled_x",
    "unscaled_y", "not_finite", "ordered_rows", "input_shape", "unequal_rows", "other_parts", "no_nonlinearity",
    "doubled_activation", "unfit_metric", "class_weight", "constant_initializer", "nothing_trainable", "learning_rate",
    "dropout_rate", "not_judged", "metric_threshold", "empty_columns", "empty_class",
}  # fmt: skip
MOST_WARNINGS = 2  # on all correct programs together
# What Keras itself says of one symbolic softmax while a program is built.
pytestmark = pytest.mark.filterwarnings("ignore:(.|\n)*softmax over axis:UserWarning")


def named(programs):
    return pytest.mark.parametrize("program", programs, ids=lambda program: program.name)


def check(case):
    return cheatsheet.check(case.model, case.x, case.y, **case.options)


def told(findings):
    return [(finding.rule, finding.severity) for finding in findings]


def test_the_suite_has_a_program_for_every_rule_and_each_is_of_its_own():
    assert {rule for program in ONE for rule in program.rules} == RULES
    assert max(Counter(program.name for program in ALL).values()) == 1
    assert len(golden.PROGRAMS) == len(ONE) + len(TWO)
    assert len(TWO) >= 10
    assert len(golden.CORRECT) >= 30
    assert {way for program in ALL for way in program.fit.split("|")} == {*WAYS_OF_FIT}


@named(golden.PROGRAMS)
def test_twins_differ_in_one_line_a_fault(program):
    wrong, right = program.text().splitlines(), program.text(program.rules).splitlines()
    steps = Counter(line[0] for line in difflib.ndiff(wrong, right) if line[0] in "+-")
    assert steps == {"-": len(program.faults), "+": len(program.faults)}


@named(ONE)
def test_the_wrong_line_is_found_first(program):
    (fault,) = program.faults
    findings = told(check(program.build()))
    assert findings, "nothing was found"
    assert findings[0] in [(fault.rule, severity) for severity in fault.severities], findings


@named(golden.PROGRAMS)
def test_nothing_is_found_in_the_right_twin(program):
    assert [finding for finding in told(check(program.right())) if finding != ("not_judged", "info")] == []


@named(TWO)
def test_both_of_two_faults_are_found(program):
    findings = told(check(program.build()))
    for fault in program.faults:
        assert set(findings) & {(fault.rule, severity) for severity in fault.severities}, findings


@named(TWO)
def test_each_of_two_faults_is_found_when_the_other_is_mended(program):
    for fault in program.faults:
        findings = told(check(program.build(mended=set(program.rules) - {fault.rule})))
        assert findings, f"nothing was found where {fault.rule} is left"
        assert findings[0] in [(fault.rule, severity) for severity in fault.severities], findings


def test_what_is_not_judged_is_said_once():
    (program,) = [program for program in ONE if program.name == "same_layer_of_ones_own_thrice"]
    assert told(check(program.build())) == [("not_judged", "info")]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built:UserWarning")
@named(ALL)
def test_a_saved_file_says_what_the_model_says(program, tmp_path):
    """Or that it cannot be judged, as a file knows less: it is not silent where the model is not."""
    for case in (program.build(), program.right()) if program.faults else (program.build(),):
        try:
            case.model.save(tmp_path / "model.keras")
        except NotImplementedError:  # Keras cannot write down how some classes of one's own are made
            continue
        of_file = told(cheatsheet.check(tmp_path / "model.keras", case.x, case.y, **case.options))
        assert ("not_judged", "info") in of_file or of_file == told(check(case))


@pytest.fixture(scope="module")
def findings_of_correct():
    return {program.name: told(check(program.build())) for program in golden.CORRECT}


def test_no_error_in_correct_programs(findings_of_correct):
    errors = {name: [f for f in found if f[1] == "error"] for name, found in findings_of_correct.items()}
    assert {name: found for name, found in errors.items() if found} == {}


def test_hardly_a_warning_in_correct_programs(findings_of_correct):
    warnings = [(name, rule) for name, found in findings_of_correct.items() for rule, how in found if how == "warning"]
    assert len(warnings) <= MOST_WARNINGS, warnings


def test_findings_come_sorted(findings_of_correct):
    for found in findings_of_correct.values():
        assert found == sorted(found, key=lambda finding: ("error", "warning", "info").index(finding[1]))


def test_another_tool_is_scored():
    """One that always says the same finds one rule and cries everywhere; one that is silent misses all."""
    programs = [program for program in ONE if program.rules in (("text_labels",),)][:2]
    correct = golden.CORRECT[:1]
    told = table(score(lambda model, x, y, **options: ["text_labels"], programs, correct))
    assert "text_labels         2      2       0         2" in told
    assert "2 of 2 faults found by their rule; 2 of 2 wrong programs noticed" in told
    assert "1 correct programs: 1 errors, 0 warnings." in told
    silent = table(score(lambda model, x, y, **options: [], programs, correct))
    assert "0 of 2 faults found by their rule; 0 of 2 wrong programs noticed" in silent
    assert "0 of 2 right twins with a false alarm." in silent


def test_a_tool_that_raises_is_scored_to_the_end():
    def broken(model, x, y, **options):
        raise OverflowError

    programs = [program for program in ONE if program.rules == ("text_labels",)][:1]
    told = table(score(broken, programs, golden.CORRECT[:1]))
    assert "0 of 1 faults found by their rule; 0 of 1 wrong programs noticed" in told
    assert "2 of 2 right twins and correct programs at which the tool itself raised." in told
    assert f"  false alarm: {golden.CORRECT[0].name}: crash OverflowError" in told
