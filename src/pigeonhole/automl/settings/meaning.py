"""What a spec means: from words in sections to the plain settings of a search. Reads no file and checks nothing."""

from __future__ import annotations

from pigeonhole.automl.settings.algorithms import all_presets, blocked_by
from pigeonhole.automl.settings.notes import ensembles_fit
from pigeonhole.automl.settings.plain import DEFAULT_BUDGET_S, AutomlSettings
from pigeonhole.automl.settings.spec import AutomlSpec

_MEGABYTE = 1_000_000


def settings_of(spec: AutomlSpec, notes: list[str], name: str | None = None) -> AutomlSettings:
    """What the spec means; `name` is the search's where the spec gives none."""
    limits, training, stack = spec.limits, spec.training, spec.training.stack_ensemble_settings
    allowed, room = training.allowed_training_algorithms, ensembles_fit(spec)
    megabytes = spec.choose.max_size_mb
    return AutomlSettings(
        dataset=spec.dataset,
        name=spec.name or spec.display_name or name,
        primary_metric=spec.primary_metric,
        folds=None if spec.n_cross_validations == "auto" else spec.n_cross_validations,
        auto_folds=spec.n_cross_validations == "auto",
        budget_s=_seconds(limits.timeout, limits.timeout_minutes) or DEFAULT_BUDGET_S,
        trial_timeout_s=_seconds(limits.trial_timeout, limits.trial_timeout_minutes),
        max_trials=limits.max_trials,
        concurrent=limits.max_concurrent_trials,
        early_termination=limits.enable_early_termination,
        exit_score=limits.exit_score,
        featurization=spec.featurization.mode == "auto",
        allowed=None if allowed is None else all_presets(allowed),
        blocked=blocked_by(training.blocked_training_algorithms or ()),
        vote=training.enable_vote_ensemble and room,
        stack=training.enable_stack_ensemble and room,
        meta_learner=stack.stack_meta_learner_type,
        meta_learner_share=stack.stack_meta_learner_train_percentage,
        meta_learner_arguments=stack.stack_meta_learner_kwargs,
        seed=spec.seed,
        max_latency_ms=spec.choose.max_latency_ms,
        max_size_bytes=None if megabytes is None else round(megabytes * _MEGABYTE),
        notes=notes,
    )


def _seconds(duration_s: float | None, minutes: float | None) -> float | None:
    return 60 * minutes if minutes is not None else duration_s
