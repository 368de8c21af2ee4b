"""Every place that images can come from gives the same predictions, whole or gone on with in the middle."""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pigeonhole.batch import BatchOptions, run
from pigeonhole.core.errors import DataError, NotFoundError, PigeonholeError, UsageError
from pigeonhole.data.unlabelled import Encoded, ImageOptions, open_images
from pigeonhole.images import Limits, png, prepare
from tests.bundle.tiny_onnx import expected_probs

Maker = Callable[[Path, np.ndarray], Path]


def npy(folder: Path, images: np.ndarray) -> Path:
    np.save(folder / "images.npy", images)
    return folder / "images.npy"


def flat_npy(folder: Path, images: np.ndarray) -> Path:
    return npy(folder, images.reshape(len(images), -1))


def npz(folder: Path, images: np.ndarray) -> Path:
    np.savez_compressed(folder / "some.npz", images=images, labels=np.arange(len(images)))
    return folder / "some.npz"


def idx(folder: Path, images: np.ndarray) -> Path:
    (folder / "scans-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, *images.shape[:3]) + images.tobytes())
    return folder / "scans-idx3-ubyte"


def idx_gz(folder: Path, images: np.ndarray) -> Path:
    path = idx(folder, images)
    (folder / "packed").mkdir()
    (folder / "packed" / "scans.gz").write_bytes(gzip.compress(path.read_bytes()))
    return folder / "packed"


def idx_pair(folder: Path, images: np.ndarray) -> Path:
    idx(folder, images)
    labels = struct.pack(">2I", 0x801, len(images)) + bytes(len(images))
    (folder / "scans-labels-idx1-ubyte").write_bytes(labels)
    return folder


def csv(folder: Path, images: np.ndarray, label: str = "") -> Path:
    rows = images.reshape(len(images), -1)
    names = [label] * bool(label) + [f"pixel{place}" for place in range(rows.shape[1])]
    lines = [",".join([*(["5"] * bool(label)), *map(str, row)]) for row in rows.tolist()]
    (folder / "test.csv").write_text("\n".join([",".join(names), *lines]) + "\n")
    return folder / "test.csv"


def labelled_csv(folder: Path, images: np.ndarray) -> Path:
    return csv(folder, images, "label")


def parquet(folder: Path, images: np.ndarray) -> Path:
    rows = pa.FixedSizeListArray.from_arrays(pa.array(images.reshape(-1)), images[0].size)
    table = pa.table({"id": list(range(len(images))), "image": rows}, metadata={"shape": "6,6,1"})
    pq.write_table(table, folder / "some.parquet", row_group_size=11)
    return folder / "some.parquet"


def encoded_parquet(folder: Path, images: np.ndarray) -> Path:
    files = [{"bytes": png(image), "path": None} for image in images]
    pq.write_table(pa.table({"image": files}), folder / "encoded.parquet", row_group_size=9)
    return folder / "encoded.parquet"


def pictures(folder: Path, images: np.ndarray) -> Path:
    for row, image in enumerate(images):
        path = folder / "pictures" / f"writer {row // 10}" / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[:, :, 0]).save(path)
    return folder / "pictures"


def zipped(folder: Path, images: np.ndarray) -> Path:
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        for row in reversed(range(len(images))):
            archive.writestr(f"inner/{row}.png", png(images[row]))
        archive.writestr("__MACOSX/inner/._0.png", b"no image")
        archive.writestr("read me.txt", b"no image")
    return folder / "some.zip"


MAKERS = [
    npy,
    flat_npy,
    npz,
    idx,
    idx_gz,
    idx_pair,
    csv,
    labelled_csv,
    parquet,
    encoded_parquet,
    pictures,
    zipped,
]


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_every_kind_gives_the_images_in_their_order(
    maker: Maker, tmp_path: Path, tiny: Path, bands: np.ndarray
) -> None:
    place = maker(tmp_path, bands)
    result = run(tiny, str(place), tmp_path / "out.parquet", BatchOptions(mini_batch_size=6))
    assert (result.images, result.failed) == (len(bands), 0)
    table = pq.read_table(tmp_path / "out.parquet")
    probs_NK = np.column_stack([table[f"probability_{name}"].to_numpy() for name in ("top", "middle", "bottom")])
    np.testing.assert_allclose(probs_NK, expected_probs(bands), atol=1e-5)
    assert len(set(table["image"].to_pylist())) == len(bands)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_every_kind_goes_on_where_any_portion_ended(maker: Maker, tmp_path: Path, bands: np.ndarray) -> None:
    place_of_images = str(maker(tmp_path, bands))
    images = open_images(place_of_images)
    whole = list(images.read(0, 7))
    assert sum(map(len, whole)) == len(bands)
    assert images.count in {None, len(bands)}
    assert open_images(place_of_images).stamp == images.stamp
    for place, portion in enumerate(whole):
        rest = list(images.read(portion.start, 7))
        assert [list(one.names) for one in rest] == [list(one.names) for one in whole[place:]]
        assert pixels(rest[0]) == pixels(portion)


def pixels(portion: object) -> object:
    loaded = portion.load()
    return [read() for read in loaded.readers] if isinstance(loaded, Encoded) else loaded.images_NHWC.tolist()


def test_a_named_set_is_read_without_its_labels(bands: np.ndarray) -> None:
    images = open_images("mnist-5k")
    portion = next(images.read(4096, 1000))
    assert images.count == 5000
    assert portion.load().images_NHWC.shape[1:] == (28, 28, 1)
    assert "mnist_5k.csv.gz row" in portion.names[0]


@pytest.mark.parametrize("maker", [npy, csv, pictures], ids=lambda maker: maker.__name__)
def test_changed_content_has_another_stamp(maker: Maker, tmp_path: Path, bands: np.ndarray) -> None:
    before = open_images(str(maker(tmp_path, bands))).stamp
    place = maker(tmp_path, bands[:30] if maker is not pictures else 255 - bands)
    assert open_images(str(place)).stamp != before


@pytest.mark.parametrize("maker", [idx_pair, idx_gz, pictures], ids=lambda maker: maker.__name__)
def test_predictions_may_lie_beside_the_images(maker: Maker, tiny: Path, tmp_path: Path, bands: np.ndarray) -> None:
    place = maker(tmp_path, bands)
    assert not run(tiny, str(place), place / "out.csv").reused
    assert run(tiny, str(place), place / "out.csv").reused


def test_portions_of_large_images_are_small(tmp_path: Path) -> None:
    np.save(tmp_path / "large.npy", np.zeros((40, 1200, 1200, 1), np.uint8))
    portions = list(open_images(str(tmp_path / "large.npy")).read(0, 256))
    assert [len(portion) for portion in portions] == [23, 17]


def test_images_of_another_shape_are_prepared_as_serving_does(tiny: Path, tmp_path: Path) -> None:
    colour_HWC = np.random.default_rng(3).integers(0, 256, (4, 20, 9, 3), np.uint8)
    np.save(tmp_path / "colour.npy", colour_HWC)
    result = run(tiny, str(tmp_path / "colour.npy"), tmp_path / "out.csv")
    prepared = np.stack([prepare(png(image), (6, 6, 1)).image_HWC for image in colour_HWC])
    np.save(tmp_path / "prepared.npy", prepared)
    run(tiny, str(tmp_path / "prepared.npy"), tmp_path / "same.csv")
    ours, theirs = ((tmp_path / name).read_text().replace("colour", "prepared") for name in ("out.csv", "same.csv"))
    assert ours == theirs
    assert result.warned == 4
    assert "20 pixels" in result.warnings[0]


def test_inverted_images_are_turned(tiny: Path, tmp_path: Path, bands: np.ndarray) -> None:
    np.save(tmp_path / "ink.npy", 255 - bands)
    result = run(tiny, str(tmp_path / "ink.npy"), tmp_path / "out.csv", BatchOptions(invert=True))
    assert result.labels == {"top": 14, "middle": 13, "bottom": 13}


def test_one_picture_is_a_source_too(tiny: Path, tmp_path: Path, bands: np.ndarray) -> None:
    (tmp_path / "one.PNG").write_bytes(png(bands[1]))
    assert run(tiny, str(tmp_path / "one.PNG"), tmp_path / "out.csv").labels["middle"] == 1


def test_a_row_with_a_bad_cell_is_one_failure(tiny: Path, tmp_path: Path, bands: np.ndarray) -> None:
    lines = csv(tmp_path, bands).read_text().splitlines()
    lines[3] = lines[3].replace(",", ",x", 1)
    lines[5] += ",9"
    lines[7] = "300" + lines[7][lines[7].index(",") :]
    (tmp_path / "test.csv").write_text("\r\n".join(lines))
    result = run(tiny, str(tmp_path / "test.csv"), tmp_path / "out.csv")
    assert (result.images, result.failed) == (40, 3)
    assert [item["image"] for item in result.failures] == ["test.csv row 4", "test.csv row 6", "test.csv row 8"]
    assert "'pixel1'" in result.failures[0]["error"]
    assert "over 255" in result.failures[2]["error"]


def test_rows_without_an_image_in_parquet_are_failures(tiny: Path, tmp_path: Path, bands: np.ndarray) -> None:
    rows = [image.reshape(-1).tolist() for image in bands[:4]]
    rows[1], rows[2] = None, rows[2][:35]
    pq.write_table(pa.table({"image": pa.array(rows, pa.list_(pa.uint8()))}), tmp_path / "some.parquet")
    result = run(tiny, str(tmp_path / "some.parquet"), tmp_path / "out.csv")
    assert [item["error"] for item in result.failures] == ["there is no image", "35 pixels, most have 36"]


def test_damaged_and_strange_files_in_a_folder_are_counted(tiny: Path, tmp_path: Path, bands: np.ndarray) -> None:
    place = pictures(tmp_path, bands[:5])
    (place / "cut.png").write_bytes(png(bands[0])[:40])
    (place / "scan.bmp").write_bytes(b"BM")
    (place / "gone.jpg").symlink_to(place / "nowhere.jpg")
    (place / "notes.txt").write_text("no image")
    (place / "linked").symlink_to(place / "writer 0")
    result = run(tiny, str(place), tmp_path / "out.csv", BatchOptions(max_retries=0))
    assert (result.images, result.predicted, result.failed) == (8, 5, 3)
    errors = {item["image"]: item["error"] for item in result.failures}
    assert sorted(errors) == ["cut.png", "gone.jpg", "scan.bmp"]
    assert "No such file" in errors["gone.jpg"]
    assert result.notes == ("left out, being no images: 1 file", "not followed: 1 link to folders")


def test_what_a_zip_file_says_of_sizes_is_not_believed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "some.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(1 << 20))
    images = open_images(str(tmp_path / "some.zip"), ImageOptions(limits=Limits(max_bytes=5000)))
    loaded = next(images.read(0, 1)).load()
    assert len(loaded.readers[0]()) == 5001


def test_a_damaged_member_of_a_zip_file_is_a_failure(tiny: Path, tmp_path: Path, bands: np.ndarray) -> None:
    path = zipped(tmp_path, bands[:3])
    content = bytearray(path.read_bytes())
    place = content.index(b"IDAT") + 6
    content[place] ^= 1
    path.write_bytes(content)
    result = run(tiny, str(path), tmp_path / "out.csv")
    assert (result.predicted, result.failed) == (2, 1)
    assert "cannot be unpacked" in result.failures[0]["error"]


def save_floats(folder: Path) -> Path:
    return npy(folder, np.zeros((3, 6, 6), np.float32))


def save_planes(folder: Path) -> Path:
    return npy(folder, np.zeros((3, 1, 6, 6), np.uint8))


def save_odd_rows(folder: Path) -> Path:
    return npy(folder, np.zeros((3, 35), np.uint8))


def save_nothing(folder: Path) -> Path:
    return npy(folder, np.zeros((0, 6, 6), np.uint8))


def save_fortran(folder: Path) -> Path:
    return npy(folder, np.asfortranarray(np.zeros((3, 6, 6), np.uint8)))


def save_objects(folder: Path) -> Path:
    np.save(folder / "images.npy", np.array([{}, 1], object), allow_pickle=True)
    return folder / "images.npy"


def cut(folder: Path) -> Path:
    path = npy(folder, np.zeros((3, 6, 6), np.uint8))
    path.write_bytes(path.read_bytes()[:-10])
    return path


def two_arrays(folder: Path) -> Path:
    np.savez(folder / "some.npz", x_test=np.zeros((3, 6, 6), np.uint8), x_train=np.zeros((3, 6, 6), np.uint8))
    return folder / "some.npz"


def text_columns(folder: Path) -> Path:
    pq.write_table(pa.table({"image": ["a.png"]}), folder / "some.parquet")
    return folder / "some.parquet"


def cut_parquet(folder: Path) -> Path:
    path = text_columns(folder)
    path.write_bytes(path.read_bytes()[:-9])
    return path


def zip_of_texts(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        archive.writestr("test.csv", "pixel0\n1\n")
    return folder / "some.zip"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def absent(folder: Path) -> Path:
    return folder / "absent"


WRONG = {
    save_floats: "uint8",
    save_planes: "channels",
    save_odd_rows: "shape=HxWxC",
    save_nothing: "at least one image",
    save_fortran: "Fortran",
    save_objects: "object",
    cut: "damaged",
    two_arrays: "x_test",
    text_columns: "image string",
    cut_parquet: "damaged",
    zip_of_texts: "test.csv",
    empty_folder: "no images",
    absent: "existing path",
}


@pytest.mark.parametrize("maker", WRONG, ids=lambda maker: maker.__name__)
def test_what_cannot_be_read_is_refused_before_anything_is_written(
    maker: Callable[[Path], Path], tiny: Path, tmp_path: Path
) -> None:
    place = maker(tmp_path)
    with pytest.raises(PigeonholeError, match=WRONG[maker]) as caught:
        run(tiny, str(place), tmp_path / "out.csv")
    assert isinstance(caught.value, DataError | NotFoundError)
    assert list(tmp_path.glob("out.csv*")) == []


def test_a_named_array_and_a_shape_settle_what_is_unclear(tiny: Path, tmp_path: Path, bands: np.ndarray) -> None:
    np.savez(tmp_path / "some.npz", x_test=bands.reshape(40, 36), x_train=bands)
    options = BatchOptions(images="x_test", shape="6x6")
    assert run(tiny, str(tmp_path / "some.npz"), tmp_path / "out.csv", options).labels["top"] == 14


def test_an_option_that_means_nothing_here_is_refused(tmp_path: Path, bands: np.ndarray) -> None:
    with pytest.raises(UsageError, match="label"):
        open_images(str(npy(tmp_path, bands)), ImageOptions(label="digit"))
