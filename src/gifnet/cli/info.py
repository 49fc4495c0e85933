"""``gifnet info``: versions, devices, models and weights."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .. import models
from ..provenance import versions

#: The entries of a model card that fit one screen.
_HIGHLIGHTS = ("date", "steps_done", "training_scenes", "validation")


def info(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON with the complete model cards.")
    ] = False,
) -> None:
    """Show versions, devices, models, and weights with their hashes."""
    report = collect()
    typer.echo(json.dumps(report, indent=2) if as_json else format_report(report))


def collect() -> dict[str, Any]:
    """Return versions, devices and models as plain values."""
    return {
        "versions": versions(),
        "devices": _devices(),
        "models": [
            {
                "name": model.name,
                "title": model.title,
                "paper": model.paper,
                "has_mask": model.has_mask,
                "bundled": model.bundled,
                "sha256": model.sha256,
                "card": dict(model.card),
                "by_task": {
                    task: dataclasses.asdict(found) for task, found in model.by_task.items()
                },
            }
            for model in models.list_models()
        ],
    }


def format_report(report: Mapping[str, Any]) -> str:
    """Return a report of `collect` as text."""
    lines = [f"{name} {version}" for name, version in report["versions"].items()]
    lines += ["", "devices"]
    lines += [f"  {device['name']}: {device['title']}" for device in report["devices"]]
    for model in report["models"]:
        lines += ["", f"model {model['name']}", f"  {model['title']}", f"  {model['paper']}"]
        if model["bundled"]:
            lines += _weights("bundled weights", model)
        for task, found in model["by_task"].items():
            lines += _weights(f"bundled weights for {task}, {found['name']}", found)
        if not model["bundled"] and not model["by_task"]:
            lines.append("  no bundled weights: pass --weights FILE")
    return "\n".join(lines)


def _weights(title: str, found: Mapping[str, Any]) -> list[str]:
    card = found["card"]
    facts = [f"    {key}: {_plain(card[key])}" for key in _HIGHLIGHTS if card.get(key)]
    return [f"  {title}, sha256 {found['sha256']}", *facts]


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _devices() -> list[dict[str, str]]:
    """Return the devices that PyTorch can use, by PyTorch's names."""
    import torch

    threads = torch.get_num_threads()
    devices = [
        {"name": "cpu", "title": f"{platform.machine()}, {threads} threads"},
    ]
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        title = f"{torch.cuda.get_device_name(index)}, {memory:.0f} GiB"
        devices.append({"name": f"cuda:{index}", "title": title})
    if torch.backends.mps.is_available():
        devices.append({"name": "mps", "title": "Apple GPU"})
    return devices
