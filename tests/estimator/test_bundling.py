from __future__ import annotations

import numpy as np
import pytest

from pigeonhole import ImageClassifier, bundle
from pigeonhole.core.errors import ArrayError, UsageError


@pytest.mark.parametrize("model", ["logistic-regression", pytest.param("mlp-128", marks=pytest.mark.full)])
def test_a_bundle_answers_as_the_classifier_does(tmp_path, images, labels, model):
    classifier = ImageClassifier(model, random_state=0).fit(images, labels)
    classifier.to_bundle(tmp_path / "bundle", images, labels)
    found = bundle.load(tmp_path / "bundle")
    answer = found.predict(images[..., None])
    assert list(found.class_names) == classifier.classes_.tolist()
    assert np.allclose(answer.probs_NK, classifier.predict_proba(images), atol=1e-4)


def test_what_a_bundle_cannot_be_asked_with_makes_none(tmp_path, images, labels):
    classifier = ImageClassifier("mlp-128", epochs=1).fit(images / 255, labels)
    with pytest.raises(UsageError, match="own scale"):
        classifier.to_bundle(tmp_path / "bundle", images / 255, labels)
    with pytest.raises(ArrayError, match="'up'"):
        classifier.to_bundle(tmp_path / "bundle", images / 255, np.full(len(images), "up"))
    assert not (tmp_path / "bundle").exists()
