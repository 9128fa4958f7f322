"""Writes grafana/boards: one JSON file per board, named after its UID (`python -m tools.boards`)."""

import json
from pathlib import Path

from tools.boards import api_performance, model_metrics, overview
from tools.boards.grafana_json import board_json
from tools.boards.panels import Board

FOLDER = Path(__file__).parents[2] / "grafana/boards"
BOARDS = (overview.BOARD, api_performance.BOARD, model_metrics.BOARD)


def board_text(board: Board) -> str:
    """Return the content of a board's file."""
    return json.dumps(board_json(board), indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write every board."""
    FOLDER.mkdir(exist_ok=True)
    for board in BOARDS:
        (FOLDER / f"{board.uid}.json").write_text(board_text(board))


if __name__ == "__main__":
    main()
