"""What says whether a manifest is well formed, and is not the code that writes it."""

from __future__ import annotations

import ast
import zipfile

import kubernetes_validate
import yaml

# What KServe 0.21 documents for a predictor beside the fields of a pod, of those that a custom container may use.
# https://kserve.github.io/website/docs/reference/crd-api
KSERVE_SERVICE = {"predictor": dict, "explainer": dict, "transformer": dict}
KSERVE_COMPONENT = {
    "minReplicas": int,
    "maxReplicas": int,
    "scaleTarget": int,
    "scaleMetric": str,
    "scaleMetricType": str,
    "containerConcurrency": int,
    "timeout": int,
    "canaryTrafficPercent": int,
    "logger": dict,
    "batcher": dict,
    "labels": dict,
    "annotations": dict,
    "deploymentStrategy": dict,
    "autoScaling": dict,
}
KSERVE_METRICS = {"cpu", "memory", "concurrency", "rps"}


def kubernetes_problems(manifest, version):
    """What Kubernetes' own schema says is wrong; unknown fields are."""
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [error.message]
    return []


def kserve_problems(manifest, version):
    """What the documented fields, and Kubernetes' schema of a pod, say is wrong."""
    problems = []
    if (manifest["apiVersion"], manifest["kind"]) != ("serving.kserve.io/v1beta1", "InferenceService"):
        problems.append("another kind")
    problems += [f"spec.{key}" for key in manifest["spec"] if key not in KSERVE_SERVICE]
    predictor = manifest["spec"]["predictor"]
    own = {key: value for key, value in predictor.items() if key in KSERVE_COMPONENT}
    problems += [key for key, value in own.items() if not isinstance(value, KSERVE_COMPONENT[key])]
    if own.get("scaleMetric", "cpu") not in KSERVE_METRICS:
        problems.append("scaleMetric")
    pod = {key: value for key, value in predictor.items() if key not in KSERVE_COMPONENT}
    wrapped = {"apiVersion": "v1", "kind": "Pod", "metadata": manifest["metadata"], "spec": pod}
    return problems + kubernetes_problems(wrapped, version)


def kserve_fields(wheel, model):
    """The fields, with their types, of one class that KServe's authors generated from their schema."""
    with zipfile.ZipFile(wheel) as archive:
        tree = ast.parse(archive.read(f"kserve/models/{model}.py"))
    tables = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in {"openapi_types", "attribute_map"}
    }
    return {tables["attribute_map"][name]: kind for name, kind in tables["openapi_types"].items()}


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))
