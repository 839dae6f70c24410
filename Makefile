# make demo   a workspace with all ten categories, a real training run, and the workbench on it
# make test   the tests
# make help   the rest
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= stacktui-demo
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet install -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-long lint types contracts screenshots screenshots-check check bench wheel clean

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stacktui needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo ## make the demo workspace, train through it, open the workbench on it
	@$(BIN)/stacktui demo $(DEMO)
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/stacktui -C $(DEMO); else \
	  $(BIN)/stacktui -C $(DEMO) stack show && $(BIN)/stacktui -C $(DEMO) stack validate \
	  && $(BIN)/stacktui -C $(DEMO) runs list --limit 1; fi

test: $(VENV)/.dev ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not long'

test-long: $(VENV)/.dev ## run what is too slow for `make test`: sweeps, big stores, random walks
	$(BIN)/python -m pytest -m long --timeout 1200

lint: $(VENV)/.dev ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## check types
	$(BIN)/mypy

contracts: $(VENV)/.dev ## check that rooms import only from floors below
	$(BIN)/lint-imports

screenshots: $(VENV)/.dev ## draw the screenshots again from the recorded history
	$(BIN)/python -m tests.screens.draw screenshots

screenshots-check: $(VENV)/.dev ## fail when a screenshot is stale
	$(BIN)/python -m pytest tests/screens -q

check: lint types contracts screenshots-check ## everything but the tests

bench: $(VENV)/.dev ## measure the budget beside its references; writes bench.json
	$(BIN)/python -m tests.bench

wheel: $(VENV)/.dev ## build the wheel and the source archive
	$(BIN)/python -m build --outdir dist

clean: ## remove what was made here, the environment too
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .hypothesis $(DEMO)
