"""Methods on focus stacks with a known sharp image and a known depth.

The stacks are made from sharp pictures: a smooth depth with a step, blur by a Gaussian or a disk,
and noise. Run ``python -m benchmarks.stacks PICTURE...``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gifnet import Fuser
from gifnet.classical import Layers, measure_depth
from gifnet.imaging.colour import luminance
from gifnet.io import read_images
from gifnet.options import STACK_METHODS
from gifnet.training.data.defocus import blurred_by, defocus
from gifnet.workflows.stacks.fuser import StackFuser

Plane = npt.NDArray[np.float32]
#: Blurs that slices are interpolated between, as sigmas in pixels.
_BLURS = np.array([0, 0.15, 0.3, 0.45, 0.6, 0.8, 1, 1.3, 1.7, 2.2, 3, 4, 5.5, 7.5, 10.0])


@dataclass(frozen=True, eq=False)
class MadeStack:
    """A focus stack with its truth.

    Attributes
    ----------
    slices : (N, H, W) uint8 array
    sharp : (H, W) uint8 array
    depth : (H, W) float array
        In slices, from 0 to N - 1.
    """

    slices: npt.NDArray[np.uint8]
    sharp: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]


def make_depth(shape: tuple[int, int], rng: np.random.Generator) -> Plane:
    """Return a smooth surface in [0, 1] with a step along a slanted line."""
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    phase, turn = rng.uniform(0, 2 * np.pi, 2)
    smooth = np.sin(2.2 * rows + phase) + 0.7 * np.cos(2.6 * columns - phase) + 0.4 * rows * columns
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    side = np.cos(turn) * rows + np.sin(turn) * columns > rng.uniform(-0.2, 0.2)
    return np.where(side, 0.55 * smooth, 0.45 + 0.55 * smooth).astype(np.float32)


def make_stack(
    sharp: npt.NDArray[np.uint8],
    count: int,
    rng: np.random.Generator,
    *,
    disk: bool = False,
    noise: float = 1.0,
    largest: float = 9.0,
) -> MadeStack:
    """Return a stack of a grey 8-bit picture.

    Parameters
    ----------
    sharp : (H, W) uint8 array
    count : int
        Number of slices.
    rng : numpy.random.Generator
    disk : bool
        Blur by a disk instead of a Gaussian.
    noise : float
        Standard deviation of the noise in grey levels.
    largest : float
        Sigma of the blur of the farthest depth, in pixels.
    """
    depth = make_depth((sharp.shape[0], sharp.shape[1]), rng) * (count - 1)
    plane = sharp.astype(np.float32)
    used = _BLURS[: np.searchsorted(_BLURS, largest) + 1]
    levels = np.stack([defocus(plane, sigma, disk=disk) for sigma in used])
    slices = []
    for number in range(count):
        blur = largest * np.abs(depth - number) / (count - 1)
        seen = blurred_by(blur, levels, used) + rng.normal(0, noise, sharp.shape)
        slices.append(seen.round().clip(0, 255).astype(np.uint8))
    return MadeStack(np.stack(slices), sharp, depth.astype(np.float32))


def main() -> None:
    """Print PSNR, error of the sharpest slice's number, and time; then those of the depth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--model", default="shares")
    parser.add_argument("--size", nargs=2, type=int, default=(256, 320))
    arguments = parser.parse_args()
    rows, columns = arguments.size
    pictures = []
    for path in arguments.pictures:
        data = np.asarray(read_images(path)[0].data)
        grey = data if data.ndim == 2 else luminance(data[..., :3].astype(np.float32))
        pictures.append(grey.round().astype(np.uint8)[20 : 20 + rows, 20 : 20 + columns])
    print("slices blur      method     PSNR (dB)  depth error (slices)  seconds")
    with Fuser(model=arguments.model) as fuser:
        for count, disk in ((12, False), (12, True), (40, False)):
            stacks = [
                make_stack(picture, count, np.random.default_rng(seed), disk=disk)
                for seed, picture in enumerate(pictures)
            ]
            for method in STACK_METHODS:
                scores, began = [], time.perf_counter()
                for stack in stacks:
                    found = StackFuser(fuser).fuse(list(stack.slices), method=method)
                    loss = np.square(np.asarray(found.image, float) - stack.sharp).mean()
                    error = np.abs(found.sharpest - stack.depth).mean()
                    scores.append((10 * np.log10(255**2 / loss), error))
                psnr, depth = np.mean(scores, axis=0)
                seconds = (time.perf_counter() - began) / len(stacks)
                blur = "disk" if disk else "Gaussian"
                print(f"{count:6} {blur:9} {method:10} {psnr:9.2f} {depth:21.2f} {seconds:8.2f}")
            errors, began = [], time.perf_counter()
            for stack in stacks:
                measured = measure_depth(Layers(stack.slices / np.float32(255))).position
                errors.append(np.nanmean(np.abs(measured - stack.depth)))
            seconds = (time.perf_counter() - began) / len(stacks)
            print(f"{count:6} {blur:9} measured depth       {np.mean(errors):21.2f} {seconds:8.2f}")


if __name__ == "__main__":
    main()
