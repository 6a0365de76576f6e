# Everything gradproof needs lives in .venv, made by the first command that wants it.
PYTHON ?= python3
BIN := .venv/bin
MARK := .venv/installed

.PHONY: run test setup lint lock thorough mutants clean

run: setup            ## the theorem, one epoch of each network, the derivation on trial: under two minutes
	$(BIN)/gradproof prove
	$(BIN)/gradproof train --backend handcrafted --epochs 1
	$(BIN)/gradproof train --backend reference --epochs 1
	$(BIN)/gradproof study

test: setup           ## every property test, quick profile
	$(BIN)/python -m pytest -q -n 2 --dist worksteal --durations=10

setup: $(MARK)        ## the set-up alone

# Before anything is made: which Python that is. What an interrupted set-up or another Python left is made anew.
FITS = import sys, venv, ensurepip; print(sys.version_info >= (3, 11))
FOUND = $(or $(shell { $(PYTHON) --version; } 2>/dev/null),not there)
NEEDED = gradproof needs Python 3.11 or later, with venv; $(PYTHON) is $(FOUND); type: make setup PYTHON=python3.12

$(MARK): requirements.lock pyproject.toml
	$(if $(filter True,$(shell { $(PYTHON) -c '$(FITS)'; } 2>/dev/null)),,$(error $(NEEDED)))
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --only-binary :all: --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q handcrafted reference gradproof  # as pip does with a wheel: a sandbox keeps no bytecode
	@touch $(MARK)

lint: setup           ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock: setup           ## resolve the dependencies again, for every Python and platform
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --group dev \
	    --custom-compile-command "make lock" --no-emit-index-url pyproject.toml -o requirements.lock

thorough: setup       ## every property test with fresh seeds and many more examples, 200 kills, a million broken files
	@[ "$$(id -u)" != 0 ] || [ -d /usr/share/datasets/fashion-mnist ] || apt-get install -y -qq dataset-fashion-mnist \
	    || echo "no dataset-fashion-mnist: its test skips"
	$(BIN)/python -m pytest -q -n 2 --dist worksteal --durations=10 --hypothesis-profile=thorough
	$(BIN)/python benchmarks/soundness.py --seed $$(date +%s)

mutants: setup        ## every small change of the derivation must be refuted, every change of the judge turn tests red
	$(BIN)/python benchmarks/mutants.py
	$(BIN)/python benchmarks/mutants_of_the_judge.py
	$(BIN)/python benchmarks/mutants_of_exact.py

clean:                ## remove what the other commands made, but not runs/
	rm -rf .venv .jax_cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
