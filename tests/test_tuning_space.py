"""What is searched: the names, the values, and what is refused."""

import keras_tuner
import pytest
from conftest import refused
from searches import X, Y

from recipes import tune
from recipes.tuning.grokking import GROKKING
from recipes.tuning.networks import AUTOENCODER, SUPERVISED
from recipes.tuning.space import OF_BODY, ask, entries_of


class TestSpace:
    @staticmethod
    def entries(group, body, shape, rows):
        kind = next(kind for kind in (SUPERVISED, AUTOENCODER, GROKKING) if body in kind.names)
        return entries_of(group, body, kind.names[body], kind.defaults(body, shape, rows, 32))

    @pytest.mark.parametrize("body", [*OF_BODY, "grokking"])
    @pytest.mark.parametrize("group", [None, "training"])
    def test_every_default_can_be_asked_for(self, body, group):
        entries = self.entries(group, body, (28, 28, 1) if body in ("cnn", "conv") else (30,), 500)
        hp = keras_tuner.HyperParameters()
        values = ask(hp, entries)
        assert set(entries) <= {name.split("_1")[0] if name == "units_1" else name for name in values}
        assert ("optimizer" in values) == (body != "grokking")

    def test_small_data_get_small_networks(self):
        widest = [self.entries(None, "mlp", (4,), rows)["units"][1] for rows in (100, 1_000, 100_000)]
        assert widest == [32, 128, 512]
        assert self.entries(None, "conv", (28, 28, 1), 100)["num_layers"] == (1, 2)  # 28 = 4 * 7
        assert self.entries(None, "cnn", (8, 8, 1), 100)["num_layers"] == (1, 3)
        assert self.entries("training", "mlp", (4,), 100)["batch_size"] == [16, 32, 64]

    def test_layers_have_widths_of_their_own_where_they_exist(self):
        hp = keras_tuner.HyperParameters()
        hp.values = {"num_layers": 2, "units_1": 8, "units_2": 4}
        assert ask(hp, {"num_layers": (1, 3), "units": [4, 8]}) == {"num_layers": 2, "units_1": 8, "units_2": 4}
        assert [parameter.name for parameter in hp.space] == ["num_layers", "units_1", "units_2", "units_3"]

    @pytest.mark.parametrize(
        ("space", "message"),
        [
            ("both", "Unknown space. Received: space='both'. Expected 'architecture', 'training', a dictionary such as "
             "{'units': [16, 64], 'learning_rate': (1e-4, 1e-2, 'log')}, or None for both."),
            ({"unit": [1]}, "body='mlp' has no hyperparameter 'unit'. It has num_layers, units, activation, dropout, "
             "optimizer, learning_rate, weight_decay, batch_size. Did you mean 'units'?"),
            ({"units": []}, "space['units'] must list values of one type. Received: []."),
            ({"units": (9, 3)}, "space['units'] as a tuple is (low, high), (low, high, step) or (low, high, 'log'), "
             "low < high. Received: (9, 3). For a choice of values write a list."),
            ({"learning_rate": (0.0, 1.0, "log")},
             "space['learning_rate'] has a log scale, which needs low > 0. Received: (0.0, 1.0, 'log')."),
            ({"dropout": (0.0, 0.5, "fine")},
             "space['dropout'] has the step 'fine'. Expected a number above 0, or 'log'."),
        ],
    )  # fmt: skip
    def test_refusals(self, space, message):
        with refused(message):
            tune(X, Y, space=space)
