# Two commands on a fresh machine: `make demo` shows it, `make test` proves it. `make help` lists the rest.
# Needed beforehand: make, python3.11, Go 1.26, apt, root for the clusters.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
KUBE ?=
WORKERS ?= 2

# With KUBECONFIG set, demo and end-to-end tests use that cluster and build nothing (see tools/README.md).
export PYTHONDONTWRITEBYTECODE := 1
export PYTHONPATH := operator:tools:examples/quake-watch:.
.DEFAULT_GOAL := help

PART := $(BIN)/python tools/demo/part.py

.PHONY: help test check unit integration e2e explore bench demo demo-down dist clean venv bed bed-node

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
