"""Table 3 of the paper: does training on enhanced images help a classifier?

A ResNet-56 is trained from scratch on CIFAR-100's training images, once as they are and once
enhanced by F(X, X), and always tested on the original test images.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gifnet.engine.device import resolve_device
from gifnet.errors import InvalidInputError, ReadError
from gifnet.imaging.colour import chroma, luminance, to_rgb
from gifnet.io.atomic import write_atomically
from gifnet.progress import Progress, Reporter

from .cifar import Labelled
from .resnet import CifarResNet

#: Top-1 and top-5 accuracy in Table 3 (Cheng et al., CVPR 2025).
PUBLISHED = {"original": (54.11, 83.03), "enhanced by GIFNet": (56.18, 84.95)}

#: Fuses (B, 1, H, W) planes in [0, 1].
Fuse = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Schedule:
    """The classifier's training; the paper does not describe it, this is usual for CIFAR-100."""

    epochs: int = 200
    batch_size: int = 128
    learning_rate: float = 0.1
    #: parts of the epochs after which the rate is divided by five
    milestones: tuple[float, ...] = (0.3, 0.6, 0.8)
    momentum: float = 0.9
    weight_decay: float = 5e-4
    #: residual blocks per stage; 9 make ResNet-56
    blocks: int = 9
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "blocks"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} is {getattr(self, name)}; it must be at least 1.")


@dataclass(frozen=True)
class Accuracy:
    """Shares of test images, in per cent, whose class is the first or among the first five."""

    top1: float
    top5: float


@torch.no_grad()
def enhance_all(
    data: Labelled, fuse: Fuse, device: torch.device, reporter: Reporter, batch: int = 256
) -> Labelled:
    """Return F(X, X) of every image: the luminance is enhanced, the colour kept."""
    result = np.empty_like(data.images)
    for start in range(0, len(data.images), batch):
        images = data.images[start : start + batch].astype(np.float32)
        planes = torch.from_numpy(luminance(images) / np.float32(255))[:, None].to(device)
        enhanced = fuse(planes, planes).float().cpu()[:, 0].numpy() * 255
        for index, (plane, image) in enumerate(zip(enhanced, images, strict=True)):
            rgb = to_rgb(plane, chroma(image))
            result[start + index] = np.clip(np.round(rgb), 0, 255).astype(np.uint8)
        reporter.advance()
    return Labelled(result, data.classes)


def _augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return images shifted by up to four pixels and flipped at random."""
    padded = F.pad(images, (4, 4, 4, 4))
    side = images.shape[-1]
    shifts = torch.randint(0, 9, (len(images), 2), generator=generator).tolist()
    flips = (torch.rand(len(images), generator=generator) < 0.5).tolist()
    cut = [
        image[:, row : row + side, column : column + side]
        for image, (row, column) in zip(padded, shifts, strict=True)
    ]
    return torch.stack(
        [one.flip(-1) if flip else one for one, flip in zip(cut, flips, strict=True)]
    )


def _tensor(images: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255


def train_classifier(
    training: Labelled,
    test: Labelled,
    schedule: Schedule,
    device: torch.device,
    reporter: Reporter,
) -> Accuracy:
    """Train from scratch and return the accuracy on the test images after the last epoch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(schedule.seed)
        network = CifarResNet(schedule.blocks, int(training.classes.max()) + 1).to(device)
    generator = torch.Generator().manual_seed(schedule.seed)
    optimizer = torch.optim.SGD(
        network.parameters(), schedule.learning_rate, schedule.momentum,
        weight_decay=schedule.weight_decay, nesterov=True,
    )  # fmt: skip
    steps = sorted({max(1, round(part * schedule.epochs)) for part in schedule.milestones})
    rates = torch.optim.lr_scheduler.MultiStepLR(optimizer, steps, gamma=0.2)
    images, classes = _tensor(training.images), torch.from_numpy(training.classes)
    mean, std = images.mean(dim=(0, 2, 3), keepdim=True), images.std(dim=(0, 2, 3), keepdim=True)
    network.train()
    for _ in range(schedule.epochs):
        order = torch.randperm(len(images), generator=generator)
        for chosen in order.split(schedule.batch_size):
            if len(chosen) < 2:  # batch normalisation needs more than one image
                continue
            inputs = _augmented((images[chosen] - mean) / std, generator).to(device)
            loss = F.cross_entropy(network(inputs), classes[chosen].to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        rates.step()
        reporter.advance()
    return _accuracy(network, (_tensor(test.images) - mean) / std, test.classes, device)


@torch.no_grad()
def _accuracy(
    network: nn.Module, images: Tensor, classes: np.ndarray, device: torch.device
) -> Accuracy:
    network.eval()
    logits = torch.cat([network(part.to(device)).cpu() for part in images.split(512)])
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices
    hits = best == torch.from_numpy(classes)[:, None]
    return Accuracy(100 * float(hits[:, 0].float().mean()), 100 * float(hits.any(1).float().mean()))


def make_table3(
    training: Labelled,
    test: Labelled,
    networks: Mapping[str, Fuse],
    out: Path,
    schedule: Schedule | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> str:
    """Train a classifier on original and on enhanced images and return the table as Markdown.

    Parameters
    ----------
    training, test : Labelled
    networks : mapping
        Names, and functions that fuse (B, 1, H, W) planes in [0, 1] on the device.
    out : path
        A folder; finished rows are kept in ``accuracy.json`` and not repeated.
    schedule : Schedule, optional
    device : str
    progress : callable or progress bar, optional
        Counts batches of images enhanced and epochs.

    Raises
    ------
    ReadError
        If `out` holds results of another schedule or of other data.
    DeviceError
        If the device is not available.
    """
    schedule = schedule or Schedule()
    where = resolve_device(device)
    reporter = Reporter(progress)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "accuracy.json"
    setting = asdict(schedule) | {"training": len(training.images), "test": len(test.images)}
    setting["milestones"] = list(schedule.milestones)
    known = _known(path, setting)
    todo = [name for name in ("original", *networks) if name not in known]
    batches = -(-len(training.images) // 256)
    enhanced_first = sum(name != "original" for name in todo)
    reporter.expect(len(todo) * schedule.epochs + enhanced_first * batches)
    for name in todo:
        data = training
        if name != "original":
            data = enhance_all(training, networks[name], where, reporter)
        accuracy = train_classifier(data, test, schedule, where, reporter)
        known[name] = asdict(accuracy)
        write_atomically(path, json.dumps({"setting": setting, "rows": known}, indent=2))
    lines = ["# Table 3", "", "| training images | top-1, % | top-5, % |", "|---|---:|---:|"]
    for name in ("original", *networks):
        row = known[name]
        lines.append(f"| {name} | {row['top1']:.2f} | {row['top5']:.2f} |")
    for name, (top1, top5) in PUBLISHED.items():
        lines.append(f"| {name}, as published | {top1:.2f} | {top5:.2f} |")
    lines += ["", f"ResNet-{6 * schedule.blocks + 2}, {schedule.epochs} epochs.", ""]
    return "\n".join(lines)


def _known(path: Path, setting: Mapping[str, object]) -> dict[str, dict[str, float]]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows: dict[str, dict[str, float]] = content["rows"]
        same = content["setting"] == setting
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReadError(f"{str(path)!r} is damaged: {error}. Name another folder.") from error
    if not same:
        raise ReadError(
            f"{str(path)!r} holds results of another schedule or of other data; name another "
            "folder."
        )
    return rows
