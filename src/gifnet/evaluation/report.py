"""The HTML report: tables, and strips of pictures to look at, in one file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from ..metrics import Metric, edge_intensity
from ..provenance import versions
from . import tables
from .datasets import Dataset
from .page import SCRIPT, STYLE
from .pair import Bytes, Pair, Window, grey
from .report_images import crop_of_most_detail, data_uri, difference, full_difference
from .run import Enhanced, Results


def html(results: Results, ranked: Sequence[Metric]) -> str:
    """Return the report of a run as one self-contained page.

    Parameters
    ----------
    results : Results
        From `gifnet.evaluation.run.run`.
    ranked : sequence of Metric
        Those by which methods are ranked.

    Returns
    -------
    str
    """
    by_task = tables.tasks(results)
    links = "".join(
        f'<a href="#{_anchor(title)}">{escape(title)}</a>'
        for title in [*by_task, *(["Enhancement"] if results.enhanced else []), "Metrics"]
    )
    body = [
        _overview(results, by_task, ranked),
        *(_task(results, title, datasets, ranked) for title, datasets in by_task.items()),
    ]
    if results.enhanced:
        body.append(_enhancement(results))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Image fusion: evaluation</title><style>{STYLE}</style></head><body>"
        f"<header><h1>Image fusion: evaluation</h1>{_facts(results)}</header>"
        f"<nav>{links}</nav><main>{''.join(body)}</main>"
        f"<footer>{_definitions(results)}</footer><script>{SCRIPT}</script></body></html>\n"
    )


def _facts(results: Results) -> str:
    pairs = len({(row.dataset, row.pair) for row in results.rows})
    cut = f", the middle {results.settings.crop} pixels a side" if results.settings.crop else ""
    made_with = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f'<p class="soft">{len(results.methods)} methods on {pairs} pairs of '
        f"{len(results.datasets)} data sets{cut}. {escape(made_with)}.</p>"
    )


def _anchor(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def _titles(results: Results) -> dict[str, str]:
    return {method.name: method.title for method in results.methods}


# -- tables ---------------------------------------------------------------------------


def _grid(head: Iterable[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Return a table; cells are HTML, those after the first may be whole <td> elements."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(
        "<tr>"
        + "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


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
        cells = [escape(titles[name])]
        for order in columns.values():
            value = order[name]["mean"]
            top = min(values["mean"] for values in order.values())
            cells.append(_cell(f"{value:.2f}", "best" if value == top else ""))
        length = 100 * (len(titles) + 1 - mean) / len(titles)
        cells.append(_cell(f"{mean:.2f}", "mean"))
        cells.append(f'<td class="bar"><i style="width:{length:.0f}%"></i></td>')
        rows.append(cells)
    names = ", ".join(m.name for m in ranked)
    head = ["method", *map(escape, columns), "mean", ""]
    return (
        "<h2>Mean ranks</h2>"
        f"<p>Methods are ranked by their means over a task's pairs in {escape(names)}, 1 the best; "
        "the table has the mean of these ranks. A metric that cannot be had for a task is left "
        f"out there.</p>{_grid(head, rows)}"
    )


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>"


def _task(
    results: Results, title: str, datasets: Sequence[Dataset], ranked: Sequence[Metric]
) -> str:
    parts = [f'<h2 id="{_anchor(title)}">{escape(title)}</h2>']
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
            rows.append([escape(titles[method]), *ranks, _cell(f"{values['mean']:.2f}", "mean")])
        parts.append(f"<h3>Ranks</h3>{_grid(['method', *names, 'mean rank'], rows)}")
    for dataset in datasets:
        parts.append(_scores(results, dataset, titles))
        for (set_name, _), pair in results.pairs.items():
            if set_name == dataset.name:
                parts.append(_strip(results, dataset, pair, titles))
    return "".join(parts)


def _scores(results: Results, dataset: Dataset, titles: dict[str, str]) -> str:
    table = tables.means(tables.of_dataset(results, dataset))
    shown = tables.shown_metrics(results, table)
    rows = []
    for method, values in table.items():
        cells = [escape(titles[method])]
        for m in shown:
            if m.name not in values:
                cells.append("")
                continue
            kind = _place(table, m, values[m.name])
            cells.append(_cell(tables.number(values[m.name]), kind))
        rows.append(cells)
    pairs = len({row.pair for row in tables.of_dataset(results, dataset)})
    head = [
        "method",
        *(f'<span title="{escape(m.title)}">{m.name} {tables.arrow(m)}</span>' for m in shown),
    ]
    return f"<h3>{escape(dataset.title)}, {pairs} pairs</h3>{_grid(head, rows)}"


def _place(table: tables.Means, metric: Metric, value: float) -> str:
    """Return "best", "second" or nothing."""
    if not tables.judged(metric):
        return ""
    found = {values[metric.name] for values in table.values() if metric.name in values}
    order = sorted(found, reverse=metric.higher_is_better)
    return "best" if value == order[0] else "second" if value in order[1:2] else ""


# -- pictures -------------------------------------------------------------------------


def _strip(results: Results, dataset: Dataset, pair: Pair, titles: dict[str, str]) -> str:
    """Return a pair's pictures: sources, reference and methods, with crops and differences."""
    window = crop_of_most_detail([pair.first, pair.second])
    columns = [
        _column(dataset.roles[0], pair.first, window),
        _column(dataset.roles[1], pair.second, window),
    ]
    against = [(dataset.roles[0], pair.first), (dataset.roles[1], pair.second)]
    if pair.reference_picture is not None:
        role = dataset.roles[2]
        columns.append(_column(role, pair.reference_picture, window))
        against = [(role, pair.reference_picture)]
    made = {m.name: results.pictures[dataset.name, pair.name, m.name] for m in results.methods}
    full = full_difference(list(made.values()), [image for _, image in against])
    columns += [
        _column(titles[name], picture, window, against, full) for name, picture in made.items()
    ]
    return (
        f'<h3 class="soft">{escape(pair.name)}</h3><p class="soft">Below each picture the framed '
        "square of most detail; below the methods their difference to "
        f"{' and to '.join(escape(name) for name, _ in against)}: red is brighter, blue darker, "
        f"full colour at {full} grey levels.</p>"
        f'<div class="strip">{"".join(columns)}</div>'
    )


def _column(
    title: str,
    picture: Bytes,
    window: Window,
    against: Sequence[tuple[str, Bytes]] = (),
    full: int = 0,
) -> str:
    """Return a picture with its crop and its differences; a source, which has none, without."""
    name = escape(title)
    parts = [
        f"<figcaption>{name}</figcaption>",
        f'<div class="frame">{_image(picture, name)}{_frame(picture, window)}</div>',
        _image(picture[window], f"{name}, detail", exact=True),
    ]
    for other, image in against:
        label = f"{name} − {escape(other)}"
        parts.append(f'<div class="rowname" title="{label}">− {escape(other)}</div>')
        parts.append(_image(difference(picture, image, full), label))
    return f'<figure class="{"method" if against else "source"}">{"".join(parts)}</figure>'


def _image(image: Bytes, title: str, *, exact: bool = False) -> str:
    kind = ' class="exact"' if exact else ""
    return f'<img{kind} src="{data_uri(image, exact=exact)}" alt="{title}">'


def _frame(picture: Bytes, window: Window) -> str:
    height, width = picture.shape[:2]
    rows, columns = window
    return (
        f'<b style="top:{100 * rows.start / height:.2f}%;left:{100 * columns.start / width:.2f}%;'
        f"height:{100 * (rows.stop - rows.start) / height:.2f}%;"
        f'width:{100 * (columns.stop - columns.start) / width:.2f}%"></b>'
    )


# -- enhancement ----------------------------------------------------------------------


def _enhancement(results: Results) -> str:
    titles = _titles(results)
    rows, strips = [], []
    seen: dict[tuple[str, str], list[Enhanced]] = {}
    for item in results.enhanced:
        seen.setdefault((item.dataset, item.pair), []).append(item)
        before, after = (grey(picture) for picture in (item.before, item.after))
        sharper = edge_intensity(after) / max(edge_intensity(before), 1e-9)
        brighter = 100 * (float(np.mean(after)) / max(float(np.mean(before)), 1e-9) - 1)
        rows.append(
            [
                f"{escape(item.dataset)}, {escape(item.pair)}",
                f"<td>{escape(titles[item.method])}</td>",
                f"{sharper:.2f} ×",
                f"{brighter:+.1f} %",
            ]
        )
    for (dataset, name), items in seen.items():
        before = items[0].before
        full = full_difference([item.after for item in items], [before])
        window = crop_of_most_detail([before])
        columns = [_column("before", before, window)]
        columns += [
            _column(titles[item.method], item.after, window, [("before", before)], full)
            for item in items
        ]
        strips.append(
            f'<h3 class="soft">{escape(dataset)}, {escape(name)}</h3>'
            f'<div class="strip">{"".join(columns)}</div>'
        )
    head = ["image", "network", "edge intensity", "mean brightness"]
    halos = [
        [escape(titles[name]), f"{100 * share:.1f} %"] for name, share in results.halos.items()
    ]
    return (
        '<h2 id="enhancement">Enhancement</h2><p>F(X, X): a network given one image twice. Edge '
        "intensity tells how much sharper the result is, and noise and halos raise it as well. "
        "The halo is how far the result of a step edge leaves the step's range, in parts of its "
        f"height.</p>{_grid(['network', 'halo'], halos)}<p></p>{_grid(head, rows)}"
        f"{''.join(strips)}"
    )


# -- what stands for what -------------------------------------------------------------


def _definitions(results: Results) -> str:
    rows = [
        [
            m.name,
            escape(m.title) + (f" ({m.unit})" if m.unit else ""),
            "higher" if m.higher_is_better else "lower",
            escape(m.needs_care),
        ]
        for m in results.metrics
    ]
    made = {
        method.name: sorted({row.version for row in results.rows if row.method == method.name})
        for method in results.methods
    }
    methods = [
        [
            escape(method.title),
            escape(made[method.name][0])
            if len(made[method.name]) == 1
            else f"{len(made[method.name])} files",
        ]
        for method in results.methods
    ]
    return (
        '<h2 id="metrics">Metrics</h2><p>On luminance from 0 to 255, averaged over bands where an '
        "image has bands. No number replaces looking at the pictures.</p>"
        + _grid(["metric", "what", "better", "beware"], rows, "text")
        + "<h3>Methods</h3>"
        + _grid(["method", "version"], methods, "text")
    )
