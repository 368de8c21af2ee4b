"""The manifests for Kubernetes and for KServe. Applies nothing, and holds no key: only the name of its secret."""

from __future__ import annotations

from typing import Any

import yaml

from pigeonhole.packaging.container import LIVE, READY, USER
from pigeonhole.packaging.plan import PORT, Plan

CPU_PERCENT = 70
KEY = "key-hashes"
_PORT_NAME = "http"
# Time for the cluster to stop sending before the server stops accepting, then for answers under way (10 s), then some.
_GRACE_S, _PAUSE_S = 30, 5
Manifest = dict[str, Any]


def manifests(plan: Plan) -> dict[str, str]:
    """Where each manifest stands in the folder, and its text."""
    made = {
        "kubernetes/deployment.yaml": (deployment(plan), "Without `replicas`: their number is the autoscaler's."),
        "kubernetes/service.yaml": (service(plan), "Within the cluster only; an Ingress with TLS is yours to add."),
        "kubernetes/autoscaler.yaml": (autoscaler(plan), "Needs the cluster's metrics server."),
        "kserve/inferenceservice.yaml": (
            inference_service(plan),
            "Releases of KServe before 0.16 call the deployment mode Standard RawDeployment.",
        ),
    }
    return {
        path: f"# {note}\n{yaml.safe_dump(content, sort_keys=False, width=100)}"
        for path, (content, note) in made.items()
    }


def deployment(plan: Plan) -> Manifest:
    """The Deployment: a new version takes over once it is ready, and none is taken away before."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(plan),
        "spec": {
            "revisionHistoryLimit": 3,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": _selector(plan)},
            "template": {"metadata": {"labels": _labels(plan)}, "spec": _pod(plan, "server")},
        },
    }


def service(plan: Plan) -> Manifest:
    """The Service: port 80 of one name for all processes."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(plan),
        "spec": {
            "type": "ClusterIP",
            "selector": _selector(plan),
            "ports": [{"name": _PORT_NAME, "port": 80, "targetPort": _PORT_NAME, "protocol": "TCP"}],
        },
    }


def autoscaler(plan: Plan) -> Manifest:
    """The HorizontalPodAutoscaler: by processor, since scoring needs little else."""
    target = {"type": "Utilization", "averageUtilization": CPU_PERCENT}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(plan),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": plan.name},
            "minReplicas": plan.min_replicas,
            "maxReplicas": plan.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def inference_service(plan: Plan) -> Manifest:
    """KServe's InferenceService with the same container as its predictor; instead of the other three manifests."""
    annotations = {"serving.kserve.io/deploymentMode": "Standard", "serving.kserve.io/autoscalerClass": "hpa"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {**_metadata(plan), "annotations": annotations},
        "spec": {
            "predictor": {
                "minReplicas": plan.min_replicas,
                "maxReplicas": plan.max_replicas,
                "scaleMetric": "cpu",
                "scaleTarget": CPU_PERCENT,
                **_pod(plan, "kserve-container"),
            }
        },
    }


def _selector(plan: Plan) -> dict[str, str]:
    return {"app.kubernetes.io/name": plan.name}


def _labels(plan: Plan) -> dict[str, str]:
    return {**_selector(plan), "app.kubernetes.io/version": plan.version, "app.kubernetes.io/component": "server"}


def _metadata(plan: Plan) -> Manifest:
    return {"name": plan.name, "labels": _labels(plan)}


def _pod(plan: Plan, container: str) -> Manifest:
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": _GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(plan, container)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }


def _container(plan: Plan, name: str) -> Manifest:
    asked = {"cpu": plan.cpu_quantity, "memory": plan.memory_quantity}
    return {
        "name": name,
        "image": plan.image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": _PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        "env": [
            {
                "name": "PIGEONHOLE_KEY_HASHES",
                "valueFrom": {"secretKeyRef": {"name": plan.secret, "key": KEY}},
            }
        ],
        # No limit on the processor: it would hold a request back although a core is idle.
        "resources": {"requests": asked, "limits": {"memory": plan.memory_quantity}},
        "startupProbe": _probe(READY, period_s=1, failures=60),
        "readinessProbe": _probe(READY, period_s=2, failures=2),
        "livenessProbe": _probe(LIVE, period_s=10, failures=3),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(_PAUSE_S)]}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a path inside the container
    }


def _probe(path: str, *, period_s: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": _PORT_NAME},
        "periodSeconds": period_s,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }
