"""A docstring's first line begins with a verb that tells what the function does, and stands by itself."""

import ast

import pytest
from conftest import ROOT

NO_VERBS = {
    "A", "All", "An", "At", "By", "Each", "Every", "For", "From", "How", "In", "It", "Its", "Of", "One", "The", "These",
    "This", "Two", "What", "When", "Which", "With", "Within",
}  # fmt: skip


def public_functions(tree):
    """Yield every function of a module and method of its classes that has a name for others."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef):
            for method in public_functions(node):
                is_property = any("property" in ast.unparse(decorator) for decorator in method.decorator_list)
                # Keras says what its hooks do, so that an overriding one need not.
                if not is_property and ast.get_docstring(method):
                    yield method


def fault_of(docstring):
    """Say what is wrong with a first line; `None` if nothing is."""
    first = (docstring or "").split("\n")[0]
    word = first.split(" ")[0].rstrip(",")
    if not first:
        return "there is none"
    if not first.endswith("."):  # a question, or a sentence that goes on
        return "it does not end with a full stop"
    if not word.isalpha() or not word[0].isupper():
        return "it does not begin with a capitalised word"
    if word in NO_VERBS or (word.endswith("s") and not word.endswith("ss")):  # "Returns", but not "Pass"
        return f"{word!r} is no verb in the imperative"
    return None


@pytest.mark.parametrize("package", ["cheatsheet", "recipes"])
def test_first_lines_begin_with_a_verb(package):
    faults = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}: {fault}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for function in public_functions(ast.parse(path.read_text()))
        if (fault := fault_of(ast.get_docstring(function)))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "line",
    ["", "Which loss is it?", "The whole table.", "`1 value`, `3 values`.", "Returns the loss.", "Return the loss"],
)
def test_lines_that_are_found(line):
    assert fault_of(line)
