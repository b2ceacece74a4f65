# Everything that people type. `make help` lists it; each recipe is a line or two on purpose.

BIN := .venv/bin
VENV := .venv/.reco-installed
SERVING_LOCK := docker/api-requirements.lock
JOBS_LOCK := docker/jobs-requirements.lock

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Where a log's path comes in as DATA="...": through the environment, so that spaces and quotes survive.
export DATA PYTHON WORKSPACE

.PHONY: help venv demo stop airflow test test-slow lint lint-locks lint-compose format docs guide bench bench-serving \
	bench-live bench-publish bench-checks bench-lists bench-home-lists bench-models bench-warehouse bench-swap soak \
	faults models-report lists-report cold-start explanations lock clean

help: ## this list
	@echo "Usage: make TARGET [DATA=path/to/your/log] [PYTHON=python3.12]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

venv: $(VENV) ## make .venv from the pinned lock (everything below does it when needed)

$(VENV): requirements.lock pyproject.toml .ci/make_venv
	@.ci/make_venv

demo: $(VENV) ## run everything once on a simulated shop, or on your log: make demo DATA=PATH
	@if [ -n "$$DATA" ]; then exec $(BIN)/reco demo --data "$$DATA"; else exec $(BIN)/reco demo; fi

stop: ## stop a demo that runs in another shell
	@if [ -x $(BIN)/reco ]; then exec $(BIN)/reco stop; else echo "nothing runs: there is no .venv yet"; fi

airflow: $(VENV) ## Airflow's own UI with the DAGs, login printed; on a demo's data: make airflow WORKSPACE=simulated
	@exec $(BIN)/reco airflow $(if $(WORKSPACE),--data-workspace "$$WORKSPACE")

test: $(VENV) ## the test suite in two processes, real parts included (under 12 minutes on two cores)
	@$(BIN)/python -m pytest -n 2 --no-loadscope-reorder

test-slow: $(VENV) ## the tests that take minutes: the DAG on real data sets, a real scheduler, servers that are killed
	@$(BIN)/python -m pytest -m slow -n 2 --no-loadscope-reorder

lint: $(VENV) lint-locks lint-compose ## check format, style, types, import rules, SQL, locks and the compose file
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests/*.sql

lint-locks: # a lock holds names, versions and hashes, never where to download from
	@if grep -nE '://|^ *-(-index|-extra-index|-find-links|i |f )| @ ' requirements.lock $(SERVING_LOCK) $(JOBS_LOCK); then \
		echo "error: the lines above put an address into a lock; make them again with 'make lock'"; exit 1; \
	else echo "locks: no address"; fi

lint-compose: # needs a compose client, no engine
	@.ci/check_compose

format: $(VENV) ## put Python and SQL into their form
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/sqlfluff fix dbt_project/models dbt_project/tests/*.sql

docs: $(VENV) ## the warehouse's documentation, one HTML page with lineage; prints test and docs coverage
	@$(BIN)/reco docs

guide: $(VENV) ## run the queries of docs/analyst-guide.md on its shop, and write what comes out into it
	@RECO_RENEW_GUIDE=yes $(BIN)/python -m pytest -q tests/e2e/test_analyst_guide.py

bench: bench-serving bench-publish ## the lookup API and publishing (bench-checks, bench-lists, bench-home-lists, bench-models and bench-warehouse are apart); each prints a table and writes benchmarks/results/NAME.json

bench-serving: $(VENV) ## the lookup API beside a trivial app, FastAPI and feast serve; latency at constant arrival rates (five minutes)
	@$(BIN)/python -m benchmarks.bench_serving

bench-live: $(VENV) ## from a click's 202 to a changed list, under load
	@$(BIN)/python -m benchmarks.bench_live

bench-publish: $(VENV) ## lists a second and bytes a user
	@$(BIN)/python -m benchmarks.bench_publish

bench-swap: $(VENV) ## a million users' lists replaced under load: errors, mixed answers, p99 before, during, after (some minutes)
	@$(BIN)/python -m benchmarks.swap_under_load

soak: $(VENV) ## ten minutes of load and twenty generations: does the memory of an API worker stay flat?
	@$(BIN)/python -m benchmarks.soak

faults: $(VENV) ## kill, stop and starve the store and the API under load: what readers get, and how soon it is over
	@$(BIN)/python -m benchmarks.faults

bench-checks: $(VENV) ## time and memory of checking a million lists before they are published (some minutes)
	@$(BIN)/python -m benchmarks.bench_checks

bench-models: $(VENV) ## time and memory of every model at published size, and ALS beside implicit (some minutes)
	@$(BIN)/python -m benchmarks.bench_models

bench-lists: $(VENV) ## time and memory of re-ranking at 100,000 users x 200 candidates, a line for each method (two minutes)
	@$(BIN)/python -m benchmarks.bench_lists

bench-home-lists: $(VENV) ## home lists of 100,000 users x 41,000 items from the model to the file, with and without coverage
	@$(BIN)/python -m benchmarks.bench_home_lists

bench-warehouse: $(VENV) ## time and memory of the warehouse at 1 and 10 million events (some minutes)
	@$(BIN)/python -m benchmarks.bench_warehouse

models-report: $(VENV) ## the tables and plots of docs/models.md: make models-report DATA=folder/of/public/logs (half an hour)
	@$(BIN)/python -m benchmarks.models_report --data "$${DATA:?DATA=folder/of/public/logs is missing}"

lists-report: $(VENV) ## the tables and plots of docs/lists.md: make lists-report DATA=folder/of/public/logs (ten minutes)
	@$(BIN)/python -m benchmarks.lists_report --data "$${DATA:?DATA=folder/of/public/logs is missing}"

cold-start: $(VENV) ## the tables and plots of docs/cold-start.md: newcomers and new items of simulated shops (some minutes)
	@$(BIN)/python -m benchmarks.cold_start

explanations: $(VENV) ## the table and the examples of docs/explanations.md: make explanations DATA=path/to/ml-latest-small (some minutes)
	@$(BIN)/python -m benchmarks.explanations --data "$${DATA:?DATA=path/to/ml-latest-small is missing}"

lock: $(VENV) ## resolve pyproject.toml into requirements.lock and the images' locks
	@.ci/make_locks

clean: ## remove .venv, caches and data/demo (your own data/ stays)
	@if [ -x $(BIN)/reco ]; then $(BIN)/reco stop; fi
	rm -rf .venv data/demo build dist ./*.egg-info dbt_project/target dbt_project/logs
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +
