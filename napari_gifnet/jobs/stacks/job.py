"""What the Stack widget runs in the background: slices in, one image and its depth out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gifnet import workflows
from gifnet.errors import InvalidInputError
from gifnet.geometry.region import Region
from gifnet.imaging.ranges import shared_range
from gifnet.options import FuseOptions, ValueRange
from gifnet.registration.api import resample_onto
from gifnet.validation import require_integer
from gifnet.workflows.stacks.maps import encode_map
from gifnet.workflows.stacks.transforms import require_fit

from ...layers.axes import cropped, without_axis
from ...layers.display import Scale, ScaleCache
from ...layers.overlap import find_overlap
from ...layers.snapshot import Array, LayerData, Snapshot, Values, result_layer
from ...layers.sources import as_array, moving_grid, without_mask
from ..base import Call, FuserCache, load_fuser, make_record, stop_if_asked, with_ranges
from .layers import depth_layer, map_layer, plane_maps, plane_transforms

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback
    from gifnet.registration.transform import Transform
    from gifnet.workflows.stacks.maps import Numbers

#: What the core records of every plane, and what all planes have in common.
_PER_PLANE = ("transforms", "retouching", "gains")
_SHARED = ("crop", "equalise", "feather")


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
    want_map : bool
        Also return the number of the main slice of every pixel, as labels.
    crop : {"reference", "common"}
        The extent of the result: that of the reference slice, or what all slices cover. Planes of
        leading axes have one extent.
    equalise : {"none", "brightness", "colour"}
    transforms : tuple of tuple of Transform, or None
        For every plane of leading axes, those of all slices: used instead of a new registration.
    is_reused : bool
        Whether a registration would find these same transforms, so that a script can do without.
    retouching : tuple of (H, W) int32 arrays, or None
        For every plane of leading axes, a map of slice numbers to blend in; -1 elsewhere.
    feather : float
        Sigma in pixels of the borders of these slices.
    """

    images: tuple[Snapshot, ...]
    options: FuseOptions
    axis: int | None = None
    align: str = "none"
    reference: int | None = None
    want_depth: bool = True
    scale: Scale | None = None
    want_map: bool = False
    crop: str = "reference"
    equalise: str = "none"
    transforms: tuple[tuple[Transform, ...], ...] | None = None
    is_reused: bool = False
    retouching: tuple[Numbers, ...] | None = None
    feather: float = 1.5

    @classmethod
    def from_record(
        cls, record: Values, sources: tuple[Snapshot, ...], options: FuseOptions
    ) -> StackJob:
        """Return the job of a record, with its transforms and maps.

        Raises
        ------
        KeyError, InvalidInputError
            If the record is incomplete.
        """
        request, stack = record["request"], record.get("stack", {})
        axis, align, reference = (request[key] for key in ("axis", "align", "reference"))
        found: Values = {key: stack[key] for key in _SHARED if key in stack}
        if stack.get("transforms"):
            found["transforms"] = plane_transforms(record)
        if "retouching" in stack:
            found["retouching"] = plane_maps(stack["retouching"])
        found["want_map"] = bool(request.get("map"))
        return cls(sources, options, axis, align, reference, bool(request["depth"]), **found)

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
        self._check_planes(place)

    def _check_planes(self, place: Snapshot) -> None:
        """Refuse transforms and maps of another stack."""
        *lead, rows, columns = place.grid.shape
        planes = int(np.prod(lead))
        for what, given in (("transforms", self.transforms), ("retouching", self.retouching)):
            if given is not None and len(given) != planes:
                raise InvalidInputError(
                    f"{what} is for {len(given)} plane(s), but the result has {planes}. Take that "
                    "of a stack with the same leading axes."
                )
        for one in self.transforms or ():
            require_fit(one, self.count, (rows, columns))
        if self.retouching is not None and self.crop == "common" and lead:
            raise InvalidInputError(
                f"Layer {place.name!r} has leading axes, whose planes are cropped one by one; "
                "retouch it with crop='reference'."
            )

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
        if self.want_map:
            keywords["return_map"] = True
        for key in ("crop", "equalise"):
            if (value := getattr(self, key)) != getattr(StackJob, key):
                keywords[key] = value
        if self.transforms is not None and not self.is_reused:
            keywords["transforms"] = [[one.to_dict() for one in each] for each in self.transforms]
        if self.retouching is not None:
            keywords["retouching"] = [encode_map(each) for each in self.retouching]
            keywords["feather"] = self.feather
        if self.axis is not None:
            return Call("fuse_stack_layers", ("stack",), ("stack",), keywords)
        names = tuple(f"slice_{number}" for number in range(1, len(self.images) + 1))
        return Call("fuse_stack_layers", names, (f"[{', '.join(names)}]",), keywords)

    def run(self, fusers: FuserCache, progress: ProgressCallback) -> list[LayerData]:
        """Fuse, and return the depth map and the map of slices, if wanted, and the result."""
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
        stacker = workflows.StackFuser(load_fuser(fusers, options, progress))
        settings = self._settings()
        planes = list(np.ndindex(place.grid.shape[:-2]))
        channels = slices[0].shape[-1:] if rgb else ()
        image = np.empty(place.grid.shape + channels, slices[0].dtype)
        depth = np.empty(place.grid.shape if self.want_depth else 0, np.float32)
        numbers = np.empty(place.grid.shape if self.want_map else 0, np.uint16)
        region, records = Region.of(*place.grid.shape[-2:]), []
        for number, at in enumerate(planes):

            def report(done: int, total: int, number: int = number) -> object:
                return progress(number * total + done, len(planes) * total)

            found = stacker.fuse(
                [one[at] for one in slices],
                settings=settings,
                transforms=None if self.transforms is None else self.transforms[number],
                retouching=None if self.retouching is None else self.retouching[number],
                progress=report,
            )
            inside = found.region.slices
            image[at][inside] = without_mask(found.image)
            if found.depth is not None:
                depth[at][inside] = found.depth
            if self.want_map:
                numbers[at][inside] = found.sharpest
            region &= found.region
            records.append(found.provenance)
        if region.height < 1 or region.width < 1:
            raise InvalidInputError(
                "No pixel is covered by all slices of all planes; do not crop to what they cover."
            )
        record = self._record(records, place)
        place, inside = cropped(place, region), region.slices
        image = image[(..., *inside, slice(None))] if rgb else image[(..., *inside)]
        name = f"Fused {self.name}" + (" retouched" if self.retouching else "")
        layers = [result_layer(image, name, place, record, rgb=rgb)]
        if self.want_map:
            name, numbers = f"Slice map of {self.name}", numbers[(..., *inside)]
            layers.insert(0, map_layer(numbers, name, place, record, self._slice_names))
        if self.want_depth:
            name, depth = f"Depth of {self.name}", depth[(..., *inside)]
            positions = self._positions or tuple(map(float, range(self.count)))
            layers.insert(0, depth_layer(depth, name, place, record, positions, self._depth_unit))
        return layers

    def _settings(self) -> workflows.StackSettings:
        return workflows.StackSettings(
            align=self.align,
            reference=self.index,
            crop=self.crop,
            equalise=self.equalise,
            feather=self.feather,
            depth=self.want_depth,
            spacing=self._positions,
        )

    @property
    def _slice_names(self) -> list[str]:
        if self.axis is None:
            return [image.name for image in self.images]
        return [f"{number} of {self.images[0].name}" for number in range(self.count)]

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

    def _record(self, made: list[Values], place: Snapshot) -> Values:
        roles = (
            "Stack" if self.axis is not None else f"Slice {number}"
            for number in range(len(self.images))
        )
        planes = [each["stack"] for each in made]
        stack = {"align": self.align, "reference": self.index, "slices": self.count}
        stack.update({key: planes[0][key] for key in _SHARED if key in planes[0]})
        for key in _PER_PLANE:
            if key in planes[0]:
                each = [plane[key] for plane in planes]
                stack[key] = each if len(each) > 1 else each[0]
        record = make_record(
            made[-1],
            "fuse_stack",
            zip(self.images, roles, strict=True),
            place,
            self.options,
            axis=self.axis,
            align=self.align,
            reference=self.reference,
            depth=self.want_depth,
            map=self.want_map,
        )
        return {**record, "stack": stack}
