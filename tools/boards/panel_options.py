"""The parts of Grafana's JSON that differ by visualization: options, field configuration and transformations."""

from tools.boards.links import alert_link
from tools.boards.panels import Panel, PanelKind

Json = dict[str, object]
LIST_OF_NAMES: Json = {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}
LAST: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}
ALL_SERIES: Json = {"mode": "multi", "sort": "desc"}
BAR_GAUGE: Json = {
    **{"displayMode": "basic", "namePlacement": "left", "orientation": "horizontal", "reduceOptions": LAST},
    **{"maxVizHeight": 32, "minVizHeight": 16, "minVizWidth": 8, "showUnfilled": True, "sizing": "auto"},
    "valueMode": "color",
}
STATE_TIMELINE: Json = {
    **{"alignValue": "left", "mergeValues": True, "rowHeight": 0.8, "showValue": "never"},
    **{"legend": {**LIST_OF_NAMES, "showLegend": False}, "tooltip": {"mode": "single", "sort": "none"}},
}
HEATMAP: Json = {
    **{"calculate": False, "cellGap": 1, "filterValues": {"le": 1e-9}, "legend": {"show": True}},
    "color": {
        **{"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": False, "scale": "exponential"},
        **{"scheme": "Blues", "steps": 64},
    },
    **{"exemplars": {"color": "rgba(255,0,255,0.7)"}, "showValue": "never"},
    "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": False},
}
TABLE: Json = {"cellHeight": "sm", "frameIndex": 0, "showHeader": True}


def options(panel: Panel) -> Json:
    """Return the options of a panel's visualization."""
    match panel.kind:
        case PanelKind.STAT:
            return _stat_options(panel)
        case PanelKind.TIME_SERIES:
            legend = {**LIST_OF_NAMES, "calcs": list(panel.style.calcs), "displayMode": "table"}
            return {"legend": legend, "tooltip": ALL_SERIES}
        case PanelKind.HEATMAP:
            return {**HEATMAP, "yAxis": {"axisPlacement": "left", "unit": panel.unit}}
        case PanelKind.BAR_GAUGE:
            return BAR_GAUGE
        case PanelKind.STATE_TIMELINE:
            return STATE_TIMELINE
        case PanelKind.TABLE:
            return TABLE


def _stat_options(panel: Panel) -> Json:
    is_neutral = len(panel.thresholds) == 1 and not panel.style.colors
    return {
        "colorMode": "value" if is_neutral else "background_solid",
        "graphMode": "area" if panel.style.sparkline else "none",
        **{"justifyMode": "center", "orientation": "auto", "percentChangeColorMode": "standard"},
        **{"reduceOptions": LAST, "showPercentChange": False, "textMode": panel.style.text, "wideLayout": True},
    }


def field_config(panel: Panel) -> Json:
    """Return units, thresholds and colours: `defaults` for every series, and `overrides` for some."""
    by_series = panel.kind in (PanelKind.TIME_SERIES, PanelKind.TABLE)
    style = panel.style
    defaults: Json = {
        "color": {"mode": "palette-classic-by-name" if by_series else "thresholds"},
        "custom": _custom(panel),
        "mappings": [_mappings(panel)] if style.mappings else [],
        "thresholds": {"mode": "absolute", "steps": [{"color": c, "value": value} for value, c in panel.thresholds]},
        "unit": panel.unit,
    }
    optional = {"decimals": style.decimals, "min": style.low, "max": style.high, "noValue": panel.no_value or None}
    defaults |= {name: value for name, value in optional.items() if value is not None}
    return {"defaults": defaults, "overrides": [*_colors(panel), *_bands(panel), *_column_overrides(panel)]}


def _custom(panel: Panel) -> Json:
    """Return the settings of a visualization's own fields."""
    if panel.kind is PanelKind.STATE_TIMELINE:
        return {"fillOpacity": 80, "lineWidth": 0}
    if panel.kind is not PanelKind.TIME_SERIES:
        return {}
    return {
        **{"drawStyle": "line", "lineWidth": 2, "showPoints": "never", "spanNulls": False},
        "fillOpacity": 40 if panel.style.stacked else 8,
        "lineInterpolation": "stepAfter" if panel.style.stepped else "linear",
        "stacking": {"group": "A", "mode": "normal" if panel.style.stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if len(panel.thresholds) > 1 else "off"},
    }


def _mappings(panel: Panel) -> Json:
    results = {
        value: {"color": color, "index": index, "text": text}
        for index, (value, (text, color)) in enumerate(panel.style.mappings.items())
    }
    return {"options": results, "type": "value"}


def _override(name: str, **properties: object) -> Json:
    """Return an override of a series or column by its name, or by a regular expression between slashes."""
    matcher = {"id": "byRegexp" if name.startswith("/") else "byName", "options": name}
    return {
        "matcher": matcher,
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


def _colors(panel: Panel) -> list[Json]:
    return [_override(name, color={"fixedColor": color, "mode": "fixed"}) for name, color in panel.style.colors.items()]


def _bands(panel: Panel) -> list[Json]:
    """Fill the area between the bounds of each interval, and draw no lines for the bounds."""
    overrides = []
    for high, low in panel.style.bands.items():
        overrides.append(_override(high, custom__fillBelowTo=low, custom__fillOpacity=20, custom__lineWidth=0))
        overrides.append(_override(low, custom__fillOpacity=0, custom__lineWidth=0))
    return overrides


def _column_overrides(panel: Panel) -> list[Json]:
    units = [_override(column.title, unit=column.unit) for column in panel.columns if column.unit]
    links = [_override(column.title, links=[alert_link()]) for column in panel.columns if column.source == "alertname"]
    return units + links


def transformations(panel: Panel) -> list[Json]:
    """Return the steps from the results of a table's queries to its columns: one row per set of labels."""
    if panel.kind is not PanelKind.TABLE:
        return []
    fields = {_field(column.source, len(panel.queries)): column.title for column in panel.columns}
    return [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": list(fields)}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: index for index, name in enumerate(fields)},
                "renameByName": fields,
            },
        },
    ]


def _field(source: str, queries: int) -> str:
    """Return Grafana's name of a column: values of several queries have the query's letter."""
    if not source.isupper():
        return source
    return "Value" if queries == 1 else f"Value #{source}"
