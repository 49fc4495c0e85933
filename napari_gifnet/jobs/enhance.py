"""The Enhance widget's job."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gifnet.options import FuseOptions

from ..layers.display import Scale, ScaleCache
from ..layers.snapshot import LayerData, Snapshot, result_layer
from ..layers.sources import as_array
from .base import Call, FuserCache, load_fuser, make_record, with_ranges
from .estimate import count_pixels

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback


@dataclass(frozen=True, eq=False)
class EnhancementJob:
    """An enhancement of one layer as it was when it was asked for."""

    image: Snapshot
    options: FuseOptions
    scale: Scale | None = None

    @property
    def description(self) -> str:
        return f"Enhancing {self.image.name}"

    def settled(self, scales: ScaleCache) -> EnhancementJob:
        """Return the job with its value range as numbers."""
        options = with_ranges(self.options, [self.image], self.scale, scales)
        return dataclasses.replace(self, options=options, scale=None)

    def call(self) -> Call:
        return Call("enhance_layer", ("image",), ("image",), {})

    def run(self, fusers: FuserCache, progress: ProgressCallback) -> list[LayerData]:
        """Enhance the image and return the result."""
        if self.scale is not None:
            return self.settled(fusers.scales).run(fusers, progress)
        axis = -1 if self.image.rgb else None
        options = dataclasses.replace(self.options, task=None, channel_axis=axis)
        fuser = load_fuser(fusers, options, progress)
        data = as_array(self.image.data)
        began = time.perf_counter()
        done = fuser.run_enhancement(data, progress=progress)
        fusers.speeds.note(options, count_pixels(self.image), time.perf_counter() - began)
        record = make_record(done.record, "enhance", [(self.image, "")], self.image, self.options)
        rgb = done.image.ndim == self.image.ndim + 1
        name = f"Enhanced {self.image.name}"
        return [result_layer(done.image, name, self.image, record, rgb=rgb)]
