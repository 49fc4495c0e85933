"""What the Pansharpen widget runs in the background: PAN and bands in, sharp bands out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import gifnet
from gifnet.errors import InvalidInputError
from gifnet.options import FuseOptions
from gifnet.provenance import versions

from ..layers.axes import with_axis, without_axis
from ..layers.display import ScaleCache
from ..layers.overlap import Overlap, find_overlap
from ..layers.snapshot import Array, LayerData, Snapshot, Values, result_layer
from ..layers.sources import as_array, moving_grid, without_mask
from .base import Call, FuserCache, load_fuser, make_record, stop_if_asked

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback


@dataclass(frozen=True, eq=False)
class SharpeningJob:
    """A pansharpening as it was when it was asked for.

    Attributes
    ----------
    pan : Snapshot
        One grey plane.
    bands : tuple of Snapshot
        An RGB layer, a layer with an axis of bands, or a plane for each band.
    options : FuseOptions
    band_axis : int or None
        The axis of the bands of one grey layer; None for planes.
    method : {"gifnet", "brovey", "gram-schmidt"}
    match_histograms : bool
        As in `gifnet.pansharpen`.
    """

    pan: Snapshot
    bands: tuple[Snapshot, ...]
    options: FuseOptions
    band_axis: int | None = None
    method: str = "gifnet"
    match_histograms: bool = True

    @property
    def name(self) -> str:
        first, last = self.bands[0].name, self.bands[-1].name
        return first if first == last else f"{first} to {last}"

    @property
    def description(self) -> str:
        return f"Sharpening {self.name} with {self.pan.name}"

    @property
    def is_rgb(self) -> bool:
        return self.bands[0].rgb

    @property
    def axis(self) -> int | None:
        """The axis of bands in the pixels of a single layer."""
        if self.is_rgb:
            return self.bands[0].ndim
        return self.band_axis if self.band_axis is None else self.band_axis % self.bands[0].ndim

    @property
    def count(self) -> int:
        """How many bands there are."""
        if self.is_rgb:
            return 3
        return len(self.bands) if self.axis is None else int(self.bands[0].grid.shape[self.axis])

    def plane(self) -> Snapshot:
        """Return the place of one band.

        Raises
        ------
        InvalidInputError
            If the layers cannot be sharpened together.
        """
        first = self.bands[0]
        if self.pan.ndim != 2 or self.pan.rgb:
            raise InvalidInputError(
                f"PAN must be one grey plane, and layer {self.pan.name!r} is not."
            )
        plane = first if self.axis is None or self.is_rgb else without_axis(first, self.axis)
        if plane.ndim != 2:
            raise InvalidInputError(
                f"Layer {first.name!r} has {plane.ndim} axes besides its bands; planes have two. "
                "Choose its axis of bands, or a slice of it."
            )
        for band in self.bands[1:]:
            same = band.ndim == 2 and not band.rgb and band.data.dtype == first.data.dtype
            if not same or not moving_grid(first, band).coincides(first.grid):
                raise InvalidInputError(
                    f"Bands {first.name!r} and {band.name!r} differ in their grid or type; choose "
                    "the bands of one image."
                )
        return plane

    def overlap(self) -> Overlap:
        """Return where PAN and a band overlap.

        Raises
        ------
        InvalidInputError
            If they do not, or the layers cannot be sharpened together.
        """
        plane = self.plane()
        sizes = self.pan.grid.pixel_size, moving_grid(self.pan, plane).pixel_size
        if np.prod(sizes[0]) > np.prod(sizes[1]) * (1 + 1e-6):
            raise InvalidInputError(
                f"PAN ({self.pan.name!r}) has coarser pixels than {self.bands[0].name!r}; the "
                "sharp image is PAN."
            )
        return find_overlap(self.pan, plane, "first")

    def settled(self, scales: ScaleCache) -> SharpeningJob:
        """Return the job itself: values are sharpened, not ranges."""
        return self

    def call(self) -> Call:
        keywords: Values = {}
        if self.axis is not None and not self.is_rgb:
            keywords["band_axis"] = self.axis
        if self.method != "gifnet":
            keywords["method"] = self.method
        elif not self.match_histograms:
            keywords["match_histograms"] = False
        if self.axis is not None:
            return Call("pansharpen_layers", ("pan", "bands"), ("pan", "bands"), keywords)
        names = tuple(f"band_{number}" for number in range(1, len(self.bands) + 1))
        positional = ("pan", f"[{', '.join(names)}]")
        return Call("pansharpen_layers", ("pan", *names), positional, keywords)

    def run(self, fusers: FuserCache, progress: ProgressCallback) -> list[LayerData]:
        """Sharpen, and return as many layers as there were of bands."""
        plane = self.overlap().moving
        stop_if_asked(progress)
        fuser = None
        if self.method == "gifnet":
            options = dataclasses.replace(self.options, task="pansharpen", channel_axis=None)
            fuser = load_fuser(fusers, options, progress)
        axis = self.axis or 0
        result = gifnet.pansharpen(
            as_array(self.pan.data),
            self._pixels(),
            method=self.method,
            band_axis=axis,
            pan_grid=self.pan.grid,
            ms_grid=moving_grid(self.pan, plane),
            match_histograms=self.match_histograms,
            fuser=fuser,
            progress=progress,
        )
        made_by = fuser.provenance() if fuser is not None else {"versions": versions()}
        return self._layers(without_mask(result), self._record(made_by))

    def _pixels(self) -> Array:
        if self.is_rgb:
            return as_array(self.bands[0].data)[..., :3]
        if self.axis is not None:
            return as_array(self.bands[0].data)
        return np.stack([as_array(band.data) for band in self.bands])

    def _record(self, made_by: Values) -> Values:
        roles = [(band, "Multispectral") for band in self.bands] + [(self.pan, "Panchromatic")]
        record = make_record(
            made_by,
            "pansharpen",
            roles,
            self.pan,
            self.options,
            band_axis=self.band_axis,
            method=self.method,
            match_histograms=self.match_histograms,
        )
        return {**record, "method": self.method}

    def _layers(self, result: Array, record: Values) -> list[LayerData]:
        """Return layers of the kind that the bands are, in PAN's place."""
        first = self.bands[0]
        if self.axis is not None:
            place = self.pan if self.is_rgb else with_axis(self.pan, self.axis, first)
            name = f"Sharpened {first.name}"
            layers = [result_layer(result, name, place, record, rgb=self.is_rgb)]
        else:
            layers = [
                result_layer(band, f"Sharpened {image.name}", self.pan, record, rgb=False)
                for band, image in zip(result, self.bands, strict=True)
            ]
        for (_, arguments, _), image in zip(layers, self.bands, strict=True):
            # Names and wavelengths of bands stand there.
            arguments["metadata"] = {**image.metadata, **arguments["metadata"]}
            if not self.is_rgb:
                arguments.update(image.shown)
        return layers
