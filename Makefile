# Everything a newcomer types. Each target sets up what it needs; a second call finds it there.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
SANDBOX_READY := $(VENV)/.sandbox-ready
DEV_READY := $(VENV)/.dev-ready

.PHONY: demo sandbox test container-test bench-scoring check clean help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(SANDBOX_READY)  ## the whole story on one machine: train, release, score, watch, alert, retrain
	@$(RUN) -m sandbox.demo $(DEMO_ARGS)

sandbox: $(SANDBOX_READY)  ## bring the stack up here and leave it running
	@$(RUN) -m sandbox up $(SANDBOX_ARGS)

test: $(DEV_READY)  ## every test, without account or Docker
	@$(RUN) -m pytest -n auto --dist loadfile $(TEST_ARGS)

container-test: $(DEV_READY)  ## each function's sample event in a real container (needs an engine)
	@$(RUN) -m pytest tests/container $(TEST_ARGS)

bench-scoring: $(SANDBOX_READY)  ## how fast scoring is, beside other ways and the ideal
	@PYTHONPATH=src $(RUN) -m benchmarks.scoring $(BENCH_ARGS)

check: $(DEV_READY)  ## lint, types and the template
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@SAM_CLI_TELEMETRY=0 $(VENV)/bin/sam validate --lint
	@$(VENV)/bin/cfn-lint template.yaml

clean:  ## remove everything that make made
	rm -rf $(VENV) .sandbox .aws-sam

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Autowatch needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.13.")'
	@$(PYTHON) -m venv $(VENV)

$(SANDBOX_READY): $(VENV)/bin/python requirements/sandbox.txt requirements/model.txt requirements/lambda-runtime.txt layers/core/requirements.txt layers/analysis/requirements.txt
	@echo "Installing the sandbox (about two minutes the first time) ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements/sandbox.txt
	@$(RUN) -m sandbox.install
	@touch $@

$(DEV_READY): $(SANDBOX_READY) requirements/dev.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@
