"""The curves and hyperparameters that TensorBoard shows."""

import keras_tuner
import numpy as np
import pytest
from conftest import refused
from searches import QUICK, X, Y, nothing

from recipes import tune


@pytest.mark.slow
def test_tensorboard_opens_what_is_written(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    found = tune(X, Y, max_trials=2, directory=tmp_path / "s", tensorboard=tmp_path / "t", **QUICK)
    trial = found.trials[1]
    events = EventAccumulator(str(tmp_path / "t" / "trial_0001" / "execution-0"), size_guidance={"tensors": 0})
    events.Reload()
    import tensorflow as tf

    written = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("epoch_val_loss")]
    np.testing.assert_allclose(written, trial.executions[0].history["val_loss"], rtol=1e-6)
    content = events.PluginTagToContent("hparams")
    start = plugin_data_pb2.HParamsPluginData.FromString(content["_hparams_/session_start_info"]).session_start_info
    assert start.hparams["units_1"].number_value == trial.hyperparameters["units_1"]
    top = EventAccumulator(str(tmp_path / "t"))
    top.Reload()
    assert "_hparams_/experiment" in top.PluginTagToContent("hparams")


def test_curves_are_replaced_where_a_search_was_started_anew_and_refused_where_it_is_another(tmp_path):
    heights = [1.0]

    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            hp.Int("a", 1, 100)
            return nothing()

        def fit(self, hp, model, *args, **kwargs):
            return {"val_loss": heights}

    options = {"epochs": 1, "directory": tmp_path / "s", "tensorboard": tmp_path / "t", "verbose": 0}
    tune(X, Y, hypermodel=Model(), max_trials=2, **options)
    first, second = (tmp_path / "t" / f"trial_000{i}" / "execution-0" for i in (0, 1))
    before = sorted(first.iterdir())
    tune(X, Y, hypermodel=Model(), max_trials=2, **options)
    assert sorted(first.iterdir()) == before
    heights[0] = 2.0  # what no digest of the code sees
    (first / "notes.txt").write_text("mine")
    tune(X, Y, hypermodel=Model(), max_trials=1, overwrite=True, **options)
    assert not set(before) & set(first.iterdir())
    assert (first / "notes.txt").read_text() == "mine"
    assert not second.exists()
    tune(X, Y, hypermodel=Model(), max_trials=1, overwrite=True, **{**options, "batch_size": 8})  # in place of that one
    with refused(f"{tmp_path / 't'} holds the curves of another search. Name another folder for tensorboard."):
        tune(X, Y, hypermodel=Model(), max_trials=1, **{**options, "directory": tmp_path / "u"}, seed=1)
    assert not (tmp_path / "u").exists()
