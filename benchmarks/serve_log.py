"""What the prediction log takes of our server's throughput: with and without it in turns, in each form of serve.py.

    PIGEONHOLE_DATA=FOLDER python benchmarks/serve_log.py [--rounds 5] [--seconds 4]

As in serve.py: the server with all of its threads on one core, wrk on the other one, every answer checked, every image
logged. Goal: at most 10% for JSON integers.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict

from measuring import machine
from serve import FOLDER, LOAD_CORE, PORT, SERVER_CORE, forms, images, trained
from serve_load import load, write_requests
from serve_ours import KEY, ours

FORMS = ("integers", "decimals", "binary tensor", "one connection")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    bundle = trained()
    chosen_NP, labels = images(bundle)
    found: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        for log in (True, False):
            with ours(bundle, FOLDER, PORT, SERVER_CORE, log=log) as server:
                for name in FORMS:
                    form, connections = forms((28, 28, 1))[name]
                    requests = FOLDER / f"requests-{name.replace(' ', '-')}.bin"
                    if not requests.is_file():
                        write_requests(requests, form, chosen_NP, labels)
                    how = {"connections": connections, "core": LOAD_CORE, "headers": {"Authorization": f"Bearer {KEY}"}}
                    load(server.url, form, requests, seconds=1, **how)
                    figures = load(server.url, form, requests, seconds=options.seconds, **how)
                    found[name, log].append(figures["requests_per_s"])
    print(machine("onnxruntime"))
    for name in FORMS:
        with_log, without = statistics.median(found[name, True]), statistics.median(found[name, False])
        print(
            f"{name:<15} {with_log:>8,.0f} req/s with the log, {without:>8,.0f} without:"
            f" {1 - with_log / without:.1%} less"
        )


if __name__ == "__main__":
    main()
