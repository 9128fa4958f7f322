"""Panels drawn with matplotlib in Grafana's dark theme: one function per kind of panel."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from matplotlib.axes import Axes

from tools.boards.panels import LETTERS, Panel, PanelKind, Thresholds
from tools.boards.query_api import Period, Series
from tools.boards.units import format_value

BACKGROUND, PANEL_BACKGROUND, TEXT, FAINT = "#111217", "#181b1f", "#ccccdc", "#2c3235"
HEX = {
    **{"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2", "purple": "#b877d9"},
    **{"text": "#8e8e99", "transparent": PANEL_BACKGROUND},
}
PALETTE = ("#5794f2", "#73bf69", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#fade2a", "#ca95e5", "#96d98d", "#ffb357")
MAX_LEGEND, DAY_SECONDS = 6, 86_400


@dataclass(frozen=True, slots=True)
class Drawn:
    """A panel with the series of each of its queries."""

    panel: Panel
    results: tuple[tuple[Series, ...], ...]
    period: Period

    @property
    def named(self) -> list[tuple[str, Series]]:
        """Every series with its name."""
        pairs = zip(self.panel.queries, self.results, strict=True)
        return [(series.name(query.legend), series) for query, result in pairs for series in result]


def draw(axes: Axes, drawn: Drawn) -> None:
    """Draw a panel, or the text that it has in place of data."""
    axes.set_facecolor(PANEL_BACKGROUND)
    axes.set_axisbelow(True)
    axes.set_title(drawn.panel.title, loc="left", fontsize=8, color=TEXT)
    axes.tick_params(colors=TEXT, labelsize=6, length=0)
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    if not any(series.has_data for result in drawn.results for series in result):
        _hide_axis(axes)
        axes.text(0.5, 0.5, drawn.panel.no_value or "No data", ha="center", va="center", color=TEXT, fontsize=7)
        return
    DRAWERS[drawn.panel.kind](axes, drawn)


def _hide_axis(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])


def _threshold_color(value: float, thresholds: Thresholds) -> str:
    reached = [color for low, color in thresholds if low is None or value >= low]
    return HEX[reached[-1]]


def _series_color(name: str, index: int, colors: Mapping[str, str]) -> str:
    """Return the colour of a series: the one of its name or of the first regular expression that it matches."""
    for key, color in colors.items():
        if key == name or (key.startswith("/") and re.search(key.strip("/"), name)):
            return HEX[color]
    return PALETTE[index % len(PALETTE)]


def _draw_stat(axes: Axes, drawn: Drawn) -> None:
    _hide_axis(axes)
    panel, style, named = drawn.panel, drawn.panel.style, drawn.named
    for index, (name, series) in enumerate(named):
        text = format_value(series.last, panel.unit, style.decimals)
        color = _threshold_color(series.last, panel.thresholds)
        if f"{series.last:.0f}" in style.mappings:
            text, mapped = style.mappings[f"{series.last:.0f}"]
            color = HEX[mapped]
        if style.text == "name":
            text, color = name, _series_color(name, 0, style.colors)
        elif len(named) > 1:
            text = f"{text}\n{name}"
        x = (index + 0.5) / len(named)
        size = 14 if len(text) < 8 else 9
        axes.text(x, 0.5, text, ha="center", va="center", color=color, fontsize=size, transform=axes.transAxes)


def _moments(series: Series) -> list[float]:
    return [moment for moment, _ in series.points]


def _draw_time_series(axes: Axes, drawn: Drawn) -> None:
    panel, style = drawn.panel, drawn.panel.style
    bounds = {*style.bands, *style.bands.values()}
    series_by_name = dict(drawn.named)
    lines = {name: series for name, series in drawn.named if name not in bounds}
    drawstyle = "steps-post" if style.stepped else "default"
    colors = {name: _series_color(name, index, style.colors) for index, name in enumerate(lines)}
    if style.stacked:
        _stack(axes, lines, colors)
    for name, series in lines.items() if not style.stacked else ():
        values = [value for _, value in series.points]
        axes.plot(_moments(series), values, color=colors[name], linewidth=1.2, drawstyle=drawstyle, label=name)
    for high, low in style.bands.items():
        if high in series_by_name and low in series_by_name:
            _fill_band(axes, series_by_name[low], series_by_name[high], _series_color(high, 0, style.colors))
    for low_value, color in panel.thresholds[1:]:
        axes.axhline(float(low_value or 0.0), color=HEX[color], linewidth=0.8, linestyle="--")
    axes.set_ylim(bottom=style.low, top=style.high)
    axes.yaxis.set_major_formatter(lambda value, _: format_value(value, panel.unit, style.decimals))
    _time_axis(axes, drawn.period)
    _legend(axes, list(lines))


def _stack(axes: Axes, lines: Mapping[str, Series], colors: Mapping[str, str]) -> None:
    moments = sorted({moment for series in lines.values() for moment, _ in series.points})
    values = [[dict(series.points).get(moment, 0.0) for moment in moments] for series in lines.values()]
    axes.stackplot(moments, values, colors=list(colors.values()), labels=list(lines), alpha=0.6)


def _fill_band(axes: Axes, low: Series, high: Series, color: str) -> None:
    lows, highs = dict(low.points), dict(high.points)
    moments = [moment for moment in lows if moment in highs]
    bottoms, tops = [lows[moment] for moment in moments], [highs[moment] for moment in moments]
    axes.fill_between(moments, bottoms, tops, color=color, alpha=0.2, linewidth=0, step="post")


def _time_axis(axes: Axes, period: Period) -> None:
    pattern = "%H:%M" if period.seconds <= DAY_SECONDS else "%d %b %H:%M"
    axes.set_xlim(period.start, period.end)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda moment, _: datetime.fromtimestamp(moment, UTC).strftime(pattern))
    axes.grid(color=FAINT, linewidth=0.5)


def _legend(axes: Axes, names: Sequence[str]) -> None:
    if names:
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(
            handles[:MAX_LEGEND], labels[:MAX_LEGEND], fontsize=5.5, loc="upper left", framealpha=0.5, ncols=2,
            facecolor=PANEL_BACKGROUND, edgecolor=FAINT, labelcolor=TEXT,
        )  # fmt: skip


def _draw_bars(axes: Axes, drawn: Drawn) -> None:
    panel = drawn.panel
    named = sorted(drawn.named, key=lambda pair: pair[1].last)
    values = [series.last for _, series in named]
    axes.barh([name for name, _ in named], values, color=[_threshold_color(v, panel.thresholds) for v in values])
    for index, value in enumerate(values):
        text = format_value(value, panel.unit, panel.style.decimals)
        axes.text(
            0.98, index, text, transform=axes.get_yaxis_transform(), ha="right", va="center", color=TEXT, fontsize=6
        )
    axes.set_xlim(right=1.25 * max(values))
    axes.set_xticks([])


def _draw_timeline(axes: Axes, drawn: Drawn) -> None:
    named, mappings = drawn.named, drawn.panel.style.mappings
    for index, (_, series) in enumerate(named):
        colors = [HEX[mappings.get(f"{value:.0f}", ("", "text"))[1]] for _, value in series.points]
        spans = [(moment, float(drawn.period.step)) for moment in _moments(series)]
        axes.broken_barh(spans, (index - 0.4, 0.8), facecolors=colors)
    axes.set_yticks(range(len(named)), [name for name, _ in named])
    axes.invert_yaxis()
    _time_axis(axes, drawn.period)


def _draw_heatmap(axes: Axes, drawn: Drawn) -> None:
    by_bound = sorted((float(series.labels["le"]), series) for series in drawn.results[0])
    moments = _moments(by_bound[0][1])
    columns = [[value for _, value in series.points] for _, series in by_bound]
    below = [[0.0] * len(moments), *columns[:-1]]
    cells = [
        [max(high - low, 0.0) for high, low in zip(*pair, strict=True)] for pair in zip(columns, below, strict=True)
    ]
    axes.pcolormesh(moments, range(len(cells)), [[cell**0.5 for cell in row] for row in cells], cmap="Blues_r")
    axes.set_yticks(range(len(cells)), [format_value(bound, "s") for bound, _ in by_bound])
    _time_axis(axes, drawn.period)


def _draw_table(axes: Axes, drawn: Drawn) -> None:
    _hide_axis(axes)
    columns = drawn.panel.columns
    keys = [column.source for column in columns if not column.source.isupper()]
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for letter, result in zip(LETTERS, drawn.results, strict=False):
        unit = next((column.unit for column in columns if column.source == letter), "none")
        for series in result:
            key = series.labels.get(keys[0], "")
            row = rows.setdefault((key,), {})
            row |= {name: value for name, value in series.labels.items() if name in keys}
            row[letter] = format_value(series.last, unit, drawn.panel.style.decimals)
    cells = [[row.get(column.source, "") for column in columns] for row in rows.values()]
    table = axes.table(cells, colLabels=[column.title for column in columns], loc="upper center", cellLoc="left")
    table.auto_set_font_size(False)
    for cell in table.get_celld().values():
        cell.set(facecolor=PANEL_BACKGROUND, edgecolor=FAINT)
        cell.get_text().set(color=TEXT, fontsize=6)


DRAWERS: Mapping[PanelKind, Callable[[Axes, Drawn], None]] = {
    PanelKind.STAT: _draw_stat,
    PanelKind.TIME_SERIES: _draw_time_series,
    PanelKind.BAR_GAUGE: _draw_bars,
    PanelKind.STATE_TIMELINE: _draw_timeline,
    PanelKind.HEATMAP: _draw_heatmap,
    PanelKind.TABLE: _draw_table,
}
