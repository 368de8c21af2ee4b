"""Models as users of AutoML know them: "MinMaxScaler, SVM". Names only; nothing is chosen or fitted here."""

from __future__ import annotations

from collections.abc import Mapping

from pigeonhole.models.spec import ModelSpec

# Azure ML's names of algorithms, and the presets that each of them means here.
ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "LogisticRegression": ("logistic-regression",),
    "SGD": ("sgd",),
    "MultinomialNaiveBayes": ("multinomial-naive-bayes",),
    "BernoulliNaiveBayes": ("bernoulli-naive-bayes",),
    "SVM": ("svm-rbf",),
    "LinearSVM": ("linear-svm",),
    "KNN": ("knn",),
    "DecisionTree": ("decision-tree",),
    "RandomForest": ("random-forest",),
    "ExtremeRandomTrees": ("extra-trees",),
    "LightGBM": ("lightgbm",),
    "GradientBoosting": ("lightgbm", "xgboost"),
    "XGBoostClassifier": ("xgboost",),
}
# What the scalers are called in scikit-learn, by the values of the parameter `scaler`.
SCALERS: Mapping[str, str] = {
    "none": "",
    "min-max": "MinMaxScaler",
    "max-abs": "MaxAbsScaler",
    "standard": "StandardScaler",
    "robust": "RobustScaler",
    "normalizer": "Normalizer",
    "pca": "PCA",
}
# Estimators that Azure ML does not have.
_OTHERS: Mapping[str, str] = {"gaussian-naive-bayes": "GaussianNaiveBayes", "mlp": "MLPClassifier"}
# These have principal components of their own, whatever stands before them.
_OWN_COMPONENTS = ("svm-rbf", "knn")


def display_name(spec: ModelSpec) -> str:
    """What stands before an estimator, and its algorithm: "PCA, SVM"; of any other model the preset's key."""
    if spec.estimator is None:
        return spec.model
    settings = spec.estimator
    steps = [SCALERS.get(str(settings.get("scaler", "none")), "")]
    if settings["name"] in _OWN_COMPONENTS and settings.get("pca_components", 1):
        steps.append(SCALERS["pca"])
    return ", ".join([*filter(None, steps), _algorithm(str(settings["name"]))])


def _algorithm(name: str) -> str:
    """Azure ML's name for an estimator; the algorithm that means no other comes first."""
    own = [algorithm for algorithm, keys in ALGORITHMS.items() if keys == (name,)]
    return own[0] if own else _OTHERS.get(name, name)
