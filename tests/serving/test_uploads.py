from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess

import numpy as np
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.images import png
from pigeonhole.serving.protocols import azure, multipart
from pigeonhole.serving.protocols.decoded import Facts, finished
from tests.bundle.tiny_onnx import CLASS_NAMES, band_images
from tests.serving.server_process import serving

IMAGES_NHWC, LABELS_N = band_images(3, seed=13)
FILES = [png(image_HWC) for image_HWC in IMAGES_NHWC]
NAMES = [CLASS_NAMES[k] for k in LABELS_N]


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("serving"), bundle_folder=str(tiny.folder), max_images=5) as running:
        yield running


def labels(response):
    assert response.status_code == 200, response.text
    return [prediction["label"] for prediction in response.json()["predictions"]]


def jpeg(image_HWC):
    buffer = io.BytesIO()
    Image.fromarray(image_HWC[:, :, 0]).resize((60, 60), Image.Resampling.NEAREST).save(buffer, "JPEG")
    return buffer.getvalue()


def test_requests_uploads_one_file_or_several(server):
    url = f"{server.url}/score"
    assert labels(requests.post(url, files={"image": ("digit.png", FILES[1])}, timeout=30)) == [NAMES[1]]
    several = [("image", (f"{k}.png", content)) for k, content in enumerate(FILES)]
    assert labels(requests.post(url, files=several, timeout=30)) == NAMES
    mixed = [("a", ("ä „1“.jpg", jpeg(IMAGES_NHWC[0]), "image/jpeg")), ("b", ("2.png", FILES[2]))]
    response = requests.post(url, files=mixed, timeout=30)
    assert labels(response) == [NAMES[0], NAMES[2]]
    assert response.json()["warnings"][0].startswith("ä „1“.jpg: the image is 60 × 60 pixels")


def test_httpx_uploads_and_a_field_says_invert(server):
    dark = [("image", (f"{k}.png", png(255 - image_HWC))) for k, image_HWC in enumerate(IMAGES_NHWC)]
    assert labels(server.client.post("/score", files=dark, data={"invert": "true"})) == NAMES
    assert labels(server.client.post("/score?invert=true", files=dark)) == NAMES
    assert labels(server.client.post("/score", files=dark)) != NAMES


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_uploads_a_form_a_file_and_base64(server, tmp_path):
    file = tmp_path / "digit.png"
    file.write_bytes(FILES[2])
    (tmp_path / "body.json").write_text(json.dumps({"image": base64.b64encode(FILES[2]).decode()}))
    forms = [["-F", f"image=@{file}"], ["--data-binary", f"@{file}"], ["-d", f"@{tmp_path / 'body.json'}"]]
    for arguments in forms:
        done = subprocess.run(["curl", "-sS", *arguments, f"{server.url}/score"], capture_output=True, check=True)
        assert json.loads(done.stdout)["predictions"][0]["label"] == NAMES[2]


def test_base64_in_json(server):
    texts = [base64.b64encode(content).decode() for content in FILES]
    assert labels(server.client.post("/score", json={"image": texts[1]})) == [NAMES[1]]
    assert labels(server.client.post("/score", json={"images": texts})) == NAMES
    wrapped = base64.encodebytes(FILES[0]).decode()
    address = f"data:image/png;base64,{texts[2]}"
    assert labels(server.client.post("/score", json={"images": [wrapped, address]})) == [NAMES[0], NAMES[2]]
    dark = base64.b64encode(png(255 - IMAGES_NHWC[1])).decode()
    assert labels(server.client.post("/score", json={"image": dark, "invert": True})) == [NAMES[1]]
    assert labels(server.client.post("/score?invert=true", json={"image": dark})) == [NAMES[1]]


def test_the_limits_hold_for_files_too(server):
    many = [("image", (f"{k}.png", FILES[0])) for k in range(7)]
    response = server.client.post("/score", files=many[:6])
    assert (response.status_code, response.json()["error_code"]) == (422, "data_error")
    assert "6 images" in response.json()["message"]
    assert "more than 6 parts" in server.client.post("/score", files=many).json()["message"]
    texts = {"images": [base64.b64encode(FILES[0]).decode()] * 6}
    assert "6 images, more than 5" in server.client.post("/score", json=texts).json()["message"]


FACTS = Facts("bands:3", "blue", (6, 6, 1), CLASS_NAMES, None, 5, 4_000)
SMALL = png(np.zeros((6, 6, 1), np.uint8))


def decode_form(body, kind=b"multipart/form-data; boundary=x"):
    return finished(multipart.decode(body, {b"content-type": kind}, b"", FACTS))


def part(content, disposition=b'form-data; name="image"; filename="a.png"', more=b""):
    return b"--x\r\nContent-Disposition: " + disposition + b"\r\n" + more + b"\r\n" + content + b"\r\n"


@pytest.mark.parametrize(
    "body",
    [
        part(SMALL) + b"--x--\r\n",
        part(SMALL) + b"--x--",
        b"a preamble\r\n" + part(SMALL) + b"--x--\r\nan epilogue",
        part(SMALL, more=b"Content-Type: image/png\r\nX-More: 1\r\n") + b"--x--\r\n",
        part(SMALL, b"form-data; name=image; filename=a.png") + b"--x--\r\n",
        part(SMALL, b"FORM-DATA; NAME=\"image\"; filename*=utf-8''a%20b.png") + b"--x--\r\n",
        part(SMALL, b'form-data; name="image"') + b"--x--\r\n",
        part(SMALL).replace(b"--x\r\n", b"--x \t\r\n") + b"--x--\r\n",
        part(SMALL) + part(b"false", b'form-data; name="invert"') + b"--x--\r\n",
    ],
)
def test_a_form_may_be_written_in_many_ways(body):
    assert decode_form(body).n == 1


def test_a_boundary_may_be_quoted():
    body = part(SMALL).replace(b"--x", b"--x y") + b"--x y--\r\n"
    assert decode_form(body, b'multipart/form-data; charset=utf-8; boundary="x y"').n == 1


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (part(SMALL) + b"--x--", b"multipart/form-data", "without a boundary"),
        (part(SMALL) + b"--x--", b"multipart/form-data; boundary=", "without a boundary"),
        (part(SMALL) + b"--x--", b"multipart/form-data; boundary=" + b"x" * 71, "without a boundary"),
        (part(SMALL) + b"--x--", b"multipart/form-data; boundary=y", "its boundary does not end"),
        (part(SMALL), b"multipart/form-data; boundary=x", "its boundary does not end"),
        (b"", b"multipart/form-data; boundary=x", "its boundary does not end"),
        (b"--x\r\n--x--", b"multipart/form-data; boundary=x", "without the headers"),
        (b"--xy\r\n\r\n1\r\n--x--", b"multipart/form-data; boundary=x", "without the headers"),
        (b"--x\r\n\r\n1\r\n--x--", b"multipart/form-data; boundary=x", "without a name"),
        (part(b"1", b"form-data") + b"--x--", b"multipart/form-data; boundary=x", "without a name"),
        (part(b"1", more=b"y" * 5000 + b"\r\n") + b"--x--", b"multipart/form-data; boundary=x", "without the headers"),
    ],
)
def test_what_is_no_form_is_refused(body, kind, said):
    with pytest.raises(UsageError, match=said):
        decode_form(body, kind)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"--x--\r\n", "a form without a file"),
        (part(b"7", b'form-data; name="label"') + b"--x--", "the fields 'label'"),
        (part(SMALL) + part(b"yes", b'form-data; name="invert"') + b"--x--", "invert=yes"),
        (part(b"") + b"--x--", "a.png cannot be decoded: it is empty"),
        (part(b"GIF89a") + part(SMALL) + part(b"no", b'form-data; name="i"; filename=""') + b"--x--", "2 of"),
        (part(png(np.zeros((80, 80, 1), np.uint8))) + b"--x--", "80 × 80 pixels"),
    ],
)
def test_a_form_with_unfit_fields_or_files_says_so(body, said):
    with pytest.raises(DataError) as caught:
        decode_form(body)
    message = str(caught.value)
    if said == "2 of":
        assert "a.png cannot be decoded" in message
        assert "i cannot be decoded" in message
    else:
        assert said in message


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"image": ""}, "image: "),
        ({"image": 7}, "image: 7, no text"),
        ({"image": "äöü"}, "image: "),
        ({"image": "AAA"}, "image: "),
        ({"image": "data:image/png,AAAA"}, "not in base64"),
        ({"image": "AAAA"}, "image cannot be decoded"),
        ({"image": "AAAA", "images": ["AAAA"]}, "beside images"),
        ({"image": "AAAA", "scale": "0-1"}, '"scale": unknown key'),
        ({"image": "AAAA", "invert": 1}, "invert: 1"),
        ({"images": "AAAA"}, 'images: "AAAA", not a list'),
        ({"images": []}, "images: []"),
        ({"images": ["AAAA", 5]}, "images[1]: 5"),
        ({"images": ["AAAA", "BBBB"]}, "images[1] cannot be decoded"),
        ({"image": "AAAA", "data": []}, '"data": unknown key'),
    ],
)
def test_unfit_base64_says_what_is_wrong(request_, said):
    with pytest.raises(DataError) as caught:
        finished(azure.decode_json(json.dumps(request_).encode(), FACTS))
    assert said in str(caught.value)


@given(st.binary(max_size=60), st.sampled_from([b"--x\r\n", b"--x--", b"\r\n\r\n", b'Content-Disposition: a; name="']))
def test_no_bytes_at_all_end_in_anything_but_an_error(noise, piece):
    for body in (noise, piece + noise, noise + piece + noise):
        with pytest.raises((DataError, UsageError)):
            decode_form(body + b"\r\n--x--")
