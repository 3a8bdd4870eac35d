"""Every private name of Keras and TensorFlow that this package uses: of a new version of theirs, one page to check.

`from recipes._keras import FuncGraph` loads TensorFlow then and not before. What is read off their objects stands in
`ATTRIBUTES`; `tests/test_private_names.py` sees that each exists, and that no other module uses others.
"""

from importlib import import_module
from typing import Any

# Names to import, by their home.
_HOMES = {
    "backend_config": "keras.src.backend.config",  # floatx, image format and kin, which tracing reads
    "backend_random": "keras.src.backend:random",  # where initializers ask for a seed
    "Functional": "keras.src.models.functional:Functional",  # the class of keras.Model(inputs, outputs)
    "global_state": "keras.src.backend.common.global_state",  # what is set for the process: policies, scopes
    "seed_generator": "keras.src.random.seed_generator",  # where dropout and noise ask for a seed
    "squeeze_or_expand_to_same_rank": "keras.src.losses.loss:squeeze_or_expand_to_same_rank",  # what a loss does first
    "to_snake_case": "keras.src.utils.naming:to_snake_case",  # of a class, the names that Keras gives its objects
    "eager_context": "tensorflow.python.eager.context",  # callbacks of tf.debugging
    "FuncGraph": "tensorflow.python.framework.func_graph:FuncGraph",  # a graph to look at a model in
    "dismantle_func_graph": "tensorflow.python.framework.func_graph:dismantle_func_graph",  # which else is never freed
    "is_op_determinism_enabled": "tensorflow.python.framework.config:is_op_determinism_enabled",
}
# Attributes of their objects, by class.
ATTRIBUTES = {
    "Model": (
        "_flatten_layers",  # nested models' layers too
        "_compile_loss", "_compile_metrics",  # whether they are built, and to build them
        "_call_has_training_arg", "_compute_loss", "_loss_tracker",  # what train_step is made of
        "_compiled_trainable_state",  # what was frozen when compile was called
        "_distribute_strategy",
        "_initial_epoch",  # of BackupAndRestore
    ),
    "Sequential": ("_functional",),
    "Functional": ("_layers", "_inbound_nodes"),  # as of any layer: where it was called, and with what
    "CompileLoss": ("_flat_losses", "_user_loss", "_user_loss_weights"),
    "CompileMetrics": ("_user_metrics", "_user_weighted_metrics", "_flat_metrics", "_flat_weighted_metrics"),
    "MeanMetricWrapper": ("_fn", "_fn_kwargs"),
    "probabilities": ("_keras_logits",),  # which an activation leaves with them, for a crossentropy to take
    "Optimizer": (
        "_trainable_variables", "_learning_rate", "_get_variable_index", "_use_weight_decay", "_distribution_strategy",
        "_clip_gradients", "_backend_apply_gradients", "_backend_update_step", "_apply_weight_decay",
        "_distributed_tf_update_step", "_all_reduce_sum_gradients", "_filter_empty_gradients",
        "_overwrite_variables_directly_with_gradients",
    ),
    "Adam": ("_momentums", "_velocities"),
    "AdamW": ("_velocity_hats",),
    "Adamax": ("_m", "_u"),
    "Lion": ("_momentums",),
    "RMSprop": ("_velocities", "_momentums", "_average_gradients"),
    "Adagrad": ("_accumulators",),
    "Adadelta": ("_accumulated_grads", "_accumulated_delta_vars"),
    "LossFunctionWrapper": ("_fn_kwargs",),  # from_logits and kin
    "SpatialDropout1D": ("_get_noise_shape",),
    "Tensor": ("_keras_logits",),  # behind a sigmoid or softmax, which a crossentropy goes back to
    "Callback": ("on_batch_end._is_default",),  # a hook that does nothing
    "TensorBoard": ("_start_batch", "_stop_batch"),
    "ConcreteFunction": ("_call_flat",),  # to call it with other variables than its own
    "Graph": ("_function_captures",),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found
