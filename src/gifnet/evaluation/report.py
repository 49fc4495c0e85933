"""The HTML report: tables and strips of pictures in one file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from ..metrics import Metric, edge_intensity
from ..provenance import versions
from . import tables
from .datasets import Dataset
from .markup import Html, join, table, tag
from .pair import Bytes, ImagePair, Slices, grey
from .report_images import crop_of_most_detail, data_uri, difference, full_difference
from .run import Enhanced, Results

_TITLE = "Image fusion: evaluation"


def html(results: Results, ranked: Sequence[Metric]) -> str:
    """Return the report of a run as one self-contained page.

    Parameters
    ----------
    results : Results
        From `gifnet.evaluation.run_evaluation`.
    ranked : sequence of Metric
        The metrics that rank the methods.

    Returns
    -------
    str
    """
    by_task = tables.tasks(results)
    titles = [*by_task, *(["Enhancement"] if results.enhanced else []), "Metrics"]
    sections = [_overview(results, by_task, ranked)]
    sections += [_task(results, title, sets, ranked) for title, sets in by_task.items()]
    if results.enhanced:
        sections.append(_enhancement(results))
    style, script = (
        Html((files(__package__) / name).read_text(encoding="utf-8"))
        for name in ("report.css", "report.js")
    )
    head = tag(
        "head",
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", _TITLE),
        tag("style", style),
    )
    body = tag(
        "body",
        tag("header", tag("h1", _TITLE), tag("p", _facts(results), class_="soft")),
        tag("nav", *(tag("a", title, href=f"#{_anchor(title)}") for title in titles)),
        tag("main", *sections),
        tag("footer", _definitions(results)),
        tag("script", script),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _facts(results: Results) -> str:
    pairs = len({(row.dataset, row.pair) for row in results.rows})
    crop = results.settings.crop
    cut = f", cropped to the middle {crop} pixels per side" if crop else ""
    made_with = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f"{len(results.methods)} methods on {pairs} pairs of {len(results.datasets)} data "
        f"sets{cut}. {made_with}."
    )


def _anchor(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def _titles(results: Results) -> dict[str, str]:
    return {method.name: method.title for method in results.methods}


def _cell(text: str, kind: str = "") -> Html:
    return tag("td", text, class_=kind)


# -- tables ---------------------------------------------------------------------------


def _overview(results: Results, by_task: dict[str, list[Dataset]], ranked: Sequence[Metric]) -> str:
    """Return the mean ranks of every method on every task, the best method first."""
    columns = {
        title: tables.ranks(tables.means(tables.of_task(results, datasets)), ranked)
        for title, datasets in by_task.items()
    }
    columns = {title: order for title, order in columns.items() if order}
    if not columns:
        return ""
    titles = _titles(results)
    overall = {
        name: sum(order[name]["mean"] for order in columns.values()) / len(columns)
        for name in titles
    }
    rows = []
    for name, mean in sorted(overall.items(), key=lambda item: item[1]):
        cells = [titles[name]]
        for order in columns.values():
            value = order[name]["mean"]
            top = min(values["mean"] for values in order.values())
            cells.append(_cell(f"{value:.2f}", "best" if value == top else ""))
        length = 100 * (len(titles) + 1 - mean) / len(titles)
        cells.append(_cell(f"{mean:.2f}", "mean"))
        cells.append(_cell(tag("i", style=f"width:{length:.0f}%"), "bar"))
        rows.append(cells)
    names = ", ".join(m.name for m in ranked)
    text = (
        f"Methods are ranked by their means over a task's pairs in {names}. Rank 1 is best. The "
        "table shows the mean of these ranks. Metrics that do not apply to a task are left out."
    )
    return join(
        (tag("h2", "Mean ranks"), tag("p", text), table(["method", *columns, "mean", ""], rows))
    )


def _task(
    results: Results, title: str, datasets: Sequence[Dataset], ranked: Sequence[Metric]
) -> Html:
    parts = [tag("h2", title, id=_anchor(title))]
    titles = _titles(results)
    order = tables.ranks(tables.means(tables.of_task(results, datasets)), ranked)
    if order:
        names = list(next(iter(order.values())))[:-1]
        rows = []
        for method, values in order.items():
            ranks = [
                _cell(tables.rank_text(values[name]), "best" if values[name] == 1 else "")
                for name in names
            ]
            rows.append([titles[method], *ranks, _cell(f"{values['mean']:.2f}", "mean")])
        parts += [tag("h3", "Ranks"), table(["method", *names, "mean rank"], rows)]
    for dataset in datasets:
        parts.append(_scores(results, dataset, titles))
        parts += [
            _strip(results, dataset, pair, titles)
            for (set_name, _), pair in results.pairs.items()
            if set_name == dataset.name
        ]
    return join(parts)


def _scores(results: Results, dataset: Dataset, titles: dict[str, str]) -> Html:
    means = tables.means(tables.of_dataset(results, dataset))
    shown = tables.shown_metrics(results, means)
    rows = []
    for method, values in means.items():
        cells = [
            _cell(tables.number(values[m.name]), _place(means, m, values[m.name]))
            if m.name in values
            else ""
            for m in shown
        ]
        rows.append([titles[method], *cells])
    pairs = len({row.pair for row in tables.of_dataset(results, dataset)})
    head = [tag("span", f"{m.name} {tables.arrow(m)}", title=m.title) for m in shown]
    return join((tag("h3", f"{dataset.title}, {pairs} pairs"), table(["method", *head], rows)))


def _place(means: tables.Means, metric: Metric, value: float) -> str:
    """Return "best", "second" or nothing."""
    if not tables.judged(metric):
        return ""
    found = {values[metric.name] for values in means.values() if metric.name in values}
    order = sorted(found, reverse=metric.higher_is_better)
    return "best" if value == order[0] else "second" if value in order[1:2] else ""


# -- pictures -------------------------------------------------------------------------


def _strip(results: Results, dataset: Dataset, pair: ImagePair, titles: dict[str, str]) -> Html:
    """Return a pair's pictures: sources, reference and methods, with crops and differences."""
    square = crop_of_most_detail([pair.first, pair.second])
    against = [(dataset.roles[0], pair.first), (dataset.roles[1], pair.second)]
    shown = list(against)
    if pair.reference_picture is not None:
        against = [(dataset.roles[2], pair.reference_picture)]
        shown += against
    columns = [_column(role, picture, square) for role, picture in shown]
    made = {m.name: results.pictures[dataset.name, pair.name, m.name] for m in results.methods}
    full = full_difference(list(made.values()), [image for _, image in against])
    columns += [
        _column(titles[name], picture, square, against, full) for name, picture in made.items()
    ]
    text = (
        "Below each picture: the framed square with most detail. Below the methods: their "
        f"difference to {' and to '.join(name for name, _ in against)}. Red is brighter, blue is "
        f"darker, with full colour at {full} grey levels."
    )
    title = tag("h3", pair.name, class_="soft")
    return join((title, tag("p", text, class_="soft"), tag("div", *columns, class_="strip")))


def _column(
    title: str,
    picture: Bytes,
    square: Slices,
    against: Sequence[tuple[str, Bytes]] = (),
    full: int = 0,
) -> Html:
    """Return a picture with its crop and, except for a source, its differences."""
    parts = [
        tag("figcaption", title),
        tag("div", _image(picture, title), _frame(picture, square), class_="frame"),
        _image(picture[square], f"{title}, detail", exact=True),
    ]
    for other, image in against:
        label = f"{title} − {other}"
        parts.append(tag("div", f"− {other}", class_="rowname", title=label))
        parts.append(_image(difference(picture, image, full), label))
    return tag("figure", *parts, class_="method" if against else "source")


def _image(image: Bytes, title: str, *, exact: bool = False) -> Html:
    kind = "exact" if exact else ""
    return tag("img", class_=kind, src=data_uri(image, exact=exact), alt=title)


def _frame(picture: Bytes, square: Slices) -> Html:
    sides = {"top": 0, "left": 1, "height": 0, "width": 1}
    lengths = (
        (cut.start if name in ("top", "left") else cut.stop - cut.start) / picture.shape[axis]
        for name, axis in sides.items()
        for cut in (square[axis],)
    )
    style = ";".join(
        f"{name}:{100 * length:.2f}%" for name, length in zip(sides, lengths, strict=True)
    )
    return tag("b", style=style)


# -- enhancement ----------------------------------------------------------------------


def _enhancement(results: Results) -> Html:
    titles = _titles(results)
    rows, strips = [], []
    by_image: dict[tuple[str, str], list[Enhanced]] = {}
    for item in results.enhanced:
        by_image.setdefault((item.dataset, item.pair), []).append(item)
        before, after = (grey(picture) for picture in (item.before, item.after))
        sharper = edge_intensity(after) / max(edge_intensity(before), 1e-9)
        brighter = 100 * (float(np.mean(after)) / max(float(np.mean(before)), 1e-9) - 1)
        name = f"{item.dataset}, {item.pair}"
        rows.append([name, titles[item.method], f"{sharper:.2f} ×", f"{brighter:+.1f} %"])
    for (dataset, pair), items in by_image.items():
        before = items[0].before
        full = full_difference([item.after for item in items], [before])
        square = crop_of_most_detail([before])
        columns = [_column("before", before, square)]
        columns += [
            _column(titles[item.method], item.after, square, [("before", before)], full)
            for item in items
        ]
        strips.append(tag("h3", f"{dataset}, {pair}", class_="soft"))
        strips.append(tag("div", *columns, class_="strip"))
    halos = [[titles[name], f"{100 * share:.1f} %"] for name, share in results.halos.items()]
    text = (
        "F(X, X): a network with one image as both inputs. Edge intensity shows how much sharper "
        "the result is, but noise and halos raise it as well. The halo is the overshoot of the "
        "result at a step edge, as a fraction of the step's height."
    )
    return join(
        (
            tag("h2", "Enhancement", id="enhancement"),
            tag("p", text),
            table(["network", "halo"], halos),
            tag("p"),
            table(["image", "network", "edge intensity", "mean brightness"], rows),
            *strips,
        )
    )


# -- definitions ----------------------------------------------------------------------


def _definitions(results: Results) -> Html:
    metrics = [
        [
            m.name,
            m.title + (f" ({m.unit})" if m.unit else ""),
            "higher" if m.higher_is_better else "lower",
            m.needs_care,
        ]
        for m in results.metrics
    ]
    methods = []
    for method in results.methods:
        made = sorted({row.version for row in results.rows if row.method == method.name})
        methods.append([method.title, made[0] if len(made) == 1 else f"{len(made)} files"])
    text = (
        "Metrics are measured on luminance from 0 to 255, and averaged over bands if an image has "
        "bands. Numbers do not replace a look at the pictures."
    )
    return join(
        (
            tag("h2", "Metrics", id="metrics"),
            tag("p", text),
            table(["metric", "meaning", "better", "beware"], metrics, "text"),
            tag("h3", "Methods"),
            table(["method", "version"], methods, "text"),
        )
    )
