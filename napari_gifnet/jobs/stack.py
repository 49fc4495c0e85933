"""What the Stack widget runs in the background: slices in, one image and its depth out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gifnet import workflows
from gifnet.errors import InvalidInputError
from gifnet.imaging.ranges import shared_range
from gifnet.options import FuseOptions, ValueRange
from gifnet.registration.api import resample_onto
from gifnet.validation import require_integer

from ..layers.axes import without_axis
from ..layers.display import Scale, ScaleCache
from ..layers.overlap import find_overlap
from ..layers.snapshot import Array, LayerData, Snapshot, Values, result_layer
from ..layers.sources import as_array, moving_grid, without_mask
from .base import Call, FuserCache, load_fuser, make_record, stop_if_asked, with_ranges

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback


@dataclass(frozen=True, eq=False)
class StackJob:
    """The fusion of a stack as it was when it was asked for.

    Attributes
    ----------
    images : tuple of Snapshot
        One with a stack axis, or two or more slices.
    options : FuseOptions
    axis : int or None
        The stack's axis; None for several layers.
    align : {"none", "translation", "rigid", "affine"}
    reference : int or None
        The slice whose frame the result has; the middle one if None.
    want_depth : bool
        Also return the measured depth: in world coordinates along the stack's axis, or in slices
        for several layers.
    scale : {"displayed", "percentiles", "data", "dtype"} or None
        How the value range of all slices is found; None if `options` has it.
    """

    images: tuple[Snapshot, ...]
    options: FuseOptions
    axis: int | None = None
    align: str = "none"
    reference: int | None = None
    want_depth: bool = True
    scale: Scale | None = None

    @property
    def name(self) -> str:
        if self.axis is not None:
            return self.images[0].name
        return f"{self.images[0].name} to {self.images[-1].name}"

    @property
    def description(self) -> str:
        return f"Fusing {self.count} slices of {self.name}"

    @property
    def count(self) -> int:
        """How many slices there are."""
        if self.axis is None:
            return len(self.images)
        return int(self.images[0].grid.shape[self.axis])

    @property
    def place(self) -> Snapshot:
        """The place of the result.

        Raises
        ------
        InvalidInputError
            If there is too little to fuse, or the stack cannot be taken apart along its axis.
        """
        if self.axis is not None:
            plane = without_axis(self.images[0], self.axis)
        elif len(self.images) < 2:
            raise InvalidInputError("Choose two or more slices, or one layer with a stack axis.")
        else:
            plane = self.images[self.index]
        if self.count < 2:
            raise InvalidInputError(
                f"Layer {self.images[0].name!r} has a single slice along axis {self.axis}."
            )
        return plane

    def check(self) -> None:
        """Refuse what cannot be fused, before anything is computed.

        Raises
        ------
        InvalidInputError
            If the slices do not fit together.
        """
        place, _ = self.place, self.index
        for image in self.images if self.axis is None else ():
            self._check_slice(image, place)

    def _check_slice(self, image: Snapshot, place: Snapshot) -> None:
        if image.ndim != place.ndim or image.rgb != place.rgb:
            raise InvalidInputError(
                f"Slices {image.name!r} and {place.name!r} differ in their number of axes or "
                "colour channels; choose slices of one kind."
            )
        if image.data.dtype != place.data.dtype:
            raise InvalidInputError(
                f"Slices {image.name!r} and {place.name!r} are of types {image.data.dtype} and "
                f"{place.data.dtype}; convert them to one type."
            )
        if image.grid.shape[:-2] != place.grid.shape[:-2]:
            raise InvalidInputError(
                f"Slices {image.name!r} and {place.name!r} have leading axes of "
                f"{image.grid.shape[:-2]} and {place.grid.shape[:-2]}; choose slices that have "
                "the same."
            )
        if not moving_grid(place, image).coincides(place.grid):
            find_overlap(place, image, "first")

    @property
    def index(self) -> int:
        """The slice whose frame the result has.

        Raises
        ------
        InvalidInputError
            If there is no such slice.
        """
        index = self.count // 2
        if self.reference is not None:
            index = require_integer("reference", self.reference)
        if not -self.count <= index < self.count:
            raise InvalidInputError(f"reference is {index}, but the stack has {self.count} slices.")
        return index % self.count

    def settled(self, scales: ScaleCache) -> StackJob:
        """Return the job with the value range of all slices as numbers."""
        options = with_ranges(self.options, self.images, self.scale, scales, shared=True)
        return dataclasses.replace(self, options=options, scale=None)

    def call(self) -> Call:
        keywords: Values = {} if self.axis is None else {"axis": self.axis}
        if self.align != "none":
            keywords["align"] = self.align
        if self.reference is not None:
            keywords["reference"] = self.reference
        if self.want_depth:
            keywords["return_depth"] = True
        if self.axis is not None:
            return Call("fuse_stack_layers", ("stack",), ("stack",), keywords)
        names = tuple(f"slice_{number}" for number in range(1, len(self.images) + 1))
        return Call("fuse_stack_layers", names, (f"[{', '.join(names)}]",), keywords)

    def run(self, fusers: FuserCache, progress: ProgressCallback) -> list[LayerData]:
        """Fuse, and return the depth map, if it is wanted, and the result."""
        if self.scale is not None:
            return self.settled(fusers.scales).run(fusers, progress)
        self.check()
        place = self.place
        slices = self._slices(place, progress)
        rgb = place.rgb
        options = dataclasses.replace(
            self.options,
            channel_axis=-1 if rgb else None,
            value_range=self._value_range(slices, rgb),
        )
        fuser = load_fuser(fusers, options, progress)
        stacker = workflows.StackFuser(fuser)
        lead = place.grid.shape[:-2]
        planes = list(np.ndindex(lead))
        channels = slices[0].shape[-1:] if rgb else ()
        image = np.empty(place.grid.shape + channels, slices[0].dtype)
        depth = np.empty(place.grid.shape, np.float32)
        transforms, record = [], {}
        for number, at in enumerate(planes):

            def report(done: int, total: int, number: int = number) -> object:
                return progress(number * total + done, len(planes) * total)

            found = stacker.fuse(
                [one[at] for one in slices],
                align=self.align,
                reference=self.index,
                depth=self.want_depth,
                spacing=self._positions,
                progress=report,
            )
            image[at] = without_mask(found.image)
            if found.depth is not None:
                depth[at] = found.depth
            transforms.append(found.provenance["stack"].get("transforms"))
            record = found.provenance
        record = self._record(record, place, transforms)
        layers = [result_layer(image, f"Fused {self.name}", place, record, rgb=rgb)]
        if self.want_depth:
            layers.insert(0, self._depth_layer(depth, place, record))
        return layers

    @property
    def _positions(self) -> tuple[float, ...] | None:
        """The world coordinates of the slices along the stack's axis."""
        if self.axis is None:
            return None
        axis, matrix = self.axis % self.images[0].ndim, self.images[0].grid.matrix
        return tuple(float(k * matrix[axis, axis] + matrix[axis, -1]) for k in range(self.count))

    @property
    def _depth_unit(self) -> str:
        return "slice" if self.axis is None else str(self.images[0].units[self.axis])

    def _slices(self, place: Snapshot, progress: ProgressCallback) -> list[Array]:
        """Return the slices on the result's grid."""
        stop_if_asked(progress)
        if self.axis is not None:
            data = as_array(self.images[0].data)
            return list(np.moveaxis(data, self.axis % self.images[0].ndim, 0))
        slices = []
        for image in self.images:
            stop_if_asked(progress)
            data = as_array(image.data)
            world = moving_grid(place, image)
            if not world.coincides(place.grid):
                data = resample_onto(
                    data,
                    None,
                    place.grid,
                    channel_axis=-1 if image.rgb else None,
                    moving_grid=world,
                    order=3,
                    tick=lambda: stop_if_asked(progress),
                )
            slices.append(data)
        return slices

    def _value_range(self, slices: list[Array], rgb: bool) -> ValueRange:
        """Return the limits that the planes along all other axes share."""
        values = [one[..., :3] if rgb else one for one in slices]
        low, high = shared_range(values, self.options.value_range)
        # A constant stack has no limits that could be asked for.
        return (low, high) if low < high else self.options.value_range

    def _record(self, record: Values, place: Snapshot, transforms: list[object]) -> Values:
        roles = (
            "Stack" if self.axis is not None else f"Slice {number}"
            for number in range(len(self.images))
        )
        stack = {"align": self.align, "reference": self.index, "slices": self.count}
        if self.align != "none":
            stack["transforms"] = transforms if len(transforms) > 1 else transforms[0]
        made = make_record(
            record,
            "fuse_stack",
            zip(self.images, roles, strict=True),
            place,
            self.options,
            axis=self.axis,
            align=self.align,
            reference=self.reference,
            depth=self.want_depth,
        )
        return {**made, "stack": stack}

    def _depth_layer(self, depth: Array, place: Snapshot, record: Values) -> LayerData:
        data, arguments, kind = result_layer(
            depth, f"Depth of {self.name}", place, record, rgb=False
        )
        positions = self._positions or (0.0, float(self.count - 1))
        limits = (min(positions), max(positions))
        arguments.update(contrast_limits=limits, colormap="viridis", visible=False)
        arguments["metadata"]["depth"] = {"unit": self._depth_unit, "positions": list(positions)}
        return data, arguments, kind
