"""How the cluster gets the images: imported into k3s on this machine, or pushed to a registry."""

import os
import subprocess
from collections.abc import Mapping, Sequence

from k3s.cluster import Cluster
from readmit.containers.project import ROOT, output
from readmit.settings import PREFIX
from readmit.stacks.errors import StackError

PINNED = "io.cri-containerd.pinned=pinned"
"""The kubelet never deletes an image with this label, even when the disk fills up."""
OUR_IMAGES = "readmit-"
"""How the names of the images begin that are built from this repository."""
ID_LABEL = "readmit.image-id"


def image_ids(images: Sequence[str]) -> Mapping[str, str]:
    """Return the id of each image that Docker on this machine has."""
    ids = {}
    for image in images:
        result = subprocess.run(
            ["docker", "image", "inspect", "--format", "{{.Id}}", image], capture_output=True, text=True, check=False
        )
        if result.returncode == 0:
            ids[image] = result.stdout.strip()
    return ids


def push(images: Sequence[str], registry: str) -> Mapping[str, str]:
    """Push images to a registry; return the name of each there, with its digest. Raises StackError when it fails."""
    names = {}
    for image in images:
        name = f"{registry}/{image}"
        output(["docker", "tag", image, name])
        output(["docker", "push", "--quiet", name])
        digests = output(["docker", "image", "inspect", "--format", '{{join .RepoDigests " "}}', name]).split()
        repository = name.rpartition(":")[0]
        if repository not in (digest_of := dict(digest.split("@") for digest in digests)):
            raise StackError(f"{PREFIX}REGISTRY: Docker has no digest of {repository}: write the name with its host")
        names[image] = f"{repository}@{digest_of[repository]}"
    return names


def import_missing(ids: Mapping[str, str], cluster: Cluster) -> Sequence[str]:
    """Import the images that k3s on this machine lacks, and pin them. Return their names.

    Raises StackError when the cluster is not, or not only, on this machine.
    """
    _require_single_local_node(cluster)
    labels = _labels()
    missing = [image for image, id_ in ids.items() if f"{ID_LABEL}={id_}" not in labels.get(full_name(image), "")]
    if missing:
        _import(missing)
        for image in missing:
            _ctr("images", "label", full_name(image), PINNED, f"{ID_LABEL}={ids[image]}")
    return missing


def _require_single_local_node(cluster: Cluster) -> None:
    nodes = len(cluster.objects("nodes"))
    if nodes != 1 or not cluster.is_on_this_machine():
        place = f"has {nodes} nodes" if nodes != 1 else "is not on this machine"
        raise StackError(f"the cluster {place}: set {PREFIX}REGISTRY to a registry that it can pull our images from")


def _import(images: Sequence[str]) -> None:
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as save:
        result = subprocess.run(
            [*_ctr_command(), "images", "import", "-"], stdin=save.stdout, capture_output=True, text=True, check=False
        )
    if result.returncode or save.returncode:
        raise StackError(f"k3s cannot import {', '.join(images)}: {result.stderr.strip()}")


def _labels() -> Mapping[str, str]:
    """Return the labels of each image that k3s has, as a text."""
    _, *lines = _ctr("images", "ls").splitlines()
    return {fields[0]: fields[-1] for line in lines if (fields := line.split())}


def _ctr(*arguments: str) -> str:
    return output([*_ctr_command(), *arguments])


def _ctr_command() -> Sequence[str]:
    """Return the command of k3s's containerd, which only root may use."""
    return [*([] if os.geteuid() == 0 else ["sudo"]), "k3s", "ctr"]


def full_name(image: str) -> str:
    """Return the full name of an image, as containerd has it."""
    first, _, rest = image.partition("/")
    if not rest:
        return f"docker.io/library/{image}"
    return image if "." in first or ":" in first or first == "localhost" else f"docker.io/{image}"


def build(services: Sequence[str]) -> None:
    """Build the images of Compose services from this repository. Raises StackError when a build fails."""
    command = ["docker", "compose", "--file", str(ROOT / "compose.yaml"), "--profile", "*", "build", *services]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise StackError("an image could not be built; see the output above")
