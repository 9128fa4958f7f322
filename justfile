# Readmit: `just` lists the recipes. Every recipe installs what it needs into the active environment.

set shell := ["bash", "-euo", "pipefail", "-c"]
set dotenv-load
# PYTHONDONTWRITEBYTECODE would make every start four times slower.
unexport PYTHONDONTWRITEBYTECODE

# Occasional tasks: `just --list ops`
mod ops "compose/ops.just"
# The data API on EC2: `just --list aws`
mod aws "aws/aws.just"
# The stack on Kubernetes: `just --list k3s`
mod k3s "k3s/k3s.just"

groups := "ec2-api mlflow flows api ui locust"
# Airflow sets no upper bounds: use the package versions of its release date, which it was tested with.
airflow := "--group airflow --exclude-newer 2026-09-17T12:00:00Z"
compile := "uv pip compile -q --no-header --universal --generate-hashes --python-version 3.11"

[private]
default:
    @just --list --unsorted

# Recipes with `no-exit-message` print their own one-sentence error.

# Run the whole pipeline on this machine without Docker: every released batch, from the data API to a served prediction
[no-exit-message]
demo: _install
    @python -m readmit.embedded.demo

# Run the demo's stack on its ports until Ctrl-C
[no-exit-message]
local: _install
    @python -m readmit.embedded.local_stack up

# Start the system in containers, or part of it: `just up api`, `just up --without grafana`; --no-day: no first day
[positional-arguments]
[no-exit-message]
up *options: _install
    @python -m readmit.containers up "$@"

# Stop the stack that is up and keep the data; `just down --volumes` deletes them after a confirmation
[positional-arguments]
[no-exit-message]
down *options: _install
    @python -m readmit.stacks down "$@"

# Show the services and their addresses, the last day, and the served version
[no-exit-message]
status: _install
    @python -m readmit.stacks status

# Follow the logs of the containers: `just logs api`
[positional-arguments]
logs *services: _install
    @python -m readmit.containers logs "$@"

# Show why services are not healthy, and what to do; a name limits it to that service: `just why api`
[positional-arguments]
[no-exit-message]
why *services: _install
    @python -m readmit.stacks why "$@"

# Query the databases with a read-only account: `just sql "SELECT * FROM raw_data_db.batches"`
[no-exit-message]
sql query: _install
    @python -m readmit.stacks on sql {{ quote(query) }}

# Run one day on the stack that is up: the next batch, or `just day 3`; `--train no` ends after upload
[arg("train", long)]
[no-exit-message]
day batch="" train="yes": _install
    @python -m readmit.stacks on day {{ if batch == "" { "" } else { "--batch " + quote(batch) } }} --train {{ quote(train) }}

# Run only the training steps, on the last batch or `just train 3`: after a change of target, candidates or code
[no-exit-message]
train batch="": _install
    @python -m readmit.stacks on train {{ if batch == "" { "" } else { "--batch " + quote(batch) } }}

# Run batches again, each as a whole day: `just backfill 2 4`; without numbers: all released batches
[no-exit-message]
[positional-arguments]
backfill *batches: _install
    @python -m readmit.stacks on backfill "$@"

# Run one step of one batch on the stack that is up, again or for the first time: `just step clean 3`
[no-exit-message]
step name batch="": _install
    @python -m readmit.stacks on step {{ quote(name) }} {{ if batch == "" { "" } else { "--batch " + quote(batch) } }}

# Show quarantined encounters with reasons, and rejected batches; one batch: `just quarantine 3`; every row: --rows
[arg("rows", long, value="--rows")]
[no-exit-message]
quarantine batch="" rows="": _install
    @python -m readmit.stacks on quarantine {{ if batch == "" { "" } else { "--batch " + quote(batch) } }} {{ if rows == "" { "" } else { quote(rows) } }}

# Run a batch again, from fetch to signal, after its source was corrected: `just release 3`
[arg("train", long)]
[no-exit-message]
release batch train="yes": _install
    @python -m readmit.stacks on release --batch {{ quote(batch) }} --train {{ quote(train) }}

# Put the previous version, or `just rollback 4 ...`, back into production: `just rollback --why "flags everybody"`
[arg("why", long)]
[arg("by", long)]
[no-exit-message]
rollback version="" why by=`id -un`: _install
    @python -m readmit.stacks on rollback {{ if version == "" { "" } else { "--version " + quote(version) } }} --why {{ quote(why) }} --by {{ quote(by) }}

# Start Airflow, which runs the same day as Prefect, in containers
[no-exit-message]
airflow: _install
    @python -m readmit.containers up airflow ec2-api api --no-day

# Run the tests on two cores; tests of the real data need READMIT_DATA
[positional-arguments]
test *options: _install
    @python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"

# Run the crash tests, which `just test` leaves out: days killed by SIGKILL and restarted, or started twice at once
[positional-arguments]
crash *options: _install
    @python -m pytest -m crash tests/crash "$@"

# Test on real servers in temporary containers; a running stack is not affected
[positional-arguments]
e2e *options: _install
    @python -m tests.e2e "$@"

# Benchmark the API against others in 20 minutes on an idle machine; `just bench --write` updates docs/benchmarks.md
[positional-arguments]
[no-exit-message]
bench *options: _install
    @python -m tests.bench "$@"

# Load test the API of the stack that is up: `just load --users 10000`, `just load ci`, `just load capacity`
[positional-arguments]
[no-exit-message]
load *options: _install
    @python -m readmit.stacks load "$@"

# Format the code and apply safe lint fixes
fix: _install
    ruff format .
    ruff check --fix .

# Check format, lint, types, architecture, workflows, and that the locks are up to date
check: _install
    ruff format --check .
    ruff check .
    mypy
    lint-imports
    actionlint .github/workflows/*.yml
    zizmor --offline --quiet .github
    @just _locks_are_up_to_date

# Write the lock files of all images to requirements/: names, versions and hashes of packages
lock:
    {{ compile }} --group dev -o requirements/dev.txt
    for group in {{ groups }}; do {{ compile }} --group $group -c requirements/dev.txt -o requirements/$group.txt; done
    {{ compile }} {{ airflow }} -o requirements/airflow.txt

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

# Installs once per lock: a file in the environment records which lock is installed.
[private]
_install:
    #!/usr/bin/env bash
    set -euo pipefail
    # An environment in such a folder cannot be activated.
    case {{ quote(justfile_directory()) }} in *[\"\$\`:]* | *$'\n'*)
        echo 'Python environments do not work in a folder whose path contains ", $, `, : or a line break: move this one' >&2
        exit 1 ;;
    esac
    { read -r prefix; read -r code || true; } < <(python -c '
    import sys
    from importlib.util import find_spec

    print(sys.prefix, getattr(find_spec("readmit"), "origin", ""), sep="\n")')
    installed=$prefix/readmit.lock
    # Packages outside the lock are removed, so the environment must be Readmit's own or empty.
    [ -e "$installed" ] || python - <<'PYTHON'
    import sys
    from importlib.metadata import distributions

    others = {package.name.lower() for package in distributions()} - {"pip", "setuptools", "wheel", "uv", "rust-just"}
    if sys.prefix == sys.base_prefix or (others and "readmit" not in others):
        sys.exit(f"{sys.prefix} is not Readmit's own environment: python3 -m venv .venv && . .venv/bin/activate")
    PYTHON
    # In the environment of another clone the recipes would run its code, on its stack.
    if [ -e "$code" ] && [ ! "$code" -ef src/readmit/__init__.py ]; then
        echo "$prefix is the environment of another clone, ${code%/src/*}: python3 -m venv .venv && . .venv/bin/activate" >&2
        exit 1
    fi
    cat pyproject.toml requirements/dev.txt | cmp -s - "$installed" && exit 0
    # Compile now, on all cores, rather than at the start of each service.
    uv pip sync -q --compile-bytecode --python "$(which python)" requirements/dev.txt
    uv pip install -q --python "$(which python)" --no-deps --no-build-isolation -e .
    cat pyproject.toml requirements/dev.txt > "$installed"
