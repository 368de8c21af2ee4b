from __future__ import annotations

import numpy as np

from pigeonhole.evaluation import rows_to_show


def test_mistakes_come_first_and_the_surest_lead():
    labels_N = np.array([0, 0, 0, 0, 1, 1])
    sure_N = np.array([0.9, 0.6, 0.8, 0.7, 0.9, 0.9])
    wrong_N = np.array([0, 1, 1, 0, 0, 1], bool)
    predicted_N = np.where(wrong_N, 1 - labels_N, labels_N)
    probs_NK = np.where(np.eye(2, dtype=bool)[predicted_N], sure_N[:, None], 1 - sure_N[:, None])
    rows = rows_to_show(labels_N, probs_NK, limit=6)
    assert rows[:3].tolist() == [5, 2, 1]
    assert sorted(rows.tolist()) == list(range(6))


def test_a_quarter_is_kept_for_right_answers():
    labels_N = np.repeat([0, 1], [100, 50])
    rows = rows_to_show(labels_N, np.tile([0.2, 0.8], (150, 1)), limit=40)
    assert len(rows) == 40
    assert (labels_N[rows[:30]] == 0).all()
    assert (labels_N[rows[30:]] == 1).all()
    assert len(np.unique(rows)) == 40


def test_fewer_images_than_places():
    assert rows_to_show(np.array([0, 1]), np.eye(2), limit=48).tolist() == [0, 1]
    assert rows_to_show(np.array([0, 1]), np.eye(2)[::-1], limit=48).tolist() == [0, 1]
