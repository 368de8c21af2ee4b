"""A network's training from start or last checkpoint to its end. Sequences the parts; each is a file of its own."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from pigeonhole.models.checkpoints import MODEL_JSON, checkpoint_path
from pigeonhole.models.networks.batches import Loader
from pigeonhole.models.networks.checkpoint import copy_weights, prune, read_tensors
from pigeonhole.models.networks.fingerprint import fingerprint
from pigeonhole.models.networks.loop import Trainer, score
from pigeonhole.models.networks.network import Network, network_of
from pigeonhole.models.networks.records import end_facts, epoch_record, own_records, start_facts
from pigeonhole.models.networks.schedules import damping
from pigeonhole.models.networks.session import Session, refuse_another
from pigeonhole.models.networks.stopping import Stopping
from pigeonhole.models.networks.trained import TrainedNetwork, load_network
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.trained import Observer, TrainingData


def fit_network(
    spec: ModelSpec,
    data: TrainingData,
    *,
    seed: int,
    folder: Path,
    observer: Observer,
    start_from: Path | None = None,
) -> TrainedNetwork:
    """A trained network; see `models.fit`."""
    mark = fingerprint(spec, data, seed, start_from)
    finished = _finished(folder, mark)
    if finished is not None:
        observer.on_start({**finished.facts, "history": finished.history})
        return finished
    session = Session.open(spec, data, seed, folder, mark, start_from)
    with session.hardware.in_use():
        return _run(session, data, observer)


def _finished(folder: Path, mark: str) -> TrainedNetwork | None:
    if not (folder / MODEL_JSON).is_file():
        return None
    trained = load_network(folder)
    refuse_another(folder, trained.fingerprint, mark)
    return trained


def _run(session: Session, data: TrainingData, observer: Observer) -> TrainedNetwork:
    trainer = session.trainer(data)
    history = list(session.history)
    facts = {**start_facts(data, trainer, len(history)), "augment": session.augmentation.why}
    observer.on_start({**facts, "history": list(history)})
    stopping = Stopping(session.training.early_stopping, own_records(history))
    # The averaged weights are validated in a network of their own, so that training never sees them.
    judged = network_of(session.spec, data.shape_HWC, len(data.class_names)).to(session.hardware.device)
    while len(history) < session.training.epochs and not stopping.is_due:
        trainer = replace(trainer, damping=damping(session.training.schedule, own_records(history)))
        record = _epoch(session, data, trainer, judged, history)
        record["best"] = stopping.follow(record)
        history.append(record)
        session.save(trainer, history)
        prune(session.folder, session.training.keep_checkpoints, stopping.best_epoch)
        observer.on_epoch(record)
    facts |= end_facts(history, stopping, session.training.epochs)
    return _finish(session, data, judged, facts, history)


def _epoch(
    session: Session, data: TrainingData, trainer: Trainer, judged: Network, history: list[dict[str, Any]]
) -> dict[str, Any]:
    """Trains one epoch, validates what it gave, and returns its record."""
    start = time.perf_counter()
    trained = trainer.run_epoch(len(history) + 1)
    trained_s = time.perf_counter() - start
    copy_weights(judged.state_dict(), trainer.average.weights(trainer.network))
    validated = None
    if data.validation is not None:
        images_NHWC, labels_N = data.validation
        loader = Loader(images_NHWC, session.normalizer, session.hardware.device)
        how = session.training
        validated = score(judged, loader, labels_N, session.hardware, how.label_smoothing, how.test_time_augmentation)
    return epoch_record(trainer, history, trained, validated, trained_s, time.perf_counter() - start)


def _finish(
    session: Session, data: TrainingData, network: Network, facts: dict[str, Any], history: list[dict[str, Any]]
) -> TrainedNetwork:
    """The network with the weights of its best epoch, saved."""
    best = read_tensors(checkpoint_path(session.folder, facts["best_epoch"])).groups
    copy_weights(network.state_dict(), {**best["network"], **best.get("average", {})})
    trained = TrainedNetwork(
        network.cpu().eval(),
        session.normalizer,
        session.spec,
        data.class_names,
        data.shape_HWC,
        facts,
        history,
        session.seed,
        session.mark,
    )
    trained.save(session.folder)
    return trained
