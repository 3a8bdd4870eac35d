"""Models drawn at random, in all that models can be and differ in; much of it is nasty, and some is refused."""

import keras
import numpy as np

from recipes import fit

L, R, O, S = keras.layers, keras.regularizers, keras.optimizers, keras.optimizers.schedules  # noqa: E741
ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "tanh", "sigmoid", "softplus", "softsign",
    "exponential", "mish", "log_sigmoid", "hard_sigmoid", "hard_silu", "hard_tanh", "hard_shrink", "soft_shrink",
    "tanh_shrink", "squareplus", "sparse_plus", "sparse_sigmoid", "linear", "softmax", "log_softmax", "sparsemax",
    "glu",
)  # fmt: skip
ROWS = (1, 5, 32, 33, 47, 75)
FEW = 6  # that the quick tests draw


class Own(keras.Sequential):
    """A class of the user's."""


class Draw:
    """One example: what the models have in common, and how each is made."""

    def __init__(self, number, *, dropout=False):
        self.rng = np.random.default_rng([20, number])
        self.number, self.dropout = int(self.rng.integers(2, 4 if number < FEW else 6)), dropout
        self.wide = self.rng.random() < 0.5  # whether widths differ
        self.task = self.pick("numbers", "columns", "yes or no", "classes", "one-hot", "several", "margins", "steps")
        self.input = "steps" if self.task == "steps" else self.pick("row", "row", "row", "steps", "tokens")
        self.nasty = self.pick(*NASTY) if self.rng.random() < 0.4 else None
        self.layers = [self._layer(i) for i in range(self.rng.integers(1, 4))]
        self.loss, self.last, self.width = self._loss()
        self.metrics = self._metrics()
        self.optimizer = self._optimizer()
        self._data()

    def pick(self, *things):
        return things[int(self.rng.integers(len(things)))]

    def some(self, **things):
        """Take each of these options with a chance of 1 in 4."""
        return {name: value for name, value in things.items() if self.rng.random() < 0.25}

    def few(self, **things):
        """Take each of these with a chance of 1 in 30: they are refused, and nothing is stacked then."""
        return {name: value for name, value in things.items() if self.rng.random() < 1 / 30}

    # --- a model --------------------------------------------------------------------------------------------------

    def make(self, k):
        keras.utils.set_random_seed(k)
        inputs = {"row": (6,), "steps": (4, 2), "tokens": (5,)}[self.input]
        parts = [keras.Input(inputs)]
        if self.input == "tokens":
            parts += [L.Embedding(9, 3)]
        if self.input != "row" and self.task != "steps":
            parts += [L.Flatten()]
        parts += [part for layer in self.layers for part in layer(k)]
        parts += [L.Dense(self.width, self.last)]
        model = (Own if self.nasty == "own class" and k else keras.Sequential)(parts)
        draw = np.random.default_rng(k)
        for variable in model.trainable_variables:
            variable.assign(draw.uniform(0.05, 0.5, variable.shape) * draw.choice([-1, 1]))
        options = {} if self.nasty not in COMPILE or not k else COMPILE[self.nasty]
        metrics, weighted = self.metrics
        model.compile(self.optimizer(k), self.loss(), metrics=metrics(), weighted_metrics=weighted(), **options)
        if self.nasty in NASTY and NASTY[self.nasty] is not None and k == 1:
            NASTY[self.nasty](self, model)
        return model

    def _layer(self, i):
        kind = self.pick(
            "Dense", "Dense", "Dense", "Dense", "Activation", "ReLU", "BN", "LN", "Scale", "Shapes", "Drop"
        )
        if kind == "Dense":
            width, more = int(self.rng.integers(2, 7)) * 2, (2 if self.wide else 0) * self.pick(-1, 0, 1)
            activation = self.pick(*ACTIVATIONS)
            options = self.some(use_bias=False, kernel_regularizer=R.L2(0.03), bias_regularizer=R.L1(0.01))
            options |= self.some(kernel_regularizer=R.L1L2(0.01, 0.2))
            options |= self.few(activity_regularizer=R.L2(0.01), kernel_constraint="non_neg", trainable=False,
                                kernel_regularizer=R.OrthogonalRegularizer())  # fmt: skip
            return lambda k: [L.Dense(max(2, width + k * more), activation, **options)]
        if kind == "Activation":
            activation = self.pick(*(name for name in ACTIVATIONS if name != "glu"))
            return lambda k: [L.Activation(activation)]
        if kind == "ReLU":
            options = self.some(max_value=1.5, negative_slope=0.1, threshold=0.2)
            return lambda k: [L.ReLU(**options)]
        if kind in ("BN", "LN"):
            options = self.some(center=False, scale=False, epsilon=0.01, gamma_regularizer="l2") | self.few(
                trainable=False
            )
            options |= self.some(momentum=0.6) if kind == "BN" else {}
            return lambda k: [(L.BatchNormalization if kind == "BN" else L.LayerNormalization)(**options)]
        if kind == "Scale":
            scale = self.pick(lambda k: [L.Rescaling(0.3 + k, 0.1)],
                              lambda k: [L.Normalization(mean=0.1, variance=1.3)])  # fmt: skip
            return self.few(scale=self.pick(lambda k: [L.LeakyReLU(0.3)], lambda k: [L.PReLU()])).get("scale", scale)
        if kind == "Shapes" and self.task != "steps":
            more = 2 if self.wide else 0
            return lambda k: [L.Dense(8, "tanh"), L.Reshape((4, 2)), L.Dense(3 + k * more, "elu"), L.Flatten()]
        if kind == "Drop" and self.dropout:
            return lambda k: [L.Dropout(0.1 + 0.15 * k)]
        return lambda k: [L.Dropout(0.0)]

    def _optimizer(self):
        kind = self.pick("SGD", "SGD", "Adam", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta")
        kind = self.few(kind=self.pick("Nadam", "Lion")).get("kind", kind)
        kind = "SGD" if self.input == "tokens" and self.rng.random() < 0.9 else kind
        options = self.some(weight_decay=0.05)
        if self.rng.random() < 0.4:
            options |= [{"clipnorm": 0.1}, {"clipvalue": 0.05}, {"global_clipnorm": 0.2}, {"clipnorm": -1.0}][
                int(self.rng.integers(4))
            ]
        options |= self.few(use_ema=True, gradient_accumulation_steps=2, loss_scale_factor=8.0)
        if kind == "SGD":
            options |= self.some(momentum=0.7) | self.some(nesterov=True)
        if kind in ("Adam", "AdamW"):
            options |= self.some(beta_1=0.7, epsilon=1e-4) | self.few(amsgrad=True)
        if kind == "RMSprop":
            options |= self.some(momentum=0.3, centered=True, rho=0.8)
        rate = self.pick(0.003, 0.01, 0.02)
        schedule = self.pick(None, None, None, lambda r: S.CosineDecay(r, 5, warmup_target=2 * r, warmup_steps=3),
                             lambda r: S.PiecewiseConstantDecay([2, 4], [r, r / 2, 0.0]),
                             lambda r: S.ExponentialDecay(r, 3, 0.5, staircase=True))  # fmt: skip
        leaves_out = bool(self.few(leaves_out=True))

        def make(k):
            own = rate * (1 + k)
            if self.nasty == "rate 0" and k == 1:
                own = 0.0
            if self.nasty == "diverges" and k == 1:
                own = 1e200
            optimizer = getattr(O, kind)(schedule(own) if schedule and own > 0 else own, **options)
            if leaves_out and "weight_decay" in options:
                optimizer.exclude_from_weight_decay(var_names=["bias"])
            return optimizer

        return make

    # --- what it is compared with ---------------------------------------------------------------------------------

    def _loss(self):
        """Give the loss, the last activation and the number of outputs."""
        C = keras.losses
        kept = self.some(label_smoothing=0.1)
        common = self.some(reduction="mean") | self.few(reduction=self.pick("sum", "mean_with_sample_weight"))
        common |= self.few(dtype="float32")
        delta = self.few(delta=0.3)
        logits = self.rng.random() < 0.4
        options = {**kept, **common, "from_logits": logits}
        if self.task in ("numbers", "columns"):
            width = 1 if self.task == "numbers" else 3
            loss = self.pick(
                lambda: "mse", lambda: "mae", lambda: C.Huber(**common), lambda: C.Huber(**delta),
                lambda: C.LogCosh(**common),
                lambda: C.MeanAbsolutePercentageError(), lambda: C.MeanSquaredError(**common), lambda: ["mse"],
                lambda: C.CosineSimilarity(axis=-1 if width > 1 else 1), lambda: C.Poisson(),
            )  # fmt: skip
            positive = isinstance(loss(), C.Poisson)
            self.positive = positive
            return loss, "softplus" if positive else self.pick(None, "linear"), width
        if self.task in ("yes or no", "several"):
            width = 1 if self.task == "yes or no" else 2
            if self.rng.random() < 0.2:
                return lambda: C.BinaryFocalCrossentropy(from_logits=logits), None if logits else "sigmoid", width
            return lambda: C.BinaryCrossentropy(**options), None if logits else "sigmoid", width
        if self.task in ("classes", "steps"):
            own = {**common, "from_logits": logits, **self.few(ignore_class=0)}
            return lambda: C.SparseCategoricalCrossentropy(**own), None if logits else "softmax", 3
        if self.task == "one-hot":
            axis = self.few(axis=1)
            loss = self.pick(lambda: C.CategoricalCrossentropy(**options, **axis),
                             lambda: C.CategoricalFocalCrossentropy(from_logits=logits),
                             lambda: C.CategoricalHinge(), lambda: C.KLDivergence())  # fmt: skip
            loss = self.few(loss=self.pick(lambda: C.Dice(), lambda: C.Tversky())).get("loss", loss)
            takes_logits = bool(loss()._fn_kwargs.get("from_logits"))
            return loss, None if takes_logits else "softmax", 3
        return self.pick(lambda: "hinge", lambda: C.SquaredHinge(**common)), "tanh", 1

    def _metrics(self):
        M = keras.metrics
        known = {
            "numbers": (lambda: "mae", lambda: M.RootMeanSquaredError(), lambda: "mape"),
            "columns": (lambda: "mse", lambda: M.CosineSimilarity(), lambda: M.RootMeanSquaredError()),
            "yes or no": (
                lambda: "accuracy",
                lambda: M.BinaryAccuracy(threshold=0.3),
                lambda: "hinge",
            ),
            "several": (lambda: "accuracy", lambda: M.BinaryAccuracy(dtype="float32")),
            "classes": (lambda: "accuracy",),
            "steps": (lambda: "accuracy", lambda: M.SparseCategoricalAccuracy(name="right")),
            "one-hot": (lambda: "accuracy", lambda: M.KLDivergence()),
            "margins": (lambda: "hinge", lambda: "mse"),
        }[self.task]
        known += tuple(self.few(metric=lambda: M.AUC(name="auc")).values()) if self.task == "yes or no" else ()
        first = [one for one in known if self.rng.random() < 0.4]
        second = [one for one in known if one not in first and self.rng.random() < 0.3]
        return lambda: [one() for one in first], lambda: [one() for one in second]

    # --- the rows -------------------------------------------------------------------------------------------------

    def _data(self):
        rng, rows = self.rng, self.pick(*ROWS)
        held = 20
        n = rows + held
        x = rng.normal(size=(n, *{"row": (6,), "steps": (4, 2), "tokens": (5,)}[self.input]))
        if self.input == "tokens":
            x = rng.integers(0, 9, size=x.shape)
        elif self.rng.random() < 0.3:
            x = self.pick((3 * x).round().astype("int32"), x > 0, x.astype("float32"))
        kind = np.arange(n) % 3
        y = {
            "numbers": lambda: rng.normal(size=n) + 2, "columns": lambda: rng.normal(size=(n, 3)),
            "yes or no": lambda: self.pick(kind > 0, (kind > 0).astype(int), (kind > 0).astype("float32")),
            "classes": lambda: self.pick(kind, kind[:, None]), "one-hot": lambda: np.eye(3)[kind],
            "several": lambda: np.stack([kind > 0, kind < 2], 1).astype(int), "margins": lambda: 2 * (kind > 0) - 1,
            "steps": lambda: rng.integers(0, 3, size=(n, 4)),
        }[self.task]()  # fmt: skip
        y = abs(y) if getattr(self, "positive", False) else y
        self.x, self.y = x[:rows], y[:rows]
        weight = rng.uniform(0, 2, n)
        self.options = {"epochs": 3, "batch_size": self.pick(1 if rows < 10 else 16, 16, 32, 100)}
        validated = self.pick("no", "split", "data", "weighted")
        if validated == "split" and rows > 9:
            self.options["validation_split"] = 0.3
        elif validated in ("data", "weighted"):
            self.options["validation_data"] = (
                x[rows:],
                y[rows:],
                *((weight[rows:],) if validated == "weighted" else ()),
            )
        validates = {"validation_split", "validation_data"} & {*self.options}
        if rng.random() < 0.3:
            self.options["sample_weight"] = weight[:rows]
        elif rng.random() < 0.3 and self.task in ("yes or no", "classes") and rows > 9:
            self.options["class_weight"] = "balanced"
        if rng.random() < 0.4:
            self.options["epochs"] = [int(rng.integers(1, 5)) for _ in range(self.number)]
        if rng.random() < 0.4:
            self.options["seed"] = [int(rng.integers(0, 9)) for _ in range(self.number)]
        if validates and rng.random() < 0.5:
            self.options["patience"] = [self.pick(None, 1, 2) for _ in range(self.number)]
        if rng.random() < 0.2:
            self.options["shuffle"] = False

    def of(self, k):
        """Give the arguments for one model."""
        lists = ("epochs", "seed", "patience")
        return {n: v[k] if n in lists and isinstance(v, list) else v for n, v in self.options.items()}


def _freeze(draw, model):
    model.layers[-1].trainable = False
    model.compile(draw.optimizer(1), draw.loss())


def _train_before(draw, model):
    fit(model, draw.x, draw.y, **{**draw.of(0), "epochs": 1, "patience": None}, verbose=0)


def _set_later(draw, model):
    model.optimizer.weight_decay = 0.1


def _make_infinite(draw, model):
    for variable in model.trainable_variables[:1]:
        variable.assign(np.full(variable.shape, np.inf))


def _replace_a_method(draw, model):
    layer = model.layers[-1]
    layer.call = lambda x, training=None: 2 * type(layer).call(layer, x)


def _set_an_activation(draw, model):
    model.layers[-1].activation = keras.activations.sigmoid


COMPILE = {"eager": {"run_eagerly": True}, "compiled": {"jit_compile": False}, "steps": {"steps_per_execution": 2},
           "loss weight": {"loss_weights": [2.0]}}  # fmt: skip
NASTY = {
    "frozen": _freeze, "trained before": _train_before, "set later": _set_later, "infinite": _make_infinite,
    "method": _replace_a_method, "activation": _set_an_activation, "own class": None, "rate 0": None, "diverges": None,
    **dict.fromkeys(COMPILE),
}  # fmt: skip
