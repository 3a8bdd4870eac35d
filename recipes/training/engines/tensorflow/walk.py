"""Everything that is reached from a model, written down: each object once, each value in full, each class by its code.

`alike.py` says what for.
"""

import functools
import hashlib
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from recipes._keras import backend_config, global_state
from recipes.training.engines.description import LIFTED
from recipes.training.engines.tensorflow.state import DECAYS_IN_BASE, lifted, lifted_names, state_of

# What the numbers that are lifted out of the graph were made from, by layer class.
_MADE_FROM = {"Normalization": ("input_mean", "input_variance"), "Rescaling": ()}
# Those that never look at the name of a variable, but for `exclude_from_weight_decay`, which is asked by variable.
DEAF_TO_NAMES = (*DECAYS_IN_BASE, "Adafactor", "Ftrl", "Lion", "LossScaleOptimizer", "ScheduleFreeAdamW")
_OF_DECAY = {
    "_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern", "_exclude_from_weight_decay_cache"
}  # fmt: skip
# Attributes of Keras' own objects that a step of a built model does not read.
_BOOKKEEPING = {
    # how attributes are tracked, saved and restored
    "_tracker", "_tracked", "_auto_config", "_lock", "_build_shapes_dict", "_saved_model_arg_spec",
    "_saved_model_inputs_spec", "_compile_config", "_compiled_trainable_state", "_object_saved_name",
    # how the layer is called: read off its `call`, whose code is part of the identity
    "_call_signature", "call_signature_parameters", "_called",
    # wrappers of methods that only act before the model is built
    "build", "quantize",
    # the nodes of this layer in any model; those of this model are reached from it
    "_inbound_nodes", "_outbound_nodes", "_nodes", "_operations_by_depth", "_keras_history",
    # losses of the last call
    "_losses", "_loss_ids", "_losses_override",
    # what Keras' own loop keeps
    "train_function", "test_function", "predict_function", "stop_training", "history", "_initial_epoch",
    # names, which are treated apart, and what is made of them
    "name", "_name", "_path", "_parent_path", "output_names", "_resolved_output_names", "_trainable_variables_indices",
    # who is left out of the decay: asked by variable
    *_OF_DECAY,
    # of variables: the number, and what it began as
    "_value", "_initializer",
    # what the state of a seed generator began as
    "seed", "_initial_seed", "_init_seed",
}  # fmt: skip
# What Keras reads so where it is not there: loading a layer sets the first two, calling a recurrent one the others.
_AS_IF_ABSENT = {
    "is_gptq_calibrated": False, "is_awq_calibrated": False, "_dropout_mask": None, "_recurrent_dropout_mask": None,
}  # fmt: skip
_GLOBAL_BOOKKEEPING = {
    "object_name_uids", "name_scope_stack", "current_call_ctx", "custom_objects_scope_dict", "custom_objects_scope",
    "safe_mode_saving", "interactive_logging", "traceback_filtering", "global_random_seed", "global_seed_generator",
    "tracking_on", "saving_in_progress", "uninitialized_variables",
}  # fmt: skip
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), slice, range)
_TRACKED = ("TrackedList", "TrackedDict", "TrackedSet", "ListWrapper", "_DictWrapper", "_TupleWrapper",
            "SerializableDict", "defaultdict", "OrderedDict")  # fmt: skip
_OF_KERAS = (keras.Layer, keras.Optimizer, keras.Loss, keras.Metric, keras.regularizers.Regularizer,
             keras.constraints.Constraint, keras.optimizers.schedules.LearningRateSchedule)  # fmt: skip


class Unknown(Exception):
    """Something of which nobody can say whether it is equal."""


class Walk:
    """Writes down everything that is reached from a model, each object once and by number afterwards.

    Args:
        names: Whether names are part of it. They count up within a process, so they are left out where nothing reads
            them.
        model: A network whose layers are walked apart from it, and whose variables may have any shape.
        free: Layers whose widths and rates are no part of it.
        met: Takes what is not known, instead of an end.
    """

    def __init__(
        self, *, names: bool, model: keras.Model | None = None, free: Sequence[keras.Layer] = (),
        met: list[Any] | None = None,
    ) -> None:  # fmt: skip
        self.names = names
        self.met = met
        self.apart = model
        self.free = {id(layer) for layer in free}
        self.tokens: list[str] = []
        self.numbers: dict[int, int] = {}  # of objects met, by id
        self.held: list[Any] = []  # so that no id is used twice
        self.classes: dict[type, str] = {}  # and the state of their code
        self.metric_names: dict[str, int] = {}
        self.lifted: set[tuple[int, str]] = set()
        self.optimizer: Any = None

    def digest(self) -> str:
        """Digest what was written down."""
        return hashlib.blake2b("\x1f".join(self.tokens).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()

    def model(self, model: keras.Model) -> None:
        """Write down a model, its variables in the order in which a program takes them, and all switches."""
        self.lifted = {(id(owner), name) for owner, name in lifted(model)}
        self.optimizer = model.optimizer
        for setting in _switches():
            self.value(setting)
        self.value(model)
        self.tokens.append("state")
        for variable in state_of(model) if self.apart is None else ():
            self.value(variable)
        if getattr(model.optimizer, "weight_decay", None) is not None:
            self.value([bool(model.optimizer._use_weight_decay(v)) for v in model.trainable_variables])

    def value(self, value: Any) -> None:
        """Write down any value; what is not known ends the walk, or is taken note of."""
        before = len(self.tokens)
        try:
            self._known(value)
        except Unknown:
            if self.met is None:
                raise
            del self.tokens[before:]
            self.tokens.append(f"unknown {type(value)}")
            self.met.append(value)

    def _known(self, value: Any) -> None:
        kind = type(value)
        if id(value) in self.numbers:
            self.tokens.append(f"#{self.numbers[id(value)]}")
            return
        if kind in _PLAIN:
            self.tokens.append(f"{kind.__name__}:{value!r}")
        elif isinstance(value, list | tuple) and _is_container(kind):
            self.tokens.append(f"{_container_name(kind)}:{len(value)}")
            for item in value:
                self.value(item)
        elif isinstance(value, dict) and _is_container(kind):
            self.tokens.append(f"dict:{len(value)}")
            for key, item in value.items():
                self.value(key)
                self.value(item)
        elif isinstance(value, set | frozenset) and _is_container(kind):
            if not all(type(item) in _PLAIN for item in value):
                raise Unknown("a set of objects")
            self.tokens.append(f"set:{sorted(map(repr, value))}")
        elif kind in _WAYS:
            _WAYS[kind](self, value)
        elif isinstance(value, type):
            self._class(value)
        elif kind in self.classes or _is_known(kind) or (self.met is not None and isinstance(value, _OF_KERAS)):
            self._object(value)
        elif isinstance(value, np.ndarray | np.generic):
            self._array(np.asarray(value))
        elif inspect.isroutine(value):
            self._function(value)
        else:
            self._tensor_or_type(value)

    def _object(self, value: Any) -> None:
        kind = type(value)
        if not isinstance(value, keras.DTypePolicy | keras.InputSpec):  # which are values: one is as good as its equal
            self.numbers[id(value)] = len(self.numbers)
            self.held.append(value)
        self._class(kind)
        attributes = vars(value) if hasattr(value, "__dict__") else _slots(value)
        ignored = self._ignored(value)
        for name in sorted(attributes):
            if name in ignored or name.startswith("_self_") or name.endswith("initializer"):
                continue
            if name in _AS_IF_ABSENT and attributes[name] is _AS_IF_ABSENT[name]:
                continue
            self.tokens.append(name)
            self.value(attributes[name])
        if isinstance(value, keras.Layer):
            for name in lifted_names(value):
                self.tokens.append(f"{name} lifted {np.shape(getattr(value, name))}")

    def _ignored(self, value: Any) -> set[str]:
        """Name this object's attributes that make no difference to the program, or whose numbers are lifted out."""
        if isinstance(value, keras.Layer):
            if self.met is None and not _is_allowed(value):
                raise Unknown(f"a layer of class {type(value)}")
            extra: tuple[str, ...] = tuple(name for name in lifted_names(value) if (id(value), name) in self.lifted)
            if extra:
                extra += _MADE_FROM[type(value).__name__]
            if value is self.apart:
                extra += ("_layers", "_functional", "_seed_generators")
            if id(value) in self.free:
                extra += ("units", "_input_spec") if type(value) is keras.layers.Dense else ("rate",)
        elif isinstance(value, keras.optimizers.Optimizer):
            extra = ()
            if type(getattr(value, "_distribution_strategy", None)).__name__ == "_DefaultDistributionStrategy":
                extra += ("_distribution_strategy",)
            if (id(value), "weight_decay") in self.lifted:
                extra += ("weight_decay",)
                self.tokens.append("weight_decay lifted")
            if value is not self.optimizer:  # one within another, of which nobody asks who is left out of the decay
                return _BOOKKEEPING - _OF_DECAY | set(extra)
        elif isinstance(value, keras.metrics.Metric):
            name = value.name  # which of its metrics have one name matters: they are one entry of the logs
            self.tokens.append(f"metric {self.metric_names.setdefault(name, len(self.metric_names))}")
            extra = ()
        elif isinstance(value, keras.Variable):
            extra = ("_shape",) if self.apart is not None else ()
        elif isinstance(value, keras.KerasTensor | keras.random.SeedGenerator) or type(value).__name__ == "Functional":
            extra = ()
        else:  # a dtype policy, a loss, an activation layer's function: names are part of what they are
            return _BOOKKEEPING - {"name", "_name"}
        if self.names:
            self.tokens.append(f"{getattr(value, 'name', '')} {getattr(value, 'path', '')}")
            return (_BOOKKEEPING - {"output_names", "_resolved_output_names"}) | set(extra)
        return _BOOKKEEPING | set(extra)

    def _class(self, kind: type) -> None:
        """Write down a class of Keras' or ours, and its code's state: somebody may have replaced one of its methods."""
        token = self.classes.get(kind)
        if token is None:
            if not _is_known(kind):
                if self.met is None:
                    raise Unknown(f"the class {kind}")
                self.met.append(kind)
            known = [base for base in kind.__mro__[:-1] if _is_known(base)]  # the code of others is not held on to
            versions = "".join(f",{_version(base)}" for base in known)
            token = self.classes[kind] = f"{kind.__module__}.{kind.__qualname__}{versions}"
        self.tokens.append(token)

    def _function(self, value: Any) -> None:
        owner = getattr(value, "__self__", None)
        if inspect.ismethod(value) and not isinstance(owner, type):
            if getattr(type(owner), value.__name__, None) is not value.__func__:
                raise Unknown(f"the method {value}")
            self.tokens.append(f"method {value.__name__}")
            self.value(owner)
            return
        module, name = getattr(value, "__module__", None) or "", getattr(value, "__qualname__", "")
        if not module.startswith(("keras.", "recipes.", "tensorflow.")) or "<locals>" in name:
            raise Unknown(f"the function {module}.{name}")
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not value:
            raise Unknown(f"another function than {module}.{name}")
        self.tokens.append(f"function {module}.{name}")
        self.value(getattr(value, "__defaults__", None))
        self.value(getattr(value, "__kwdefaults__", None))

    def _partial(self, value: functools.partial) -> None:
        self.tokens.append("partial")
        self.value(value.func)
        self.value(value.args)
        self.value(value.keywords)

    def _module(self, value: types.ModuleType) -> None:
        self.tokens.append(f"module {value.__name__}")

    def _pattern(self, value: re.Pattern) -> None:
        self.tokens.append(f"pattern {value.pattern!r} {value.flags}")

    def _array(self, value: np.ndarray) -> None:
        if value.dtype.hasobject:
            raise Unknown("an array of objects")
        digest = hashlib.blake2b(np.ascontiguousarray(value).tobytes(), digest_size=16).hexdigest()
        self.tokens.append(f"array {value.dtype.str} {value.shape} {digest}")

    def _tensor_or_type(self, value: Any) -> None:
        """Write down TensorFlow's own plain values; told by their methods, since this module must not import it."""
        module = type(value).__module__
        if not module.startswith("tensorflow."):
            raise Unknown(f"a {type(value)}")
        if type(value).__name__ in ("DType", "TensorShape", "TensorSpec"):
            self.tokens.append(repr(value))
        elif type(value).__name__ == "EagerTensor" and value.dtype.name not in ("resource", "variant"):
            self._array(value.numpy())
        else:
            raise Unknown(f"a {type(value)}")


_WAYS: dict[type, Callable[[Walk, Any], None]] = {
    functools.partial: Walk._partial,
    re.Pattern: Walk._pattern,
    types.ModuleType: Walk._module,
}
_VERSIONS: dict[type, list[dict[str, Any]]] = {}  # the codes that a class was seen with


def _version(kind: type) -> int:
    """Tell which of the codes that this class has been seen with it has now."""
    now = {name: value for name, value in vars(kind).items() if name not in ("__annotations__", "__doc__", "_abc_impl")}
    seen = _VERSIONS.setdefault(kind, [])
    for i, before in enumerate(seen):
        if before.keys() == now.keys() and all(before[name] is value for name, value in now.items()):
            return i
    seen.append(now)
    return len(seen) - 1


def _is_known(kind: type) -> bool:
    return kind.__module__.startswith(("keras.src.", "recipes."))


def _is_container(kind: type) -> bool:
    if kind in (list, tuple, dict, set, frozenset) or kind.__name__ in _TRACKED:
        return True
    return issubclass(kind, tuple) and hasattr(kind, "_fields") and _is_known(kind)


def _container_name(kind: type) -> str:
    """Name a container: a tracked list is a list; a tuple is none, since functions may tell them apart."""
    return "list" if kind.__name__ in ("list", "TrackedList", "ListWrapper") else kind.__name__


def _slots(value: Any) -> dict[str, Any]:
    names = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _is_allowed(layer: keras.Layer) -> bool:
    """Say whether a layer reads nothing from outside: no tables, no user's functions, no other framework's code."""
    kind = type(layer)
    if kind.__name__ in LIFTED and kind.__module__.startswith("keras.src."):
        return True
    return "preprocessing" not in kind.__module__ and kind.__name__ not in (
        "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"
    )  # fmt: skip


def settings_of_process() -> str:
    """Make a text of whatever is set for the whole process or thread and changes what tracing gives."""
    walk = Walk(names=False, met=[])
    for setting in _switches():
        walk.value(setting)
    return f"{walk.digest()} {[*map(id, walk.met or ())]}"


def set_as_here() -> Callable[[], None]:
    """Make a function that sets in another thread what Keras keeps for each, as it is set in this one."""
    trackers = (global_state.GLOBAL_STATE_TRACKER, global_state.GLOBAL_SETTINGS_TRACKER)
    held = [dict(vars(tracker)) for tracker in trackers]

    def there() -> None:
        for tracker, values in zip(trackers, held, strict=True):
            vars(tracker).update(values)

    return there


def _switches() -> Iterator[Any]:
    """Whatever is set for the whole process or thread and changes what tracing gives."""
    yield {
        name: value for name, value in sorted(vars(backend_config).items()) if name.startswith("_") and name.isupper()
    }
    for tracker in (global_state.GLOBAL_STATE_TRACKER, global_state.GLOBAL_SETTINGS_TRACKER):
        held = {name: value for name, value in sorted(vars(tracker).items()) if name not in _GLOBAL_BOOKKEEPING}
        yield {name: value for name, value in held.items() if value is not None}
    if keras.backend.backend() == "tensorflow":
        from recipes.training.engines.tensorflow.rewrites import switches

        yield switches()
