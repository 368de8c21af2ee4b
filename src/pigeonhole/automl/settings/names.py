"""Names that people bring: SDK v1's, and those of Azure ML that say something else here, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pigeonhole.automl.settings.parts import Limits

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Moved:
    """A name that v2 writes in another place.

    Attributes:
        place: where.
        scale: by which a number is multiplied.
        phrase: what the name is to that place.
    """

    place: tuple[str, ...]
    scale: float = 1
    phrase: str = "is SDK v1's name for"


@dataclass(frozen=True)
class Other:
    """A name that no setting here stands for.

    Attributes:
        text: what happens here, or what to do.
        refused: whether the spec cannot mean what it says without it.
    """

    text: str
    refused: bool = False


_LIMITS, _TRAINING = "limits", "training"
SHORT = "is short for"
_NOT_AT_THE_TOP = "is, in v2's YAML,"

MOVED: Mapping[str, Moved] = {
    "experiment_timeout_minutes": Moved((_LIMITS, "timeout_minutes")),
    "experiment_timeout_hours": Moved((_LIMITS, "timeout_minutes"), scale=60),
    "iteration_timeout_minutes": Moved((_LIMITS, "trial_timeout_minutes")),
    "iterations": Moved((_LIMITS, "max_trials")),
    "max_concurrent_iterations": Moved((_LIMITS, "max_concurrent_trials")),
    "enable_early_stopping": Moved((_LIMITS, "enable_early_termination")),
    "experiment_exit_score": Moved((_LIMITS, "exit_score")),
    "allowed_models": Moved((_TRAINING, "allowed_training_algorithms")),
    "whitelist_models": Moved((_TRAINING, "allowed_training_algorithms")),
    "blocked_models": Moved((_TRAINING, "blocked_training_algorithms")),
    "blacklist_models": Moved((_TRAINING, "blocked_training_algorithms")),
    "enable_voting_ensemble": Moved((_TRAINING, "enable_vote_ensemble")),
    "enable_stack_ensemble": Moved((_TRAINING, "enable_stack_ensemble")),
    "stack_meta_learner_type": Moved((_TRAINING, "stack_ensemble_settings", "stack_meta_learner_type")),
    "stack_meta_learner_train_percentage": Moved(
        (_TRAINING, "stack_ensemble_settings", "stack_meta_learner_train_percentage")
    ),
    "stack_meta_learner_kwargs": Moved((_TRAINING, "stack_ensemble_settings", "stack_meta_learner_kwargs")),
    "preprocess": Moved(("featurization", "mode")),
    # What v2's Python SDK takes beside its sections, and people then write at the top of a file.
    **{name: Moved((_LIMITS, name), phrase=_NOT_AT_THE_TOP) for name in Limits.model_fields},
    **{
        name: Moved((_TRAINING, name), phrase=_NOT_AT_THE_TOP)
        for name in ("allowed_training_algorithms", "blocked_training_algorithms", "enable_vote_ensemble")
    },
    "budget": Moved((_LIMITS, "timeout"), phrase=SHORT),
    "metric": Moved(("primary_metric",), phrase=SHORT),
    "folds": Moved(("n_cross_validations",), phrase=SHORT),
    "allow": Moved((_TRAINING, "allowed_training_algorithms"), phrase=SHORT),
    "block": Moved((_TRAINING, "blocked_training_algorithms"), phrase=SHORT),
}

_MACHINE = Other("of use on Azure ML only; here the search runs on this machine, in this environment")
_LABELS = Other("a dataset here knows its labels; `pigeonhole ingest --label NAME` names the column of a table")
_HOLD_OUT = Other("the dataset's own validation split is held out; `pigeonhole ingest --validation 0.1` sets its share")
_TEST = Other("a search looks at no test image; `pigeonhole evaluate RUN` scores the dataset's own test split")
_TABLES = Other("is for tables; images are only scaled")
_ONE_CORE = Other("each fit has one core here; limits.max_concurrent_trials says how many run at a time")
_ONNX = Other("every model here is exported to ONNX, and verified")
_EXPLAINED = Other("no model is explained during a search")
_NETWORKS = Other("networks are candidates here; training.blocked_training_algorithms: [networks] takes them out")
_WEIGHTS = Other("images have no weights here; take it out", refused=True)
_CV_COLUMNS = Other("folds are drawn here, each with every class; write n_cross_validations", refused=True)
_ONE_MODEL = Other(
    "a search over one model's parameters is a sweep here (type: sweep); take it out, and presets are tried",
    refused=True,
)
_IN_MEMORY = Other("data comes from the workspace; ingest it, and write dataset: NAME", refused=True)

OTHERS: Mapping[Place, Other] = {
    **{(name,): _MACHINE for name in ("compute", "compute_target", "identity", "resources", "queue_settings")},
    **{(name,): _MACHINE for name in ("environment", "environment_variables", "outputs", "services", "path")},
    **{(name,): _MACHINE for name in ("log_verbosity", "verbosity", "debug_log", "enable_code_generation")},
    **{(name,): _LABELS for name in ("target_column_name", "label_column_name")},
    **{(name,): _HOLD_OUT for name in ("validation_size", "validation_data_size")},
    **{(name,): _TEST for name in ("test_size", "test_data_size", "test_data")},
    ("validation_data",): Other(
        "a validation set of its own cannot be named; ingest it with the rest (--validation 0.1 holds a share out), and"
        " take it out here",
        refused=True,
    ),
    ("positive_label",): Other("none of the five primary metrics asks for it"),
    **{(name,): _WEIGHTS for name in ("weight_column_name", "sample_weight_column_name", "sample_weight")},
    ("cv_split_column_names",): _CV_COLUMNS,
    ("cv_splits_indices",): _CV_COLUMNS,
    **{(name,): _ONE_MODEL for name in ("training_parameters", "search_space", "sweep", "hyperparameter_sampling")},
    **{(name,): _IN_MEMORY for name in ("X", "y", "X_valid", "y_valid", "data_script")},
    ("drop_column_names",): _TABLES,
    **{
        ("featurization", name): _TABLES
        for name in (
            "blocked_transformers",
            "column_name_and_types",
            "transformer_params",
            "enable_dnn_featurization",
            "dataset_language",
        )
    },
    ("max_cores_per_iteration",): _ONE_CORE,
    ("limits", "max_cores_per_trial"): _ONE_CORE,
    ("limits", "max_nodes"): _MACHINE,
    ("ensemble_download_model_timeout_sec",): Other("nothing is downloaded here"),
    (_TRAINING, "ensemble_model_download_timeout_minutes"): Other("nothing is downloaded here"),
    (_TRAINING, "enable_onnx_compatible_models"): _ONNX,
    ("enable_onnx_compatible_models",): _ONNX,
    (_TRAINING, "enable_model_explainability"): _EXPLAINED,
    ("model_explainability",): _EXPLAINED,
    (_TRAINING, "enable_dnn_training"): _NETWORKS,
    ("enable_dnn",): _NETWORKS,
    (_TRAINING, "training_mode"): Other("each fit runs on one core of this machine"),
}
