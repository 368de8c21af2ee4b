"""What the prediction log takes of our server's throughput: with and without it in turns, in each form of serve.py.

    PIGEONHOLE_DATA=FOLDER python benchmarks/serve_log.py [--rounds 40] [--seconds 1] [--forms integers …]

As in serve.py: each server with all of its threads on one core, wrk on the other one, every answer checked, every image
logged. Both servers are there all the time, and only one at a time has anything to do: turns can be short, so that the
two of a pair meet the same machine. The share is the mean of all pairs. Goal: at most 10% for JSON integers.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Sequence

from measuring import machine
from serve import FOLDER, LOAD_CORE, PORT, SERVER_CORE, forms, images, trained
from serve_load import load, write_requests
from serve_ours import KEY, ours

FORMS = ("integers", "decimals", "binary tensor", "one connection")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    options = parser.parse_args()
    without_log = FOLDER / "without-log"
    without_log.mkdir(parents=True, exist_ok=True)
    bundle = trained()
    chosen_NP, labels = images(bundle)
    found: dict[tuple[str, bool], list[float]] = defaultdict(list)
    with (
        ours(bundle, FOLDER, PORT, SERVER_CORE) as logging,
        ours(bundle, without_log, PORT + 1, SERVER_CORE, log=False) as silent,
    ):
        for name in options.forms:
            form, connections = forms((28, 28, 1))[name]
            requests = FOLDER / f"requests-{name.replace(' ', '-')}.bin"
            if not requests.is_file():
                write_requests(requests, form, chosen_NP, labels)
            how = {"connections": connections, "core": LOAD_CORE, "headers": {"Authorization": f"Bearer {KEY}"}}
            for server in (logging, silent):
                load(server.url, form, requests, seconds=1, **how)
            for number in range(options.rounds):
                for log in (True, False) if number % 2 else (False, True):
                    url = (logging if log else silent).url
                    figures = load(url, form, requests, seconds=options.seconds, **how)
                    found[name, log].append(figures["requests_per_s"])
    print(machine("onnxruntime"))
    for name in options.forms:
        print(f"{name:<15} {told(found[name, True], found[name, False])}")


def told(with_log: Sequence[float], without: Sequence[float]) -> str:
    """Both medians of requests per second, and what is less in the mean of the pairs, with its standard error."""
    less = [1 - one / other for one, other in zip(with_log, without, strict=True)]
    error = statistics.stdev(less) / len(less) ** 0.5 if len(less) > 1 else float("nan")
    return (
        f"{statistics.median(with_log):>8,.0f} req/s with the log, {statistics.median(without):>8,.0f} without:"
        f" {statistics.mean(less):.1%} ± {error:.1%} less"
    )


if __name__ == "__main__":
    main()
