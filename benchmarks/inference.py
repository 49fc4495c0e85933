"""Speed and memory of inference: python -m benchmarks.inference --help

The method is in benchmarks/README.md. Every figure comes from a process of its own, so that its
peak memory is its own; within a round the methods take turns, so that a machine whose speed drifts
hurts them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

METHODS = {
    "default": "the default model, a grey pair",
    "default-rgb": "the default model, an RGB pair",
    "default-cold": "the default model, an RGB pair, with loading",
    "mertens": "MergeMertens (OpenCV), an RGB pair",
    "transcription": "(a) as published: NCHW, float32, whole image",
    "module": "(b) the plain module, whole image",
    "exact": "(c) the engine, exact statistics",
    "sampled": "(d) the engine, sampled statistics",
}
OF_RGB = ("default-rgb", "default-cold", "mertens")
#: Multiplications and additions of GIFNet's folded network per pixel, without margins; 2 each.
FLOPS = 2 * (
    9 * 32 * (2 + 34 + 66)
    + 9 * 98 * 196
    + (3 + 2) * 98**2
    + 2 * (98**2 + 4 * 98**2)
    + 3 * 98**2
    + (98**2 + 4 * 98**2)
    + 3 * (2 * 64 * 98 + 25 * 98)
    + 9 * 98**2
    + 98**2
    + 9 * (98 * 64 + 64 * 32 + 32 * 16 + 16 * 8)
)


def scene(height: int, width: int) -> Any:
    """Return a pair of uint8 images with structure at every scale, and memory to spare."""
    import numpy as np

    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None, :]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 40, (height, width), dtype=np.uint8)
    wave = np.sin(y / 37) * np.cos(x / 53) + np.sin((x + y) / 211)
    first = (110 + 45 * wave).astype(np.uint8) + noise // 2
    second = (110 - 30 * np.sin(x / 11) * np.sin(y / 13) + 20 * wave).astype(np.uint8) + noise
    return first, second


def ceiling(device: str, dtype: Any) -> float:
    """Return the FLOP/s of a 3 x 3 convolution of 128 channels, channels last."""
    import torch

    side = 130 if device == "cpu" else 1026
    x = torch.randn(1, 128, side, side, device=device, dtype=dtype)
    weight = torch.randn(128, 128, 3, 3, device=device, dtype=dtype)
    x, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
    times = []
    for _ in range(9):
        start = time.perf_counter()
        torch.nn.functional.conv2d(x, weight)
        _synchronise(device)
        times.append(time.perf_counter() - start)
    return 2 * 9 * 128 * 128 * (side - 2) ** 2 / float(median(times[2:]))


def _synchronise(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()


def peak_memory() -> int:
    """Return the process's greatest resident memory in bytes, where the system reports it."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def measure(
    method: str, height: int, width: int, precision: str, device: str, repeats: int, memory: Any
) -> dict[str, Any]:
    """Time one method in this process; the first run warms up unless it is the only one."""
    import numpy as np
    import torch

    from gifnet import Fuser
    from gifnet.models.registry import MODELS
    from gifnet.models.weights import build_model, load_weights

    first, second = scene(height, width)
    dtype = {"bfloat16": torch.bfloat16}.get(precision, torch.float32)
    how: dict[str, Any] = {"precision": precision, "device": device, "memory": memory}
    if method in OF_RGB:
        first, second = (np.stack((x, x // 2 + 40, 200 - x // 2), -1) for x in (first, second))
    if method == "mertens":
        import cv2

        merge = cv2.createMergeMertens()

        def run() -> Any:
            return (merge.process([first, second]).clip(0, 1) * 255).round().astype(np.uint8)

    elif method.startswith("default"):
        loaded = Fuser(**how)

        def run() -> Any:
            used = Fuser(**how) if method == "default-cold" else loaded
            return used.fuse(first, second)

    elif method in ("exact", "sampled"):
        fuser = Fuser(model="gifnet", statistics=method, **how)

        def run() -> Any:
            return fuser.fuse(first, second)

    else:
        module = build_model(load_weights(None, "gifnet")).to(device)
        if method == "transcription":
            from .transcription import Transcription

            module = Transcription(module)
        else:
            module = module.to(memory_format=torch.channels_last)
        assert MODELS["gifnet"].has_share

        def run() -> Any:
            planes = [torch.from_numpy(x / np.float32(255))[None, None] for x in (first, second)]
            reduced = dtype != torch.float32 and method != "transcription"
            with torch.inference_mode(), torch.autocast(device, dtype, enabled=reduced):
                fused = module(*(plane.to(device) for plane in planes))
            image = fused if method == "transcription" else fused.image
            return (image[0, 0].float().cpu().numpy().clip(0, 1) * 255).round().astype(np.uint8)

    times = []
    if repeats > 1:
        run()
    began = time.process_time()
    for _ in range(max(1, repeats - 1)):
        _synchronise(device)
        start = time.perf_counter()
        run()
        _synchronise(device)
        times.append(time.perf_counter() - start)
    busy = (time.process_time() - began) / len(times)
    peak = peak_memory()
    result = {
        "method": method,
        "height": height,
        "width": width,
        "precision": precision,
        "seconds": times,
        "us_per_pixel": median(times) / (height * width) * 1e6,
        "cpu_us_per_pixel": busy / (height * width) * 1e6,
        "peak_bytes": peak,
        "ceiling_flops": ceiling(device, dtype),
    }
    if device.startswith("cuda"):
        result["device_peak_bytes"] = torch.cuda.max_memory_allocated()
    return result


def in_a_process(arguments: Sequence[str], timeout: float | None = None) -> dict[str, Any] | None:
    """Measure in a process of its own; None if that ran out of memory or time."""
    command = [sys.executable, "-m", "benchmarks.inference", "--one", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1:], file=sys.stderr)
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def file_run(kind: str, side: int, precision: str, memory: str) -> dict[str, Any]:
    """Fuse files to a file by the command line, exact, in this process."""
    from contextlib import suppress

    from gifnet.cli import main as command

    with tempfile.TemporaryDirectory() as folder:
        names = [f"{folder}/{name}.{'zarr' if kind == 'zarr' else 'tif'}" for name in "abc"]
        _write_scene(kind, names[:2], side)
        how = ["--precision", precision, "--device", "cpu", "--memory", memory]
        start, began = time.perf_counter(), time.process_time()
        with suppress(SystemExit):
            command(["fuse", *names[:2], "-o", names[2], *how])
        seconds, busy = time.perf_counter() - start, time.process_time() - began
        assert Path(names[2]).exists()
    return {
        "method": f"{kind} to {kind}",
        "height": side,
        "width": side,
        "precision": precision,
        "seconds": [seconds],
        "us_per_pixel": seconds / side**2 * 1e6,
        "cpu_us_per_pixel": busy / side**2 * 1e6,
        "peak_bytes": peak_memory(),
    }


def _write_scene(kind: str, names: Sequence[str], side: int) -> None:
    """Write a pair of square scenes part by part."""
    import numpy as np

    from gifnet.io import write_ngff

    strip = 1024
    with tempfile.TemporaryDirectory() as folder:
        whole = [
            np.memmap(f"{folder}/{i}", np.uint8, "w+", shape=(side, side))
            for i in range(len(names))
        ]
        for top in range(0, side, strip):
            rows = slice(top, min(side, top + strip))
            for place, part in zip(whole, scene(rows.stop - top, side), strict=True):
                place[rows] = part
        for name, data in zip(names, whole, strict=True):
            if kind == "zarr":
                write_ngff(name, data, axes="YX")
            else:
                import tifffile

                tifffile.imwrite(name, data, bigtiff=True)


def machine(device: str) -> dict[str, Any]:
    import torch

    from gifnet.provenance import versions

    name = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((x.partition(": ")[2] for x in lines if x.startswith("model name")), name)
    found = {"cpu": name, "threads": torch.get_num_threads(), "cores": os.cpu_count()}
    if device.startswith("cuda"):
        found["device"] = torch.cuda.get_device_name(device)
    return found | {"versions": versions()}


def row(result: dict[str, Any], baseline: float | None) -> str:
    """Return a line of the table."""
    share = ""
    gifnet = list(METHODS)[4:]
    if result.get("ceiling_flops") and result["method"] in gifnet:
        used = FLOPS / (result["us_per_pixel"] * 1e-6)
        share = f"{used / result['ceiling_flops']:.0%}"
    ratio = "" if baseline is None else f"{baseline / result['us_per_pixel']:.1f}"
    return (
        f"| {result['height']} x {result['width']} | {result['precision']} | "
        f"{METHODS.get(result['method'], result['method'])} | {result['us_per_pixel']:.2f} | "
        f"{result['cpu_us_per_pixel']:.2f} | {ratio} | {share} | "
        f"{result['peak_bytes'] / 2**20:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--sizes", nargs="*", default=["256x256", "512x640", "1024x1280"])
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--zarr", nargs="*", type=int, default=[], help="sides, zarr to zarr")
    parser.add_argument("--tiff", nargs="*", type=int, default=[], help="sides, BigTIFF to BigTIFF")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory", default="auto", help="bytes of features, or auto")
    parser.add_argument("--rounds", type=int, default=2, help="processes a method and size")
    parser.add_argument("--repeats", type=int, default=4, help="runs a process, the first warms up")
    parser.add_argument("--out", type=Path, help="JSON with everything")
    parser.add_argument("--one", nargs=5, metavar="X", help=argparse.SUPPRESS)
    options = parser.parse_args()
    memory = options.memory if options.memory == "auto" else int(options.memory)
    if options.one:
        method, height, width, precision, repeats = options.one
        if method in ("zarr", "tiff"):
            found = file_run(method, int(height), precision, options.memory)
        else:
            size = (int(height), int(width))
            found = measure(method, *size, precision, options.device, int(repeats), memory)
        print(json.dumps(found))
        return

    common = ["--device", options.device, "--memory", options.memory]
    results: list[dict[str, Any]] = []
    columns = ("size", "precision", "method", "µs a pixel", "CPU µs", "(a) / this")
    print(f"| {' | '.join(columns)} | of the ceiling | peak MiB |")
    print("|---" * 8 + "|")
    for size in options.sizes:
        height, width = size.split("x")
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for _ in range(options.rounds):
            for method in options.methods:
                for precision in options.precisions:
                    once = method not in ("module", "exact", "sampled")
                    if once and precision != options.precisions[0]:
                        continue
                    one = [method, height, width, precision, str(options.repeats)]
                    result = in_a_process([*one, *common])
                    if result is not None:
                        found.setdefault((method, precision), []).append(result)
        baseline = None
        for (method, _), rounds in found.items():
            best = dict(rounds[0])
            for key in ("us_per_pixel", "cpu_us_per_pixel", "ceiling_flops"):
                best[key] = median(result[key] for result in rounds)
            best["peak_bytes"] = max(result["peak_bytes"] for result in rounds)
            best["rounds"] = rounds
            if method == "transcription":
                baseline = best["us_per_pixel"]
            results.append(best)
            print(row(best, baseline), flush=True)
    files = [(kind, side) for kind in ("zarr", "tiff") for side in getattr(options, kind)]
    for kind, side in files:
        for precision in options.precisions:
            result = in_a_process([kind, str(side), str(side), precision, "1", *common])
            if result is not None:
                results.append(result)
                print(row(result, None), flush=True)
    if options.out:
        report = {"machine": machine(options.device), "results": results}
        options.out.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
