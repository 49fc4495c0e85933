"""The settings of a stack's fusion, apart from those of the network."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InvalidInputError
from ...options import STACK_CROPS, STACK_GAINS, STACK_METHODS
from ...registration.search import check_registration
from ...registration.transform import Transform
from ...validation import as_number, require_choice, require_integer
from .maps import as_decision, as_numbers, encode_map
from .transforms import as_transforms


@dataclass(frozen=True, eq=False)
class StackSettings:
    """How a stack is fused; see `gifnet.fuse_stack`.

    Attributes
    ----------
    align : {"none", "translation", "rigid", "similarity", "affine"}
    reference : int or None
    method : {"network", "pyramid", "depth-map", "mertens"}
    transforms : tuple of Transform or None
        Used instead of a new registration.
    crop : {"reference", "common"}
    equalise : {"none", "brightness", "colour"}
    decide_on : int, str or None
        The channel to decide on.
    shares : map of slice numbers, shares of all slices, or None
        Applied instead of a new decision.
    retouching : map of slice numbers or None
        Blended into the result.
    keep_shares : bool
        Return the shares of all slices.
    feather : float
        Sigma in pixels of the borders between slices of a map.
    depth : bool
        Measure the depth.
    spacing : float, sequence of float, or None
        The distance of neighbouring slices, or the position of every slice.

    Raises
    ------
    InvalidInputError
        If a value is not one of those allowed.
    """

    align: str = "none"
    reference: int | None = None
    method: str = "network"
    transforms: tuple[Transform, ...] | None = None
    crop: str = "reference"
    equalise: str = "none"
    decide_on: int | str | None = None
    shares: npt.NDArray[Any] | None = None
    retouching: npt.NDArray[np.int32] | None = None
    keep_shares: bool = False
    feather: float = 1.5
    depth: bool = False
    spacing: float | tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_registration(self.align, "edges")
        require_choice("method", self.method, STACK_METHODS)
        require_choice("crop", self.crop, STACK_CROPS)
        require_choice("equalise", self.equalise, STACK_GAINS)
        if self.reference is not None:
            self._set(reference=require_integer("reference", self.reference))
        if self.transforms is not None:
            self._set(transforms=as_transforms(self.transforms))
        if self.shares is not None:
            self._set(shares=as_decision(self.shares))
        if self.keep_shares and (self.method != "network" or self.shares is not None):
            raise InvalidInputError(
                "Only a network has shares to return; use method='network' without shares."
            )
        if self.retouching is not None:
            self._set(retouching=as_numbers("retouching", self.retouching))
        if not (math.isfinite(as_number(self.feather)) and as_number(self.feather) >= 0):
            raise InvalidInputError(f"feather is {self.feather!r}; give pixels, 0 or more.")
        if self.spacing is not None:
            self._set(spacing=_as_spacing(self.spacing))

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def updated(self, **values: Any) -> StackSettings:
        """Return settings with other values.

        Raises
        ------
        InvalidInputError
            If there is no such setting.
        """
        known = [field.name for field in dataclasses.fields(self)]
        if unknown := [name for name in values if name not in known]:
            raise InvalidInputError(
                f"{unknown[0]!r} is no setting of a stack; use one of {', '.join(known)}."
            )
        return dataclasses.replace(self, **values)

    def reference_index(self, count: int) -> int:
        """Return the index of the reference slice, the middle one by default.

        Raises
        ------
        InvalidInputError
            If there is no such slice.
        """
        index = count // 2 if self.reference is None else self.reference
        if not -count <= index < count:
            raise InvalidInputError(f"reference is {index}, but the stack has {count} slices.")
        return index % count

    def positions(self, count: int) -> tuple[float, ...] | None:
        """Return the position of every slice by the spacing, None without one.

        Raises
        ------
        InvalidInputError
            If the number of positions is not that of the slices.
        """
        if self.spacing is None:
            return None
        if not isinstance(self.spacing, tuple):
            return tuple(index * self.spacing for index in range(count))
        if len(self.spacing) != count:
            raise InvalidInputError(
                f"spacing has {len(self.spacing)} positions, but the stack has {count} slices. "
                "Give one position per slice, or one distance."
            )
        return self.spacing

    def to_dict(self) -> dict[str, object]:
        """Return JSON values, from which `from_record` makes the settings again."""
        found: dict[str, object] = {"align": self.align}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                found[field.name] = encode_map(value)
            elif field.name == "transforms" and value is not None:
                found[field.name] = [one.to_dict() for one in value]
            elif value != field.default:
                found[field.name] = value
        return found

    @classmethod
    def from_record(cls, record: Mapping[str, Any], shares: Any = None) -> StackSettings:
        """Return the settings of an earlier run, with its transforms and maps, from its record.

        `shares` replace those of the record.

        Raises
        ------
        InvalidInputError
            If the record is not that of a stack.
        """
        stack = record.get("stack")
        if not isinstance(stack, Mapping):
            raise InvalidInputError("The record is not that of a fused stack.")
        known = {field.name for field in dataclasses.fields(cls)}
        found = {name: value for name, value in stack.items() if name in known}
        return cls(**found if shares is None else {**found, "shares": shares})


def _as_spacing(value: Any) -> float | tuple[float, ...]:
    """Return a distance above 0, or rising or falling positions."""
    if np.ndim(value) == 0:
        distance = as_number(value)
        if math.isfinite(distance) and distance > 0:
            return distance
    else:
        positions = tuple(map(as_number, value))
        steps = np.diff(positions)
        if len(steps) and (all(steps > 0) or all(steps < 0)) and np.isfinite(positions).all():
            return positions
    raise InvalidInputError(
        f"spacing is {value!r}; give the distance of neighbouring slices, above 0, or the position "
        "of every slice, rising or falling."
    )
