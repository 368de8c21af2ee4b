"""A network's training from start or last checkpoint to its end. Sequences the parts; each is a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pigeonhole.core.files import read_json
from pigeonhole.models.callbacks import Callback, Callbacks
from pigeonhole.models.checkpoints import MODEL_JSON, checkpoint_path
from pigeonhole.models.networks.checkpoints.checkpoint import copy_weights, read_tensors
from pigeonhole.models.networks.checkpoints.fingerprint import Identity
from pigeonhole.models.networks.network import Network
from pigeonhole.models.networks.trained import TrainedNetwork, load_network
from pigeonhole.models.networks.training.judging import Judge
from pigeonhole.models.networks.training.loop import Trainer
from pigeonhole.models.networks.training.plateau import Plateau
from pigeonhole.models.networks.training.records import end_facts, epoch_record, own_records, start_facts
from pigeonhole.models.networks.training.saving import Saving
from pigeonhole.models.networks.training.session import Session
from pigeonhole.models.networks.training.stopping import Stopping
from pigeonhole.models.networks.training.telling import Telling
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
    callbacks: Sequence[Callback] = (),
) -> TrainedNetwork:
    """A trained network; see `models.fit`."""
    identity = Identity(spec, data, seed, start_from)
    finished = _finished(folder, identity)
    if finished is not None:
        observer.on_start({**finished.facts, "history": finished.history})
        return finished
    session = Session.open(identity, folder)
    with session.hardware.in_use():
        return _run(session, data, observer, callbacks)


def _finished(folder: Path, identity: Identity) -> TrainedNetwork | None:
    if not (folder / MODEL_JSON).is_file():
        return None
    trained = load_network(folder)
    identity.refuse_another(folder, trained.fingerprint, read_json(folder / MODEL_JSON)["spec"])
    return trained


def _run(session: Session, data: TrainingData, observer: Observer, callbacks: Sequence[Callback]) -> TrainedNetwork:
    trainer, judge = session.trainer(data), Judge(session, data)
    state = trainer.state
    facts = {**start_facts(data, trainer), "augment": session.augmentation.why}
    stopping = Stopping(session.training.early_stopping, own_records(state.history))
    # In this order a record says whether it is the best before it is saved, and is told only once it is on disk.
    calls = Callbacks([Plateau(), stopping, Saving(session, stopping), Telling(observer, facts), *callbacks])
    calls.on_train_begin(trainer)
    while state.epoch <= session.training.epochs and not state.stop:
        calls.on_epoch_begin(trainer)
        calls.on_epoch_end(trainer, _epoch(trainer, judge, calls))
    calls.on_train_end(trainer)
    facts |= end_facts(state.history, stopping, session.training.epochs)
    return _finish(session, data, judge.network, facts, state.history)


def _epoch(trainer: Trainer, judge: Judge, calls: Callback) -> dict[str, Any]:
    """Trains what is left of the epoch under way, validates what it gave, and files its record."""
    state = trainer.state
    trained = trainer.run_epoch(lambda: calls.on_step_end(trainer))
    trained_s = state.spent_s
    record = epoch_record(trainer, trained, judge.judge(trainer), trained_s, state.spent_s)
    state.end_epoch(record)
    return record


def _finish(
    session: Session, data: TrainingData, network: Network, facts: dict[str, Any], history: list[dict[str, Any]]
) -> TrainedNetwork:
    """The network with the weights of the epoch to keep, saved."""
    kept = read_tensors(checkpoint_path(session.folder, facts["kept_epoch"])).groups
    copy_weights(network.state_dict(), {**kept["network"], **kept.get("average", {})})
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
