"""Whether a deployment's images stay in the prediction log is said when it is deployed."""

from __future__ import annotations

import numpy as np
import pytest

from pigeonhole import endpoints
from pigeonhole.core.errors import NotFoundError
from pigeonhole.predictions import read_images, read_requests
from tests.bundle.tiny_onnx import band_images
from tests.endpoints.asking import deploy, score


def test_images_are_kept_until_a_deployment_says_otherwise(workspace, tiny):
    status = deploy(workspace, tiny)
    kept = score(status).json()["request_id"]
    status = deploy(workspace, tiny, log_images=False)
    assert not status.unchanged
    assert deploy(workspace, tiny, log_images=False).unchanged
    unkept = score(status).json()["request_id"]
    endpoints.stop(workspace, "bands")
    images_NHWC = read_images(workspace.database, "bands", kept)
    assert images_NHWC.shape[1:] == band_images(1)[0].shape[1:]
    assert np.ptp(images_NHWC) > 0
    with pytest.raises(NotFoundError, match="no-image-log"):
        read_images(workspace.database, "bands", unkept)
    assert [request.images_NHWC is None for request in read_requests(workspace.database, "bands")] == [False, True]
