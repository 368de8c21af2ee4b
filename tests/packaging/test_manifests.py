"""The manifests are of the form that Kubernetes and KServe take, and their parts fit each other."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest

import pigeonhole as ph
from pigeonhole.packaging.readme import KSERVE_TRIED, KUBERNETES_TRIED

from .oracles import KSERVE_COMPONENT, kserve_fields, kserve_problems, kubernetes_problems, read

OLDEST, NEWEST = (int(version.partition(".")[2]) for version in KUBERNETES_TRIED.split(" to "))
VERSIONS = [f"1.{minor}" for minor in range(OLDEST, NEWEST + 1)]
FILES = ["deployment", "service", "autoscaler"]


@pytest.fixture(scope="module")
def deployment(packed):
    return read(packed.folder / "kubernetes/deployment.yaml")


@pytest.fixture(scope="module")
def service(packed):
    return read(packed.folder / "kubernetes/service.yaml")


@pytest.fixture(scope="module")
def autoscaler(packed):
    return read(packed.folder / "kubernetes/autoscaler.yaml")


@pytest.fixture(scope="module")
def inference_service(packed):
    return read(packed.folder / "kserve/inferenceservice.yaml")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_kubernetes_that_the_readme_names_takes_the_manifests(packed, version):
    for name in FILES:
        assert kubernetes_problems(read(packed.folder / f"kubernetes/{name}.yaml"), version) == [], name


def spoil(manifest, *place, value):
    spoilt = copy.deepcopy(manifest)
    inner = spoilt
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return spoilt


POD = ("spec", "template", "spec")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("spec", "replcas"), 1),
        ((*POD, "containers", 0, "ports", 0, "containerPort"), "8080"),
        ((*POD, "containers", 0, "startupProbe", "httpGet", "paht"), "/"),
        ((*POD, "containers", 0, "securityContext", "readOnlyRootFilesystem"), "yes"),
        ((*POD, "containers", 0, "env", 0, "valueFrom", "secretKeyRef"), {"name": "x"}),
    ],
)
def test_the_schemas_find_what_is_wrong(deployment, place, value):
    assert kubernetes_problems(spoil(deployment, *place, value=value), VERSIONS[-1])


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_kserve_documents_every_field_and_kubernetes_takes_the_pod(inference_service, version):
    assert kserve_problems(inference_service, version) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("spec", "predictor", "minReplica"), 1),
        (("spec", "predictor", "maxReplicas"), "4"),
        (("spec", "predictor", "scaleMetric"), "luck"),
        (("spec", "predictor", "containers", 0, "imagee"), "x"),
        (("spec", "pedictor"), {}),
    ],
)
def test_the_fields_of_kserve_find_what_is_wrong(inference_service, place, value):
    assert kserve_problems(spoil(inference_service, *place, value=value), VERSIONS[-1])


@pytest.mark.full
def test_the_classes_that_kserve_generates_from_its_schema_have_the_fields(inference_service, tmp_path):
    wanted = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", tmp_path]
    subprocess.run([*wanted, f"kserve=={KSERVE_TRIED}.*"], check=True, timeout=300)
    (wheel,) = tmp_path.glob("kserve-*.whl")
    kinds = {int: "int", str: "str", dict: ("dict(", "V1", "K8s")}
    component = kserve_fields(wheel, "v1beta1_component_extension_spec")
    assert set(KSERVE_COMPONENT) == set(component)
    assert all(component[key].startswith(kinds[kind]) for key, kind in KSERVE_COMPONENT.items())
    assert set(inference_service) <= set(kserve_fields(wheel, "v1beta1_inference_service"))
    assert set(inference_service["spec"]) <= set(kserve_fields(wheel, "v1beta1_inference_service_spec"))
    predictor = kserve_fields(wheel, "v1beta1_predictor_spec")
    assert set(inference_service["spec"]["predictor"]) <= set(predictor)
    assert predictor["containers"] == "list[V1Container]"


def test_the_service_reaches_the_pods_and_the_autoscaler_their_deployment(deployment, service, autoscaler):
    template = deployment["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert service["spec"]["ports"][0]["targetPort"] in {port["name"] for port in container["ports"]}
    assert autoscaler["spec"]["scaleTargetRef"] == {
        "apiVersion": deployment["apiVersion"],
        "kind": deployment["kind"],
        "name": deployment["metadata"]["name"],
    }
    # A share of the processor needs something that it is a share of.
    assert container["resources"]["requests"]["cpu"]
    # A number here would undo the autoscaler's at every apply.
    assert "replicas" not in deployment["spec"]


def test_the_version_is_a_label_and_not_part_of_what_selects(deployment):
    # What selects can never be changed, and a new version must be able to take over.
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    version = labels["app.kubernetes.io/version"]
    assert isinstance(version, str)
    assert version not in deployment["spec"]["selector"]["matchLabels"].values()


def test_kserve_runs_the_same_container(deployment, inference_service):
    pod = dict(deployment["spec"]["template"]["spec"])
    predictor = inference_service["spec"]["predictor"]
    assert predictor["containers"][0].pop("name") == "kserve-container"
    assert pod["containers"][0].pop("name")
    assert {key: predictor[key] for key in pod} == pod


def test_nobody_is_root_and_no_key_is_told(packed, deployment):
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] > 0
    assert not pod["automountServiceAccountToken"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    (variable,) = container["env"]
    secret = variable["valueFrom"]["secretKeyRef"]
    # The README's command makes that very secret.
    readme = (packed.folder / "README.md").read_text()
    assert f'create secret generic {secret["name"]} --from-literal={secret["key"]}="$PIGEONHOLE_KEY_HASHES"' in readme


def test_draining_fits_into_the_time_that_the_cluster_gives(deployment):
    from pigeonhole.serving import ServingConfig

    pod = deployment["spec"]["template"]["spec"]
    pause_s = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pause_s + ServingConfig.drain_s < pod["terminationGracePeriodSeconds"]


def test_names_and_resources_are_as_asked(tiny, tmp_path):
    made = ph.package(
        tiny.folder,
        to=tmp_path / "out",
        name="bands",
        image="registry.example.com:5000/team/bands:3",
        cpu=0.5,
        memory_gib=0.25,
        replicas="2:6",
    )
    deployment = read(made.folder / "kubernetes/deployment.yaml")
    scaling = read(made.folder / "kubernetes/autoscaler.yaml")["spec"]
    predictor = read(made.folder / "kserve/inferenceservice.yaml")["spec"]["predictor"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert deployment["metadata"]["name"] == "bands"
    assert container["image"] == "registry.example.com:5000/team/bands:3"
    assert container["resources"]["requests"] == {"cpu": "500m", "memory": "256Mi"}
    assert (scaling["minReplicas"], scaling["maxReplicas"]) == (2, 6)
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 6)
