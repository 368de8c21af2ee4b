"""A script's folder made known to MLflow's clients: as a model with a flavor of ours, which none of theirs loads.

A script has no signature and no loader: what its run() takes and gives, only the script knows.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pigeonhole.core.files import publish, staged_folder

FLAVOR = "pigeonhole_script"


def write(folder: Path, target: Path, *, model_id: str, run_id: str | None) -> None:
    """Copies the script's folder to `target` and adds MLflow's description; appears whole or not at all.

    Args:
        folder: as `scripts.write` made it.
        target: the model's artifact folder; must not exist.
        model_id: MLflow's id of the logged model.
        run_id: MLflow's id of the run; a script has none.
    """
    from mlflow.models import Model

    with staged_folder(target.parent) as staged:
        shutil.copytree(folder, staged, dirs_exist_ok=True)
        model = Model(run_id=run_id, model_id=model_id)
        model.add_flavor(FLAVOR, entry="script/score.py")
        model.save(str(staged / "MLmodel"))
        publish(staged, target)
