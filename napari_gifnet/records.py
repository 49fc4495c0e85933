"""Jobs made again from the records of their results."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from gifnet.errors import InvalidInputError
from gifnet.options import FuseOptions

from .jobs.base import Job
from .jobs.enhance import EnhancementJob
from .jobs.fuse import FusionJob
from .jobs.pansharpen import SharpeningJob
from .jobs.registration import Registration
from .jobs.stacks.job import StackJob
from .layers.snapshot import Snapshot, Values, snapshot

if TYPE_CHECKING:
    from napari.layers import Layer


def job_of(layers: Iterable[Layer], record: Values) -> Job:
    """Return the job that made a result, with the layers as they are now.

    Parameters
    ----------
    layers : iterable of napari.layers.Layer
        They include the sources, under the names in the record.
    record : mapping
        Of the result.

    Raises
    ------
    InvalidInputError
        If the record is incomplete, or a source is missing.
    """
    by_name = {layer.name: layer for layer in layers}
    try:
        names = [source["name"] for source in record["sources"]]
        build = _BUILDERS[record["operation"]]
        # Before there was this option, nothing was limited.
        options = FuseOptions.from_dict({"overshoot": None, **record["request"]["options"]})
        if record.get("weights") is not None:
            # "auto" may mean something else on this machine.
            options = dataclasses.replace(options, device=record["device"])
            if options.precision == "auto":
                options = dataclasses.replace(options, precision=record["precision"])
        make_job = build(record, options)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidInputError(
            f"The record is incomplete (no {error}). Take the whole of "
            "metadata['napari_gifnet'] of a layer made by a widget of this plugin."
        ) from None
    if missing := [name for name in names if name not in by_name]:
        raise InvalidInputError(
            f"The sources {missing} are not among the layers {sorted(by_name)}. Open them under "
            "those names."
        )
    return make_job([snapshot(by_name[name]) for name in names])


_JobMaker = Callable[[list[Snapshot]], Job]


def _fusion(record: Values, options: FuseOptions) -> _JobMaker:
    request = record["request"]
    # Records of earlier versions have a mask, and no colours.
    shares = request.get("shares", "first" if request.get("mask") else "none")
    grid, registration = request["grid"], Registration.from_record(record)
    maps, gammas = (
        None if request.get(key) is None else tuple(request[key]) for key in ("colormaps", "gammas")
    )
    return lambda sources: FusionJob(
        tuple(sources), options, grid, shares, registration, colormaps=maps, gammas=gammas
    )


def _enhancement(record: Values, options: FuseOptions) -> _JobMaker:
    return lambda sources: EnhancementJob(sources[0], options)


def _stack(record: Values, options: FuseOptions) -> _JobMaker:
    StackJob.from_record(record, (), options)  # raises if the record is incomplete
    return lambda sources: StackJob.from_record(record, tuple(sources), options)


def _sharpening(record: Values, options: FuseOptions) -> _JobMaker:
    request = record["request"]
    axis, method, histograms = (request[key] for key in ("band_axis", "method", "match_histograms"))
    return lambda sources: SharpeningJob(
        sources[-1], tuple(sources[:-1]), options, axis, method, bool(histograms)
    )


#: How a job is made again from the record of its result.
_BUILDERS = {
    "fuse": _fusion,
    "enhance": _enhancement,
    "fuse_stack": _stack,
    "pansharpen": _sharpening,
}
