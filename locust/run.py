"""`just load`: makes a load on the inference API, says what came of it, and fails where a threshold does.

`python locust/run.py [load|ci|capacity]`, from the root; --help tells the rest.
"""

import sys

import capacity
import locustfile
import payloads
import reports
import target
from capacity import LoadStep
from errors import LoadRefused
from load_runner import measured
from options import LoadOptions, asked
from payloads import Payloads
from thresholds import in_words, judged, table


def main(arguments: list[str] | None = None) -> int:
    """0: every threshold holds; 1: one does not, or it was refused, with the reason; 130: interrupted."""
    order = asked(arguments)
    try:
        host = target.api(order.host)
        target.require_served(host)
        found = _payloads(order)
        locustfile.give(found)
        users = " and ".join(each.__name__ for each in order.mix)
        print(f"{order.profile}: {users} users on {host}, posting {found.words}.", flush=True)
        return (_capacity if order.profile == "capacity" else _load)(order, host, found.words)
    except LoadRefused as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _payloads(order: LoadOptions) -> Payloads:
    """The source's rows; made ones if that was asked, or if a host was named and no source beside it."""
    if order.made or (order.host and not order.source):
        return payloads.by_chance()
    return payloads.of_source(order.source or target.source())


def _load(order: LoadOptions, host: str, words: str) -> int:
    found = measured(order, host)
    step = LoadStep(found, judged(found, order.limits))
    reports.write_summary(order, host, words, step)
    print(f"{in_words(found)}.\n\n{table(step.thresholds)}\n\nReports: {order.reports}")
    return 0 if step.holds else 1


def _capacity(order: LoadOptions, host: str, words: str) -> int:
    found = capacity.found(order, host)
    reports.write_capacity(order, host, words, found)
    print(f"\n{found.in_words()}\n\nReports: {order.reports}")
    return 0 if found.greatest else 1


if __name__ == "__main__":
    sys.exit(main())
