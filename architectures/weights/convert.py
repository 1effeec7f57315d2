"""Weights of other libraries: matches their entries with our weights and layouts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, NoReturn

import keras
import numpy as np
from keras import layers

from convbook.architectures.graph.calls import calls
from convbook.architectures.graph.layer_names import all_layers
from convbook.architectures.graph.private import maker
from convbook.architectures.weights import keras_names, torch_names
from convbook.architectures.weights.origin import OWN, names_published, refuse_other_options
from convbook.architectures.weights.patterns import UNREAD, layer_of
from convbook.architectures.weights.published import published_row
from convbook.architectures.weights.states import State, adapted, keras_state, state_of
from convbook.blocks.checks import ruled
from convbook.blocks.types import Rule

Roles = Mapping[str, tuple[str, ...]]
Target = tuple[str, str]
AnyModel = Annotated[keras.Model, Rule(lambda v: isinstance(v, keras.Model), "a keras.Model")]
Layout = tuple[tuple[int, ...], Callable[[np.ndarray], np.ndarray]]  # see layout
ROLES = {  # PyTorch's name of a weight -> Keras' attribute, the first that the layer has
    "weight": ("kernel", "gamma"),
    "bias": ("bias", "beta"),
    "gamma": ("scale",),  # of LayerScale in timm; in torchvision the next
    "layer_scale": ("scale",),
    "gain": ("gain",),  # of a standardised filter
    "skipinit_gain": ("gain",),
    "running_mean": ("moving_mean",),
    "running_var": ("moving_variance",),
}
KERAS = "kernel depthwise_kernel pointwise_kernel bias gamma beta scale moving_mean moving_variance"
OTHERS = "; source must be of keras.applications: from_model takes any model of the same network"
KERAS_ROLES = {name: (name,) for name in KERAS.split()}


Of = Annotated[
    str | None,
    Rule(lambda v: v is None or isinstance(v, str), "None, 'own' or a row of weights.published()"),
]


@ruled
def from_torch(model: AnyModel, state: Mapping[str, Any], of: Of = None,
               adapt_channels: bool = False) -> keras.Model:  # fmt: skip
    """Loads weights of the same network from another library into model; changes and returns it.

    state: a mapping of names to arrays in PyTorch's layout, with the names of torchvision, timm or
    pytorchcv, or a checkpoint that contains it.  It skips num_batches_tracked, heads if
    the model has none, and entries that no network of the library reads.  A bias that ours lacks
    is subtracted from the moving mean of the batch norm after it.  A missing or extra entry is an
    error: ValueError names the first one, and the model stays unchanged.
    of: the row of published() for the weights, as 'torchvision/resnet50'.  It is an error if a
    model of create lacks the options of every row with such names, or those that all rows of its
    family share; of='own' says that the weights are your own.  If rows that differ in padding,
    eps, pooling or stride have such names, a warning asks for of.  Nothing in a state tells a
    network that no row lists from one that differs in layers without weights: timm's resnetaa50
    from resnet50, its efficientnet_lite1 from tf_efficientnet_lite1.
    adapt_channels: adapts the first kernel to the channels of the model's images, by summing or
    repeating, as timm does.
    """
    state = state_of(state)
    tables = torch_names.TABLES
    if of not in (None, OWN):
        published_row(of)  # raises for an unknown row
        tables = {label: rows for label, rows in tables.items() if names_published(label, of)}
    grids = flattened(model)

    def fit(layer, weight, rank):
        return layout(layer, weight, rank, grids.get(layer.name))

    read = Reading(model, state, ROLES, fit, axis=1, adapt=adapt_channels)
    naming = read.by(tables)
    refuse_other_options(model, naming, of)
    read.biases_into_means()
    return read.take()


@ruled
def from_keras(model: AnyModel, source: AnyModel, adapt_channels: bool = False) -> keras.Model:
    """Loads the weights of a keras.applications model into model; changes and returns it.

    source: that model, or one that contains it.  The same network with style='keras' (and
    a='softmax', if source has it) gives the same outputs.  If source has a bias before a batch norm
    and ours has none, it is subtracted from the norm's moving mean.  adapt_channels and ValueError:
    as in from_torch.
    """
    state = keras_state(source)

    def fit(layer, weight, rank):
        shape = wanted = tuple(weight.shape)
        if rank == 4 and len(shape) == 2:  # MobileNet's logits are a 1x1 convolution there
            wanted = (1, 1, *shape)
        elif rank == 2 and shape[:2] == (1, 1):  # ConvNeXt's 1x1 are dense layers there
            wanted = shape[2:]
        return wanted, lambda v: v.reshape(shape)

    read = Reading(model, state, KERAS_ROLES, fit, axis=2, adapt=adapt_channels)
    naming = read.by(keras_names.TABLES, OTHERS)
    refuse_other_options(model, naming)
    read.biases_into_means()
    return read.take()


def refuse_entry(entry: str, value: np.ndarray, why: str) -> NoReturn:
    raise ValueError(f"state[{entry!r}], of shape {value.shape}, does not fit: {why}")


def folded(entry: str) -> str:
    """What to do with an entry of RepVGG's or MobileOne's one path, for a message."""
    give = "load it into architectures.fold(model), under timm's names"
    return f": the state is of the folded network; {give}" if "reparam" in entry else ""


def translated(
    state: State, table: Mapping[str, str], roles: Roles
) -> Iterator[tuple[str, Target | None]]:
    """(entry, (our layer, the library's name of the weight)), or None if the table has no row."""
    layers_of: dict[str, str | None] = {}
    for entry in state:
        module, _, role = entry.rpartition(".")
        if module not in layers_of:
            layers_of[module] = layer_of(module, table)
        layer = layers_of[module] if role in roles else None
        yield entry, ((layer, role) if layer else None)


def complete_targets(targets: Iterable[tuple[str, Target | None]]) -> dict[str, Target]:
    """The targets of all entries; none if an entry has none, which most tables show soon."""
    found = {}
    for entry, target in targets:
        if target is None:
            return {}
        found[entry] = target
    return found


class Reading:
    """A state as a model reads it.

    fit(layer, weight, rank) -> (the shape an entry must have, a function to our layout); axis: the
    channels in an entry of the first kernel; adapt: whether it is adapted to those of the images.
    """

    def __init__(self, model: keras.Model, state: State, roles: Roles,
                 fit: Callable[[Any, Any, int], Layout], axis: int, adapt: bool):  # fmt: skip
        self.model, self.state, self.roles, self.fit = model, state, roles, fit
        self.axis, self.adapt = axis, adapt
        self.found = {layer.name: layer for layer in all_layers(model)}
        self.first = next((layer for layer in all_layers(model) if layer.weights), None)
        self.targets: dict[str, Target] = {}  # {entry: (our layer, the library's name of a weight)}

    def by(self, tables: Mapping[str, Mapping[str, str]], hint: str = "") -> str:
        """Fills targets by the table closest to the state and the model; returns its label.

        hint: more words on an entry that the table cannot read.
        """

        def each():
            return ((at, translated(self.state, rows, self.roles)) for at, rows in tables.items())

        fitting = {
            label: found for label, targets in each() if (found := complete_targets(targets))
        }
        read: dict[str, Any] = fitting or {label: dict(targets) for label, targets in each()}

        def nearness(label):
            rows = [(entry, target) for entry, target in read[label].items() if target]
            fits = sum(self.fits(entry, target) for entry, target in rows)
            listed = [v for v in tables[label].values() if "<" not in v and not self.left_out(v)]
            known = [layer in self.found for layer in listed]
            covered = 2 * sum(known) - len(known)
            nearly = fits > 0.9 * len(self.state)  # except some extra or misnamed entries
            return (fits, covered) if fitting else (nearly, covered, fits, len(rows))

        label = max(read, key=nearness)
        for entry, target in read[label].items():
            if target is None:
                why = f"the naming of {label}, which is nearest, has no such row"
                why += self.without_norms(entry) + folded(entry) + hint
                refuse_entry(entry, self.state[entry], why)
            if not self.left_out(target[0]):
                self.targets[entry] = target
        return label

    def fits(self, entry: str, target: Target) -> bool:
        layer, weight = self.place(target)
        value = self.state[entry]
        return weight is not None and self.fit(layer, weight, value.ndim)[0] == value.shape

    def without_norms(self, entry: str) -> str:
        normed = any(isinstance(v, layers.BatchNormalization) for v in self.found.values())
        statistics = any(name.endswith(("running_mean", "moving_mean")) for name in self.state)
        strange = statistics and not normed
        return f": the state has batch norms, and {self.model.name} has none" if strange else ""

    def left_out(self, layer: str) -> bool:
        """Whether a layer belongs to a head that the model lacks, or to no network."""
        if layer == UNREAD:
            return True
        if layer.startswith("aux"):
            return "aux1_logits" not in self.found
        return layer.startswith(("head", "logits")) and "logits" not in self.found

    def place(self, target: Target) -> tuple[Any, Any]:
        """(our layer, its weight); None if there is none."""
        (name, _, attribute), role = target[0].partition("."), target[1]
        layer = self.found.get(name)
        keys = [attribute] if attribute else self.roles[role]
        weights = [getattr(layer, key, None) for key in keys]
        return layer, next((weight for weight in weights if weight is not None), None)

    def biases_into_means(self) -> None:
        """Subtracts a bias that ours lacks from the moving mean of the norm after it."""
        self.state = dict(self.state)
        means = {
            maker(layer.input).name: entry
            for entry, (name, role) in self.targets.items()
            if role in ("moving_mean", "running_mean") and (layer := self.found.get(name))
        }
        for entry, (name, role) in [*self.targets.items()]:
            mean = means.get(name)
            if role == "bias" and mean and getattr(self.found.get(name), "bias", True) is None:
                bias, before = self.state[entry], self.state[mean]
                if bias.shape != before.shape:
                    refuse_entry(entry, bias, f"{mean} has the shape {before.shape}")
                self.state[mean] = before - bias
                del self.targets[entry]

    def take(self) -> keras.Model:
        """Assigns all entries, or none."""
        values = {}
        for entry, target in self.targets.items():
            value, (layer, weight) = self.state[entry], self.place(target)
            if weight is None:
                refuse_entry(
                    entry, value, f"{self.model.name} has no {' '.join(target)}{folded(entry)}"
                )
            if id(weight) in values:
                refuse_entry(entry, value, f"{weight.path} already has its entry")
            values[id(weight)] = self.ours(entry, value, layer, weight)
        missing = [weight for weight in self.model.weights if id(weight) not in values]
        if missing:
            raise ValueError(f"state has no entry for {missing[0].path} {tuple(missing[0].shape)}")
        for weight in self.model.weights:
            weight.assign(values[id(weight)])
        return self.model

    def ours(self, entry: str, value: np.ndarray, layer: Any, weight: Any) -> np.ndarray:
        """The value of an entry in our layout.  Raises ValueError unless it fits and is finite."""
        wanted, ours = self.fit(layer, weight, value.ndim)
        if layer is self.first and value.ndim == len(wanted) == 4:
            value = self.for_our_images(value, wanted)
        if value.shape != wanted:
            refuse_entry(entry, value, f"{weight.path} {tuple(weight.shape)} takes {wanted}")
        if not np.isfinite(value).all():
            refuse_entry(entry, value, "not all its values are finite numbers")
        return ours(value)

    def for_our_images(self, kernel: np.ndarray, wanted: tuple[int, ...]) -> np.ndarray:
        """The first kernel, for the channels of the model's images.  Raises ValueError."""
        has, needs = kernel.shape[self.axis], wanted[self.axis]
        sized = list(kernel.shape)
        sized[self.axis] = needs
        if has == needs or tuple(sized) != wanted:
            return kernel
        if not self.adapt:
            size = f"input_shape={self.model.input_shape[1:]}"
            why = f"the weights have {has} channels; adapt_channels=True adapts the first kernel"
            raise ValueError(f"{size}: {why}")
        return adapted(kernel, needs, self.axis)


def layout(
    layer: keras.Layer, weight: keras.Variable, rank: int, grid: tuple[int, ...] | None = None
) -> Layout:
    """(the shape that PyTorch has for a weight of ours, a function from its layout to ours).

    rank: that of the entry, since a 1x1 convolution may be a dense layer here, or the reverse.
    grid (H, W, C): what was flattened before a dense layer; PyTorch flattens C, H, W, or has a
    convolution of the grid's size.
    """
    shape = tuple(weight.shape)
    alone = isinstance(layer, layers.DepthwiseConv2D)
    if (alone and len(shape) == 4) or weight is getattr(layer, "depthwise_kernel", None):
        h, w, c, m = shape
        return (c * m, 1, h, w), lambda v: v.reshape(c, m, h, w).transpose(2, 3, 0, 1)
    if len(shape) == 4 and rank == 2 and shape[:2] == (1, 1):
        return shape[:1:-1], lambda v: v.T[None, None]
    if len(shape) == 1 and rank in (3, 4):  # a scale of maps, C x 1 x 1, or of filters
        return (*shape, *(rank - 1) * (1,)), np.ravel
    if len(shape) == 4:
        return (shape[3], shape[2], *shape[:2]), lambda v: v.transpose(2, 3, 1, 0)
    if len(shape) == 2 and (grid or rank == 4):
        h, w, c = grid or (1, 1, shape[0])
        wanted = (shape[1], c, h, w) if rank == 4 else shape[::-1]
        return wanted, lambda v: channels_last(v.reshape(-1, c, h * w)).reshape(shape)
    return shape[::-1], np.transpose


def channels_last(v: np.ndarray) -> np.ndarray:
    """(outputs, C, pixels) as (pixels, C, outputs); 64 outputs at a time stay in a cache."""
    y = np.empty(v.shape[::-1], v.dtype)
    for i in range(0, len(v), 64):
        y[..., i : i + 64] = v[i : i + 64].T
    return y


def flattened(model: keras.Model) -> dict[str, tuple[int, ...]]:
    """{dense layer: the (H, W, C) that was flattened for it}."""
    made = {id(x): call for call in calls(model) for x in call.outputs}
    grids = {}
    for call in calls(model):
        before = made[id(call.inputs[0])] if call.inputs else None
        while before and isinstance(before.op, (layers.Dropout, layers.Identity)):
            before = made[id(before.inputs[0])]
        if isinstance(call.op, layers.Dense) and before and isinstance(before.op, layers.Flatten):
            grids[call.op.name] = tuple(before.inputs[0].shape[1:])
    return grids
