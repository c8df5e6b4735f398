# Everything a user or CI calls. `make` alone shows this list.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHM := lkas/integration/shared_memory

.PHONY: help setup run test test-oldest foreign check coverage bench format defaults screenshot clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## make .venv with the commands lkas, simulation and viewer, and everything the tests need

$(VENV)/.ready: pyproject.toml scripts/setup.sh $(wildcard lkas/include/*.h $(SHM)/*.[ch] $(SHM)/*/*.[ch] lkas/detection/lane_fit/*.[ch] simulation/embedded/renderer/*.[ch])
	@PYTHON=$(PYTHON) VENV=$(VENV) bash scripts/setup.sh
	@touch $@

run: setup  ## drive: simulation, lkas and the page
	@$(BIN)/lkas demo

test: setup  ## all tests
	@$(BIN)/python -m pytest

test-oldest:  ## a drive with the oldest allowed version of every dependency, in build/oldest
	@PYTHON=$(PYTHON) bash scripts/test_oldest.sh

foreign:  ## MetaDrive in build/foreign, driven 2 km with cv and with hybrid; skipped where it cannot be installed
	@PYTHON=$(PYTHON) bash scripts/foreign.sh

check: setup  ## lint, format, types, and the C core with every installed compiler (MinGW: for Windows)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@bash scripts/check_headers.sh

coverage: setup  ## line coverage of the shared-memory package; an error below 90 %
	@$(BIN)/python -m pytest -q tests/lkas/integration/shared_memory --cov=lkas.integration.shared_memory \
		--cov-report=term-missing --cov-fail-under=90

bench: setup  ## measure the channels against pyzmq, multiprocessing and, where installed, iceoryx2
	@$(BIN)/lkas bench ipc

format: setup  ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

defaults: setup  ## write the files derived from declarations: configs/default.yaml, lkas_messages.h, the built-in map
	@PYTHONPATH=. $(BIN)/python scripts/write_defaults.py

screenshot: setup  ## make the images of the README: the page and an animation of a drive
	@PYTHONPATH=. $(BIN)/python scripts/screenshot.py

clean:  ## remove .venv and all build output
	rm -rf $(VENV) build dist *.egg-info .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find lkas simulation -name '*.so' -delete
