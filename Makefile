# Everything is set up by itself: a virtual environment of the chosen Python, locked tools, the emulator.
#   make test PYTHON=python3.13     the same on another interpreter
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv/$(VERSION)
RUN := $(VENV)/bin/python
READY := $(VENV)/ready
SCANNERS := .venv/scanners-$(VERSION)
LOCK := $(RUN) -m uv pip compile --quiet --python-version 3.11 --generate-hashes --no-strip-extras \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
MEASURED := layers functions client local simulator testing benchmarks docs
MARKETO_URL ?=
export MARKETO_URL

.DEFAULT_GOAL := help
.PHONY: help demo up down status cli bridge test check mutants fmt bench soak build openapi lock clean

help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY)  ## Watch real payloads travel through the local stack into Marketo, and check where they arrive
	@$(RUN) -m local.demo

up: $(READY)  ## Bring the whole stack up on this machine (MARKETO_URL=… to use another Marketo endpoint)
	@$(RUN) -m local up

down:  ## Stop what `make up` started
	@if [ -e $(READY) ]; then $(RUN) -m local down; fi

status: $(READY)  ## Show whether the local stack is running
	@$(RUN) -m local status

cli: $(READY)  ## Run the command `destination` (ARGS="runs …"; the local stack unless DESTINATION_STACK says otherwise)
	@$(RUN) -m destination_client $(ARGS)

bridge: $(READY)  ## Let containers of `sam local invoke` reach the local stack, until interrupted
	@$(RUN) -m local bridge

test: $(READY)  ## Run all tests
	@$(RUN) -m pytest --numprocesses 2 --no-loadscope-reorder $(TESTS)

check: $(READY) $(SCANNERS)/ready  ## Check style, complexity, types, the template, and that generated files are current
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m lizard --CCN 20 --warnings_only --languages python $(MEASURED)
	@$(RUN) -m mypy
	@$(RUN) -m testing.template
	@$(RUN) -m testing.scanners $(SCANNERS)/bin/python
	@$(RUN) -m docs.openapi --check
	@$(RUN) -m docs.field_types --check

mutants: $(READY)  ## Change the code in small ways, and count what its tests notice (PART=domain/person.py; all is long)
	@$(RUN) -m testing.mutants $(PART)

fmt: $(READY)  ## Format the code
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

bench: $(READY)  ## Run the benchmarks
	@$(RUN) -m benchmarks

soak: $(READY)  ## Deliver 100,000 events with faults on, and thousands of random histories (long)
	@$(RUN) -m pytest --hypothesis-profile=soak --timeout=3600 tests/property
	@$(RUN) -m benchmarks.soak

build: $(READY)  ## Build for deployment
	@$(RUN) -m samcli build

openapi: $(READY)  ## Generate docs/openapi.json, and the table of field types
	@$(RUN) -m docs.openapi
	@$(RUN) -m docs.field_types

lock: $(READY)  ## Lock the requirements again
	@$(LOCK) requirements-dev.in -o requirements-dev.txt
	@$(LOCK) layers/dependencies/requirements.in -c requirements-dev.txt -o layers/dependencies/requirements.txt
	@$(LOCK) local/requirements.in -o local/requirements.txt
	@$(LOCK) testing/scanners/requirements.in -o testing/scanners/requirements.txt

clean: down  ## Remove what was built or installed here
	@rm -rf .venv .local .aws-sam .mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.13 …")'
	@echo "setting up $(VENV) (once; about a minute)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(SCANNERS)/ready: $(READY) testing/scanners/requirements.txt
	@echo "setting up $(SCANNERS) (once; some minutes)" >&2
	@$(PYTHON) -m venv $(SCANNERS)
	@$(SCANNERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -r testing/scanners/requirements.txt
	@touch $@
