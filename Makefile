# All commands. Each target installs what it needs on the first call.
PYTHON ?= python3
VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
SANDBOX_READY := $(VENV)/.sandbox-ready
DEV_READY := $(VENV)/.dev-ready
ASL_VALIDATOR := $(VENV)/asl-validator
CLI_READY := $(VENV)/.cli-ready
SCAN := .sandbox/envs/scan
SCAN_READY := $(SCAN)/.ready
LAYERS = $(wildcard .sandbox/envs/$(shell $(VENV_PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')/layers/*/python)
SBOM := .sandbox/sbom
NOTEBOOKS = .sandbox/envs/$(shell $(VENV_PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')/notebooks
NOTEBOOKS_READY := $(VENV)/.notebooks-ready

# Make ignores mistyped variables, so `make train key=...` would train on another file.
KNOWN := PYTHON VENV STACK KEY RUN LIMIT DATA PAGE DEMO_ARGS SANDBOX_ARGS TEST_ARGS BENCH_ARGS
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
UNKNOWN := $(filter-out $(KNOWN) MAKEFLAGS MAKEOVERRIDES,$(GIVEN))
ifneq ($(UNKNOWN),)
NEAREST = import difflib, sys; print(*difflib.get_close_matches(sys.argv[1].upper(), sys.argv[2:], 1))
$(error There is no variable $(firstword $(UNKNOWN)). \
  Did you mean $(or $(shell $(PYTHON) -c '$(NEAREST)' '$(firstword $(UNKNOWN))' $(KNOWN)),one of $(KNOWN))?)
endif

# Arguments of `make train`, `make runs` and `make rollback` reach the shell as variables, safe from any content.
export KEY RUN LIMIT
ifdef STACK
export AUTOWATCH_STACK := $(STACK)
endif

# Without bytecode caches, each of the sandbox's processes would compile everything again.
export PYTHONDONTWRITEBYTECODE :=

AUTOWATCH := $(VENV_PYTHON) -m autowatch_client

.PHONY: install notebooks notebook-test pictures measurements demo sandbox train runs rollback test soak permissions container-test bench-scoring bench-drift-errors bench-drift check pins sbom audit clean help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(SANDBOX_READY) $(CLI_READY)  ## install the command autowatch and the sandbox into .venv and .sandbox

demo: $(SANDBOX_READY) $(CLI_READY)  ## run the whole loop on one machine: train, release, score, monitor, alert, retrain
	@$(VENV_PYTHON) -m sandbox.demo $(DEMO_ARGS)

sandbox: $(SANDBOX_READY) $(CLI_READY)  ## start the stack on this machine and leave it running
	@$(AUTOWATCH) up $(SANDBOX_ARGS)

train: $(CLI_READY)  ## start a training run and follow it: [KEY=training/x.csv] [STACK=name]
	@$(AUTOWATCH) train $(if $(KEY),"$$KEY")

runs: $(CLI_READY)  ## list the training runs, newest first: [LIMIT=20] [STACK=name]
	@$(AUTOWATCH) runs $(if $(LIMIT),--limit "$$LIMIT")

rollback: $(CLI_READY)  ## roll back to the model of an earlier run: RUN=name [STACK=name]
	@$(if $(RUN),,$(error Which run? `make runs` lists them; then: make rollback RUN=name))$(AUTOWATCH) rollback "$$RUN"

test: $(DEV_READY)  ## run all tests; needs neither an AWS account nor Docker
	@$(VENV_PYTHON) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(TEST_ARGS)

soak: $(DEV_READY)  ## long test under faults with fixed seeds: files, labels, a release, large files, Domino, 40 stopped or killed runs
	@PYTHONPATH=src:. $(VENV_PYTHON) -m benchmarks.soak $(BENCH_ARGS)

permissions: $(DEV_READY)  ## record again which of the template's permissions the sandbox tests need
	@folder=$$(mktemp -d) && SANDBOX_PERMISSIONS_RECORD=$$folder $(VENV_PYTHON) -m pytest -n auto --dist loadfile tests/e2e \
	  && $(VENV_PYTHON) -m tests.permissions $$folder

notebooks: $(NOTEBOOKS_READY)  ## install the environment of notebooks/ (about 1 GB)
	@echo "$(NOTEBOOKS)/bin/python -m ipykernel install --user --name autowatch adds it to your Jupyter as a kernel."

notebook-test: $(DEV_READY) $(NOTEBOOKS_READY)  ## run all notebooks against a sandbox
	@$(VENV_PYTHON) -m pytest tests/notebooks $(TEST_ARGS)

container-test: $(DEV_READY)  ## run every function with the sample events in real containers (needs a container engine)
	@$(VENV_PYTHON) -m pytest tests/container $(TEST_ARGS)

bench-scoring: $(SANDBOX_READY)  ## measure the speed of scoring, compared with alternatives and the ideal
	@PYTHONPATH=src $(VENV_PYTHON) -m benchmarks.scoring $(BENCH_ARGS)

bench-drift: $(DEV_READY)  ## measure the speed of drift detection, compared with pandas, DuckDB and Evidently, and of the daily job
	@PYTHONPATH=src $(VENV_PYTHON) -m benchmarks.drift $(BENCH_ARGS)

bench-drift-errors: $(DEV_READY)  ## simulate false alarms and misses of the drift verdict: [DATA=bank-additional-full.csv for the real file]
	@PYTHONPATH=src $(VENV_PYTHON) -m benchmarks.drift_error_rates choose 11 12
	@PYTHONPATH=src $(VENV_PYTHON) -m benchmarks.drift_error_rates judge 13
	@PYTHONPATH=src $(VENV_PYTHON) -m benchmarks.drift_small_days 15
	@PYTHONPATH=src $(VENV_PYTHON) -m benchmarks.drift_open_columns 14
	@PYTHONPATH=src $(VENV_PYTHON) -m benchmarks.drift_year 1 2
	@$(if $(DATA),PYTHONPATH=src $(VENV_PYTHON) -m benchmarks.drift_months "$(DATA)")

measurements: $(DEV_READY)  ## update the tables of a page of docs/measurements: PAGE=name
	@$(if $(PAGE),,$(error Which page? For example: make measurements PAGE=gate-error-rates))PYTHONPATH=src:. $(VENV_PYTHON) -m benchmarks.write "docs/measurements/$(PAGE).md"

pictures: $(DEV_READY)  ## update the README's pictures, after make demo (needs Chromium)
	@$(VENV_PYTHON) -m benchmarks.pictures

check: $(DEV_READY) $(SCAN_READY) $(ASL_VALIDATOR)/.ready  ## check lint, types, import contracts, the template and its permissions
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@PYTHONPATH=src:. $(VENV)/bin/lint-imports --no-cache
	@SAM_CLI_TELEMETRY=0 $(VENV)/bin/sam validate --lint
	@$(VENV)/bin/cfn-lint template.yaml
	@$(VENV_PYTHON) -m sandbox.deployment.package > .sandbox/translated.json
	@$(SCAN)/bin/checkov --config-file .checkov.yaml --file .sandbox/translated.json
	@$(SCAN)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@for machine in train transform; do \
	  sed 's/$${Partition}/aws/g' statemachine/$$machine.asl.json > $(ASL_VALIDATOR)/$$machine.asl.json; \
	  $(ASL_VALIDATOR)/node_modules/.bin/asl-validator --json-path $(ASL_VALIDATOR)/$$machine.asl.json || exit 1; \
	done
	@$(VENV)/bin/nbstripout --verify notebooks/*.ipynb
	@$(VENV_PYTHON) -m pytest --quiet --no-header tests/house/test_documents.py tests/house/test_examples.py tests/template/test_permissions.py tests/template/test_mutations.py

pins: $(VENV)/bin/python  ## update the hashes in layers/*/requirements.txt after a change of a requirements.in
	@$(VENV_PYTHON) requirements/pin_layers.py

sbom: $(SANDBOX_READY) $(SCAN_READY)  ## list the layers' packages (CycloneDX) and their licences in .sandbox/sbom
	@rm -rf $(SBOM)
	@$(VENV_PYTHON) -m venv --without-pip $(SBOM)/environment
	@printf '%s\n' $(abspath $(LAYERS)) > $$(echo $(SBOM)/environment/lib/python*/site-packages)/layers.pth
	@$(SCAN)/bin/cyclonedx-py environment --output-reproducible --output-format JSON --outfile $(SBOM)/sbom.json $(SBOM)/environment/bin/python
	@$(SCAN)/bin/pip-licenses --python $(SBOM)/environment/bin/python --from mixed --with-urls --format markdown > $(SBOM)/licences.md
	@rm -rf $(SBOM)/environment
	@echo "$(SBOM)/sbom.json and $(SBOM)/licences.md list the packages of the layers."

audit: $(SANDBOX_READY) $(SCAN_READY)  ## check the layers' packages for known vulnerabilities (needs access to the advisories)
	@found=$$($(SCAN)/bin/pip-audit --strict --progress-spinner off $(addprefix --path ,$(LAYERS)) 2>&1); status=$$?; \
	case "$$found" in *"known vulnerabilit"*) echo "$$found"; exit $$status;; esac; \
	echo "Not audited, since the advisories for some packages are unavailable: run make audit with access to them ($$(echo "$$found" | tail -n 1 | cut -c 1-200))."; exit 1

clean:  ## remove everything that make created
	rm -rf $(VENV) .sandbox .aws-sam

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Autowatch needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.13.")'
	@$(PYTHON) -m venv $(VENV)

$(SANDBOX_READY): $(VENV)/bin/python requirements/sandbox.txt requirements/model.txt requirements/lambda-runtime.txt $(wildcard layers/*/requirements.*)
	@echo "Installing the sandbox (2 GB, some minutes the first time) ..."
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements/sandbox.txt
	@$(VENV_PYTHON) -m sandbox.install
	@touch $@

$(CLI_READY): $(VENV)/bin/python requirements/cli.txt pyproject.toml
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements/cli.txt
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(SCAN_READY): $(VENV)/bin/python requirements/scan.txt
	@$(VENV_PYTHON) -m venv $(SCAN)
	@$(SCAN)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/scan.txt
	@touch $@

$(ASL_VALIDATOR)/.ready: requirements/package.json
	@command -v npm >/dev/null || { echo "make check needs npm, for the validator of state machines: install Node 20 or later."; exit 1; }
	@mkdir -p $(ASL_VALIDATOR)
	@cp requirements/package.json $(ASL_VALIDATOR)/
	@npm install --prefix $(ASL_VALIDATOR) --no-package-lock --no-audit --no-fund --silent
	@touch $@

$(DEV_READY): $(SANDBOX_READY) $(CLI_READY) requirements/dev.txt
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@

$(NOTEBOOKS_READY): $(VENV)/bin/python notebooks/requirements.txt
	@echo "Installing the notebooks' environment (about 1 GB, some minutes) ..."
	@$(VENV_PYTHON) -m venv $(NOTEBOOKS)
	@$(NOTEBOOKS)/bin/python -m pip install --quiet --disable-pip-version-check -r notebooks/requirements.txt
	@touch $@
