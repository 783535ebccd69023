# Two commands: `make run` (the main job on a fork of a local chain) and `make test`. Both do all the set-up.
# Needed on the machine: Python 3.11 or 3.12, make, git. Nothing is installed outside this folder but caches.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON := $(shell for p in $$PATRON_PYTHON python3.12 python3.11 python3 python; do \
  "$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1 \
  && { echo "$$p"; break; }; done)
TAG := $(if $(PYTHON),$(shell "$(PYTHON)" -c 'import sys; print("py%d%d" % sys.version_info[:2])'))
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE =
PIP := $(BIN)/python -m pip --disable-pip-version-check install --require-hashes --only-binary :all: --no-deps

RUN_STAMP := .venv/.run-$(shell cat requirements/run-$(TAG).txt pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)
DEV_STAMP := .venv/.dev-$(shell cat requirements/dev-$(TAG).txt 2>/dev/null | cksum | cut -d' ' -f1)
NODE_STAMP := contracts/node_modules/.patron-$(shell cat contracts/package.json contracts/package-lock.json 2>/dev/null | cksum | cut -d' ' -f1)
SOURCES := $(shell find contracts/src contracts/zora contracts/zora-rewards contracts/foundry.toml contracts/tools/solc_wasm.cjs contracts/tools/solc_0817.cjs -type f)
FORGE := ./node_modules/@foundry-rs/forge-linux-amd64/bin/forge
BUILD_STAMP := contracts/out/.built

.PHONY: help run tour test setup setup-dev lint contracts-test locks locks-check deep bench clean python

help:
	@echo "make run      set up, certify and run the main job on a fork of a local chain (about 5 minutes the first time)"
	@echo "make tour     in and out of every kind of venue, through the whole vault on a fork (about half a minute)"
	@echo "make test     set up and run the tests"
	@echo "make lint     ruff, mypy --strict, import contracts, lock files"
	@echo "make deep     the long tests: kill loops, wide fuzzing (about 30 minutes)"
	@echo "make bench    measure speed, also against peers (about 5 minutes; the first time 5 more to install the peers)"
	@echo "make locks    write the lock files anew"
	@echo "make clean    remove everything that was built here"

MARKET := strategies/synthetic_market.yaml
PLANTED := --synthetic 10 --strength 3
PATRON := env -u ETH_RPC_URL $(BIN)/patron

run: setup
	@mkdir -p runs
	@echo "== 1/3 a generated market with a relation between trends and prices planted in it: certify, then deploy on a fork"
	@$(PATRON) certify $(MARKET) $(PLANTED) --out runs/planted.certificate.json --report runs/planted.html
	@$(PATRON) run $(MARKET) --mode fork $(PLANTED) --cycles 45 --certificate runs/planted.certificate.json
	@echo
	@echo "== 2/3 the same strategy on a market without that relation: no certificate (a refusal is the right answer here)"
	@$(PATRON) certify $(MARKET) --synthetic 10 --out runs/plain.certificate.json --report runs/plain.html; test $$? -eq 9
	@echo
	@echo "== 3/3 and without a certificate, no capital:"
	@$(PATRON) run $(MARKET) --mode fork --synthetic 10 --certificate runs/plain.certificate.json; test $$? -eq 9
	@echo "certificates: runs/planted.html (granted), runs/plain.html (refused)"

tour: setup
	@mkdir -p runs
	@rm -rf runs/tour
	@$(PATRON) run strategies/tour.yaml --synthetic 7 --cycles 12 --uncertified --data-dir runs/tour
	@$(PATRON) ledger positions --data-dir runs/tour

test: setup-dev
	@echo "== contracts: forge tests"
	@cd contracts && $(FORGE) test --no-match-path 'test/{attacks,gas,symbolic}/*' --summary
	@echo "== contracts: scripted attackers, each with its best loss beside the bound"
	@cd contracts && $(FORGE) test --match-path 'test/attacks/*' -vv | grep -E '^ *attack: |^\[FAIL|^Suite result: FAILED|tests passed|Error' ; test $${PIPESTATUS[0]} -eq 0
	@echo "== python tests"
	@env -u ETH_RPC_URL $(BIN)/python -m pytest -n 2 --dist loadfile

setup: $(RUN_STAMP) $(BUILD_STAMP)

setup-dev: setup $(DEV_STAMP)

python:
	@test -n "$(PYTHON)" || { echo "error: Patron needs Python 3.11 or 3.12 with venv (found: $$(python3 --version 2>&1)); set PATRON_PYTHON to one" >&2; exit 2; }
	@test "$$(uname -sm)" = "Linux x86_64" || { echo "error: Patron's chain tools are pinned for Linux x86-64 (found: $$(uname -sm))" >&2; exit 2; }

# A stamp holds the check sum of what it was made from: a changed lock file makes a new one.
$(RUN_STAMP): | python
	@echo "== 1/3 Python packages ($(PYTHON), about a minute)"
	@"$(PYTHON)" -m venv .venv
	@$(PIP) --progress-bar on -r requirements/run-$(TAG).txt | grep -vE '^(Collecting|  Using cached|Requirement already|  Downloading)' || true
	@$(BIN)/python -c "import web3, numba, sklearn, pyarrow, pyrevm" || { echo "error: the Python packages did not install; the lines above say why" >&2; exit 1; }
	@$(BIN)/python -m pip --disable-pip-version-check install -q --no-deps --no-build-isolation -e .
	@rm -f .venv/.run-*; touch $@

$(DEV_STAMP): $(RUN_STAMP)
	@echo "== packages for tests and lint"
	@$(PIP) -q -r requirements/dev-$(TAG).txt
	@rm -f .venv/.dev-*; touch $@

$(NODE_STAMP): $(RUN_STAMP)
	@echo "== 2/3 chain tools and protocols (about 15 seconds)"
	@cd contracts && npm ci --no-progress --loglevel=error
	@touch $@

# forge says "successful" even when imports did not resolve, so the artefacts themselves are looked for.
$(BUILD_STAMP): $(NODE_STAMP) $(SOURCES)
	@echo "== 3/3 contracts (about a minute)"
	@cd contracts && $(FORGE) build --skip test
	@cd contracts && FOUNDRY_PROFILE=zora $(FORGE) build && FOUNDRY_PROFILE=zora_rewards $(FORGE) build
	@cd contracts && missing=0; while read -r f; do case "$$f" in ''|'#'*) ;; *) test -s "$$f" || { echo "error: contracts/$$f was not built" >&2; missing=1; };; esac; done < artefacts.txt; exit $$missing
	@touch $@

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python requirements/locks.py --check
	cd contracts && node tools/export_abi.cjs --check

deep: setup-dev
	$(BIN)/python -m pytest -m deep

bench: $(RUN_STAMP)
	$(BIN)/python -m backtests.benchmark

locks: setup-dev
	$(BIN)/python requirements/locks.py

clean:
	rm -rf .venv .venvs .numba contracts/node_modules contracts/out contracts/out-zora contracts/cache contracts/cache-zora runs .patron
