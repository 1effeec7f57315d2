"""Which runtime is fastest, as measured by `python -m benchmarks deploy`, in fastest.json."""

from difflib import get_close_matches
from typing import Any

from convbook import names
from convbook.architectures import catalog

FORMATS = {
    "TensorFlow": "savedmodel",
    "LiteRT": "litert",
    "onnxruntime": "onnx",
    "OpenVINO": "onnx",
}
RUN = {  # a file, in a line of Python
    "savedmodel": 'tensorflow.saved_model.load("{}").signatures["serving_default"](images=x)',
    "litert": 'ai_edge_litert.interpreter.Interpreter("{}").get_signature_runner()(images=x)',
    "onnx": 'onnxruntime.InferenceSession("{}").run(None, {{"images": x}})',
}


def stored_latencies() -> dict[str, Any]:
    """{cores, date, nets: {network: {batch: {"LiteRT", "LiteRT int8" ...: seconds}}}}."""
    return names.stored_json("training.export", "fastest.json")


def measured(name: str) -> str | None:
    """The measured network: this one, or the nearest of its family; None if there is none."""
    nets = stored_latencies()["nets"]
    full = catalog.ALIASES.get(name, name)
    family = next((family.NETS for family in catalog.FAMILIES if full in family.NETS), ())
    return next(iter(get_close_matches(full, [net for net in nets if net in family], 1, 0)), None)


def advice(name: str) -> str | None:
    """The runtimes by their time for one image, the fastest first; None for an unknown network."""
    net = measured(name)
    if net is None:
        return None
    times = stored_latencies()["nets"][net]["1"]
    plain = sorted((title for title in FORMATS if title in times), key=times.__getitem__)
    took = ", ".join(f"{title} {1000 * times[title]:.1f} ms" for title in plain)
    if "LiteRT int8" in times:
        took += f"; --to litert --int8 {1000 * times['LiteRT int8']:.1f} ms"
    cores = f"{stored_latencies()['cores']} CPU cores, {stored_latencies()['date']}"
    best = f"fastest: --to {FORMATS[plain[0]]}, with {plain[0]}"
    return f"{best}. An image of {net} took {took} ({cores})"
