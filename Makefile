# Every target does its own set-up: a fresh machine needs Python 3.11, pip, make and git.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test test-all check bench soak readme constraints clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) --editable '.[all]'
	@touch $@

.venv/installed-test: .venv/installed
	$(PIP) --editable '.[test,check]'
	@touch $@

.venv/installed-bench: .venv/installed
	$(PIP) --editable '.[bench]'
	@touch $@

# The peers that we measure beside live in an environment of their own, so that they cannot change ours.
.venv-peers/installed: benchmarks/peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/peers.txt
	@touch $@

.venv-serving-peers/installed: benchmarks/serve_peers.txt
	$(PYTHON) -m venv .venv-serving-peers
	.venv-serving-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/serve_peers.txt
	@touch $@

.venv-automl-peers/installed: benchmarks/automl_peers.txt
	$(PYTHON) -m venv .venv-automl-peers
	.venv-automl-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/automl_peers.txt
	@touch $@

demo: .venv/installed  ## the whole loop: images in, a monitored endpoint out, pictures and figures on the way
	$(BIN)/python recipes/demo.py

# Two workers with a thread each: torch's own threads would fight over two cores.
test: .venv/installed-test  ## the tests that need no network, no GPU and no data but the package's own
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not full' -n 2 --dist loadfile

test-all: .venv/installed-test  ## what needs the full data in PIGEONHOLE_DATA, or more time
	$(BIN)/python -m pytest -m full

check: .venv/installed-test  ## style, types, floors and walls of the house, and whether the README is still true
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/readme.py --check

readme: .venv/installed  ## runs the README's tours and writes their output and pictures into it
	$(BIN)/python docs/readme.py

bench: .venv/installed-bench .venv-peers/installed .venv-serving-peers/installed .venv-automl-peers/installed  ## the measurements of benchmarks/RECORDS.md (long; resumable)
	$(BIN)/python benchmarks/run.py --peers .venv-peers/bin/python --serving-peers .venv-serving-peers/bin/python \
		--automl-peers .venv-automl-peers/bin/python

soak: .venv/installed-bench  ## a million requests with faults all the time: nothing crashes, nothing leaks (minutes)
	$(BIN)/python benchmarks/soak.py

constraints: .venv/installed-test .venv/installed-bench  ## pins what is installed now
	$(BIN)/python -m pip freeze --exclude-editable | sed -E 's/\+cpu$$//' > constraints.txt

clean:  ## removes the environments and what the tools left
	rm -rf .venv .venv-peers .venv-serving-peers .venv-automl-peers build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
