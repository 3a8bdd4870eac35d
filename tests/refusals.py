"""What people put in by mistake, and what they are told: `python tests/refusals.py > docs/refusals.md`.

`test_refusals.py` holds that page to it, and sees that each is refused, or warned of, before the first step.
"""

import datetime
import re
import sys
import warnings

import keras
import numpy as np
import pandas as pd
import scipy.sparse
from mistakes import NUM_COLUMNS, Case, Given, endless, keras_tuner_objective, of_fit, search, silent_fit
from refusals_many import MANY

import cheatsheet
import recipes
from recipes import build_autoencoder, build_model, diagnose, fit, grok, load_data, tune
from recipes.training.evaluate import predict

FIT = [
    Case("fit", "x holds NaN", lambda g: of_fit(g, g.binary(), g.with_value(np.nan), g.y)),
    Case("fit", "x holds infinity", lambda g: of_fit(g, g.binary(), g.with_value(np.inf), g.y)),
    Case("fit", "x holds 1e30", lambda g: of_fit(g, g.binary(), g.with_value(1e30).astype("float64"), g.y)),
    Case("fit", "x holds Unix times", lambda g: of_fit(g, g.binary(), g.x.astype("int64") + 1_700_000_000, g.y)),
    Case("fit", "x holds Unix times in 32 bits",
         lambda g: of_fit(g, g.binary(), g.x.astype("int32") + 1_700_000_000, g.y)),
    Case("fit", "a column of text", lambda g: of_fit(g, g.binary(), g.table.assign(c3="red"), g.y)),
    Case("fit", "a column of dates",
         lambda g: of_fit(g, g.binary(), g.table.assign(c3=pd.Timestamp("2026-01-01")), g.y)),
    Case("fit", "a column with missing values",
         lambda g: of_fit(g, g.binary(), g.table.assign(c3=g.table.c3.where(g.table.c3 > 0)), g.y)),
    Case("fit", "a nullable column with missing values", lambda g: of_fit(
        g, g.binary(), g.table.assign(c3=pd.array(np.where(g.y, g.y, np.nan), dtype="Int64")), g.y)),
    Case("fit", "a masked array", lambda g: of_fit(g, g.binary(), np.ma.masked_less(g.x, 0), g.y)),
    Case("fit", "x is text", lambda g: of_fit(g, g.binary(), np.full(g.x.shape, "a"), g.y)),
    Case("fit", "x is None", lambda g: of_fit(g, g.binary(), None, g.y)),
    Case("fit", "x is empty", lambda g: of_fit(g, g.binary(), g.x[:0], g.y[:0])),
    Case("fit", "a set", lambda g: of_fit(g, g.binary(), {1.0, 2.0}, g.y)),
    Case("fit", "complex numbers", lambda g: of_fit(g, g.binary(), g.x.astype("complex64"), g.y)),
    Case("fit", "a sparse matrix that would fill the memory", lambda g: of_fit(
        g, g.binary(), scipy.sparse.csr_matrix((10**6, 10**5)), g.y)),
    Case("fit", "rows of unequal length", lambda g: of_fit(g, g.binary(), [[1.0, 2.0], [3.0]], [0, 1])),
    Case("fit", "one column too many", lambda g: of_fit(g, g.binary(), np.c_[g.x, g.y], g.y)),
    Case("fit", "one column alone", lambda g: of_fit(g, g.regression(), g.x[:, 0], g.numbers)),
    Case("fit", "x transposed", lambda g: of_fit(g, g.regression(), g.x.T, g.numbers)),
    Case("fit", "y has fewer rows than x", lambda g: of_fit(g, g.binary(), g.x, g.y[:-1])),
    Case("fit", "x and y swapped", lambda g: of_fit(g, g.regression(), g.y, g.x)),
    Case("fit", "y holds NaN", lambda g: of_fit(g, g.regression(), g.x, np.where(g.y, g.numbers, np.nan))),
    Case("fit", "labels with None among them", lambda g: of_fit(g, g.binary(), g.x, g.labelled("a", "b", None))),
    Case("fit", "y holds one class only", lambda g: of_fit(g, g.binary(), g.x, g.y * 0)),
    Case("fit", "three classes for a sigmoid", lambda g: of_fit(g, g.binary(), g.x, g.kinds)),
    Case("fit", "four classes for three outputs",
         lambda g: of_fit(g, g.multiclass(), g.x, g.labelled("a", "b", "c", "d"))),
    Case("fit", "labels 1, 2, 7 for three outputs and classes 0..2",
         lambda g: of_fit(g, g.multiclass(), g.x, g.labelled(0, 1, 2, 7))),
    Case("fit", "fractions for classes", lambda g: of_fit(g, g.multiclass(), g.x, g.numbers)),
    Case("fit", "text for numbers", lambda g: of_fit(g, g.regression(), g.x, g.labelled("a", "b"))),
    Case("fit", "dates for numbers", lambda g: of_fit(g, g.regression(), g.x, g.labelled(datetime.date(2026, 1, 1)))),
    Case("fit", "one-hot rows of four for three outputs", lambda g: of_fit(g, g.one_hot(), g.x, np.eye(4)[g.kinds])),
    Case("fit", "to_categorical of labels 1, 2, 3 for three outputs", lambda g: of_fit(
        g, g.one_hot(), g.x, keras.utils.to_categorical(g.kinds + 1))),
    Case("fit", "one label a row for one output a step", lambda g: of_fit(g, g.each_step(), g.x[..., None], g.y)),
    Case("fit", "rows that do not sum to 1", lambda g: of_fit(g, g.one_hot(), g.x, np.eye(3)[g.kinds] * 0.5)),
    Case("fit", "two numbers a row for one output", lambda g: of_fit(g, g.regression(), g.x, g.x[:, :2])),
    Case("fit", "one number a row for two outputs",
         lambda g: of_fit(g, g.compiled(2, None, "mean_squared_error"), g.x, g.numbers)),
    Case("fit", "pixels 0..255 for a sigmoid", lambda g: of_fit(
        g, g.compiled(NUM_COLUMNS, "sigmoid", "binary_crossentropy"), np.abs(g.x) * 255)),
    Case("fit", "standardised values for a sigmoid", lambda g: of_fit(
        g, g.compiled(NUM_COLUMNS, "sigmoid", "mean_squared_error"), g.x)),
    Case("fit", "negative numbers for a ReLU", lambda g: of_fit(
        g, g.compiled(1, "relu", "mean_squared_error"), g.x, g.numbers - 3)),
    Case("fit", "negative counts", lambda g: of_fit(g, g.compiled(1, "softplus", "poisson"), g.x, g.numbers)),
    Case("fit", "negative numbers under a logarithm", lambda g: of_fit(
        g, g.compiled(1, None, "mean_squared_logarithmic_error"), g.x, g.numbers)),
    Case("fit", "no such output", lambda g: of_fit(g, g.several(), g.x, {"kind": g.kinds, "mass": g.numbers})),
    Case("fit", "one column for two outputs", lambda g: of_fit(g, g.several(), g.x, g.kinds)),
    Case("fit", "text for one of several outputs", lambda g: of_fit(
        g, g.several(), g.x, {"kind": g.kinds, "size": g.labelled("a", "b")})),
    Case("fit", "labels 1, 2, 3 for one of several outputs", lambda g: of_fit(
        g, g.several(), g.x, {"kind": g.kinds + 1, "size": g.numbers})),
    Case("fit", "four classes for one of several outputs", lambda g: of_fit(
        g, g.several(), g.x, {"kind": g.labelled("a", "b", "c", "d"), "size": g.numbers})),
    Case("fit", "one of two inputs", lambda g: of_fit(g, g.two_inputs(), g.x, g.numbers)),
    Case("fit", "an input of an unknown name", lambda g: of_fit(
        g, g.two_inputs(), {"a": g.x, "c": g.x[:, :2]}, g.numbers)),
    Case("fit", "inputs of unequal rows", lambda g: of_fit(g, g.two_inputs(), [g.x, g.x[:-1, :2]], g.numbers)),
    Case("fit", "NaN in one of two inputs", lambda g: of_fit(
        g, g.two_inputs(), [g.x, g.with_value(np.nan)[:, 2:4]], g.numbers)),
    Case("fit", "other labels than before", lambda g: silent_fit(g.run.model, g.table, g.labelled("no", "maybe"))),
    Case("fit", "a column of the training missing", lambda g: silent_fit(
        g.run.model, g.table.rename(columns={"c3": "d3"}), g.labelled("no", "yes"))),
    Case("fit", "sample_weight of other rows", lambda g: of_fit(g, g.binary(), g.x, g.y, sample_weight=g.x[:-1, 0])),
    Case("fit", "negative sample_weight", lambda g: of_fit(g, g.binary(), g.x, g.y, sample_weight=g.x[:, 0])),
    Case("fit", "NaN in sample_weight", lambda g: of_fit(
        g, g.binary(), g.x, g.y, sample_weight=np.full(len(g.x), np.nan))),
    Case("fit", "sample_weight of two columns",
         lambda g: of_fit(g, g.binary(), g.x, g.y, sample_weight=abs(g.x[:, :2]))),
    Case("fit", "class_weight without a class", lambda g: of_fit(g, g.binary(), g.x, g.y, class_weight={0: 1.0})),
    Case("fit", "weights that are all 0", lambda g: of_fit(g, g.binary(), g.x, g.y, sample_weight=0 * g.x[:, 0])),
    Case("fit", "negative class_weight", lambda g: of_fit(g, g.binary(), g.x, g.y, class_weight={0: 1.0, 1: -1.0})),
    Case("fit", "class_weight of numbers",
         lambda g: of_fit(g, g.regression(), g.x, g.numbers, class_weight="balanced")),
    Case("fit", "class_weight of no output", lambda g: of_fit(
        g, g.several(), g.x, {"kind": g.kinds, "size": g.numbers}, class_weight={0: 1.0, 1: 2.0, 2: 3.0})),
    Case("fit", "both weights", lambda g: of_fit(
        g, g.binary(), g.x, g.y, class_weight="balanced", sample_weight=abs(g.x[:, 0]))),
    Case("fit", "validation_data of one array", lambda g: of_fit(g, g.binary(), g.x, g.y, validation_data=g.x)),
    Case("fit", "validation_data with another column", lambda g: of_fit(
        g, g.binary(), g.table, g.y, validation_data=(g.table.rename(columns={"c3": "d3"}), g.y))),
    Case("fit", "validation_data of another width", lambda g: of_fit(
        g, g.binary(), g.x, g.y, validation_data=(g.x[:, :5], g.y))),
    Case("fit", "validation_data with unknown labels", lambda g: of_fit(
        g, g.binary(), g.x, g.labelled("a", "b"), validation_data=(g.x, g.labelled("a", "z")))),
    Case("fit", "NaN in validation_data", lambda g: of_fit(
        g, g.binary(), g.x, g.y, validation_data=(g.with_value(np.nan), g.y))),
    Case("fit", "validation_data and validation_split", lambda g: of_fit(
        g, g.binary(), g.x, g.y, validation_data=(g.x, g.y), validation_split=0.2)),
    Case("fit", "validation_split=20", lambda g: of_fit(g, g.binary(), g.x, g.y, validation_split=20)),
    Case("fit", "epochs=0", lambda g: of_fit(g, g.binary(), g.x, g.y, epochs=0)),
    Case("fit", "epochs=2.5", lambda g: of_fit(g, g.binary(), g.x, g.y, epochs=2.5)),
    Case("fit", "batch_size=0", lambda g: of_fit(g, g.binary(), g.x, g.y, batch_size=0)),
    Case("fit", "patience without a validation", lambda g: of_fit(g, g.binary(), g.x, g.y, patience=3)),
    Case("fit", "initial_epoch beyond epochs", lambda g: of_fit(g, g.binary(), g.x, g.y, epochs=2, initial_epoch=2)),
    Case("fit", "checkpoint_every without a checkpoint", lambda g: of_fit(g, g.binary(), g.x, g.y, checkpoint_every=2)),
    Case("fit", "y with the index of x in another order", lambda g: of_fit(
        g, g.binary(), g.table, pd.Series(g.y)[::-1])),
    Case("fit", "no y for a classifier", lambda g: of_fit(g, g.multiclass(), g.x)),
    Case("fit", "a callback by its name", lambda g: of_fit(g, g.binary(), g.x, g.y, callbacks=["EarlyStopping"])),
    Case("fit", "a callback's class", lambda g: of_fit(
        g, g.binary(), g.x, g.y, callbacks=[keras.callbacks.TerminateOnNaN])),
    Case("fit", "early stopping without validation", lambda g: of_fit(
        g, g.binary(), g.x, g.y, callbacks=[keras.callbacks.EarlyStopping()])),
    Case("fit", "a callback that watches a misspelt metric", lambda g: of_fit(
        g, g.binary(), g.x, g.y, validation_split=0.2, callbacks=[keras.callbacks.EarlyStopping("val_acuracy")])),
    Case("fit", "an unknown argument", lambda g: of_fit(g, g.binary(), g.x, g.y, batchsize=32)),
    Case("fit", "an unknown engine", lambda g: of_fit(g, g.binary(), g.x, g.y, engine="gpu")),
    Case("fit", "an unknown rule in allow", lambda g: of_fit(g, g.binary(), g.x, g.y, allow="nan")),
    Case("fit", "an uncompiled model", lambda g: silent_fit(keras.Sequential([keras.layers.Dense(1)]), g.x, g.y)),
    Case("fit", "data where the model should be", lambda g: silent_fit(g.x, g.y, g.y)),
    Case("fit", "an endless stream", lambda g: of_fit(g, g.regression(), endless())),
    Case("fit", "y beside a stream", lambda g: of_fit(g, g.regression(), endless(), g.y, steps_per_epoch=1)),
    Case("fit", "channels first", lambda g: silent_fit(
        build_model("binary", input_shape=(8, 8, 3), body="cnn"), g.pictures(3, 8, 8)[:64], g.y[:64])),
    Case("fit", "x and y in one tuple", lambda g: of_fit(g, g.binary(), (g.x, g.y))),
    Case("fit", "x and y swapped for a classifier", lambda g: of_fit(g, g.multiclass(), g.kinds, g.x)),
    Case("fit", "validation_data swapped", lambda g: of_fit(g, g.binary(), g.x, g.y, validation_data=(g.y, g.x))),
    Case("fit", "a column of durations",
         lambda g: of_fit(g, g.binary(), g.table.assign(c3=pd.Timedelta(days=2)), g.y)),
    Case("fit", "a column of periods",
         lambda g: of_fit(g, g.binary(), g.table.assign(c3=pd.Period("2026-01")), g.y)),
    Case("fit", "a column of times of day",
         lambda g: of_fit(g, g.binary(), g.table.assign(c3=datetime.time(12)), g.y)),
    Case("fit", "a column with decimal commas", lambda g: of_fit(g, g.binary(), g.table.assign(c3="3,14"), g.y)),
    Case("fit", "a column whose commas may part thousands",
         lambda g: of_fit(g, g.binary(), g.table.assign(c3="1,234"), g.y)),
    Case("fit", "a column of 'True' and 'False'",
         lambda g: of_fit(g, g.binary(), g.table.assign(c3=g.labelled("True", "False")), g.y)),
    Case("fit", "decimal commas for numbers",
         lambda g: of_fit(g, g.regression(), g.x, g.labelled("3,14", "2,7", "10,25"))),
    Case("fit", "a label misspelt, for a model of the other two",
         lambda g: of_fit(g, g.compiled(2, "softmax", "sparse_categorical_crossentropy"), g.x,
                          g.labelled("sun", "rain", "Rain "))),
    Case("fit", "precision beside numbered classes", lambda g: of_fit(
        g, g.compiled(3, "softmax", "sparse_categorical_crossentropy", ["precision"]), g.x, g.kinds)),
    Case("fit", "a sparse metric beside one-hot rows", lambda g: of_fit(
        g, g.compiled(3, "softmax", "categorical_crossentropy", ["sparse_categorical_accuracy"]), g.x, g.kinds)),
    Case("fit", "a learning rate", lambda g: of_fit(g, g.binary(), g.x, g.y, learning_rate=0.1)),
    Case("fit", "a number for the checkpoint's folder", lambda g: of_fit(g, g.binary(), g.x, g.y, checkpoint=3)),
    Case("fit", "another width to validate on than to train on", lambda g: of_fit(
        g, g.unbuilt(), g.x, g.y, validation_data=(g.x[:, :4], g.y))),
    Case("fit", "no y for a model that is not built yet", lambda g: of_fit(g, g.unbuilt(), g.x)),
    Case("fit", "columns that the model was not built from", lambda g: silent_fit(
        build_model("binary", x=g.table), g.table.rename(columns={"c3": "d3"}), g.y)),
    Case("fit", "numbers as text in x", lambda g: silent_fit(
        g.binary(), g.table[:64].assign(c3=g.table.c3[:64].astype(str)), g.y[:64]), warns=True),
]  # fmt: skip

USE = [
    Case("predict", "one row without its axis", lambda g: g.run.predict(g.x[0])),
    Case("predict", "one picture without the axis of the rows", lambda g: predict(
        build_model("binary", input_shape=(8, 8, 1), body="cnn"), g.pictures(8, 8, 1)[0])),
    Case("predict", "one column", lambda g: g.run.predict(g.x[:, :1])),
    Case("predict", "one column too many", lambda g: g.run.predict(np.c_[g.x, g.y])),
    Case("predict", "NaN", lambda g: g.run.predict(g.with_value(np.nan))),
    Case("predict", "a column missing", lambda g: g.run.predict(g.table.drop(columns="c3"))),
    Case("predict", "a column that is new", lambda g: g.run.predict(g.table.assign(new=1.0))),
    Case("predict", "a column of text", lambda g: g.run.predict(g.table.assign(c3="red"))),
    Case("predict", "None", lambda g: g.run.predict(None)),
    Case("predict", "a dict for one input", lambda g: g.run.predict({"a": g.x, "b": g.x})),
    Case("predict_labels", "another width", lambda g: g.run.predict_labels(g.x[:, :3])),
    Case("predict_labels", "a run of numbers", lambda g: fit(
        g.regression(), g.x[:64], g.numbers[:64], verbose=0).predict_labels(g.x)),
    Case("evaluate", "labels that the model does not know",
         lambda g: g.run.evaluate(g.table, g.labelled("no", "maybe"))),
    Case("evaluate", "x and y in one tuple", lambda g: g.run.evaluate((g.x, g.labelled("no", "yes")))),
    Case("evaluate", "x and y swapped", lambda g: g.run.evaluate(g.labelled("no", "yes"), g.x)),
    Case("evaluate", "y of other rows", lambda g: g.run.evaluate(g.x, g.labelled("no", "yes")[:-1])),
    Case("evaluate", "another width", lambda g: g.run.evaluate(g.x[:, :3], g.labelled("no", "yes"))),
    Case("evaluate", "a weight below 0",
         lambda g: g.run.evaluate(g.x, g.labelled("no", "yes"), sample_weight=g.x[:, 0])),
    Case("evaluate", "an output that is not there", lambda g: g.several_run.evaluate(
        g.x, {"kind": g.kinds, "mass": g.numbers})),
    Case("save", "a folder with other files", lambda g: (
        (g.folder / "mine").mkdir(exist_ok=True), (g.folder / "mine" / "a.txt").touch(),
        g.run.save(g.folder / "mine"))),
    Case("save", "no folder", lambda g: g.run.save(None)),
    Case("save", "a file's name", lambda g: g.run.save(g.folder / "model.keras")),
    Case("load", "no path", lambda g: recipes.load(None)),
    Case("load", "nothing there", lambda g: recipes.load(g.folder / "absent")),
    Case("load", "a folder without a run", lambda g: recipes.load(g.folder)),
    Case("load", "a text file",
         lambda g: ((g.folder / "a.keras").write_text("no model"), recipes.load(g.folder / "a.keras"))),
]  # fmt: skip

BUILD = [
    Case("build_model", "an unknown task", lambda g: build_model("classification")),
    Case("build_model", "neither task nor y", lambda g: build_model()),
    Case("build_model", "data for a task", lambda g: build_model(g.x, y=g.y)),
    Case("build_model", "classes without their number", lambda g: build_model("multiclass", input_shape=(3,))),
    Case("build_model", "num_classes that y exceeds", lambda g: build_model(x=g.x, y=g.kinds, num_classes=2)),
    Case("build_model", "an unknown body", lambda g: build_model("binary", body="transformer")),
    Case("build_model", "an unknown argument", lambda g: build_model("binary", droput=0.5)),
    Case("build_model", "a search's hyperparameters", lambda g: build_model("binary", num_layers=2, units_1=64)),
    Case("build_model", "an argument of fit", lambda g: build_model("binary", epochs=5)),
    Case("build_model", "an unknown metric", lambda g: build_model("binary", metrics=["presicion"])),
    Case("build_model", "precision beside numbered classes",
         lambda g: build_model(y=g.kinds, loss="sparse_categorical_crossentropy", metrics=["precision"])),
    Case("build_model", "a sparse metric beside one-hot rows",
         lambda g: build_model(y=np.eye(3)[g.kinds], metrics=["sparse_categorical_accuracy"])),
    Case("build_model", "metrics of rows and of numbers",
         lambda g: build_model(y=g.kinds, metrics=["recall", "sparse_top_k_categorical_accuracy"])),
    Case("build_model", "labels that differ in capitals alone",
         lambda g: build_model(x=g.x, y=g.labelled("setosa", "virginica", "Setosa ")), warns=True),
    Case("build_model", "a text for widths", lambda g: build_model("binary", units="64")),
    Case("build_model", "a width of 0", lambda g: build_model("binary", units=(0,))),
    Case("build_model", "dropout=50", lambda g: build_model("binary", dropout=50)),
    Case("build_model", "a word for a seed", lambda g: build_model("binary", seed="a")),
    Case("build_model", "an unknown optimizer", lambda g: build_model("binary", optimizer="adma")),
    Case("build_model", "a negative rate", lambda g: build_model("binary", learning_rate=-1e-3)),
    Case("build_model", "a loss of another task", lambda g: build_model("binary", loss="mse")),
    Case("build_model", "a sequence as a picture", lambda g: build_model("binary", input_shape=(50, 3), body="cnn")),
    Case("build_model", "a picture as a sequence",
         lambda g: build_model("binary", input_shape=(8, 8, 1), body="sequence")),
    Case("build_model", "channels first", lambda g: build_model("binary", input_shape=(3, 32, 32), body="cnn")),
    Case("build_model", "a picture too small for its blocks",
         lambda g: build_model("binary", input_shape=(4, 4, 1), body="cnn",
                                                                        filters=(8, 8, 8))),
    Case("build_model", "NaN in x", lambda g: build_model(x=g.with_value(np.nan), y=g.y)),
    Case("build_model", "NaN in y", lambda g: build_model(x=g.x, y=np.where(g.y, np.nan, 1.0))),
    Case("build_model", "x and y of unequal rows", lambda g: build_model(x=g.x, y=g.y[:-1])),
    Case("build_model", "y that hardly varies", lambda g: build_model("regression", x=g.x, y=g.numbers * 1e-9)),
    Case("build_model", "quantiles out of order", lambda g: build_model("quantile", quantiles=(0.9, 0.1))),
    Case("build_model", "columns of y of very unequal spread", lambda g: build_model(
        "regression", x=g.x[:64], y=np.c_[g.x[:64, 0], 1e4 * g.x[:64, 1]]), warns=True),
    Case("build_model", "ratings, which might be quantities",
         lambda g: build_model(x=g.x, y=g.labelled(1, 2, 3, 4, 5)), warns=True),
    Case("build_model", "sequences, flattened", lambda g: build_model("binary", input_shape=(50, 3)), warns=True),
    Case("build_autoencoder", "an unknown kind", lambda g: build_autoencoder("vae", input_shape=(8, 8, 1))),
    Case("build_autoencoder", "a side that cannot be halved",
         lambda g: build_autoencoder("conv", input_shape=(7, 7, 1))),
    Case("build_autoencoder", "a table for a convolution", lambda g: build_autoencoder("conv", x=g.x)),
    Case("build_autoencoder", "an option of another kind",
         lambda g: build_autoencoder("dense", input_shape=(9,), noise=0.1)),
]  # fmt: skip

CHEATSHEET = [
    Case("infer_task", "an empty y", lambda g: cheatsheet.infer_task([])),
    Case("infer_task", "a single value", lambda g: cheatsheet.infer_task(g.y * 0)),
    Case("infer_task", "names, all different", lambda g: cheatsheet.infer_task([f"name {i}" for i in range(50)])),
    Case("infer_task", "numbers as text", lambda g: cheatsheet.infer_task([str(i) for i in range(50)])),
    Case("infer_task", "numbers with decimal commas",
         lambda g: cheatsheet.infer_task([f"{i},5" for i in range(50)])),
    Case("infer_task", "dates", lambda g: cheatsheet.infer_task(pd.date_range("2026-01-01", periods=9))),
    Case("lookup", "an unknown loss", lambda g: cheatsheet.lookup("binary", "crossentropy")),
    Case("head", "one class", lambda g: cheatsheet.head("multiclass", 1)),
    Case("chance_loss", "negative counts", lambda g: cheatsheet.chance_loss("poisson", g.numbers)),
    Case("diagnose", "no losses", lambda g: diagnose({"accuracy": [0.5, 0.6]})),
    Case("diagnose", "more epochs validated than trained", lambda g: diagnose({"loss": [1.0], "val_loss": [1.0, 0.5]})),
]  # fmt: skip

SEARCH = [
    Case("tune", "NaN in x", lambda g: search(g, g.with_value(np.nan), g.y)),
    Case("tune", "no data", lambda g: search(g, None, None)),
    Case("tune", "x and y of unequal rows", lambda g: search(g, g.x, g.y[:-1])),
    Case("tune", "x and y in one tuple", lambda g: search(g, (g.x, g.y), None)),
    Case("tune", "y with the index of x in another order", lambda g: search(g, g.table, pd.Series(g.y)[::-1])),
    Case("tune", "validation_data with another column", lambda g: search(
        g, g.table, g.y, validation_data=(g.table.rename(columns={"c3": "d3"}), g.y))),
    Case("tune", "patience", lambda g: search(g, g.x, g.y, patience=3)),
    Case("tune", "one of the hyperparameters", lambda g: search(g, g.x, g.y, dropout=0.2)),
    Case("tune", "precision beside numbered classes", lambda g: search(
        g, g.x, g.kinds, metrics=["recall", "sparse_categorical_accuracy"])),
    Case("tune", "an unknown body", lambda g: search(g, g.x, g.y, body="rnn")),
    Case("tune", "an unknown tuner", lambda g: search(g, g.x, g.y, tuner="optuna")),
    Case("tune", "an unknown hyperparameter", lambda g: search(g, g.x, g.y, space={"widths": [1, 2]})),
    Case("tune", "an interval upside down", lambda g: search(g, g.x, g.y, space={"units": (64, 16)})),
    Case("tune", "an objective that is not measured", lambda g: search(
        g, g.x[:64], g.y[:64], objective=keras_tuner_objective("val_f2"))),
    Case("tune", "nothing to validate on", lambda g: search(g, g.x, g.y, validation_split=0.0)),
    Case("tune", "max_trials=0", lambda g: search(g, g.x, g.y, max_trials=0)),
    Case("tune", "several inputs", lambda g: search(g, {"a": g.x}, g.y)),
    Case("tune", "a callback by its name", lambda g: search(g, g.x, g.y, callbacks=["lr"])),
    Case("tune", "weights of other rows", lambda g: search(g, g.x, g.y, sample_weight=g.x[:-1, 0])),
    Case("tune", "a folder with other files", lambda g: (
        (g.folder / "work").mkdir(exist_ok=True), (g.folder / "work" / "thesis.tex").touch(),
        tune(g.x[:64], g.y[:64], directory=g.folder / "work", overwrite=True, verbose=0))),
    Case("grok", "an unknown operation", lambda g: grok(operation="x o y")),
    Case("grok", "an unknown preset", lambda g: grok("papr")),
    Case("grok", "a modulus that would fill the memory", lambda g: grok(p=9973)),
    Case("grok", "a share of 0", lambda g: grok(train_fraction=0.0)),
    Case("load_data", "an unknown name", lambda g: load_data("irsi")),
    Case("load_data", "a file that is not there", lambda g: load_data("mnist", folder=g.folder / "absent")),
]  # fmt: skip


CASES = [*FIT, *MANY, *USE, *BUILD, *CHEATSHEET, *SEARCH]


def said(case: Case, given: Given) -> str:
    """Return what the call of this case is told, as one line without what differs from machine to machine."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            case.call(given)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
        else:
            assert case.warns, f"{case.where}: {case.what} was accepted"
            text = next(str(w.message) for w in caught if w.category is UserWarning)
    text = re.sub(r"(input_layer|keras_tensor)_\d+", r"\1", text)  # which Keras counts over the process
    text = re.sub(r"[0-9.]+ GB are free. Expected p=[0-9]+", "... GB are free. Expected p=...", text)
    return " ".join(text.replace(str(given.folder), "folder").split())


def page(given: Given) -> str:
    lines = [
        "# What is refused, and what is said",
        "",
        f"{len(CASES)} mistakes, and the answer to each on 200 rows of {NUM_COLUMNS} columns; no step is made.",
        "Written by `python tests/refusals.py > docs/refusals.md`, checked by `tests/test_refusals.py`.",
        "",
        "| where | what | what is said |",
        "|---|---|---|",
    ]
    for case in CASES:
        text = said(case, given).replace("|", "\\|")
        lines.append(f"| `{case.where}` | {case.what} | {'warning: ' if case.warns else ''}{text} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(Given(200)))
