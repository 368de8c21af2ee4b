"""What differs between two dataset versions, image by image, by the hash of its pixels. Pure; opens no image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pigeonhole.data.dataset import Dataset


@dataclass(frozen=True)
class DatasetDiff:
    """The differences from one version to another. An image is the same if all its pixels are.

    Args:
        old: the first version's name.
        new: the second's.
        identical: whether the content is the same, to the order of the rows.
        same: images that are in both.
        added: images that only the second has.
        removed: images that only the first has.
        relabelled: of the same images, how many have another class.
        moved: of the same images, how many are in another split.
        classes_added: class names that only the second has.
        classes_removed: class names that only the first has.
        shape_old: height, width and channels of the first.
        shape_new: of the second.
    """

    old: str
    new: str
    identical: bool
    same: int
    added: int
    removed: int
    relabelled: int
    moved: int
    classes_added: list[str]
    classes_removed: list[str]
    shape_old: list[int]
    shape_new: list[int]

    def to_dict(self) -> dict[str, Any]:
        """The differences as JSON-ready values."""
        return dict(vars(self))


def diff(old: Dataset, new: Dataset) -> DatasetDiff:
    """What became of `old` in `new`. Copies of one image count as often as they are there."""
    before, after = _by_image(old), _by_image(new)
    pairs = [(before.get(digest, []), after.get(digest, [])) for digest in before.keys() | after.keys()]
    same = sum(min(len(a), len(b)) for a, b in pairs)
    return DatasetDiff(
        old=old.ref,
        new=new.ref,
        identical=old.sha256 == new.sha256,
        same=same,
        added=len(new) - same,
        removed=len(old) - same,
        relabelled=sum(_changed(a, b, 0) for a, b in pairs),
        moved=sum(_changed(a, b, 1) for a, b in pairs),
        classes_added=[name for name in new.class_names if name not in old.class_names],
        classes_removed=[name for name in old.class_names if name not in new.class_names],
        shape_old=list(old.shape_HWC),
        shape_new=list(new.shape_HWC),
    )


_Facts = tuple[str, str]


def _by_image(dataset: Dataset) -> dict[str, list[_Facts]]:
    """The class and split of every image, by its hash."""
    found: defaultdict[str, list[_Facts]] = defaultdict(list)
    names = dataset.class_names
    rows = zip(dataset.image_sha256, dataset.labels_N.tolist(), dataset.split_N.tolist(), strict=True)
    for digest, label, split in rows:
        found[digest].append((names[label], split))
    return found


def _changed(before: Sequence[_Facts], after: Sequence[_Facts], fact: int) -> int:
    """How many copies of one image that are in both have another class (0) or split (1)."""
    common = Counter(facts[fact] for facts in before) & Counter(facts[fact] for facts in after)
    return min(len(before), len(after)) - common.total()
