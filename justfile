# Readmit: `just` lists what can be done. Every recipe installs what it needs into the active environment.

set shell := ["bash", "-euo", "pipefail", "-c"]
set dotenv-load
# It makes every start four times as slow.
unexport PYTHONDONTWRITEBYTECODE

# What is done now and then: `just --list ops`
mod ops "compose/ops.just"

groups := "ec2-api mlflow flows api ui locust"
# Airflow names no upper bounds: what there was on the day of its release is what it was tested with.
airflow := "--group airflow --exclude-newer 2026-09-17T12:00:00Z"
compile := "uv pip compile -q --no-header --universal --generate-hashes --python-version 3.11"

[private]
default:
    @just --list --unsorted

# Where a recipe says `no-exit-message`, what failed has said so itself, in one sentence.

# The whole way on this machine, without Docker: every released batch, from the data API to a served prediction
[no-exit-message]
demo: _install
    @python -m readmit.embedded.demo

# The demo's stack, kept up on its ports until Ctrl-C
[no-exit-message]
local: _install
    @python -m readmit.embedded.local up

# The whole system in containers: all of it, or `just up SERVICE...`, `just up --without grafana`; `--no-day`: no first day
[positional-arguments]
[no-exit-message]
up *options: _install
    @python -m readmit.containers up "$@"

# End the stack that is up; the data stay, or go after a question: `just down --volumes`
[positional-arguments]
[no-exit-message]
down *options: _install
    @python -m readmit.stacks down "$@"

# What runs where, the last day, the version served
[no-exit-message]
status: _install
    @python -m readmit.stacks status

# What the containers say: `just logs api`
[positional-arguments]
logs *services:
    @docker compose logs --follow --tail 100 "$@"

# A question to the databases, as a user who may only read: `just sql "SELECT * FROM raw_data_db.batches"`
[no-exit-message]
sql query: _install
    @python -m readmit.stacks on sql {{ quote(query) }}

# One day on the stack that is up: the next batch, or `just day 3`; `--train no` ends after upload
[arg("train", long)]
[no-exit-message]
day batch="" train="yes": _install
    @python -m readmit.stacks on day {{ if batch == "" { "" } else { "--batch " + quote(batch) } }} --train {{ quote(train) }}

# The training group alone, on the last batch or `just train 3`: after a change of target, candidates or code
[no-exit-message]
train batch="": _install
    @python -m readmit.stacks on train {{ if batch == "" { "" } else { "--batch " + quote(batch) } }}

# Batches again, each a whole day: `just backfill 2 4`; without numbers all that are released
[no-exit-message]
[positional-arguments]
backfill *batches: _install
    @python -m readmit.stacks on backfill "$@"

# One step of one batch on the stack that is up, again or for the first time: `just step clean 3`
[no-exit-message]
step name batch="": _install
    @python -m readmit.stacks on step {{ quote(name) }} {{ if batch == "" { "" } else { "--batch " + quote(batch) } }}

# What was left out and why, and what was refused as a whole; of one batch by `just quarantine 3`, all of it with --rows
[arg("rows", long, value="--rows")]
[no-exit-message]
quarantine batch="" rows="": _install
    @python -m readmit.stacks on quarantine {{ if batch == "" { "" } else { "--batch " + quote(batch) } }} {{ if rows == "" { "" } else { quote(rows) } }}

# A batch again, from fetch to signal, after its source was mended: `just release 3`
[arg("train", long)]
[no-exit-message]
release batch train="yes": _install
    @python -m readmit.stacks on release --batch {{ quote(batch) }} --train {{ quote(train) }}

# The version that served before, or `just rollback 4`, into production again: `just rollback --why "flags everybody"`
[arg("why", long)]
[arg("by", long)]
[no-exit-message]
rollback version="" why by=`id -un`: _install
    @python -m readmit.stacks on rollback {{ if version == "" { "" } else { "--version " + quote(version) } }} --why {{ quote(why) }} --by {{ quote(by) }}

# Airflow beside Prefect, the mirror of its day, in containers
[no-exit-message]
airflow: _install
    @python -m readmit.containers up airflow ec2-api api --no-day

# The tests, on two cores; what only the real file can show needs READMIT_DATA
[positional-arguments]
test *options: _install
    @python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"

# What `just test` leaves out: real days, killed by -9 at any moment and started again, or started twice at once
[positional-arguments]
crash *options: _install
    @python -m pytest -m crash tests/crash "$@"

# On real servers in containers of its own, which go at the end; a stack that is up is left alone
[positional-arguments]
e2e *options: _install
    @python -m tests.e2e "$@"

# Airflow against Prefect: the same batches through both, in containers of their own, have to leave the same
[positional-arguments]
e2e-airflow *options: _install
    @python -m pytest -m airflow tests/e2e "$@"

# Our API against others under load, in 20 quiet minutes; `just bench --write` puts the figures into docs/benchmarks.md
[positional-arguments]
[no-exit-message]
bench *options: _install
    @python -m tests.bench "$@"

# Load on the API of the stack that is up, by Locust: `just load --users 10000`, `just load ci`, `just load capacity`
[positional-arguments]
[no-exit-message]
load *options: _install
    @python locust/run.py "$@"

# Format, lint, types, the architecture, the workflows, and locks that are up to date
check: _install
    ruff format --check .
    ruff check .
    mypy
    lint-imports
    actionlint .github/workflows/*.yml
    zizmor --offline --quiet .github
    @just _locks_are_up_to_date

# Lock every image's packages into requirements/, names, versions and hashes
lock:
    {{ compile }} --group dev -o requirements/dev.txt
    for group in {{ groups }}; do {{ compile }} --group $group -c requirements/dev.txt -o requirements/$group.txt; done
    {{ compile }} {{ airflow }} -o requirements/airflow.txt

# Write docs/data.md, the dictionary of the data, from the fields of an encounter
data-page: _install
    page=$(python -m tools.data_dictionary) && echo "$page" > docs/data.md

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
    {{ compile }} {{ airflow }} -o "$fresh/airflow.txt"
    for lock in requirements/*.txt; do
        cmp "$lock" "$fresh/${lock#requirements/}" || { echo "$lock is out of date: just lock" >&2; exit 1; }
    done

# Installs once per lock: the environment remembers which one it holds.
[private]
_install:
    #!/usr/bin/env bash
    set -euo pipefail
    holds=$(python -c 'import sys; print(sys.prefix)')/readmit.lock
    # What the lock lacks is removed: only from an environment that is ours, or that holds nothing yet.
    [ -e "$holds" ] || python - <<'PYTHON'
    import sys
    from importlib.metadata import distributions

    others = {each.name.lower() for each in distributions()} - {"pip", "setuptools", "wheel", "uv", "rust-just"}
    if sys.prefix == sys.base_prefix or (others and "readmit" not in others):
        sys.exit(f"{sys.prefix} is not Readmit's own environment: python3 -m venv .venv && . .venv/bin/activate")
    PYTHON
    cat pyproject.toml requirements/dev.txt | cmp -s - "$holds" && exit 0
    # Compiled now, on all cores, and not by each service as it starts.
    uv pip sync -q --compile-bytecode --python "$(which python)" requirements/dev.txt
    uv pip install -q --python "$(which python)" --no-deps --no-build-isolation -e .
    cat pyproject.toml requirements/dev.txt > "$holds"
