# Everything is set up by itself: a virtual environment of the chosen Python, locked tools, the emulator.
#   make test PYTHON=python3.13     the same on another interpreter
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv/$(VERSION)
RUN := $(VENV)/bin/python
READY := $(VENV)/ready
# Any that was set up here, or else the machine's own: for what needs nothing beside Python, and sets nothing up
ANY_PYTHON = $(firstword $(wildcard $(RUN) .venv/*/bin/python) $(PYTHON))
SCANNERS := .venv/scanners-$(VERSION)
LOCK := $(RUN) -m uv pip compile --quiet --python-version 3.11 --generate-hashes --no-strip-extras \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
MEASURED := layers functions client adobe local simulator testing benchmarks docs console/build.py
LOCKS := requirements-dev.txt layers/dependencies/requirements.txt local/requirements.txt testing/scanners/requirements.txt tests/clients/marketorestpython/requirements.txt tests/clients/node_marketo_rest/requirements.txt tests/clients/tap_marketo/requirements.txt
MARKETO_URL ?=
export MARKETO_URL
SOURCE_LAYER ?=
export SOURCE_LAYER

.DEFAULT_GOAL := help
.PHONY: help demo up down status cli console bridge test check mutants fmt bench soak site audit dist build openapi lock clean

help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY)  ## Watch real payloads travel through the local stack into Marketo, and check where they arrive
	@$(RUN) -m local.demo

up: $(READY)  ## Bring the whole stack up on this machine (MARKETO_URL=…: another Marketo endpoint; SOURCE_LAYER=…: a layer's zip file)
	@$(RUN) -m local up

down:  ## Stop what `make up` or `make demo` started, and remove what it left
	@if [ -e .local ]; then $(ANY_PYTHON) -m local down; else echo "nothing was running" >&2; fi

status:  ## Show whether the local stack is running
	@if [ -e .local ]; then $(ANY_PYTHON) -m local status; else echo "the stack is not running; start it with: make up"; exit 1; fi

cli: $(READY)  ## Run the command `destination` (ARGS="runs …"; the local stack unless DESTINATION_STACK says otherwise)
	@$(RUN) -m destination_client $(ARGS)

console: $(READY)  ## Build the console, and show the local stack in it, or that of DESTINATION_STACK
	@$(RUN) console/build.py
	@$(RUN) -m destination_client console $(ARGS)

bridge: $(READY)  ## Let containers of `sam local invoke` reach the local stack, until interrupted
	@$(RUN) -m local bridge

test: $(READY)  ## Run all tests
# Three, as the tests of the deployed stack often wait for it, and two cores have work meanwhile.
	@$(RUN) -m pytest --numprocesses 3 --no-loadscope-reorder $(TESTS)

check: $(READY) $(SCANNERS)/ready  ## Check style, complexity, types, the template, and that generated files are current
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m lizard --CCN 20 --warnings_only --languages python $(MEASURED)
	@$(RUN) -m mypy
	@$(RUN) -m testing.template
	@$(RUN) -m testing.scanners $(SCANNERS)/bin/python
	@$(SCANNERS)/bin/python -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(SCANNERS)/bin/python -m check_jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(SCANNERS)/bin/zizmor --offline --quiet --config .github/zizmor.yml .github .pre-commit-config.yaml
	@$(RUN) -m docs.site $(SCANNERS)/bin/python
	@$(RUN) -m docs.openapi --check
	@$(RUN) -m docs.field_types --check
	@$(RUN) -m docs.permissions --check
	@$(RUN) -m docs.file_schema --check
	@$(RUN) console/build.py check

mutants: $(READY)  ## Change the code in small ways, and count what its tests notice (PART=domain/person.py; all is long)
	@$(RUN) -m testing.mutants $(PART)

fmt: $(READY)  ## Format the code
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .
	@$(RUN) console/build.py format

bench: $(READY)  ## Run the benchmarks
	@$(RUN) -m benchmarks

soak: $(READY)  ## Deliver 100,000 events with faults on, and thousands of random histories (long)
	@$(RUN) -m pytest --hypothesis-profile=soak --timeout=3600 tests/property
	@$(RUN) -m benchmarks.soak

site: $(READY) $(SCANNERS)/ready  ## Build the documents as a site in .site/html
	@$(RUN) -m docs.site $(SCANNERS)/bin/python
	@echo "open .site/html/index.html"

audit: $(SCANNERS)/ready  ## Ask whether a locked library has a known vulnerability (asks a service on the internet)
	@for lock in $(LOCKS); do $(SCANNERS)/bin/python -m pip_audit --require-hashes --disable-pip -r $$lock || exit 1; done

dist: $(READY) $(SCANNERS)/ready  ## Build what a release is published with: wheels, notes, a bill of materials
	@rm -rf dist
	@$(RUN) -m docs.release
	@$(RUN) -m hatchling build -t wheel -d dist
	@cd simulator && ../$(RUN) -m hatchling build -t wheel -d ../dist
	@$(SCANNERS)/bin/python -m cyclonedx_py requirements --output-reproducible --of JSON -o dist/sbom.cdx.json layers/dependencies/requirements.txt

build: $(READY)  ## Build for deployment (CONSOLE=cloudfront: with the console, as every later build then)
	@if [ "$(CONSOLE)" = cloudfront ] || [ -e console/dist ]; then $(RUN) console/build.py; fi
	@$(RUN) -m samcli build

openapi: $(READY)  ## Generate docs/openapi.json, and all other files that are made from the code or the documents
	@$(RUN) -m docs.openapi
	@$(RUN) -m docs.field_types
	@$(RUN) -m docs.permissions
	@$(RUN) -m docs.file_schema
	@$(RUN) -m docs.sources
	@$(RUN) console/build.py licences
	@$(RUN) -m docs.simulator_coverage

lock: $(READY)  ## Lock the requirements again
	@$(LOCK) requirements-dev.in -o requirements-dev.txt
	@$(LOCK) layers/dependencies/requirements.in -c requirements-dev.txt -o layers/dependencies/requirements.txt
	@$(LOCK) local/requirements.in -o local/requirements.txt
	@$(LOCK) testing/scanners/requirements.in -o testing/scanners/requirements.txt
	@for client in tests/clients/*/requirements.in; do $(LOCK) $$client -o $${client%.in}.txt; done

clean: down  ## Remove what was built or installed here
	@rm -rf .venv .local console/dist console/node_modules tests/browser/node_modules .pictures .aws-sam .mutants .site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

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
