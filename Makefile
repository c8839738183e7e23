# Every target works on a machine with Python 3.11 to 3.13 and make; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { command -v $$p; break; }; done)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
SERVICES ?= auto
STACK ?= dev
PIP_AUDIT := pip-audit --disable-pip --require-hashes

.PHONY: help setup setup-infra bench plots golden demo test test-unit test-integration test-crash hostile-cost guard-rates \
	lint lint-workflows format schema lock clean \
	package image audit gate preview comment drift release-infra release-app

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  make %-17s %s\n", $$1, $$2 }'

setup: .venv/.installed ## make .venv: Python packages (hashed pins) and Azurite, nothing outside this folder

.venv/.installed: requirements/dev.txt $(wildcard packages/*/pyproject.toml) packages/cli/azurite/package-lock.json
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found. Install one, or say which: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		-e packages/core -e packages/storage -e packages/cli
	cd packages/cli/azurite && npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@touch $@

setup-infra: .venv/.installed-infra ## add Pulumi to .venv, for infra/ and its tests

# Compiled files of azure-native would take more room than all the rest; what is imported gets compiled by itself.
.venv/.installed-infra: .venv/.installed requirements/infra.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements/infra.txt
	@touch $@

demo: setup ## the main job, shown: events in, archive, metrics and aggregates out (embedded PostgreSQL and Azurite)
	payments demo

test: setup setup-infra ## every test
	pytest

test-unit: setup setup-infra ## only the tests that need no server
	pytest -m "not services"

test-integration: setup setup-infra ## only the tests on real PostgreSQL and real Azurite (SERVICES=containers|embedded)
	pytest -m services --services $(SERVICES)

KILLS ?= 400
test-crash: setup setup-infra ## workers killed in mid-work, KILLS=400 times; SEED=... replays a run
	CRASH_KILLS=$(KILLS) CRASH_SEED=$(SEED) pytest -n 0 -s tests/integration/crash/test_crash.py

hostile-cost: setup setup-infra ## what hostile batches cost, as multiples of a good one (docs/guarantees.md)
	PYTHONPATH=services/ingest_function python -m tests.integration.hostile.cost

guard-rates: setup ## the guard's false positives, and what it costs an event (docs/card-data.md)
	python packages/core/tests/guard_rates.py

lint: setup setup-infra lint-workflows ## ruff, mypy strict, import contracts, workflows
	ruff check .
	ruff format --check .
	mypy
	PYTHONPATH=services/ingest_function lint-imports --no-logo

lint-workflows: setup ## actionlint, zizmor; .github and compose.yaml against their schemas
	actionlint
	zizmor --offline --quiet --persona pedantic .github
	check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml

format: setup ## let ruff rewrite what it can
	ruff check --fix .
	ruff format .

bench: setup ## measure this machine: table, and build/bench.json (a few minutes; python -m benchmarks --help)
	python -m benchmarks

plots: setup ## draw build/bench.json into docs/img (installs pygal into .venv)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/bench.txt
	python -m benchmarks.plots

golden: setup setup-infra ## write the summaries of the stacks anew (infra/tests/golden)
	UPDATE_GOLDEN=1 pytest -n 0 infra/tests/test_golden.py

schema: setup ## write database/schema.sql anew from the migrations
	python -m payments.local.schema

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-package payments-core --no-emit-package payments-storage --custom-compile-command "make lock"
lock: setup ## compile requirements/*.txt again (add UPGRADE=1 for newer versions)
	$(LOCK) $(if $(UPGRADE),--upgrade) packages/core/pyproject.toml packages/storage/pyproject.toml \
		services/ingest_function/requirements.in -o services/ingest_function/requirements.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) packages/core/pyproject.toml packages/storage/pyproject.toml packages/cli/pyproject.toml --extra local \
		requirements/dev.in -c services/ingest_function/requirements.txt -o requirements/dev.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) packages/core/pyproject.toml packages/storage/pyproject.toml packages/cli/pyproject.toml \
		-c requirements/dev.txt -o requirements/consume.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements/infra.in -c requirements/dev.txt -o requirements/infra.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements/bench.in -c requirements/dev.txt -o requirements/bench.txt

package: setup ## build/function.zip: the function with its dependencies, for Azure; and its bill of materials
	python delivery/function_package.py build

image: ## build/image.tar.gz: the commands and migrations as an image (Dockerfile); needs Docker
	@mkdir -p build
	docker build --tag payments:build .
	docker save payments:build | gzip --no-name > build/image.tar.gz

audit: setup ## known vulnerabilities of what is deployed and of what builds it; asks a service on the internet
	for file in requirements/*.txt services/ingest_function/requirements.txt; do $(PIP_AUDIT) --requirement $$file; done

gate: ## for CI: whether all jobs in NEEDS succeeded
	@$(PYTHON) delivery/gate.py

preview: setup-infra ## build/preview-STACK.md: what a stack would become; needs pulumi
	delivery/preview.sh $(STACK) build/preview-$(STACK).md

comment: ## for CI: build/preview-*.md as a comment of pull request PULL_REQUEST; needs gh
	delivery/comment.sh $(PULL_REQUEST) build/preview-*.md

drift: setup-infra ## fails when a stack is not what main says; needs pulumi
	delivery/preview.sh --drift $(STACK)

release-infra: setup-infra ## the image and the infrastructure of a stack, from build/; needs pulumi, az, docker
	delivery/release.sh infra $(STACK)

release-app: ## tables, function package, smoke test of a stack, or back; needs pulumi, az, docker
	delivery/release.sh app $(STACK)

clean: ## stop the local services, drop their data; remove .venv, .local, build and caches
	-test ! -x $(BIN)/payments || payments services down --delete
	rm -rf .venv .local build packages/cli/azurite/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
