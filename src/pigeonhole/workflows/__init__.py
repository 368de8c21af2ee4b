"""One public function a verb: the Python API. Workflows sequence the rooms below and hold the gates, nothing else."""
