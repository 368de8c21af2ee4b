"""Networks of timm: real ones, small, with weights that the tests make themselves. Nothing may reach the network."""

from __future__ import annotations

import importlib.util
import socket
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pigeonhole import export, models
from pigeonhole.core.errors import ConflictError, DataError, MissingDependencyError, NotFoundError, SpecError
from pigeonhole.core.files import sha256_file
from pigeonhole.models.layers import parse_layers
from pigeonhole.models.networks.network import network_of
from pigeonhole.models.networks.transfer import timm_import, timm_models
from pigeonhole.models.networks.transfer.backbone import published_normalizer
from pigeonhole.models.networks.transfer.weights import load_first_weights
from pigeonhole.testing import presets as contract
from pigeonhole.testing.presets import sample

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason="timm is not installed (pip install 'pigeonhole[transfer]')"
)

QUICK = {"epochs": 2, "batch_size": 16}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("something tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights, as timm saves a network with a head of 1,000 classes."""
    folder = tmp_path_factory.mktemp("weights")

    def save(name, side=32, classes=1000):
        path = folder / f"{name}-{side}-{classes}.safetensors"
        if not path.exists():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1)
                save_file(timm_models.build(name, (side, side), classes).state_dict(), path)
        return path

    return save


def resolved(name="test_resnet", **settings):
    return models.resolve(f"timm/{name}", {**QUICK, **settings})


def fresh(spec, shape_HWC=(12, 12, 1)):
    """The network as a training begins with it."""
    network = network_of(spec, shape_HWC, 3)
    load_first_weights(network)
    return network.eval()


def backbone_tensors(trained):
    return trained.network.features[0].network.state_dict()


class StoppedError(Exception):
    pass


class StopsAfterOne(models.Unwatched):
    def on_epoch(self, record):
        raise StoppedError


# What a spec says


def test_a_spec_holds_all_that_decides_a_training(weights):
    path = weights("test_byobnet")
    layer = resolved("test_byobnet", weights=str(path)).layers[0]["timm"]
    assert layer["sha256"] == sha256_file(path)
    assert layer["mean"] == [0.485, 0.456, 0.406]
    assert layer["sd"] == [0.229, 0.224, 0.225]


def test_a_changed_file_is_another_training(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tensors = load_file(weights("test_resnet"))
    save_file(tensors, "w.safetensors")
    data, before = sample(), resolved(weights="w.safetensors", freeze=True)
    models.fit(before, data, seed=1, folder=tmp_path / "m")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, "w.safetensors")
    after = resolved(weights="w.safetensors", freeze=True)
    assert before.parameters == after.parameters
    with pytest.raises(ConflictError, match="other settings"):
        models.fit(after, data, seed=1, folder=tmp_path / "m")
    with pytest.raises(DataError, match="SHA-256"):
        models.fit(before, data, seed=1, folder=tmp_path / "another")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("resnet18", {"weights": "nowhere.safetensors"}, "nowhere.safetensors; nothing is downloaded: resnet18 is"),
        ("resnet18", {"freeze": True}, "freeze: true without weights"),
        ("resnet18", {"weights": 3}, "weights: received 3; a text is accepted"),
        ("resnet18", {"freeze": "some"}, "freeze: received 'some'; true or false is accepted"),
    ],
)
def test_what_is_wrong_with_a_spec_is_told(name, settings, message):
    with pytest.raises(SpecError, match=message):
        models.resolve(f"timm/{name}", settings)


@pytest.mark.parametrize(("name", "closest"), [("resnet_18", "resnet18"), ("resnet18.a9_in1k", "resnet18.a._in1k")])
def test_an_unknown_name_gets_a_suggestion(name, closest):
    with pytest.raises(NotFoundError, match=f"did you mean '{closest}'"):
        models.preset_of(f"timm/{name}")


def test_a_users_file_may_name_a_network_and_the_hash_of_its_weights(weights, tmp_path):
    path, spec = weights("test_resnet"), tmp_path / "mine.yml"
    text = "type: network\nlayers: [{timm: {name: test_resnet, weights: %s, sha256: '%s'}}, {dense: $classes}]"
    spec.write_text(text % (path, sha256_file(path)))
    assert models.resolve(str(spec)).layers[0]["timm"]["mean"] == [0.5, 0.5, 0.5]
    spec.write_text(text % (path, 64 * "0"))
    with pytest.raises(SpecError, match="the spec asks for 0000"):
        models.resolve(str(spec))
    spec.write_text("type: network\nlayers: [{timm: test_resnett}, {timm: {name: test_vit, mean: [0, 0, 0]}}]")
    with pytest.raises(SpecError, match="2 problems") as caught:
        models.resolve(str(spec))
    assert "layer 1 (timm)" in caught.value.received
    assert "mean and sd belong together" in caught.value.received


def test_layers_are_shown_with_sizes_and_counts():
    rows = models.summarize(resolved("resnet18"), (28, 28, 1), 10)
    assert [row.output_shape for row in rows] == [(512,), (512,), (10,)]
    assert [row.n_parameters for row in rows] == [11_176_512, 0, 5130]
    assert [row.n_non_trainable for row in rows] == [9600, 0, 0]


def test_what_is_frozen_counts_as_not_trained_and_still_gives_the_embedding(weights):
    spec = resolved(weights=str(weights("test_resnet")), freeze=True)
    rows = models.summarize(spec, (12, 12, 1), 3)
    network = network_of(spec, (12, 12, 1), 3)
    assert sum(row.n_parameters for row in rows) == network.n_parameters == 3 * 97
    assert rows[0].n_non_trainable > 372_688
    assert network.embedding_size == 96


@pytest.mark.parametrize(("name", "shape"), [("vgg11", (28, 28, 3)), ("test_vit", (28, 28, 3))])
def test_images_that_do_not_fit_name_the_layer_and_the_way_out(name, shape):
    with pytest.raises(SpecError, match=r"layer 1 \(timm\) got 28×28×3") as caught:
        models.summarize(resolved(name), shape, 10)
    side = {"vgg11": 224, "test_vit": 160}[name]
    assert f"image_size: {side}" in caught.value.accepted
    assert models.summarize(resolved(name, image_size=side), shape, 10)


def test_measuring_leaves_the_random_stream_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    timm_models.measure.__wrapped__("test_resnet", (16, 16))
    assert torch.equal(before, torch.get_rng_state())


# What the network computes


@pytest.mark.parametrize("image_size", [0, 20, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_features_are_those_of_the_network_as_it_was_published(weights, channels, image_size):
    """For images normalised by its own mean and standard deviation, grey ones three times over."""
    path = weights("test_byobnet")
    spec = resolved("test_byobnet", weights=str(path), image_size=image_size)
    images_NHWC = sample(4, 12, channels).train_images_NHWC
    own = timm_models.build("test_byobnet", (12, 12))
    own.load_state_dict({name: value for name, value in load_file(path).items() if name in own.state_dict()})
    x_NCHW = torch.from_numpy(images_NHWC).permute(0, 3, 1, 2).expand(-1, 3, -1, -1).double() / 255
    if image_size:
        x_NCHW = torch.nn.functional.interpolate(x_NCHW, (image_size,) * 2, mode="bilinear", antialias=True)
    mean, sd = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x_NCHW = (x_NCHW - mean.view(1, 3, 1, 1)) / sd.view(1, 3, 1, 1)
    mean_255, sd_255 = published_normalizer(spec, channels).tensors("cpu")
    ours_NCHW = (torch.from_numpy(images_NHWC).permute(0, 3, 1, 2) - mean_255) / sd_255
    with torch.inference_mode():
        expected = own.double().eval()(x_NCHW)
        features = fresh(spec, (12, 12, channels)).features(ours_NCHW)
    assert torch.allclose(features.double(), expected, atol=1e-4, rtol=1e-4)


def test_without_weights_images_are_normalised_by_their_own_statistics(tmp_path):
    assert published_normalizer(resolved(), 1) is None
    trained = models.fit(resolved(epochs=1), sample(), seed=0, folder=tmp_path)
    assert trained.normalizer.mean_C[0] == pytest.approx(sample().train_images_NHWC.mean(), rel=1e-3)


@pytest.mark.parametrize(("side", "expected"), [(12, torch.float32), (64, torch.bfloat16)])
def test_strides_beyond_the_image_are_trained_in_fp32(side, expected):
    """In bf16 torch leaves the gradient unset where a kernel sees no pixel: NaN in the weights, sooner or later."""
    backbone = network_of(resolved(), (side, side, 1), 3).features[0].train()
    with torch.autocast("cpu", torch.bfloat16):
        assert backbone(torch.randn(4, 1, side, side)).dtype == expected


def test_a_batch_of_one_image_can_be_trained_on():
    network = network_of(resolved(), (12, 12, 1), 3).train()
    assert torch.isfinite(network(torch.randn(1, 1, 12, 12))).all()


def test_a_transformer_takes_weights_of_another_image_size(weights):
    """timm resamples the table of positions, which depends on the size."""
    path = weights("test_vit", side=160)
    network = fresh(resolved("test_vit", weights=str(path), image_size=32))
    own, file = network.features[0].network.state_dict(), load_file(path)
    assert own["pos_embed"].shape != file["pos_embed"].shape
    assert torch.equal(own["blocks.0.attn.qkv.weight"], file["blocks.0.attn.qkv.weight"])


# What is read from a file


@pytest.mark.parametrize("form", ["bare", "nested", "distributed", "half", "headless"])
def test_torch_files_of_tensors_are_read_in_the_forms_they_come_in(weights, tmp_path, form):
    tensors = load_file(weights("test_resnet", classes=0 if form == "headless" else 1000))
    content = {
        "nested": {"epoch": 3, "state_dict": tensors},
        "distributed": {f"module.{name}": tensor for name, tensor in tensors.items()},
        "half": {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()},
    }.get(form, tensors)
    torch.save(content, tmp_path / "w.pth")
    own = fresh(resolved(weights=str(tmp_path / "w.pth"))).features[0].network.state_dict()
    assert torch.allclose(own["layer1.0.conv1.weight"], tensors["layer1.0.conv1.weight"], atol=1e-3)


class Runs:
    def __reduce__(self):
        return print, ("code of a pickle was run",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path, capsys):
    torch.save({"conv1.weight": Runs()}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="cannot be read as weights") as caught:
        fresh(resolved(weights=str(tmp_path / "w.pth")))
    assert "never loaded" in caught.value.accepted
    assert "was run" not in capsys.readouterr().out


@pytest.mark.parametrize(("suffix", "content"), [("safetensors", b""), ("safetensors", b"\xff" * 64), ("pth", b"no")])
def test_a_damaged_file_is_told(tmp_path, suffix, content):
    path = tmp_path / f"w.{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as weights"):
        fresh(resolved(weights=str(path)))


def test_a_file_that_holds_no_tensors_is_told(tmp_path):
    torch.save({"lr": 0.1}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="more than named tensors"):
        fresh(resolved(weights=str(tmp_path / "w.pth")))


def test_names_and_shapes_that_do_not_fit_are_named(weights, tmp_path):
    tensors = load_file(weights("test_resnet"))
    tensors["layer1.0.conv1.weight"] = torch.zeros(2, 3)
    tensors["layer9.weight"] = torch.zeros(1)
    del tensors["layer2.0.bn1.running_mean"]
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(DataError, match="does not fit test_resnet") as caught:
        fresh(resolved(weights=str(tmp_path / "w.safetensors")))
    lines = caught.value.received.splitlines()[1:]
    assert len(lines) == 3
    assert any("layer1.0.conv1.weight: shape (2, 3), (" in line for line in lines)
    assert any("layer2.0.bn1.running_mean: missing" in line for line in lines)
    assert any("layer9.weight: not in the network" in line for line in lines)


@pytest.mark.parametrize(("file", "model"), [("test_vit", "test_resnet"), ("test_resnet", "test_vit")])
def test_the_weights_of_another_network_are_refused(weights, file, model):
    with pytest.raises(DataError, match=f"does not fit {model}"):
        fresh(resolved(model, weights=str(weights(file))), (32, 32, 3))


# Training


def test_frozen_layers_stay_the_same_to_the_bit(weights, tmp_path):
    path = weights("test_resnet")
    spec = resolved(weights=str(path), freeze=True, ema_decay=0.9, weight_decay=0.5, learning_rate=0.01)
    trained = models.fit(spec, sample(), seed=1, folder=tmp_path)
    for name, tensor in load_file(path).items():
        if not name.startswith("fc."):
            assert torch.equal(backbone_tensors(trained)[name], tensor), name
    first, last = (trained.history[epoch]["train_loss"] for epoch in (0, -1))
    assert last < first, "the head has learned"


def test_layers_that_are_not_frozen_learn(weights, tmp_path):
    path = weights("test_resnet")
    trained = models.fit(resolved(weights=str(path), ema_decay=0.5), sample(), seed=1, folder=tmp_path)
    own, file = backbone_tensors(trained), load_file(path)
    assert not torch.equal(own["conv1.0.weight"], file["conv1.0.weight"])
    assert not torch.equal(own["bn1.running_mean"], file["bn1.running_mean"])


@pytest.mark.parametrize("freeze", [True, False])
def test_a_stopped_training_goes_on_exactly_and_needs_the_file_no_more(weights, tmp_path, freeze):
    path = tmp_path / "w.safetensors"
    path.write_bytes(weights("test_resnet").read_bytes())
    spec, data = resolved(weights=str(path), freeze=freeze, ema_decay=0.8), sample()
    whole = models.fit(spec, data, seed=2, folder=tmp_path / "whole")
    with pytest.raises(StoppedError):
        models.fit(spec, data, seed=2, folder=tmp_path / "stopped", observer=StopsAfterOne())
    path.unlink()
    resumed = models.fit(spec, data, seed=2, folder=tmp_path / "stopped")
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name
    images_NHWC = data.train_images_NHWC
    assert np.array_equal(
        models.load(tmp_path / "stopped").probabilities(images_NHWC), resumed.probabilities(images_NHWC)
    )


def test_a_head_trained_on_frozen_layers_can_be_gone_on_with_unfrozen(weights, tmp_path):
    settings = {"weights": str(weights("test_resnet"))}
    models.fit(resolved(freeze=True, **settings), sample(), seed=1, folder=tmp_path / "head")
    spec = resolved(freeze=False, **settings, epochs=3)
    start = models.checkpoint_path(tmp_path / "head")
    trained = models.fit(spec, sample(), seed=1, folder=tmp_path / "all", start_from=start)
    assert [record.get("inherited", False) for record in trained.history] == [True, True, False]
    assert not torch.equal(
        backbone_tensors(trained)["conv1.0.weight"], load_file(settings["weights"])["conv1.0.weight"]
    )


@pytest.mark.parametrize(
    ("name", "side", "image_size", "freeze"),
    [("test_resnet", 24, 16, True), pytest.param("test_vit", 12, 32, False, marks=pytest.mark.full)],
)
def test_the_bundle_takes_raw_images_and_answers_as_the_trained_model(
    weights, tmp_path, name, side, image_size, freeze
):
    data = sample(60, side)
    spec = resolved(name, weights=str(weights(name)), image_size=image_size, freeze=freeze, epochs=1)
    trained = models.fit(spec, data, seed=1, folder=tmp_path / "m")
    images_NHWC, labels_N = data.train_images_NHWC, data.train_labels_N
    expected_NK = trained.probabilities(images_NHWC)
    made = export.to_bundle(
        trained,
        folder=tmp_path / "b",
        images_NHWC=images_NHWC,
        labels_N=labels_N,
        expected_probs_NK=expected_NK,
        training_images_NHWC=images_NHWC,
        calibration={},
        lineage={},
    )
    assert made.lineage["verification"]["same_class"] == len(labels_N)
    prediction = made.predict(images_NHWC[:3])
    assert np.abs(prediction.probs_NK - expected_NK[:3]).max() < 1e-4
    assert prediction.embedding_ND.shape == (3, {"test_resnet": 96, "test_vit": 64}[name])


# The package


def test_without_timm_the_line_that_installs_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingDependencyError, match="timm") as caught:
        timm_import.timm.__wrapped__()
    assert caught.value.remedy == "pip install 'pigeonhole[transfer]'"


def test_operators_are_declared_only_where_torchvision_fails_for_want_of_them(monkeypatch):
    declared, failures = [], [RuntimeError("operator torchvision::nms does not exist")]

    def load(*_, **__):
        if failures:
            raise failures.pop()

    monkeypatch.setattr(timm_import, "require", load)
    monkeypatch.setattr(timm_import, "_declare_operators", lambda: declared.append(1))
    timm_import._load_torchvision()
    assert declared == [1]
    timm_import._load_torchvision()
    assert declared == [1], "where it loads, nothing is done"
    failures.append(RuntimeError("built for another CUDA"))
    with pytest.raises(MissingDependencyError, match="built for another CUDA"):
        timm_import._load_torchvision()
    assert declared == [1]


def test_a_layer_that_follows_one_with_many_channels_is_refused():
    (layer,) = parse_layers([{"timm": "test_resnet"}])[0]
    with pytest.raises(Exception, match="1 or 3 channels"):
        layer.output_shape((8, 8, 16))


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_a_network_of_timm_keeps_the_contract_of_presets(check, tmp_path):
    check("timm/test_resnet", tmp_path)
