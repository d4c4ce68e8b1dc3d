# Two commands on a fresh machine: `make demo` shows it, `make test` proves it; `make help` lists the rest.
# Needed beforehand: make, Python 3.11 and, for the clusters, Go 1.26, apt and root (tools/README.md).
# KUBECONFIG set: demo and end-to-end tests use that cluster and build nothing.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
WORKERS ?= 2
# Integration tests wait for clusters more than they compute.
WAITERS ?= 5
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PATHS := operator:tools:examples/quake-watch:.
PYTEST := $(BIN)/pytest

.DEFAULT_GOAL := help
.PHONY: help test check lint types layers generated generate unit integration e2e e2e-beds explore crash bench demo demo-down dist clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## watch a real cluster upgrade two services; it stays up until `make demo-down`
	$(BIN)/python tools/demo

demo-down: ## take the demo's cluster down
	$(PYTHON) tools/bed down demo

test: $(READY) ## everything CI runs: check, unit, integration, e2e; times of each part at the end
	@MAKE='$(MAKE)' .ci/parts check integration+e2e+unit

check: lint types layers generated ## lint, types, import layers, generated files

lint types layers generated: | $(READY)

lint:
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types:
	$(BIN)/mypy operator tools

layers:
	PYTHONPATH=$(PATHS) $(BIN)/lint-imports

generated:
	PYTHONPATH=$(PATHS) $(BIN)/python -m scenario_operator.api.crd --check
	$(BIN)/python tools/dist/sync_chart.py --check
	$(BIN)/python tools/docs --check

generate: $(READY) ## write the generated files anew
	PYTHONPATH=$(PATHS) $(BIN)/python -m scenario_operator.api.crd
	$(BIN)/python tools/dist/sync_chart.py
	$(BIN)/python tools/docs

# It only computes, so it leaves the processors to tests beside it that wait for clusters.
unit: $(READY) ## pure code, and the explorer on a model cluster
	$(PYTHON) tools/bed build --for helm
	nice $(PYTEST) tests/unit tests/tools tests/sim -m "not slow" -n $(WORKERS)

# A little nice: what the end-to-end tests beside it have to build first should not wait for it.
integration: $(READY) ## the operator's process against a real API server with simulated pods
	$(PYTHON) tools/bed build --for helm
	$(PYTHON) tools/bed build --for sim
	nice -n 3 env -u KUBECONFIG $(PYTEST) tests/integration -m "not slow" -n $(WAITERS) --dist loadscope --no-loadscope-reorder

e2e: $(READY) ## the operator's image, Helm, real pods and volumes
	@if [[ -n "$${KUBECONFIG:-}" ]]; then $(PYTEST) tests/e2e; else $(MAKE) --no-print-directory e2e-beds; fi

e2e-beds:
	$(PYTHON) tools/bed build --for all
	$(PYTHON) tools/bed images build
	$(PYTEST) tests/e2e -n $(WORKERS) --dist loadscope

explore: $(READY) ## deeper than CI: millions of states; writes the counts into docs/reliability.md
	PYTHONPATH=$(PATHS) $(BIN)/python -m tests.sim --write
	PYTHONPATH=$(PATHS) $(BIN)/python -m tests.fuzz --write

crash: $(READY) ## a crash and a fault at every call of every reference upgrade
	$(PYTHON) tools/bed build --for helm
	$(PYTHON) tools/bed build --for sim
	env -u KUBECONFIG $(PYTEST) tests/integration -m slow
	env -u KUBECONFIG $(BIN)/python -m tests.crash

bench: $(READY) ## how much work, how long, how many writes
	env -u KUBECONFIG $(BIN)/python -m tests.bench

dist: $(READY) ## dist/install.yaml and dist/uninstall.yaml, for those without Helm
	$(PYTHON) tools/bed build --for helm
	$(BIN)/python tools/dist

clean: ## the virtual environment and what tests leave; clusters and caches stay (tools/README.md)
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# Made anew when the requirements change; a warm start costs nothing.
$(READY): tools/requirements-dev.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
