"""`presets show` lays a network out: shapes, counts, and what is inside blocks."""

from __future__ import annotations

import json
from pathlib import Path

SPEC = """
type: network
summary: A block.
layers:
  - conv2d: {filters: 4, kernel_size: 3, kernel_regularizer: {l2: 0.0001}}
  - batch_normalization
  - residual:
      layers:
        - depthwise_conv2d: {kernel_size: 3, strides: 2, padding: same}
        - residual: [layer_normalization]
      activation: relu
  - global_average_pooling2d
  - dense: {units: $classes, activation: softmax}
"""
MLP = """
type: network
layers: [flatten, {dense: {units: 128, activation: relu}}, {dense: {units: 10, activation: softmax}}]
"""


def shown(pigeonhole, folder: Path, text: str, *arguments: str) -> str:
    (folder / "mine.yml").write_text(text)
    result = pigeonhole("presets", "show", "mine.yml", *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_block_is_shown_with_its_layers_below_it(pigeonhole, tmp_path):
    lines = [" ".join(line.split()) for line in shown(pigeonhole, tmp_path, SPEC).splitlines()]
    assert "1 conv2d filters 4, kernel_size 3, kernel_regularizer {l2: 0.0001} 26×26×4 40" in lines
    start = lines.index("3 residual activation relu 13×13×4 64")
    assert lines[start + 1 : start + 5] == [
        "3.1 depthwise_conv2d kernel_size 3, strides 2, padding same 13×13×4 40",
        "3.2 residual 13×13×4 8",
        "3.2.1 layer_normalization 13×13×4 8",
        "3.shortcut conv2d filters 4, kernel_size 1, strides 2, use_bias False 13×13×4 16",
    ]
    assert lines[-1] == "162 trainable parameters, 8 not, for images of 28x28x1 and 10 classes"


def test_json_nests_a_block_as_the_spec_does(pigeonhole, tmp_path):
    facts = json.loads(shown(pigeonhole, tmp_path, SPEC, "--json", "--shape", "8x8x3", "--classes", "3"))
    assert [row["number"] for row in facts["layers"]] == ["1", "2", "3", "4", "5"]
    block = facts["layers"][2]
    assert [row["number"] for row in block["layers"]] == ["3.1", "3.2", "3.shortcut"]
    assert sum(row["parameters"] for row in block["layers"]) == block["parameters"]
    assert facts["parameters"] == sum(row["parameters"] for row in facts["layers"])
    assert (facts["non_trainable"], block["output_shape"]) == (8, [3, 3, 4])


def test_the_network_of_the_tutorials_has_101_770_parameters(pigeonhole, tmp_path):
    last = shown(pigeonhole, tmp_path, MLP).splitlines()[-1]
    assert last == "101,770 trainable parameters, for images of 28x28x1 and 10 classes"
