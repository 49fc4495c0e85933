"""A rectangle of pixels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """A rectangle of pixels, half open, in the image's coordinates."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, height: int, width: int) -> Region:
        """Return the region of a whole image."""
        return cls(0, 0, height, width)

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def area(self) -> int:
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def __and__(self, other: Region) -> Region:
        return Region(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def __or__(self, other: Region) -> Region:
        """Return the smallest region that contains both."""
        return Region(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def __contains__(self, other: Region) -> bool:
        return self | other == self

    def expand(self, by: int) -> Region:
        """Return the region with a margin on every side."""
        return Region(self.top - by, self.left - by, self.bottom + by, self.right + by)

    def expand_within(self, by: int, bounds: Region) -> Region:
        """Return the region with a margin, as far as the bounds allow."""
        return self.expand(by) & bounds

    def relative_to(self, outer: Region) -> Region:
        """Return the region in coordinates that begin at the top left of `outer`."""
        return Region(
            self.top - outer.top,
            self.left - outer.left,
            self.bottom - outer.top,
            self.right - outer.left,
        )

    def reduced(self, factor: int) -> Region:
        """Return the region in pixels of a map reduced by a factor that divides its sides."""
        return Region(
            self.top // factor, self.left // factor, self.bottom // factor, self.right // factor
        )

    def padded_to(self, multiple: int) -> Region:
        """Return the region with its bottom and right on the next multiples."""
        return Region(self.top, self.left, _up(self.bottom, multiple), _up(self.right, multiple))

    def align_to_windows(self, window: int, shift: int) -> Region:
        """Return the smallest region of whole windows that contains this one.

        The grid starts `shift` pixels above and left of the image.
        """
        return Region(
            (self.top + shift) // window * window - shift,
            (self.left + shift) // window * window - shift,
            _up(self.bottom + shift, window) - shift,
            _up(self.right + shift, window) - shift,
        )

    def reflection_source(self, bounds: Region) -> Region:
        """Return the part of `bounds` whose reflection covers this region.

        The region may extend beyond the bounds.
        """
        inside = self & bounds
        return Region(
            min(inside.top, 2 * bounds.bottom - 1 - max(self.bottom, bounds.bottom)),
            min(inside.left, 2 * bounds.right - 1 - max(self.right, bounds.right)),
            max(inside.bottom, 2 * bounds.top + 1 - min(self.top, bounds.top)),
            max(inside.right, 2 * bounds.left + 1 - min(self.left, bounds.left)),
        )


def _up(x: int, multiple: int) -> int:
    return -(-x // multiple) * multiple
