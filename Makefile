# hypercare: `make help` lists the targets
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

.PHONY: help install demo test check kafka gen bench simulate-alerts lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("hypercare needs Python 3.11 or newer; set PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/test-ready: $(VENV)/ready requirements-test.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-test.lock
	@touch $@

install: $(VENV)/ready ## create .venv from requirements.lock

demo: $(VENV)/ready ## run everything in one process and stream a sample go-live through it
	$(BIN)/hypercare demo

test: export PYTHONDONTWRITEBYTECODE :=# where it is set, each of the many processes that tests start would compile every module anew
test: $(VENV)/test-ready ## everything, on real Kafka and PostgreSQL
	-@$(BIN)/python -m deploy.kafka.jars
	$(BIN)/python -m pytest

check: $(VENV)/test-ready ## style, types and import contracts only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

kafka: $(VENV)/ready ## start one real Apache Kafka broker on a free loopback port (needs Java 17 and Maven)
	$(BIN)/python -m deploy.kafka.broker

gen: $(VENV)/test-ready ## make every generated file anew
	$(BIN)/python -m services.cli.pages
	$(BIN)/python -m deploy.contracts
	$(BIN)/python -m deploy.grafana.boards

bench: $(VENV)/test-ready ## what it costs: a table and bench.json (several minutes, wants a quiet machine)
	$(BIN)/python -m tests.bench

simulate-alerts: $(VENV)/test-ready ## what the burndown alerts cost and find on simulated sites, into docs/alerts.md (ten minutes; needs Prometheus)
	$(BIN)/python -m tests.simulate_alerts

lock: ## resolve the lock files anew (needs uv)
	$(LOCK) --upgrade pyproject.toml --output-file requirements.lock
	$(LOCK) --upgrade --extra test --constraint requirements.lock pyproject.toml --output-file requirements-test.lock

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache deploy/kafka/target
