"""An ensemble is a run like any other: it goes the whole way, and a kill in between loses nothing."""

from __future__ import annotations

import numpy as np
import pytest

import pigeonhole as ph
from pigeonhole import data, export, tracking
from pigeonhole.automl import stacking
from pigeonhole.core.errors import ConflictError, GateError, UsageError
from pigeonhole.evaluation.primary import PRIMARY_METRICS
from pigeonhole.workflows import ensembling
from pigeonhole.workflows.ensembling import Member, run_ensemble
from pigeonhole.workflows.runs import remove

COMMAND = "pigeonhole automl digits"


def of(walked, network=0.6):
    return [Member(walked.network, network, 0.9), Member(walked.estimator, 1 - network)]


def make(walked, **changes):
    arguments = {"method": "vote", "members": of(walked), "dataset": "digits", "command": COMMAND}
    return run_ensemble(walked.space, **{**arguments, **changes})


@pytest.fixture(scope="module")
def voting(walked):
    return make(walked)


def test_a_vote_has_what_any_run_has(walked, voting):
    run = tracking.Runs(walked.space).get(voting)
    kept = [tracking.Runs(walked.space).get(one.run_id).load_array("validation_probs") for one in of(walked)]
    voted_NK = run.load_array("validation_probs")
    assert voting.startswith("voting-ensemble-")
    assert run.settled
    assert np.abs(voted_NK - (0.6 * kept[0] + 0.4 * kept[1])).max() < 1e-6
    labels_N = data.open_dataset(walked.space, "digits").validation.labels_N
    assert run.metrics["validation_accuracy"] == pytest.approx(np.mean(voted_NK.argmax(axis=1) == labels_N))
    assert {"latency_ms", "bundle_size_bytes", "verified_images", "seconds"} <= run.metrics.keys()
    assert run.load_array("verification_probs").shape == (len(run.load_array("verification_rows")), 10)
    told = run.record["spec"]["ensemble"]["members"]
    assert [(one["run_id"], one["weight"], one["score"]) for one in told] == [
        (walked.network, 0.6, 0.9),
        (walked.estimator, 0.4, None),
    ]


def test_it_is_evaluated_registered_and_found_in_the_lineage(walked, voting):
    report = ph.evaluate(voting, workspace=walked.space)
    version = ph.register(voting, name="together", workspace=walked.space)
    steps = ph.lineage(version.ref, workspace=walked.space)
    assert report.accuracy.value > 0.85
    assert ph.run(voting, workspace=walked.space).command() == COMMAND
    assert {walked.network, walked.estimator, voting} == {step.name for step in steps if step.kind == "run"}
    assert {walked.network, walked.estimator} == {step.name for step in steps if step.member_of == voting}


def test_its_members_cannot_be_removed_under_it(walked, voting):
    with pytest.raises(ConflictError, match=voting):
        remove(walked.estimator, workspace=walked.space)


def test_the_same_call_goes_on_where_a_kill_left_it(walked, monkeypatch):
    arguments = {"members": of(walked, 0.7), "trial": "search/voting-ensemble"}

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ensembling, "note_bundle", killed)
    with pytest.raises(KeyboardInterrupt):
        make(walked, **arguments)
    monkeypatch.undo()
    monkeypatch.setattr(export, "ensemble_bundle", killed)  # it stands already
    first = make(walked, **arguments)
    assert make(walked, **arguments) == first
    assert tracking.Runs(walked.space).get(first).record["continued_at"]


def test_a_stack_is_judged_by_its_second_meta_learner(walked):
    source = data.open_dataset(walked.space, "digits")
    labels_N = source.validation.labels_N
    kept = [tracking.Runs(walked.space).get(one.run_id).load_array("validation_probs") for one in of(walked)]
    options = stacking.MetaOptions(PRIMARY_METRICS["accuracy"], learner="LogisticRegression")
    stack = stacking.stack_with_hold_out(
        labels_N, kept, labels_N[::2], [probs_NK[::2] for probs_NK in kept], kept, options
    )
    made = tracking.Runs(walked.space).get(make(walked, method="stack", stack=stack))
    assert (made.load_array("validation_probs") == stack.honest_probs_NK).all()
    assert made.metrics["validation_accuracy"] == stack.score
    assert made.load_array(ensembling.COEFFICIENTS).shape == (10, 18)
    assert made.record["spec"]["ensemble"]["meta_learner"]["name"] == "LogisticRegression"


def test_what_makes_no_ensemble_is_refused(walked):
    with pytest.raises(UsageError, match="'stack' without a meta learner"):
        make(walked, method="stack")
    unfinished = tracking.Runs(walked.space).start_or_continue(
        {"kind": "network"}, model="cnn", dataset="digits:1", dataset_sha256="0", seed=0
    )
    unfinished.close()
    with pytest.raises(GateError, match=f"run {unfinished.id} is .* no bundle"):
        make(walked, members=[Member(unfinished.id, 1.0)])
    tracking.Runs(walked.space).remove(unfinished.id)
