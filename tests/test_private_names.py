"""The private names of Keras and TensorFlow that are used: each exists, and there are no others."""

import ast

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT

from cheatsheet import modelspec
from recipes import _keras

ATTRIBUTES = [
    *((kind, path) for kind, paths in _keras.ATTRIBUTES.items() for path in paths),
    *((kind, path) for kind, paths in modelspec.PRIVATE.items() for path in paths),
]


def subjects(folder):
    """Make one of each kind that `ATTRIBUTES` names."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.1)])
    model.compile("adam", keras.losses.MeanSquaredError(), metrics=["mae"])
    model.train_on_batch(np.zeros((2, 3)), np.zeros((2, 2)))
    traced = tf.function(lambda x: x + 1).get_concrete_function(tf.TensorSpec((2,), tf.float32))
    keras.callbacks.BackupAndRestore(folder / "backup").set_model(model)
    tensorboard = keras.callbacks.TensorBoard(folder / "curves")
    tensorboard.set_model(model)
    slots = {"RMSprop": {"momentum": 0.5, "centered": True}, "Adagrad": {}, "Adadelta": {},
             "AdamW": {"amsgrad": True}, "Adamax": {}, "Lion": {}}  # fmt: skip
    optimizers = {name: getattr(keras.optimizers, name)(**options) for name, options in slots.items()}
    for optimizer in optimizers.values():
        optimizer.build(model.trainable_variables)
    return {
        "probabilities": keras.activations.softmax(keras.ops.ones((1, 2))),
        "MeanMetricWrapper": keras.metrics.MeanAbsoluteError(),
        **optimizers,
        "Model": model,
        "Layer": model.layers[0],
        "KerasTensor": model.outputs[0],
        "Sequential": model,
        "Functional": model._functional,
        "CompileLoss": model._compile_loss,
        "CompileMetrics": model._compile_metrics,
        "Optimizer": model.optimizer,
        "Adam": model.optimizer,
        "LossFunctionWrapper": model.loss,
        "Tensor": keras.activations.softmax(tf.zeros((1, 2))),
        "SpatialDropout1D": keras.layers.SpatialDropout1D(0.1),
        "Callback": keras.callbacks.Callback(),
        "TensorBoard": tensorboard,
        "ConcreteFunction": traced,
        "Graph": traced.graph,
    }


@pytest.fixture(scope="module")
def one_of_each(tmp_path_factory):
    return subjects(tmp_path_factory.mktemp("callbacks"))


@pytest.mark.parametrize("name", _keras._HOMES)
def test_each_name_can_be_imported(name):
    assert getattr(_keras, name) is not None


@pytest.mark.parametrize(("kind", "path"), ATTRIBUTES)
def test_each_attribute_exists(kind, path, one_of_each):
    value = one_of_each[kind]
    for name in path.split("."):
        assert hasattr(value, name), f"{kind} has no {path} any more"
        value = getattr(value, name)


def private_uses(tree):
    """Private attributes of something else than `self`, also by `getattr` and `hasattr`; and those of its own."""
    uses, own = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            of_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            (own if of_self else uses).add(node.attr)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr", "_read"):
            name = getattr(node.args[1], "value", "") if len(node.args) > 1 else ""
            if str(name).startswith("_") and not str(name).startswith("__"):
                uses.add(name)
    return uses - own


def test_no_other_module_uses_others():
    """keras-tuner's have a page of their own, in `recipes/tuning/oracles`."""
    known = {name for _, path in ATTRIBUTES for name in path.split(".")}
    known |= {"_fields", "_exit", "_getframe"}  # Python's own: of named tuples, of os, of sys
    for path in sorted((*(ROOT / "recipes").rglob("*.py"), *(ROOT / "cheatsheet").rglob("*.py"))):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            module = getattr(node, "module", None) or ""
            if isinstance(node, ast.ImportFrom) and path.name != "_keras.py":
                assert not module.startswith(("keras.src", "tensorflow.python")), f"{path} imports {module}"
        if "tuning" not in path.parts:
            assert private_uses(tree) <= known, f"{path} uses {private_uses(tree) - known}"
