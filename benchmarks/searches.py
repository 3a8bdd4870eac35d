"""Jobs that search: the same trials by this package, keras-tuner and Optuna, and the memory that they take."""

import resource
import time

from training import Result, breast_cancer

TUNE_TRIALS, TUNE_EPOCHS = 30, 50


def tuned_model(hp):
    """A keras-tuner user's build: 1 to 3 layers of 16 to 128, dropout, rate on a log scale."""
    import keras
    from keras import layers

    units = [hp.Int(f"units_{i}", 16, 128, step=16) for i in range(3)]
    rate = hp.Float("dropout", 0.0, 0.5, step=0.1)
    model = keras.Sequential([keras.Input((30,))])
    for width in units[: hp.Int("num_layers", 1, 3)]:
        model.add(layers.Dense(width, "relu"))
        model.add(layers.Dropout(rate))
    model.add(layers.Dense(1, "sigmoid"))
    optimizer = keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log"))
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def tune_search(way: str) -> Result:
    """A random search on breast cancer, batch 32: the same trials through this package, keras-tuner and Optuna."""
    import tempfile

    from sklearn.model_selection import train_test_split

    x, y = breast_cancer()
    x, x_val, y, y_val = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)
    options = {"epochs": TUNE_EPOCHS, "batch_size": 32, "validation_data": (x_val, y_val), "verbose": 0}
    if way == "optuna":
        return optuna_search(x, y, options)
    with tempfile.TemporaryDirectory() as folder:
        if way == "recipes":
            from recipes import tune

            start = time.perf_counter()
            search = tune(
                x, y, hypermodel=tuned_model, max_trials=TUNE_TRIALS, seed=1, directory=folder + "/search", **options
            )
            seconds, best = time.perf_counter() - start, search.best_trial.score
        else:
            import keras_tuner

            start = time.perf_counter()
            tuner = keras_tuner.RandomSearch(
                tuned_model, "val_loss", max_trials=TUNE_TRIALS, seed=1, directory=folder, project_name="search"
            )
            tuner.search(x, y, **options)
            seconds, best = time.perf_counter() - start, tuner.oracle.get_best_trials(1)[0].score
    return {"first_s": seconds, "trials_per_min": 60 * TUNE_TRIALS / seconds, "best_val_loss": float(best)}


def optuna_search(x, y, options) -> Result:
    """As Optuna's users write it: Keras inside an objective function."""
    import keras
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    class Asks:
        """keras-tuner's questions, put to an Optuna trial."""

        def __init__(self, trial):
            self.trial = trial

        def Int(self, name, low, high, step=1):
            return self.trial.suggest_int(name, low, high, step=step)

        def Float(self, name, low, high, step=None, sampling="linear"):
            return self.trial.suggest_float(name, low, high, step=step, log=sampling == "log")

    def objective(trial):
        keras.backend.clear_session()
        return min(tuned_model(Asks(trial)).fit(x, y, **options).history["val_loss"])

    start = time.perf_counter()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=TUNE_TRIALS)
    seconds = time.perf_counter() - start
    return {"first_s": seconds, "trials_per_min": 60 * TUNE_TRIALS / seconds, "best_val_loss": study.best_value}


def tune_more(way: str) -> Result:
    """The random search of `tune` through this package, with 300 trials against 30."""
    import tempfile

    from recipes import tune

    x, y = breast_cancer()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        search = tune(
            x, y, hypermodel=tuned_model, max_trials=30 if way == "thirty" else 300, epochs=TUNE_EPOCHS, seed=1,
            directory=folder + "/search", verbose=0,
        )  # fmt: skip
        return {"first_s": time.perf_counter() - start, "best_val_loss": float(search.best_trial.score)}


def tune_memory(way: str) -> Result:
    """Resident memory after so many trials of one search: 50 or 500."""
    import gc
    import tempfile

    from recipes import tune

    x, y = breast_cancer()
    with tempfile.TemporaryDirectory() as folder:
        trials = 50 if way == "fifty" else 500
        tune(x, y, max_trials=trials, epochs=5, directory=folder + "/search", verbose=0)
        gc.collect()
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
    return {"rss_mb": pages * resource.getpagesize() / 2**20}
