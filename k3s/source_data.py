"""The user's data file, copied into the claim of the data API, whose pod waits for it."""

import subprocess
from pathlib import Path

from k3s.cluster import Cluster
from readmit.stacks.errors import StackError

POD, CONTAINER = "ec2-api-0", "data"
STORE = 'mkdir -p "${READMIT_DATA%/*}" && cat > "$READMIT_DATA.new" && mv "$READMIT_DATA.new" "$READMIT_DATA"'


def copy_if_awaited(cluster: Cluster, file: Path, path: str) -> None:
    """Copy the file to a path, if the pod of the data API waits for it. Raises StackError when it cannot be copied."""
    if not _is_awaited(cluster, path):
        return
    command = cluster.command("exec", "--stdin", POD, "--container", CONTAINER, "--", "sh", "-ec", STORE)
    with file.open("rb") as content:
        result = subprocess.run(command, env=cluster.environment(), stdin=content, capture_output=True, check=False)
    if result.returncode:
        raise StackError(f"{file} cannot be copied to the data API: {result.stderr.decode(errors='replace').strip()}")


def _is_awaited(cluster: Cluster, path: str) -> bool:
    """Return whether the container that waits for the file runs, and lacks it."""
    pods = [pod for pod in cluster.objects("pods") if pod["metadata"]["name"] == POD]
    containers = [state for pod in pods for state in pod["status"].get("initContainerStatuses", ())]
    if not any(state["name"] == CONTAINER and "running" in state["state"] for state in containers):
        return False
    check = f"test \"$READMIT_DATA\" = '{path}' && test ! -e '{path}' && echo lacks || true"
    try:
        return cluster.output("exec", POD, "--container", CONTAINER, "--", "sh", "-c", check).strip() == "lacks"
    except StackError:
        # It has ended since; if the pod still waits, the next look finds it.
        return False
