"""A run as a Python script that does the same again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gifnet.options import FuseOptions

from ..layers.snapshot import Values
from .base import LayerJob, shared_fusers

if TYPE_CHECKING:
    from napari.layers import Image

_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units")


def as_script(job: LayerJob, sources: Sequence[Image], layers: Iterable[Image]) -> str:
    """Return a script that opens the sources, runs the job and adds the result.

    It runs by itself and in napari's console, where it takes layers that are there already.

    Parameters
    ----------
    job : LayerJob
        What to do.
    sources : sequence of napari.layers.Image
        The layers that the job is made of.
    layers : iterable of napari.layers.Image
        All of the viewer's.
    """
    job = job.settled(shared_fusers().scales)
    found = job.call()
    call = list(found.positional)
    keywords = {**found.keywords, **chosen_options(job.options)}
    call += [f"{key}={value!r}" for key, value in keywords.items()]
    layers = list(layers)
    lines = [
        title_line(job.description),
        "",
        "import napari",
        "",
        f"from napari_gifnet import {found.function}, open_layer",
        "",
        "running = napari.current_viewer()",
        "viewer = running or napari.Viewer()",
    ]
    for name, layer in zip(found.names, sources, strict=True):
        lines += _opening(name, layer, layers)
    lines += [f"for layer in {found.function}("]
    lines += [f"    {argument}," for argument in call]
    lines += ["):", "    viewer.add_layer(layer)", "if running is None:", "    napari.run()", ""]
    return "\n".join(lines)


def title_line(description: str) -> str:
    """Return a script's docstring."""
    title = f"{description}, as a widget of napari-gifnet does it."
    return '"""' + title.replace("\\", "/").replace('"', "'") + '"""'


def chosen_options(options: FuseOptions) -> Values:
    """Return what differs from the defaults; the job finds the channel axis itself."""
    values, defaults = options.to_dict(), FuseOptions()
    chosen = {
        field.name: values[field.name]
        for field in dataclasses.fields(FuseOptions)
        if values[field.name] != getattr(defaults, field.name) and field.name != "channel_axis"
    }
    if chosen.get("weights"):
        chosen["weights"] = str(Path(str(chosen["weights"])).expanduser().absolute())
    return chosen


def _opening(name: str, layer: Image, layers: list[Image]) -> list[str]:
    source = layer.source
    arguments = [repr(layer.name)]
    if source.path is not None:
        arguments.append(f"path={str(Path(source.path).absolute())!r}")
        if source.reader_plugin is not None:
            arguments.append(f"plugin={source.reader_plugin!r}")
    elif source.sample is not None:
        arguments.append(f"sample={tuple(source.sample)!r}")
    else:
        return [
            f"# Layer {layer.name!r} was not opened from a file: the viewer must hold it.",
            f"{name} = open_layer(viewer, {layer.name!r})",
        ]
    kin = [
        one for one in layers
        if (one.source.path, one.source.sample) == (source.path, source.sample)
    ]  # fmt: skip
    if layer in kin[1:]:
        arguments.append(f"index={kin.index(layer)}")
    # The file may state another place than the layer has now, so the place is always given.
    arguments += [f"{key}={_plain(key, layer)!r}" for key in _PLACE]
    return [f"{name} = open_layer(", "    viewer,", *(f"    {text}," for text in arguments), ")"]


def _plain(key: str, layer: Image) -> object:
    if key == "units":
        return tuple(str(unit) for unit in layer.units)
    value = layer.affine.affine_matrix if key == "affine" else getattr(layer, key)
    return np.asarray(value, float).tolist()
