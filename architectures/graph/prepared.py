"""A functional model that knows how images are prepared for it, and what its classes are."""

from collections.abc import Iterable
from typing import Annotated, Any

import keras

from convbook.architectures.graph.calls import Functional
from convbook.blocks.checks import require, ruled
from convbook.blocks.types import Rule


@keras.saving.register_keras_serializable("convbook")
class PreparedModel(keras.Model):
    """The functional model of its layers, inputs and outputs, with two facts that are saved too.

    preparation: what makes its input of images (see weights.preparation); class_names: a tuple, or
    None.  Its answers are those of a keras.Model of the same layers: it takes what is prepared.
    """

    preparation: Any = None
    class_names: tuple[str, ...] | None = None

    def get_config(self) -> dict[str, Any]:
        of_images = keras.saving.serialize_keras_object(self.preparation)
        names = self.class_names and list(self.class_names)
        return super().get_config() | dict(preparation=of_images, class_names=names)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "PreparedModel":
        config = dict(config)
        preparation, names = config.pop("preparation", None), config.pop("class_names", None)
        model = super().from_config(config, custom_objects)
        return know(model, keras.saving.deserialize_keras_object(preparation), names)


def know(
    model: PreparedModel, preparation: Any, class_names: Iterable[str] | None
) -> PreparedModel:
    model.preparation = preparation
    model.class_names = None if class_names is None else tuple(class_names)
    return model


def is_preparation(v: Any) -> bool:
    """Whether v is a weights.Preparation, or None; its module imports this one."""
    kind = keras.saving.get_registered_object("convbook>Preparation")
    return v is None or (kind is not None and isinstance(v, kind))


def are_names(v: Any) -> bool:
    """Whether v is a row of texts, or None; a set has no order, and a text only letters."""
    row = isinstance(v, (list, tuple)) or getattr(v, "ndim", 0) == 1
    return v is None or (row and all(isinstance(name, str) for name in [*v]))


Prepares = Annotated[Any, Rule(is_preparation, "None or a weights.Preparation")]
Names = Annotated[Iterable[str] | None, Rule(are_names, "None or a list of texts")]


@ruled
def prepared(model: Functional, preparation: Prepares, class_names: Names = None) -> PreparedModel:
    """The PreparedModel of a functional model: its layers and weights, not copies of them.

    Raises ValueError for as many class names as its first output has no classes, and for a
    preparation of images with other channels.
    """
    channels = model.inputs[0].shape[-1]
    fits = preparation is None or channels in (None, preparation.channels)
    right = f"of images with {channels} channels, as {model.name} takes them"
    require(fits, preparation=preparation, right=right)
    inputs, outputs = (v[0] if len(v) == 1 else v for v in (model.inputs, model.outputs))
    names = None if class_names is None else tuple(class_names)
    classes = model.outputs[0].shape[-1]
    if names is not None and len(names) != classes:
        raise ValueError(f"class_names has {len(names)} names; {model.name} has {classes} classes")
    return know(PreparedModel(inputs, outputs, name=model.name), preparation, names)


def knowing(model: keras.Model, made: keras.Model) -> keras.Model:
    """made, a functional model that was made of model: it knows what model does."""
    if not isinstance(model, PreparedModel):
        return made
    known = PreparedModel(made.input, made.output, name=made.name)
    return know(known, model.preparation, model.class_names)


def first_output(model: keras.Model) -> keras.Model:
    """A functional model without the auxiliary heads after its first output."""
    if len(model.outputs) == 1:
        return model
    return knowing(model, keras.Model(model.inputs[0], model.outputs[0], name=model.name))
