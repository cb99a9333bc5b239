# make demo: see the tool work.  make test: run everything that CI runs.  make fuzz: hours of damaged input.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint fuzz faults clean

demo: .venv/run .venv/compiled
	$(BIN)/python data/make_demo.py --out data/demo --size 640x360 --overwrite
	$(BIN)/python mark_label.py --data-path data/demo --exp-name demo --overwrite
	$(BIN)/python vis.py --exp-name demo --side-by-side --overwrite
	$(BIN)/python data/make_samples.py --out data
	@echo "Look at vis_consistent/demo.gif (before | after) and experiments/demo/tracks.csv"

test: .venv/test .venv/compiled
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Kill, fill and damage everything, in every backend that is there; writes docs/faults.md.  Minutes.
faults: .venv/test .venv/compiled
	$(BIN)/python tests/faults/run.py --out docs/faults.md

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/mypy

fuzz: .venv/test .venv/compiled
	$(BIN)/python tests/fuzz/fuzz.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/test: requirements.txt requirements-test.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	@touch $@ .venv/run

# The inner loops; without a compiler NumPy does the same, more slowly.
.venv/compiled: setup.py consistency/masks/_compiled.c | .venv/run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "setuptools>=68"
	@$(BIN)/python setup.py --quiet build_ext --inplace 2> .venv/compiled.log \
	  || echo "the inner loops were not compiled, NumPy does their work: .venv/compiled.log says why"
	@touch $@

clean:
	rm -rf .venv build consistency/masks/*.so data/demo experiments vis_consistent
