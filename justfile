# Readmit: `just` lists what can be done. Every recipe installs what it needs into the active environment.

set shell := ["bash", "-euo", "pipefail", "-c"]
set dotenv-load
# It makes every start four times as slow.
unexport PYTHONDONTWRITEBYTECODE

groups := "ec2-api mlflow flows api"
compile := "uv pip compile -q --no-header --universal --generate-hashes --python-version 3.11"

[private]
default:
    @just --list --unsorted

# The whole way on this machine, without Docker: every released batch, from the data API to a served prediction
demo: _install
    @python -m readmit.embedded.demo

# The demo's stack, kept up on its ports until Ctrl-C
local: _install
    @python -m readmit.embedded.local up

# End the stack that `just local` keeps up; the data stay
down: _install
    @python -m readmit.embedded.local down

# What runs where
status: _install
    @python -m readmit.embedded.local status

# One day on the stack that is up: the next batch, or `just day 3`; `--train no` ends after upload
[arg("train", long)]
day batch="" train="yes": _install
    @python -m readmit.embedded.local on day {{ if batch == "" { "" } else { "--batch " + quote(batch) } }} --train {{ quote(train) }}

# One step of one batch on the stack that is up, again or for the first time: `just step clean 3`
step name batch="": _install
    @python -m readmit.embedded.local on step {{ quote(name) }} {{ if batch == "" { "" } else { "--batch " + quote(batch) } }}

# What was left out and why, and what was refused as a whole; of one batch by `just quarantine 3`, all of it with --rows
[arg("rows", long, value="--rows")]
quarantine batch="" rows="": _install
    @python -m readmit.embedded.local on quarantine {{ if batch == "" { "" } else { "--batch " + quote(batch) } }} {{ rows }}

# A batch again, from fetch to signal, after its source was mended: `just release 3`
[arg("train", long)]
release batch train="yes": _install
    @python -m readmit.embedded.local on release --batch {{ quote(batch) }} --train {{ quote(train) }}

# The tests, on two cores; what only the real file can show needs READMIT_DATA
[positional-arguments]
test *options: _install
    @python -m pytest -n 2 --dist loadfile "$@"

# What `just test` leaves out: real days, killed by -9 at any moment and started again, or started twice at once
[positional-arguments]
crash *options: _install
    @python -m pytest -m crash tests/crash "$@"

# Format, lint, types, the architecture, and locks that are up to date
check: _install
    ruff format --check .
    ruff check .
    mypy
    lint-imports
    @just _locks_are_up_to_date

# Lock every image's packages into requirements/, names, versions and hashes
lock:
    {{ compile }} --group dev -o requirements/dev.txt
    for group in {{ groups }}; do {{ compile }} --group $group -c requirements/dev.txt -o requirements/$group.txt; done

# Write docs/data.md, the dictionary of the data, from the fields of an encounter
data-page: _install
    page=$(python -m readmit.data_page) && echo "$page" > docs/data.md

[private]
_locks_are_up_to_date:
    #!/usr/bin/env bash
    set -euo pipefail
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    cp requirements/*.txt "$fresh"
    {{ compile }} --group dev -o "$fresh/dev.txt"
    for group in {{ groups }}; do
        {{ compile }} --group $group -c requirements/dev.txt -o "$fresh/$group.txt"
    done
    for lock in requirements/*.txt; do
        cmp "$lock" "$fresh/${lock#requirements/}" || { echo "$lock is out of date: just lock" >&2; exit 1; }
    done

# Installs once per lock: the environment remembers which one it holds.
[private]
_install:
    #!/usr/bin/env bash
    set -euo pipefail
    holds=$(python -c 'import sys; print(sys.prefix)')/readmit.lock
    cat pyproject.toml requirements/dev.txt | cmp -s - "$holds" && exit 0
    uv pip sync -q --python "$(which python)" requirements/dev.txt
    uv pip install -q --python "$(which python)" --no-deps --no-build-isolation -e .
    cat pyproject.toml requirements/dev.txt > "$holds"
