"""Where the encounters come from: a file of one's own, the cache, UCI's public address, or the synthetic sample."""

import logging
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ec2_api import layout
from ec2_api.download import DownloadFailed, download
from ec2_api.errors import StartupError
from ec2_api.layout import UCI, NotInLayout
from ec2_api.sample import write_sample
from ec2_api.settings import SourceSettings
from ec2_api.state import ReleaseState, replace, start_anew

log = logging.getLogger(__name__)

SAMPLE_NOTE = "synthetic sample: made up by ec2_api/sample.py, no patient in it ever lived"


@dataclass(frozen=True, slots=True)
class Source:
    """`kind`: uci (the published file), file (another in its layout) or sample. All cells are text."""

    kind: str
    sha256: str
    frame: pl.DataFrame


def find(settings: SourceSettings, begun: ReleaseState | None, state_path: Path) -> Source:
    """The source of this start; a release that has begun keeps to its own. Refusal: it can't be had or read."""
    if settings.data is not None:
        return _own(settings.data)
    if begun is not None and begun.source_kind == "sample":
        log.warning(
            "SAMPLE: this release began with the synthetic sample and stays with it; %s", start_anew(state_path)
        )
        return _sample(settings.state / "cache" / "sample.csv", keep=True)
    content = _published(settings)
    if content is not None:
        return Source("uci", UCI.sha256, layout.table(content))
    if begun is not None:
        raise StartupError(
            f"READMIT_DATA: unset, and the {begun.source_kind} data that the release began with can't be had: "
            f"name the file, or allow the download; {start_anew(state_path)}"
        )
    log.warning("SAMPLE: no data and no download, so a %s", SAMPLE_NOTE)
    return _sample(settings.state / "cache" / "sample.csv", keep=False)


def _own(path: Path) -> Source:
    try:
        content = layout.csv_content(path)
        digest = layout.sha256(content)
        return Source("uci" if digest == UCI.sha256 else "file", digest, layout.table(content))
    except OSError as error:
        raise StartupError(f"READMIT_DATA: {path}: {error.strerror or error}") from error
    except NotInLayout as error:
        raise StartupError(f"READMIT_DATA: {path}: {error}") from error


def _sample(path: Path, keep: bool) -> Source:
    # A release that has begun must not change under a newer maker of samples.
    if not (keep and path.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sample(path)
    content = path.read_bytes()
    return Source("sample", layout.sha256(content), layout.table(content))


def _published(settings: SourceSettings) -> bytes | None:
    """The published CSV from the cache or the network; None: neither has it."""
    cached = settings.state / "cache" / UCI.name
    if cached.exists():
        content = cached.read_bytes()
        if layout.sha256(content) == UCI.sha256:
            return content
        log.warning("%s is not the published file: set aside", cached)
        cached.unlink()
    if not settings.download_url:
        return None
    part = cached.with_name("download.part")
    log.info("downloading %s", settings.download_url)
    try:
        content = download(settings.download_url, part, UCI)
    except DownloadFailed as error:
        log.warning("no download: %s", error)
        return None
    replace(cached, content)
    part.unlink()
    return content
