"""The rows of AutoML's table: data, families, budget, goal and peers. Data only; automl.py measures them."""

from __future__ import annotations

from dataclasses import dataclass

from automl_data import COLOUR, FULL, PART, SMALL

TEST, CROSS_VALIDATED = "test", "cross-validated"
NO_NETWORKS = "no neural networks, nor scikit-learn's MLP"


@dataclass(frozen=True)
class Peer:
    """One search of another library.

    Attributes:
        key: the file its figures are kept in.
        words: what it is called in the table.
        script: in automl_peers.
        arguments: beside the folder and the budget.
    """

    key: str
    words: str
    script: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One search of ours on one data set, and the peers on the same.

    Attributes:
        key: what `--only` takes.
        data: a data set of automl_data.
        budget_s: seconds of the clock for the whole command.
        goal: the least accuracy; `None` where it is the best peer's and `margin`.
        families: what may be fitted, in words.
        arguments: of `pigeonhole automl`, beside data set and budget.
        scored_on: `test`, by `evaluate`; or `cross-validated`, out of fold, on data without a test split.
        auc_goal: the least AUC_weighted out of fold.
        elsewhere: what others measured, in words.
        peers: what is measured beside it.
    """

    key: str
    data: str
    budget_s: int
    goal: float | None
    families: str = "all"
    arguments: tuple[str, ...] = ()
    scored_on: str = TEST
    auc_goal: float | None = None
    margin: float = 0.0
    elsewhere: str = "–"
    peers: tuple[Peer, ...] = ()

    @property
    def budget(self) -> str:
        """As the command takes it: `20m`, `60s`."""
        return f"{self.budget_s // 60}m" if self.budget_s > 60 else f"{self.budget_s}s"


# As `flaml[automl]` installs it: AutoGluon's CatBoost would join its search, and would not be stopped by the budget.
FLAML = Peer("flaml", "FLAML", "flaml_search.py", ("--without", "catboost"))
GLUON = Peer("autogluon", "AutoGluon-Tabular, medium_quality (its default)", "autogluon_search.py")
GLUON_BEST = Peer(
    "autogluon-best", "AutoGluon-Tabular, best_quality", "autogluon_search.py", ("--preset", "best_quality")
)
ONLY_TREES = ("--without", "NN_TORCH", "FASTAI", "CAT", "XGB")
TREES = Peer("autogluon", "AutoGluon-Tabular, medium_quality, LightGBM and scikit-learn", GLUON.script, ONLY_TREES)
TREES_BEST = Peer(
    "autogluon-best",
    "AutoGluon-Tabular, best_quality, LightGBM and scikit-learn",
    GLUON.script,
    (*GLUON_BEST.arguments, *ONLY_TREES),
)

ROWS = (
    Row("mnist-20m", FULL, 1200, 0.997, elsewhere="Azure AutoML 99.35% (20 min, cluster, up to 10 at once)"),
    Row("mnist-5m", FULL, 300, 0.9955),
    Row("mnist-60s", FULL, 60, 0.992),
    Row(
        "mnist-10m-no-networks",
        FULL,
        600,
        0.99,
        families=NO_NETWORKS,
        arguments=("--block", "networks", "--block", "mlp"),
        elsewhere="AutoGluon-Tabular 1.6 98.14% in 602 s; FLAML 2.7 97.60% in 768 s",
        peers=(TREES, TREES_BEST, FLAML),
    ),
    Row(
        "mnist-42k-20m",
        PART,
        1200,
        0.994,
        arguments=("--folds", "5", "--metric", "accuracy"),
        scored_on=CROSS_VALIDATED,
        auc_goal=0.99996,
        elsewhere="99.352%, AUC_weighted 0.99995",
    ),
    Row("cifar10-6k-10m", COLOUR, 600, 0.72, peers=(GLUON, FLAML)),
    Row("mnist-5k-60s", SMALL, 60, None, margin=0.01, peers=(GLUON, GLUON_BEST, FLAML)),
)
