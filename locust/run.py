"""`just load`: run a load test on the inference API, print the result, and fail when a threshold fails.

`python locust/run.py [load|ci|capacity]` from the repository root; see --help.
"""

import sys

import capacity
import locustfile
import payloads
import reports
import target
from capacity import LoadStep
from errors import LoadRefused
from load_runner import measure_load
from options import LoadOptions, parse_options
from payloads import Payloads
from thresholds import check_thresholds, summary_line, table


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code: 0 when every threshold holds, 1 when one fails or the load can't run, 130 on interrupt."""
    options = parse_options(arguments)
    try:
        host = target.api_url(options.host)
        target.require_served(host)
        source = _payloads(options)
        locustfile.set_payloads(source)
        users = " and ".join(user_class.__name__.removesuffix("User").lower() for user_class in options.mix)
        print(f"{options.profile}: {users} users on {host}, posting {source.description}.", flush=True)
        return (_capacity if options.profile == "capacity" else _load)(options, host, source.description)
    except LoadRefused as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _payloads(options: LoadOptions) -> Payloads:
    """Return the source's rows, or synthetic ones with --made or when --host is given without --source."""
    if options.synthetic or (options.host and not options.source):
        return payloads.synthetic_payloads()
    return payloads.of_source(target.row_source(options.source))


def _load(options: LoadOptions, host: str, payload_description: str) -> int:
    result = measure_load(options, host)
    step = LoadStep(result, check_thresholds(result, options.limits))
    reports.write_summary(options, host, payload_description, step)
    print(f"{summary_line(result)}.\n\n{table(step.thresholds)}\n\nReports: {options.reports}")
    return 0 if step.holds else 1


def _capacity(options: LoadOptions, host: str, payload_description: str) -> int:
    result = capacity.measure_capacity(options, host)
    reports.write_capacity(options, host, payload_description, result)
    print(f"\n{result.summary()}\n\nReports: {options.reports}")
    return 0 if result.last_passing else 1


if __name__ == "__main__":
    sys.exit(main())
