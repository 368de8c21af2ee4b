"""The whole loop with one command: runs a recipe, asks the endpoint about 100 test images, and reads the monitor.

`make demo` runs this. It is on MNIST if that is at hand or can be downloaded, else on the built-in sample of
5,000 images. Nothing is left running. Run again, it reuses what is finished.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

import pigeonhole as ph
from pigeonhole.core.errors import DataError, PigeonholeError

RECIPES = Path(__file__).parent
IMAGES = 100


def main() -> int:
    """Runs the demonstration and returns the exit code."""
    start = time.perf_counter()
    recipe = with_a_free_port(choose_recipe())
    try:
        outcome = ph.pipeline(recipe, note=print, view=Epochs())
        endpoint = outcome.facts("deploy")
        answered, right = ask(endpoint["url"], outcome.facts("ingest")["dataset"])
        figures = ph.monitor(endpoint["name"]).to_dict()
        state = ph.endpoint(endpoint["name"]).state
    finally:
        stop(recipe)
    report(outcome, state, answered, right, figures, time.perf_counter() - start)
    return 0 if state == "Healthy" and answered == IMAGES else 6


def stop(recipe: dict[str, Any]) -> None:
    """Leaves nothing running, however far the recipe came."""
    mine = {stage["deploy"]["endpoint"] for stage in recipe["stages"] if "deploy" in stage}
    for status in ph.list_endpoints():
        if status.name in mine:
            ph.stop(status.name)


def choose_recipe() -> Path:
    """The MNIST recipe where MNIST can be had, else the sample's; says which."""
    try:
        if "mnist" not in {summary.name for summary in ph.list_datasets()}:
            ph.ingest("mnist", name="mnist")
    except DataError as error:
        print("this demo runs on mnist-5k, the built-in sample of 5,000 MNIST images, because MNIST cannot be had:")
        print(f"  {error.received}")
        return RECIPES / "mnist-5k.yml"
    print("this demo runs on MNIST: 60,000 training and 10,000 test images")
    return RECIPES / "mnist.yml"


def with_a_free_port(recipe: Path) -> dict[str, Any]:
    """The recipe; if something else has its port, with any free one instead."""
    content: dict[str, Any] = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    deploy = next(stage["deploy"] for stage in content["stages"] if "deploy" in stage)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", deploy["port"]))
        except OSError:
            print(f"  port {deploy['port']} is taken; the endpoint gets another")
            deploy["port"] = 0
    # An endpoint of its own, so that one that the user deployed is left alone.
    deploy["endpoint"] = "demo"
    return content


class Epochs:
    """A line an epoch."""

    def on_start(self, facts: dict[str, Any]) -> None:
        """Says on what the training runs."""
        print("  " + ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None))

    def on_epoch(self, record: dict[str, Any]) -> None:
        """Says how the epoch went."""
        print(
            f"  epoch {record['epoch']}/{record['epochs']}: validation accuracy {record['validation_accuracy']:.2%}, "
            f"{record['images_per_s']:,.0f} images/s, {record['seconds_left']:.0f} s left"
        )


def ask(url: str, dataset: str) -> tuple[int, int]:
    """POSTs test images one by one, tells the endpoint the true labels, and counts the answers and the right ones."""
    data = ph.dataset(dataset)
    rows = data.rows("test")[:IMAGES]
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    answered = right = 0
    for row in rows:
        truth = data.class_names[int(data.labels_N[row])]
        reply = post(connection, "/score", {"data": [data.images_NHWC[row].ravel().tolist()]})
        answered += 1
        right += reply["predictions"][0]["label"] == truth
        post(connection, "/feedback", {"request_id": reply["request_id"], "label": truth})
    connection.close()
    return answered, right


def post(connection: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One request; anything but 200 is an error."""
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise PigeonholeError(f"the endpoint answered {response.status}: {content.decode()}")
    answer: dict[str, Any] = json.loads(content)
    return answer


def report(outcome: Any, state: str, answered: int, right: int, figures: dict[str, Any], seconds: float) -> None:
    """Prints what was made, what it is worth, where the pictures are, and what to do next."""
    evaluation, model = outcome.facts("evaluate"), outcome.facts("register")
    accuracy = evaluation["accuracy"]
    reused = [stage.stage for stage in outcome.stages if stage.reused]
    live = figures["live_accuracy"]
    print()
    print(f"dataset    {outcome.facts('ingest')['dataset']}")
    print(f"run        {evaluation['run_id']}")
    print(
        f"accuracy   {accuracy['value']:.2%} on {evaluation['n']:,} {evaluation['split']} images "
        f"(95% interval {100 * accuracy['low']:.2f}–{100 * accuracy['high']:.2f}%)"
    )
    print(f"model      {model['ref']} ({', '.join(model['aliases'])})")
    print(f"endpoint   {state}: {answered} test images answered, {right} right")
    print(
        f"monitor    {figures['requests']:,} requests, p50 {figures['p50_ms']:.2f} ms, p99 {figures['p99_ms']:.2f} ms, "
        f"{figures['errors']} errors, mean confidence {figures['mean_confidence']:.2%}"
    )
    if live:
        print(f"           live accuracy {live['value']:.2%} from {live['n']:,} labels fed back")
    curves = [str(path) for path in Path(outcome.facts("train")["folder"], "plots").glob("*.png")]
    print("pictures   " + "\n           ".join(curves + evaluation["pictures"]))
    if reused:
        print(f"reused     {', '.join(reused)}")
    print(f"took       {seconds:.0f} s; the endpoint is stopped, nothing is left running")
    print(f"next       .venv/bin/pigeonhole deploy {model['ref']} --endpoint {model['name']} --port 8080")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PigeonholeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
