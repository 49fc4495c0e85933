"""What FRUFN and EFRUFN cost, and how EFRUFN's mask settles.

    python -m benchmarks.unfolding
    python -m benchmarks.unfolding --weights FILE --first infrared.png --second visible.png
    python -m benchmarks.unfolding --stage mfif --data DIR [--weights FILE] [--limit 20]

The first prints, for 1 to 10 iterations, parameters (the paper's Fig. 14), what one training
step of one 64 x 64 pair keeps for its backward pass (Fig. 13; counted by saved tensors, so that
it is the same on every device), and the multiply-adds of one pair of 224 x 448 pixels (Table 5;
counted by `torch.utils.flop_counter`). The second adds the mask's residual after so many
evaluations. The third is the quality on held-back scenes against them (Fig. 15), of the bundled
weights of the stage or of others, beside a Laplacian pyramid or OpenCV's exposure fusion.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gifnet.evaluation.methods import Classical, LaplacianPyramid, Mertens
from gifnet.imaging.colour import luminance
from gifnet.io import read_images
from gifnet.models.frufn.efrufn import EFRUFN, Settled
from gifnet.models.frufn.frufn import FRUFN
from gifnet.models.weights import build_model, load_weights
from gifnet.training.frufn.config import STAGES, FrufnConfig
from gifnet.training.frufn.samples import StageDataset
from gifnet.training.trainer import make_fabric, score_pairs

ITERATIONS = (1, 2, 5, 10)


def kept_bytes(module: nn.Module, first: Tensor, second: Tensor) -> int:
    """Return how many bytes a training step of one 64 x 64 pair keeps for its backward pass."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module.train()(first, second).image.sum().backward()
    return sum(kept.values())


def multiply_adds(module: nn.Module, first: Tensor, second: Tensor) -> float:
    """Return the multiply-adds of one forward pass: half of the counted operations."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module.train()(first, second)
    return counter.get_total_flops() / 2


def costs() -> str:
    """Return the table of iterations, parameters, memory and multiply-adds."""
    lines = [
        "| iterations | FRUFN, M parameters | EFRUFN | FRUFN, MiB kept | EFRUFN | FRUFN, "
        "G multiply-adds | EFRUFN |",
        "|---:" * 7 + "|",
    ]
    pair = torch.rand(2, 1, 1, 64, 64)
    # A sixteenth of the paper's size: the count is proportional to the pixels.
    wide = torch.rand(2, 1, 1, 56, 112)
    for count in ITERATIONS:
        modules = (
            FRUFN(count, head="published"),
            EFRUFN(steps=count, tolerance=0.0, head="published"),
        )
        cells = [f"{sum(p.numel() for p in m.parameters()) / 1e6:.3f}" for m in modules]
        cells += [f"{kept_bytes(m, *pair) / 2**20:.0f}" for m in modules]
        cells += [f"{16 * multiply_adds(m, *wide) / 1e9:.1f}" for m in modules]
        lines.append(f"| {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def residuals(weights: str, first: str, second: str) -> str:
    """Return the table of the mask's relative residual after so many evaluations."""
    module = build_model(load_weights(weights, "efrufn")).train()
    planes = [plane_of(path) for path in (first, second)]
    lines = ["| evaluations | residual |", "|---:|---:|"]
    for count in ITERATIONS:
        module.steps, module.tolerance = count, 0.0
        lines.append(f"| {count} | {module(*planes).convergence.residual:.1e} |")
    return "\n".join(lines)


def quality(stage: str, data: str, weights: str | None, limit: int) -> str:
    """Return the table of PSNR, SSIM and the greatest residual after so many evaluations."""
    config = FrufnConfig(stage=stage)
    dataset = StageDataset(data, config)
    count = min(limit, len(dataset.validation))
    pairs = [dataset.validation_pair(i * len(dataset.validation) // count) for i in range(count)]
    loaded = load_weights(weights, "efrufn", "ivif" if stage == "ivif" else stage)
    module = build_model(loaded).train()
    fabric = make_fabric(config)
    lines = [
        "| evaluations | PSNR | SSIM | PSNR, mask alone | largest residual |",
        "|---:" * 5 + "|",
    ]
    for steps in ITERATIONS:
        module.steps, module.tolerance, found = steps, 0.0, []

        def fuse(first: Tensor, second: Tensor, found: list[Settled] = found) -> Tensor:
            found.append(module(first, second))
            return found[-1].image

        with torch.no_grad():
            scores = score_pairs(pairs, fuse, fabric)
        masks = iter([settled.share for settled in found])
        alone = score_pairs(pairs, lambda a, b, masks=masks: b + next(masks) * (a - b), fabric)
        worst = max(settled.convergence.residual for settled in found)
        lines.append(
            f"| {steps} | {scores['psnr']:.2f} | {scores['ssim']:.4f} | {alone['psnr']:.2f} | "
            f"{worst:.1e} |"
        )
    baseline: Classical = LaplacianPyramid() if stage == "mfif" else Mertens()
    results = [baseline.plane(first, second) for first, second, _ in pairs]
    planes = iter([torch.from_numpy(plane)[None, None] / 255 for plane in results])
    scores = score_pairs(pairs, lambda a, b: next(planes), fabric)
    lines.append(f"| {baseline.title} | {scores['psnr']:.2f} | {scores['ssim']:.4f} | | |")
    return "\n".join(lines)


def plane_of(path: str) -> Tensor:
    """Return the luminance of an 8-bit image file, (1, 1, H, W) in [0, 1]."""
    array = read_images(path)[0].data
    plane = luminance(array[..., :3].astype("float32")) if array.ndim == 3 else array
    return torch.from_numpy(plane).float()[None, None] / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", help="an EFRUFN checkpoint")
    parser.add_argument("--first", help="the first image of a pair, 8-bit")
    parser.add_argument("--second", help="the second image")
    parser.add_argument("--stage", choices=STAGES[:2], help="a stage with ground truth")
    parser.add_argument("--data", help="training images, of which the held-back ones are used")
    parser.add_argument("--limit", type=int, default=20, help="how many scenes of them")
    arguments = parser.parse_args()
    if arguments.stage:
        print(quality(arguments.stage, arguments.data, arguments.weights, arguments.limit))
        return
    print(costs())
    if arguments.weights:
        print()
        print(residuals(arguments.weights, arguments.first, arguments.second))


if __name__ == "__main__":
    main()
