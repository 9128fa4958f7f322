"""Values as text in Grafana's units, for the pictures of boards."""

import math
import time

SECONDS_IN = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
NOT_A_NUMBER = "—"


def format_value(value: float, unit: str, decimals: int | None = None) -> str:
    """Return a value as Grafana displays it. Raises KeyError for a unit that no board has."""
    if not math.isfinite(value):
        return "∞" if value == math.inf else NOT_A_NUMBER
    match unit:
        case "percentunit":
            return f"{value * 100:.{1 if decimals is None else decimals}f} %"
        case "bytes":
            return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB"))
        case "s":
            return _duration(value)
        case "dateTimeFromNow":
            return f"{_duration(time.time() - value / 1000)} ago"
        case "reqps":
            return f"{_number(value, decimals)} req/s"
        case "short":
            return _scaled(value, 1000, ("", "K", "Mil", "Bil")) if decimals is None else _number(value, decimals)
        case "none":
            return _number(value, decimals)
    raise KeyError(unit)


def _number(value: float, decimals: int | None) -> str:
    if decimals is None:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,.{decimals}f}"


def _scaled(value: float, base: int, names: tuple[str, ...]) -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value, power = value / base, power + 1
    return f"{value:.3g} {names[power]}".strip()


def _duration(seconds: float) -> str:
    if seconds == 0:
        return "0 s"
    name, size = next((unit for unit in SECONDS_IN if abs(seconds) >= unit[1]), SECONDS_IN[-1])
    return f"{seconds / size:.3g} {name}"
