# `make demo` and `make test` are all a fresh machine needs: each sets up .venv first.
# With uv on the PATH it is used; otherwise python3 (3.11 or newer) and pip.

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
export TF_CPP_MIN_LOG_LEVEL ?= 3
export MPLBACKEND ?= Agg

.PHONY: demo lecture test test-all lint bench clean

demo: $(READY)  ## the autoencoder example: a verdict and a figure, offline
	$(PYTHON) examples/autoencoder.py

lecture: $(READY)  ## the figure of every slide, with a page of them all
	$(PYTHON) examples/lecture.py --out figures/lecture

test: $(READY)  ## everything but the slow claims
	$(PYTHON) -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(READY)  ## with the slow claims: every number of the README and docs
	$(PYTHON) -m pytest

lint: $(READY)  ## style and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

bench: $(READY)  ## timings, side by side
	$(PYTHON) benchmarks/run.py

clean:
	rm -rf $(VENV) figures runs build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@set -e; \
	if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python '>=3.11' $(VENV); \
		uv pip install --quiet --python $(PYTHON) -e '.[dev]'; \
	else \
		for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
			if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
		done; \
		if [ -z "$$found" ]; then echo "Python 3.11 or newer is needed; found $$(python3 --version 2>&1)."; exit 1; fi; \
		echo "Setting up $(VENV) with $$($$found --version); TensorFlow is large, so this takes minutes."; \
		$$found -m venv $(VENV); \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check -e '.[dev]'; \
	fi
	@touch $@
