"""What the widgets do, for scripts: layers in, layers out. No Qt here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from gifnet.errors import InvalidInputError, WeightsError
from gifnet.options import FuseOptions

from .jobs import EnhancementJob, FuserCache, FusionJob
from .layers import snapshot

if TYPE_CHECKING:
    from napari.layers import Image

    from gifnet.progress import ProgressCallback

    from .layers import LayerData


def fuse_layers(
    first: Image,
    second: Image,
    *,
    grid: Literal["finer", "first", "second"] = "finer",
    return_mask: bool = False,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> list[Image]:
    """Fuse two image layers as the Fuse widget does, through their world coordinates.

    Parameters
    ----------
    first, second : napari.layers.Image
        The sources; which comes first matters, see `gifnet.fuse`. They are left as they are.
    grid : {"finer", "first", "second"}
        Whose pixels the result has.
    return_mask : bool
        Return the first layer's share of every pixel as well.
    progress : callable, optional
        Called with (done, total); returns False to stop.
    **options
        Fields of `gifnet.FuseOptions`, such as ``task="mfif"``.

    Returns
    -------
    list of napari.layers.Image
        The result last, after the share if it was asked for; not yet in any viewer.

    Raises
    ------
    GifnetError
        As `gifnet.fuse`, or if units do not fit or the layers do not overlap.
    """
    if grid not in ("finer", "first", "second"):
        raise InvalidInputError(f"grid is {grid!r}; use 'finer', 'first' or 'second'.")
    job = FusionJob(snapshot(first), snapshot(second), _options(options), grid, return_mask)
    return as_layers(job.run(FuserCache(), progress or _silent))


def enhance_layer(
    image: Image, *, progress: ProgressCallback | None = None, **options: Any
) -> list[Image]:
    """Enhance an image layer as the Enhance widget does; see `fuse_layers`.

    Returns
    -------
    list of napari.layers.Image
        The result alone, not yet in any viewer.
    """
    job = EnhancementJob(snapshot(image), _options(options))
    return as_layers(job.run(FuserCache(), progress or _silent))


def rerun(
    layers: Iterable[Image],
    record: Mapping[str, Any],
    *,
    progress: ProgressCallback | None = None,
) -> list[Image]:
    """Make a result again from the record that it carries.

    With the same pixels, weights and versions, the result has the same bytes on the same
    device.

    Parameters
    ----------
    layers : iterable of napari.layers.Image
        Among them the sources, under the names that the record has for them; a viewer's
        ``viewer.layers`` will do.
    record : mapping
        ``layer.metadata["napari_gifnet"]`` of the result, also from a file.

    Returns
    -------
    list of napari.layers.Image
        As from `fuse_layers`.

    Raises
    ------
    InvalidInputError
        If the record is incomplete, or a source is missing.
    WeightsError
        If the weights are not those that the record names.
    """
    by_name = {layer.name: layer for layer in layers}
    try:
        names = [source["name"] for source in record["sources"]]
        request, operation = record["request"], record["operation"]
        options = FuseOptions.from_dict(request["options"])
        sha256 = record["weights"]["sha256"]
        # "auto" may mean something else on this machine.
        options = dataclasses.replace(
            options, device=record["device"], precision=record["precision"]
        )
        if operation == "fuse":
            grid, want_mask = request["grid"], bool(request["mask"])
    except (KeyError, TypeError) as error:
        raise InvalidInputError(
            f"The record does not tell how its result was made (no {error}). Take the whole of "
            "metadata['napari_gifnet'] of a layer made by the Fuse or the Enhance widget."
        ) from None
    if missing := [name for name in names if name not in by_name]:
        raise InvalidInputError(
            f"The sources {missing} are not among the layers {sorted(by_name)}. Open them under "
            "those names."
        )
    cache = FuserCache()
    found = cache.get(options).weights.sha256
    if found != sha256:
        raise WeightsError(
            f"The result was made with weights of sha256 {sha256}, but those of "
            f"{options.weights or 'the bundled file'} are {found}. Take the file that was used."
        )
    sources = [snapshot(by_name[name]) for name in names]
    if operation == "fuse":
        return as_layers(
            FusionJob(*sources, options, grid, want_mask).run(cache, progress or _silent)
        )
    return as_layers(EnhancementJob(*sources, options).run(cache, progress or _silent))


def open_layer(
    viewer: Any,
    name: str,
    *,
    path: str | None = None,
    plugin: str | None = None,
    sample: tuple[str, str] | None = None,
    index: int = 0,
    **place: Any,
) -> Image:
    """Return a viewer's layer of a name, opening its file or sample first if it is not there.

    Parameters
    ----------
    viewer : napari.Viewer
        Where it is looked for and opened.
    name : str
        The name that the layer has or gets.
    path, plugin : str, optional
        The file or folder it comes from, and the reader.
    sample : (plugin, key), optional
        The sample it comes from.
    index : int
        Which of the layers that are opened from there.
    **place
        Scale, translate and so on, which a layer that is opened gets.

    Raises
    ------
    InvalidInputError
        If the layer is not there and nothing says where it comes from.
    """
    if name in viewer.layers:
        return viewer.layers[name]

    def opened() -> list[Any]:
        kept = (path, sample)
        return [one for one in viewer.layers if (one.source.path, one.source.sample) == kept]

    if path is None and sample is None:
        raise InvalidInputError(
            f"There is no layer {name!r}, and it was not opened from a file. Add its pixels to "
            "the viewer under this name first."
        )
    if len(opened()) <= index:
        if path is not None:
            viewer.open(path, plugin=plugin)
        else:
            viewer.open_sample(*sample)
    layer = opened()[index]
    layer.name = name
    for key, value in place.items():
        setattr(layer, key, value)
    return layer


def as_layers(found: Iterable[LayerData]) -> list[Image]:
    """Return layer data as layers."""
    from napari.layers import Layer

    return [Layer.create(*data) for data in found]


def _options(values: Mapping[str, Any]) -> FuseOptions:
    return FuseOptions.from_dict(values)


def _silent(done: int, total: int) -> None:
    pass
