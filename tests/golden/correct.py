"""Correct programs as tutorials and users write them, made small: a tool that cries at them is a nuisance.

Each is written anew after a well-known example, which its decorator names; the data are made up.
"""

import keras
import numpy as np
import pandas as pd
from keras import Input, Model, Sequential, layers, losses, ops, optimizers
from keras.layers import Activation, Conv2D, Dense, Dropout, Embedding

from .program import program
from .samples import (
    classes,
    counts,
    fractions,
    grey_images,
    masks,
    numbers,
    one_hot,
    points,
    series,
    several_labels,
    texts,
    two_classes,
)


@program("keras.io: Simple MNIST convnet")
def mnist_convnet():
    """Ten digits, one-hot, softmax, categorical crossentropy, dropout of a half."""
    images, labels = grey_images(size=10)
    x = np.expand_dims(images[..., 0].astype("float32") / 255, -1)
    y = keras.utils.to_categorical(labels, 3)
    model = Sequential([
        keras.Input(shape=(10, 10, 1)),
        Conv2D(8, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        Dropout(0.5),
        Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model, x, y, {"validation_split": 0.1}


@program("keras.io: Bidirectional LSTM on IMDB")
def imdb_lstm():
    """Word numbers in the thousands through an embedding: large integers are no unscaled features."""
    x, y = texts(words=20_000)
    inputs = Input(shape=(None,), dtype="int32")
    hidden = Embedding(20_000, 8)(inputs)
    hidden = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(hidden)
    hidden = layers.Bidirectional(layers.LSTM(4))(hidden)
    model = Model(inputs, Dense(1, activation="sigmoid")(hidden))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model, x, y


@program("Deep Learning with Python, chapter 4: Boston housing")
def housing_regression():
    """Standardised features, prices in thousands of dollars (about 10 to 50), MSE and MAE."""
    x, score = numbers()
    y = 22.5 + 9 * score.clip(-2, 3)
    model = Sequential([Dense(16, activation="relu"), Dense(16, activation="relu"), Dense(1)])
    model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
    return model, x, y


@program("scikit-learn and Keras: California housing")
def california_regression():
    """House values of 0.15 to 5 (hundred thousands), from a table, behind a Normalization layer."""
    x, score = numbers()
    table = pd.DataFrame(x * [2, 12, 800, 1100] + [4, 28, 1400, 1200], columns=["income", "age", "rooms", "people"])
    y = pd.Series((2.0 + score).clip(0.15, 5.0), name="value")
    scale = layers.Normalization()
    scale.adapt(table.to_numpy())
    model = Sequential([Input((4,)), scale, Dense(16, "relu"), Dense(1)])
    model.compile(optimizers.SGD(0.01), "mean_squared_error", metrics=[keras.metrics.RootMeanSquaredError()])
    return model, table, y


@program("Keras blog: Building autoencoders")
def deep_autoencoder():
    """Pixels in [0, 1] to themselves through a sigmoid, with a binary crossentropy: fractions are legitimate."""
    images, _ = grey_images()
    x = images.reshape(len(images), -1).astype("float32") / 255
    inputs = Input(shape=(64,))
    encoded = Dense(16, activation="relu")(inputs)
    encoded = Dense(4, activation="relu")(encoded)
    decoded = Dense(16, activation="relu")(encoded)
    decoded = Dense(64, activation="sigmoid")(decoded)
    model = Model(inputs, decoded)
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model, x, x


@program("Hands-On Machine Learning, chapter 17: PCA with an undercomplete linear autoencoder")
def linear_code():
    """A code of two linear units between curved layers: a bottleneck has no activation on purpose."""
    x = points(6)
    x[:, 3:] = np.tanh(x[:, :3])
    encoder = Sequential([Input((6,)), Dense(12, "tanh"), Dense(2)], name="encoder")
    decoder = Sequential([Input((2,)), Dense(12, "tanh"), Dense(6)], name="decoder")
    model = Sequential([encoder, decoder])
    model.compile("adam", "mse")
    return model, x, x


class Sampling(layers.Layer):
    """Draws a code from its distribution."""

    def call(self, inputs):
        mean, log_var = inputs
        return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean), seed=1)


class VAE(Model):
    """A variational autoencoder with its own loss, which takes no y."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def call(self, x):
        return self.decoder(self.encoder(x)[2])

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        mean, log_var, code = self.encoder(x)
        error = ops.mean(ops.sum(losses.binary_crossentropy(x, self.decoder(code)), axis=-1))
        return error - 0.5 * ops.mean(ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1))


@program("keras.io: Variational autoencoder")
def variational_autoencoder():
    """A subclassed model that computes its own loss and is compiled without one; there is no y."""
    images, _ = grey_images()
    x = images.reshape(len(images), 1, -1).astype("float32") / 255
    inputs = Input((1, 64))
    hidden = Dense(16, "relu")(inputs)
    mean, log_var = Dense(2, name="mean")(hidden), Dense(2, name="log_var")(hidden)
    encoder = Model(inputs, [mean, log_var, Sampling()([mean, log_var])])
    decoder = Sequential([Input((1, 2)), Dense(16, "relu"), Dense(64, "sigmoid")])
    model = VAE(encoder, decoder)
    model.compile(optimizer=optimizers.Adam())
    return model, x, None


class OwnStep(Model):
    """A model with the training step of Keras' guide."""

    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


@program("keras.io: Customizing what happens in fit()")
def own_train_step():
    """A functional subclass with its own train_step."""
    x, y = numbers()
    inputs = Input((4,))
    model = OwnStep(inputs, Dense(1)(Dense(8, "relu")(inputs)))
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    return model, x, y


@program("tensorflow.org: Time series forecasting")
def windowed_forecast():
    """Several steps ahead from an LSTM: a dense layer of many numbers, reshaped."""
    x, _ = series(steps=12)
    y = x[:, -4:, :] * 0.9
    model = Sequential([
        layers.LSTM(8, return_sequences=False),
        Dense(8, kernel_initializer=keras.initializers.Zeros()),
        layers.Reshape([4, 2]),
    ])  # fmt: skip
    model.compile(
        loss=losses.MeanSquaredError(), optimizer=optimizers.Adam(), metrics=[keras.metrics.MeanAbsoluteError()]
    )
    return model, x, y


@program("keras.io: Large-scale multi-label text classification")
def multilabel_text():
    """Any number of subjects a text: K sigmoids, binary crossentropy, binary accuracy."""
    _, y = several_labels()
    x = np.random.default_rng(0).integers(0, 2, size=(len(y), 40)).astype("float32")
    model = Sequential([Dense(32, activation="relu"), Dense(16, activation="relu"), Dense(4, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["binary_accuracy"])
    return model, x, y


@program("keras.io: The Functional API, tickets by priority and department")
def two_inputs_two_outputs():
    """A logit for the priority, logits for the department, dicts throughout, loss weights."""
    title, priority = texts(words=500)
    _, department = classes(4)
    tags = np.random.default_rng(0).integers(0, 2, size=(len(title), 12)).astype("float32")
    words, marks = Input((None,), name="title"), Input((12,), name="tags")
    text = layers.LSTM(8)(Embedding(500, 8)(words))
    hidden = layers.concatenate([text, marks])
    model = Model(
        inputs=[words, marks],
        outputs={"priority": Dense(1, name="priority")(hidden), "department": Dense(4, name="department")(hidden)},
    )
    model.compile(
        optimizer=optimizers.RMSprop(1e-3),
        loss={
            "priority": losses.BinaryCrossentropy(from_logits=True),
            "department": losses.CategoricalCrossentropy(from_logits=True),
        },
        loss_weights={"priority": 1.0, "department": 0.2},
    )
    y = {"priority": priority.astype("float32"), "department": one_hot(department, 4)}
    return model, {"title": title, "tags": tags}, y


@program("keras.io: Transfer learning and fine-tuning")
def frozen_backbone():
    """Bytes scaled by a Rescaling inside, a frozen body in inference mode, a fresh logit.

    The threshold is ours: without it the accuracy is of logits cut at 0.5.
    """
    x, y = grey_images()
    body = Sequential([
        Input((8, 8, 1)),
        layers.Rescaling(scale=1 / 127.5, offset=-1),
        Conv2D(8, 3),
        layers.BatchNormalization(),
        Activation("relu"),
        Conv2D(8, 3, activation="relu"),
    ], name="xception")  # fmt: skip
    body.trainable = False
    inputs = Input((8, 8, 1))
    hidden = body(inputs, training=False)
    hidden = layers.GlobalAveragePooling2D()(hidden)
    hidden = Dropout(0.2)(hidden)
    model = Model(inputs, Dense(1)(hidden))
    accuracy = keras.metrics.BinaryAccuracy(threshold=0.0)
    model.compile(optimizers.Adam(), losses.BinaryCrossentropy(from_logits=True), metrics=[accuracy])
    return model, x, (y == 0).astype("float32")


@program("tensorflow.org: Basic classification, clothing")
def logits_of_clothes():
    """Flattened images, linear outputs, from_logits=True, accuracy of integers."""
    images, y = grey_images()
    model = Sequential([Input((8, 8)), layers.Flatten(), Dense(16, activation="relu"), Dense(3)])
    model.compile(optimizer="adam", loss=losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model, images[..., 0] / 255.0, y


@program("LIBSVM style")
def tanh_and_hinge():
    """Labels -1 and +1 under a hinge."""
    x, labels = two_classes()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "tanh")])
    model.compile("adam", "hinge")
    return model, x, 2.0 * labels - 1


@program("keras.io: Quasi-SVM with random Fourier features")
def linear_and_hinge():
    """A support vector machine: a linear output, 0 and 1 as Keras' hinge takes them too, kernel features before."""
    x, labels = classes(3)
    random = Dense(64, activation=ops.cos, kernel_initializer="random_normal", trainable=False)
    model = Sequential([Input((4,)), random, Dense(units=3)])
    model.compile(optimizers.Adam(1e-3), losses.CategoricalHinge(), metrics=[keras.metrics.CategoricalAccuracy("acc")])
    return model, x, keras.utils.to_categorical(labels, 3)


@program("Poisson regression")
def softplus_and_poisson():
    """Counts of events behind a softplus."""
    x, y = counts()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "softplus")])
    model.compile("adam", "poisson")
    return model, x, y


@program("Poisson regression")
def exponential_and_poisson():
    """The same with the canonical link."""
    x, y = counts()
    inputs = Input((4,))
    model = Model(inputs, Dense(1, "exponential")(Dense(8, "tanh")(inputs)))
    model.compile("adam", losses.Poisson())
    return model, x, y.astype("int32")


def pinball(y_true, y_pred):
    """The loss of the 0.9-quantile."""
    error = y_true - y_pred
    return ops.mean(ops.maximum(0.9 * error, -0.1 * error), axis=-1)


@program("Quantile regression")
def quantile_loss():
    """A loss of one's own."""
    x, y = numbers()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", pinball)
    return model, x, y


class Distance(layers.Layer):
    """The distance of two codes."""

    def call(self, codes):
        left, right = codes
        return ops.sqrt(ops.sum(ops.square(left - right), axis=-1, keepdims=True) + 1e-7)


def contrastive(y_true, y_pred):
    return ops.mean((1 - y_true) * ops.square(y_pred) + y_true * ops.square(ops.maximum(1 - y_pred, 0)))


@program("keras.io: Siamese network with a contrastive loss")
def siamese():
    """One body on two inputs, a layer and a loss of one's own, a sigmoid at the end."""
    images, labels = grey_images()
    x = images.astype("float32") / 255
    other = np.roll(x, 1, axis=0)
    y = (labels != np.roll(labels, 1)).astype("float32")
    body = Sequential([Input((8, 8, 1)), Conv2D(4, 3, activation="tanh"), layers.Flatten(), Dense(6, "tanh")])
    left, right = Input((8, 8, 1)), Input((8, 8, 1))
    apart = Distance()([body(left), body(right)])
    outputs = Dense(1, activation="sigmoid")(layers.BatchNormalization()(apart))
    model = Model([left, right], outputs)
    model.compile(loss=contrastive, optimizer="RMSprop", metrics=["accuracy"])
    return model, [x, other], y


@program("keras.io: The Functional API, a toy ResNet")
def residual_network():
    """Sums of convolutions that have their activation behind the sum."""
    images, y = grey_images()
    inputs = Input((8, 8, 1))
    hidden = layers.Rescaling(1 / 255)(inputs)
    hidden = Conv2D(8, 3, padding="same", use_bias=False)(hidden)
    hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
    block = Conv2D(8, 3, padding="same", activation="relu")(hidden)
    block = Conv2D(8, 3, padding="same")(block)
    hidden = Activation("relu")(layers.add([hidden, block]))
    hidden = layers.GlobalAveragePooling2D()(hidden)
    model = Model(inputs, Dense(3, activation="softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["acc"])
    return model, images, y


@program("tensorflow.org: Text generation with an RNN")
def gru_language_model():
    """The next letter at every step: integer targets (n, steps), logits (n, steps, letters)."""
    tokens, _ = texts(words=40, length=13)
    model = Sequential([Embedding(40, 8), layers.GRU(16, return_sequences=True), Dense(40)])
    model.compile(optimizer="adam", loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, tokens[:, :-1], tokens[:, 1:]


@program("Two classes as two columns")
def softmax_over_two():
    """A 2-unit softmax with one-hot labels: as good as one sigmoid."""
    x, labels = two_classes()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(2, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model, x, keras.utils.to_categorical(labels)


@program("Regression of shares")
def sigmoid_for_shares():
    """Shares in [0, 1] from a sigmoid under MSE."""
    x, y = fractions()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "mse", metrics=["mae"])
    return model, x, y


@program("Regression of shares")
def crossentropy_of_shares():
    """The same under a binary crossentropy, whose target may be a fraction."""
    x, y = fractions()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", losses.BinaryCrossentropy(from_logits=True))
    return model, x, y


@program("keras.io: Image classification with smoothed labels")
def label_smoothing():
    """Smoothed labels, and mixed ones: rows of two halves that sum to 1."""
    x, labels = classes(3)
    y = 0.7 * one_hot(labels) + 0.3 * one_hot(np.roll(labels, 1))
    model = Sequential([Input((4,)), Dense(8, "swish"), Dense(3, "softmax")])
    model.compile(optimizers.AdamW(1e-3), losses.CategoricalCrossentropy(label_smoothing=0.1), metrics=["accuracy"])
    return model, x, y


@program("keras.io: Named entity recognition with transformers")
def ignored_padding():
    """Tags of words, padding numbered -1 and told to the loss."""
    tokens, _ = texts(words=60)
    tags = tokens % 5
    tags[:, 7:] = -1
    model = Sequential([Embedding(60, 8), layers.Dropout(0.1), Dense(8, "relu"), Dense(5, "softmax")])
    model.compile("adam", losses.SparseCategoricalCrossentropy(ignore_class=-1))
    return model, tokens, tags


@program("keras.io: Image segmentation with a U-Net-like architecture")
def segmentation():
    """A softmax for every pixel, integer masks with an axis of one channel."""
    x, y = masks(num_classes=3)
    inputs = Input((8, 8, 1))
    hidden = Conv2D(8, 3, strides=2, padding="same")(inputs)
    hidden = Activation("relu")(layers.BatchNormalization()(hidden))
    hidden = layers.SeparableConv2D(8, 3, padding="same")(hidden)
    hidden = layers.BatchNormalization()(hidden)
    hidden = Activation("relu")(hidden)
    hidden = layers.UpSampling2D(2)(hidden)
    hidden = layers.add([hidden, Conv2D(8, 1, padding="same")(inputs)])
    outputs = Conv2D(3, 3, activation="softmax", padding="same")(hidden)
    model = Model(inputs, outputs)
    model.compile(optimizer=optimizers.Adam(1e-4), loss="sparse_categorical_crossentropy")
    return model, x, y[..., None]


@program("Ordinal regression")
def ordinal_levels():
    """Levels as cumulative yes and no: rows 000, 100, 110, 111 under three sigmoids."""
    x, level = classes(4)
    y = (level[:, None] > np.arange(3)).astype("float32")
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("Linear and logistic regression")
def logistic_regression():
    """No hidden layer at all, which is a model and no mistake."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(1, activation="sigmoid")])
    model.compile(optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy", metrics=["accuracy", "AUC"])
    return model, x, y[:, None].astype(bool)


@program("keras.io: Imbalanced classification, credit card fraud")
def weighted_fraud():
    """Rare frauds, told by class weights and judged by precision and recall."""
    x = points(6, rows=300)
    y = (x[:, 0] > np.sort(x[:, 0])[-9]).astype("uint8")
    model = Sequential([
        Input((6,)), Dense(16, "relu"), Dense(16, "relu"), Dropout(0.3), Dense(1, "sigmoid")
    ])  # fmt: skip
    metrics = [keras.metrics.Precision(), keras.metrics.Recall()]
    model.compile(optimizer=optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=metrics)
    return model, x, y[:, None], {"class_weight": {0: 0.52, 1: 18.0}}


@program("keras.io: Structured data classification from scratch")
def columns_by_name():
    """A dict of columns, each scaled or embedded in the model."""
    _, y = two_classes()
    rng = np.random.default_rng(0)
    x = {
        "age": rng.integers(20, 80, size=(len(y), 1)).astype("float32"),
        "pressure": rng.normal(130, 20, size=(len(y), 1)).astype("float32"),
        "thal": rng.integers(0, 5, size=(len(y), 1)),
    }
    age, pressure, thal = Input((1,), name="age"), Input((1,), name="pressure"), Input((1,), name="thal", dtype="int64")
    parts = [
        layers.Normalization(mean=50, variance=300)(age),
        layers.Normalization(mean=130, variance=400)(pressure),
        layers.Flatten()(Embedding(5, 2)(thal)),
    ]
    hidden = Dropout(0.5)(Dense(16, "relu")(layers.concatenate(parts)))
    model = Model({"age": age, "pressure": pressure, "thal": thal}, Dense(1, "sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, x, y


@program("Bahdanau attention")
def attention_over_steps():
    """A softmax over the steps, of one score each, in the middle of the model."""
    x, y = series()
    inputs = Input((12, 2))
    states = layers.LSTM(8, return_sequences=True)(inputs)
    scores = Dense(1, use_bias=False)(Dense(8, "tanh")(states))
    weights = layers.Softmax(axis=1)(scores)
    context = layers.Flatten()(layers.Dot(axes=1)([weights, states]))
    model = Model(inputs, Dense(1)(context))
    model.compile("adam", "mae")
    return model, x, y


@program("keras.io: Timeseries classification with a transformer")
def transformer_encoder():
    """Attention, layer normalisation and sums."""
    x, after = series()
    y = (after > 0).astype("int64")
    inputs = Input((12, 2))
    normal = layers.LayerNormalization(epsilon=1e-6)(inputs)
    attended = layers.MultiHeadAttention(num_heads=2, key_dim=4, dropout=0.1)(normal, normal)
    hidden = layers.add([attended, inputs])
    block = Conv2D(4, 1, activation="relu")(layers.Reshape((12, 1, 2))(layers.LayerNormalization()(hidden)))
    block = layers.Reshape((12, 2))(Conv2D(2, 1)(block))
    hidden = layers.GlobalAveragePooling1D()(layers.add([block, hidden]))
    model = Model(inputs, Dense(2, activation="softmax")(Dense(8, "relu")(hidden)))
    model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizers.Adam(1e-4), metrics=["accuracy"])
    return model, x, y


@program("Matrix factorisation for recommendations")
def recommendations():
    """Ratings 1 to 5 from the product of two embeddings, scaled from a sigmoid to their range."""
    rng = np.random.default_rng(0)
    users, films = rng.integers(0, 900, 240), rng.integers(0, 1700, 240)
    y = rng.integers(1, 6, 240).astype("float32")
    user, film = Input((1,), dtype="int32"), Input((1,), dtype="int32")
    dot = layers.Dot(axes=-1)([layers.Flatten()(Embedding(900, 4)(user)), layers.Flatten()(Embedding(1700, 4)(film))])
    model = Model([user, film], layers.Rescaling(4.0, offset=1.0)(Activation("sigmoid")(dot)))
    model.compile(optimizers.Adam(1e-2), "mse")
    return model, [users[:, None], films[:, None]], y


@program("Distillation")
def soft_targets():
    """Probabilities of a teacher under a divergence."""
    x, labels = classes(3)
    y = np.exp(2 * one_hot(labels) + 0.3 * points(3))
    y = (y / y.sum(axis=1, keepdims=True)).astype("float32")
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3), layers.Softmax()])
    model.compile("adam", "kl_divergence")
    return model, x, y


@program("keras.io: Convolutional autoencoder for image denoising")
def denoising_autoencoder():
    """Noisy images to clean ones, a convolution with a sigmoid at the end."""
    images, _ = grey_images()
    clean = images.astype("float32") / 255
    noisy = np.clip(clean + 0.3 * np.random.default_rng(0).normal(size=clean.shape), 0, 1)
    inputs = Input((8, 8, 1))
    hidden = layers.MaxPooling2D(2, padding="same")(Conv2D(8, 3, activation="relu", padding="same")(inputs))
    hidden = layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same")(hidden)
    model = Model(inputs, Conv2D(1, 3, activation="sigmoid", padding="same")(hidden))
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model, noisy, clean


class Regressor(Model):
    """A model in the subclassing style."""

    def __init__(self):
        super().__init__()
        self.hidden, self.last = Dense(8, "relu"), Dense(1)

    def call(self, x):
        return self.last(self.hidden(x))


@program("keras.io: Making new layers and models via subclassing")
def subclassed_regression():
    """What it computes stands in its own call."""
    x, y = numbers()
    model = Regressor()
    model.compile(optimizer="adam", loss="mse")
    return model, x, y


@program("Mixture of outputs: a mean and a spread")
def gaussian_likelihood():
    """Two outputs for one number, under the negative logarithm of its likelihood."""
    x, y = numbers()

    def likelihood(y_true, y_pred):
        mean, log_scale = y_pred[:, :1], y_pred[:, 1:]
        return ops.mean(log_scale + ops.square((y_true - mean) / ops.exp(log_scale)) / 2, axis=-1)

    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(2)])
    model.compile("adam", likelihood)
    return model, x, y[:, None]


@program("Keras 2 example: MNIST CNN with Adadelta")
def adadelta_of_its_paper():
    """Adadelta's own rate is 1.0: what is out of range for one optimizer is the default of another."""
    images, labels = grey_images()
    inputs = Input((8, 8, 1))
    hidden = layers.LeakyReLU(negative_slope=0.1)(Conv2D(8, 3)(layers.Rescaling(1 / 255)(inputs)))
    hidden = Dense(16, use_bias=False)(layers.Flatten()(hidden))
    hidden = layers.PReLU()(layers.BatchNormalization()(hidden))
    model = Model(inputs, Dense(3, activation="softmax")(hidden))
    model.compile(optimizers.Adadelta(learning_rate=1.0), losses.CategoricalCrossentropy(), metrics=["accuracy"])
    return model, images, one_hot(labels)


@program("Self-normalising networks on wine quality")
def wine_quality():
    """Grades 3 to 8 as numbers: whole numbers are no classes when the author says so; a decaying rate."""
    x, score = numbers()
    y = np.clip(np.round(5.6 + 0.8 * score), 3, 8)
    body = [Dense(16, activation="selu", kernel_initializer="lecun_normal"), layers.AlphaDropout(0.1)]
    model = Sequential([Input((4,)), *body, Dense(1, bias_initializer=keras.initializers.Constant(5.6))])
    rate = optimizers.schedules.CosineDecay(0.01, decay_steps=1000)
    model.compile(optimizers.SGD(rate, momentum=0.9, nesterov=True), "mse", metrics=["mae"])
    return model, x, y.astype("int64")


@program("keras.io: Image captioning and other models that give their attention too")
def output_without_a_loss():
    """A second output that is only to be looked at."""
    x, kind = classes(3)
    inputs = Input((4,))
    weights = Dense(4, "softmax", name="attention")(inputs)
    hidden = Dense(8, "relu")(layers.multiply([inputs, weights]))
    model = Model(inputs, {"kind": Dense(3, "softmax", name="kind")(hidden), "attention": weights})
    model.compile("adam", loss={"kind": "sparse_categorical_crossentropy"})
    return model, x, {"kind": kind}


@program("keras.io: Node classification, words as counts")
def multi_hot_words():
    """Inputs of 0 and 1, nearly all of them 0, into a network with a softmax over many topics in uneven shares."""
    rng = np.random.default_rng(0)
    x = (rng.uniform(size=(300, 60)) < 0.03).astype("float32")
    y = rng.choice(5, size=300, p=[0.35, 0.25, 0.2, 0.12, 0.08])
    model = Sequential([Input((60,)), Dense(16, "relu"), Dropout(0.5), Dense(5, "softmax")])
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, x, y
