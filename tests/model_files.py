"""Models whose files are harmless, and files that are not: what `test_model_file.py` reads."""

import base64
import json
import marshal
import pickle
import warnings
import zipfile

import h5py
import keras
import numpy as np
from keras import layers

from recipes import build_autoencoder, build_model
from recipes.grokking.networks import PAPER

RNG = np.random.default_rng(0)


@keras.saving.register_keras_serializable("tests")
class Doubled(layers.Layer):
    def call(self, inputs):
        return 2 * inputs


class Tripled(layers.Layer):  # registered nowhere
    def __init__(self, **options):
        super().__init__(**options)
        self.gain = self.add_weight(shape=(), initializer="ones", name="gain")

    def call(self, inputs):
        return 3 * self.gain * inputs


@keras.saving.register_keras_serializable("tests")
class OwnModel(keras.Model):
    def __init__(self, width, **options):
        super().__init__(**options)
        self.width = width
        self.hidden, self.last = layers.Dense(width, "relu"), layers.Dense(1)

    def build(self, shape):
        self.hidden.build(shape)
        self.last.build((None, self.width))

    def call(self, inputs):
        return self.last(self.hidden(inputs))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


def sequential(shape, *inner, loss="mean_squared_error", optimizer="adam", metrics=(), last=1):
    model = keras.Sequential([keras.Input(shape), *inner, layers.Flatten(), layers.Dense(last)])
    model.compile(optimizer, loss, metrics=list(metrics))
    return model


def functional():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    h = layers.Dense(4)(a) + 2.0 * keras.ops.tanh(b)
    model = keras.Model([a, b], {"size": layers.Dense(1, name="size")(h), "kind": layers.Dense(3, "softmax")(h)})
    model.compile("adam", {"size": "mse", "kind": "sparse_categorical_crossentropy"})
    return model


def subclassed():
    model = OwnModel(5)
    model(np.zeros((1, 4), "float32"))
    model.compile("adam", "mse")
    return model


def attention():
    inputs = keras.Input((6, 8))
    h = layers.LayerNormalization()(inputs + layers.MultiHeadAttention(2, 4)(inputs, inputs))
    model = keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(h)))
    model.compile("adam", "mse")
    return model


def text():
    words = layers.TextVectorization(10, output_sequence_length=4)
    words.adapt(["one two", "two three"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), words, layers.Embedding(10, 3), layers.Flatten()])
    model.compile("adam", "mse")
    return model


def averaged():
    decayed = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    return sequential((4,), layers.Dense(3, "relu", kernel_regularizer="l2", bias_constraint="non_neg"),
                      optimizer=keras.optimizers.AdamW(decayed, use_ema=True),
                      loss=keras.losses.Huber(2.0),
                      metrics=[keras.metrics.AUC(), keras.metrics.mean_absolute_error])  # fmt: skip


X, LABELS = RNG.normal(size=(40, 4)), np.where(RNG.random(40) > 0.5, 1, -1)
HARMLESS = {
    "mlp": lambda: build_model("binary", input_shape=(4,)),
    "standardised": lambda: build_model(x=X, y=X[:, 0]),
    "cnn": lambda: build_model("multiclass", num_classes=3, input_shape=(8, 8, 1), body="cnn"),
    "hinge": lambda: build_model("binary", x=X, y=LABELS, loss="hinge"),
    "quantiles": lambda: build_model("quantile", x=X, y=X[:, 0]),
    "divided schedule": lambda: build_model(x=X, y=1e4 * X[:, 0], optimizer="sgd",
                                            learning_rate=keras.optimizers.schedules.CosineDecay(0.1, 9)),
    "convolutional autoencoder": lambda: build_autoencoder("conv", input_shape=(8, 8, 1)),
    "denoising autoencoder": lambda: build_autoencoder("denoising", input_shape=(8, 8, 1)),
    "super-resolution": lambda: build_autoencoder("super_resolution", input_shape=(8, 8, 1)),
    "transformer": lambda: PAPER.build(7, seed=0),
    "batch normalisation": lambda: sequential((4,), layers.Dense(3), layers.BatchNormalization(), layers.ReLU()),
    "noise": lambda: sequential((4,), layers.GaussianNoise(0.1), layers.Dropout(0.5), layers.AlphaDropout(0.1)),
    "recurrent": lambda: sequential((5, 3), layers.Bidirectional(layers.LSTM(4, return_sequences=True)), layers.GRU(2)),
    "own cell": lambda: sequential((5, 3), layers.RNN([layers.GRUCell(3), layers.SimpleRNNCell(2)])),
    "each step": lambda: sequential((5, 3), layers.TimeDistributed(layers.Dense(4)), layers.Conv1D(2, 3)),
    "embedding": lambda: sequential((5,), layers.Embedding(7, 3)),
    "spectral norm": lambda: sequential((4,), layers.SpectralNormalization(layers.Dense(3))),
    "activations": lambda: sequential((4,), layers.Dense(3, keras.activations.gelu), layers.PReLU(), layers.Softmax()),
    "registered layer": lambda: sequential((4,), Doubled()),
    "several inputs and outputs": functional,
    "subclass": subclassed,
    "attention": attention,
    "words": text,
    "schedules and averages": averaged,
}  # fmt: skip


# --- hostile files ------------------------------------------------------------------------------------------------


def saved(path, model=None):
    """Save a small model, by default a new one."""
    (model or sequential((4,), layers.Dense(3, "relu"))).save(path)
    return path


def rewritten(path, change=None, *, compression=zipfile.ZIP_STORED, extra=()):
    """Save a small model and write its archive anew, with its configuration and its files changed."""
    saved(path)
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    if change is not None:
        config = json.loads(held["config.json"])
        changed = change(config)
        held["config.json"] = changed if isinstance(changed, bytes) else json.dumps(changed or config).encode()
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in (*held.items(), *extra):
            archive.writestr(name, content)


def of_layers(config):
    return config["config"]["layers"]


def replaced(*changes):
    """Give a change of the first dense layer: its own keys, or those of its configuration."""

    def change(config):
        dense = of_layers(config)[1]
        for place, name, value in changes:
            (dense if place == "layer" else dense["config"])[name] = value

    return change


def as_layer(module, name, config=None, registered=None):
    """Give a change that puts an object in place of the dense layer."""

    def change(whole):
        of_layers(whole)[1] = {"module": module, "class_name": name, "config": config or {},
                               "registered_name": registered}  # fmt: skip

    return change


def code(canary):
    """Python code, as Keras writes a lambda: it leaves a file behind."""
    function = eval(f"lambda x: open({str(canary)!r}, 'w').close() or x")  # what an attacker would marshal
    return {"code": base64.b64encode(marshal.dumps(function.__code__)).decode(), "defaults": None, "closure": None}


def with_weights(path, write):
    """Save a small model whose weights' file is written by this function instead."""
    weights = path.with_suffix(".h5")
    with h5py.File(weights, "w") as file:
        write(file)
    saved(path)
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    held["model.weights.h5"] = weights.read_bytes()
    weights.unlink()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)


class Leaves:
    """A pickle that leaves a file behind when it is read."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return open, (str(self.canary), "w")


def lambda_layer(path, canary):
    dump = {"class_name": "__lambda__", "config": code(canary)}
    rewritten(path, alone((4,), "Lambda", {"name": "l", "function": dump}))


def duplicated(path):
    rewritten(path)
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings(action="ignore"):
        archive.writestr("config.json", "{}")


def encrypted(path):
    rewritten(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def unrolled(config):
    of_layers(config)[0]["config"]["batch_shape"] = [None, 10**6, 4]
    as_layer("keras.layers", "SimpleRNN", {"units": 3, "unroll": True})(config)


def alone(shape, *layer):
    """Give a change that leaves a model of one layer behind an input of this shape."""

    def change(config):
        config.pop("build_config", None)
        as_layer("keras.layers", *layer)(config)
        of_layers(config)[0]["config"]["batch_shape"] = [None, *shape]
        del of_layers(config)[2:]

    return change


def many_layers(config):
    of_layers(config)[1:] = [{"module": "keras.layers", "class_name": "ReLU", "config": {}}] * 60_000


def deep_groups(file):
    group = file
    for _ in range(300):
        group = group.create_group("a")


def linked(kind):
    def write(file):
        file["layers"] = h5py.ExternalLink("/etc/other.h5", "/") if kind == "external" else h5py.SoftLink("/else")

    return write


def external(file):
    file.create_dataset("layers/dense/vars/0", (4, 3), "f4", external=[("/etc/hostname", 0, 48)])


def virtual(file):
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "data", (4, 3))
    file.create_virtual_dataset("layers/dense/vars/0", layout)


BOMB = 10**12
# How to write each at a path, with a canary that its code would leave behind, and what the refusal says.
HOSTILE = {
    "lambda layer": (lambda_layer, "Lambda layer, which runs code"),
    "lambda as activation": (lambda path, canary: rewritten(path, replaced(
        ("config", "activation", {"class_name": "__lambda__", "config": code(canary)}))), "holds a lambda"),
    "named Lambda": (lambda path, _: rewritten(path, as_layer("keras.layers", "Lambda", {"function": "relu"})),
                     "Lambda layer, which runs code"),
    "TFSMLayer": (lambda path, _: rewritten(path, as_layer("keras.layers", "TFSMLayer", {"filepath": "/tmp/x"})),
                  "filepath="),
    "TFSMLayer without a path": (lambda path, _: rewritten(path, as_layer("keras.layers", "TFSMLayer", {})),
                                 "TFSMLayer layer, which runs code"),
    "TorchModuleWrapper": (lambda path, _: rewritten(path, as_layer("keras.layers", "TorchModuleWrapper")),
                           "TorchModuleWrapper layer, which runs code"),
    "JaxLayer": (lambda path, _: rewritten(path, as_layer("keras.layers", "JaxLayer")), "JaxLayer layer, which runs"),
    "system as a layer": (lambda path, _: rewritten(path, as_layer("os", "system", {"command": "true"})),
                          "'system' of 'os'"),
    "Popen as a layer": (lambda path, _: rewritten(path, as_layer("subprocess", "Popen", {"args": "true"})),
                         "'Popen' of 'subprocess'"),
    "a download as a layer": (lambda path, _: rewritten(path, as_layer(
        "keras.utils", "get_file", {"origin": "http://localhost/x"})), "'get_file' of 'keras.utils'"),
    "a function as a layer": (lambda path, _: rewritten(path, lambda config: of_layers(config).__setitem__(
        1, {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "relu"})),
        "'relu', which is no layer"),
    "print as activation": (lambda path, _: rewritten(path, replaced(("config", "activation", {
        "module": "builtins", "class_name": "function", "config": "print", "registered_name": "print"}))),
        "'print' of 'builtins'"),
    "Keras' own loader of code": (lambda path, _: rewritten(path, as_layer(
        "keras.src.utils.python_utils", "func_load", {"code": "x"})), "'func_load' of"),
    "enable_unsafe_deserialization": (lambda path, _: rewritten(path, as_layer(
        "keras.config", "enable_unsafe_deserialization")), "'enable_unsafe_deserialization' of 'keras.config'"),
    "a module that is not loaded": (lambda path, _: rewritten(path, as_layer(
        "keras.src.backend.torch.layer", "TorchLayer")), "'TorchLayer' of 'keras.src.backend.torch.layer'"),
    "a class of nobody's": (lambda path, _: rewritten(path, as_layer("mine", "Mine", {}, "Mine")), "custom_objects="),
    "a loss of nobody's": (lambda path, _: rewritten(path, lambda config: config["compile_config"].update(
        loss={"module": "mine", "class_name": "MyLoss", "config": {}, "registered_name": "MyLoss"})), "'MyLoss'"),
    "HDF5": (lambda path, _: h5py.File(path, "w").close(), "HDF5"),
    "pickle": (lambda path, canary: path.write_bytes(pickle.dumps(Leaves(canary))), "a pickle"),
    "empty file": (lambda path, _: path.write_bytes(b""), "no .keras file"),
    "text": (lambda path, _: path.write_text("import os\n"), "no .keras file"),
    "half a file": (lambda path, _: path.write_bytes(saved(path).read_bytes()[:9_000]), "damaged"),
    "no configuration": (lambda path, _: zipfile.ZipFile(path, "w").close(), "it lacks config.json"),
    "a path that climbs": (lambda path, _: rewritten(path, extra=[("assets/../../evil", b"")]), "files that no saved"),
    "an absolute path": (lambda path, _: rewritten(path, extra=[("/tmp/evil", b"")]), "files that no saved model has"),
    "a script beside": (lambda path, _: rewritten(path, extra=[("evil.py", b"")]), "files that no saved model has"),
    "two of one name": (lambda path, _: duplicated(path), "two files of one name"),
    "encrypted": (lambda path, _: encrypted(path), "encrypted"),
    "zip bomb": (lambda path, _: rewritten(path, compression=zipfile.ZIP_DEFLATED,
                                           extra=[("assets/zeros", bytes(10**7))]), "would grow from"),
    "endless configuration": (lambda path, _: rewritten(path, lambda config: json.dumps(config).encode()
                                                        + b" " * 70_000_000), "at most 67,108,864"),
    "depth": (lambda path, _: rewritten(path, lambda config: b"[" * 100_000 + b"]" * 100_000), "brackets deep"),
    "no JSON": (lambda path, _: rewritten(path, lambda config: b"{'a': print()}"), "cannot be read (JSONDecodeError"),
    "a list": (lambda path, _: rewritten(path, lambda config: b"[]"), "describes no model"),
    "no model": (lambda path, _: rewritten(path, lambda config: of_layers(config)[1]), "Dense, which is no model"),
    "width bomb": (lambda path, _: rewritten(path, alone((4,), "Dense", {"units": BOMB})),
                   "asks for 5,000,000,000,000"),
    "embedding bomb": (lambda path, _: rewritten(path, alone(
        (4,), "Embedding", {"input_dim": BOMB, "output_dim": 9})), "asks for 9,000,000,000,000"),
    "input bomb": (lambda path, _: rewritten(path, alone((BOMB,), "Dense", {"units": 3})),
                   "asks for 3,000,000,000,003"),
    "many layers": (lambda path, _: rewritten(path, many_layers), "objects, and at most"),
    "unrolled": (lambda path, _: rewritten(path, unrolled), "unrolls 1,000,000 steps"),
    "endless number": (lambda path, _: rewritten(path, replaced(("config", "units", 10**4000))), "of 4,001 digits"),
    "endless name": (lambda path, _: rewritten(path, replaced(("config", "name", "a" * 10**6))),
                     "1,000,000 characters"),
    "wide strings": (lambda path, _: rewritten(path, replaced(("config", "x", {
        "class_name": "__numpy__", "config": {"value": ["a"], "dtype": "S1000000000"}}))), "an array of 'S1000000000'"),
    "typespec": (lambda path, _: rewritten(path, replaced(("config", "x", {
        "class_name": "__typespec__", "module": "os", "spec_name": "system", "config": [], "registered_name": ""}))),
        "'__typespec__' of 'os'"),
    "vocabulary in a file": (lambda path, _: rewritten(path, as_layer(
        "keras.layers", "StringLookup", {"vocabulary": "/etc/passwd"})), "vocabulary='/etc/passwd'"),
    "shape bomb": (lambda path, _: with_weights(path, lambda file: file.create_dataset(
        "layers/dense/vars/0", (10**6, 10**6), "f4", chunks=(10, 10), compression="gzip")), "stores far fewer"),
    "external link": (lambda path, _: with_weights(path, linked("external")), "behind a link"),
    "soft link": (lambda path, _: with_weights(path, linked("soft")), "behind a link"),
    "numbers elsewhere": (lambda path, _: with_weights(path, external), "lie in another file"),
    "virtual numbers": (lambda path, _: with_weights(path, virtual), "lie in another file"),
    "texts for weights": (lambda path, _: with_weights(path, lambda file: file.create_dataset("a", data="text")),
                          "are no numbers"),
    "deep groups": (lambda path, _: with_weights(path, deep_groups), "too deep"),
    "other weights": (lambda path, _: with_weights(path, lambda file: file.create_dataset(
        "layers/dense/vars/0", data=np.zeros((5, 5)))), "Keras cannot read it"),
}  # fmt: skip
