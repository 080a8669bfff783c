# sedna-tinyms. `make demo` and `make test` do all their own set-up.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Each includes the previous one: what runs, the tests and checks, Sedna's SDK or KServe.
DEV := $(VENV)-dev
DEV_BIN := $(DEV)/bin
DEV_INSTALLED := $(DEV)/.installed
SEDNA_VENV := $(VENV)-sedna
KSERVE := $(VENV)-kserve
# These stand alone.
DOCS := $(VENV)-docs
FUZZ := $(VENV)-fuzz
PEERS := $(VENV)-bench
CLUSTER := $(abspath build/cluster)
PARSERS ?= $(notdir $(wildcard tests/fuzz/corpus/*))
SECONDS ?= 600
CASES ?= 10000

# $(call install,environment,set of requirements,options)
install = @python=$$(requirements/python.sh $(PYTHON)) && $$python requirements/install.py $(1) requirements/$(2).txt $(3) && touch $(1)/.installed

include docker/images.mk

.DEFAULT_GOAL := help
.PHONY: help setup demo report deploy test test-unit test-e2e test-faults soak test-sedna test-kserve cluster cluster-down test-cluster fuzz upstream bench reference docs check format release-notes lock clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(INSTALLED): requirements/build.txt requirements/jobs.txt pyproject.toml
	$(call install,$(VENV),jobs,--editable .)

$(DEV_INSTALLED): requirements/dev.txt $(INSTALLED)
	$(call install,$(DEV),dev,--over $(VENV))

setup: $(INSTALLED) ## make .venv, which runs the demo, iljob and the workers

demo: $(INSTALLED) ## the whole loop on this machine, by day and by night; LABEL=1: you label
	@$(BIN)/python -m demo $(if $(LABEL),--label)

report: $(DEV_INSTALLED) ## docs/use-case-report.md from new runs: [PHOTOGRAPHS=folder ROUNDS=]
	@$(DEV_BIN)/python -m demo.usecase run $(if $(PHOTOGRAPHS),--photographs "$(PHOTOGRAPHS)") $(if $(ROUNDS),--rounds $(ROUNDS))
	@$(DEV_BIN)/python -m demo.usecase fill

# Each replaces what the manifests say; what is not set stays.
deploy: $(INSTALLED) ## apply the manifests, to a running job too: EDGE_NODE= [REGISTRY= TAG= DATA= TRAIN_SAMPLES= DEPLOY_PROBABILITY= OVERLAY=ascend|http]
	@test -n "$(EDGE_NODE)" || { echo "make: name the node that holds the samples, one of kubectl get nodes: make deploy EDGE_NODE=..." >&2; exit 1; }
	@mkdir -p build
	@kubectl kustomize $(if $(OVERLAY),overlays/$(OVERLAY),manifests) >build/kustomized.yaml
	@sed -E \
		-e 's#nodeName: edge-node$$#nodeName: $(EDGE_NODE)#' \
		$(if $(REGISTRY),-e 's#image: (sedna-tinyms/)#image: $(REGISTRY)/\1#') \
		$(if $(TAG),-e 's#(image: .*sedna-tinyms/[a-z-]+):.*#\1:$(TAG)#') \
		$(if $(DATA),-e 's#/data/dog-croissants#$(DATA)#g') \
		$(if $(TRAIN_SAMPLES),-e 's#threshold: 100$$#threshold: $(TRAIN_SAMPLES)#') \
		$(if $(DEPLOY_PROBABILITY),-e 's#threshold: 0.95$$#threshold: $(DEPLOY_PROBABILITY)#') \
		build/kustomized.yaml >build/deploy.yaml
	@$(BIN)/python -m jobs apply build/deploy.yaml

test: test-unit test-e2e ## all tests

test-unit: $(DEV_INSTALLED) ## the fast tests, in parallel
	$(DEV_BIN)/pytest -n auto --dist loadfile -m "not e2e and not faults and not soak"

test-e2e: $(DEV_INSTALLED) ## whole jobs with real training
	$(DEV_BIN)/pytest -n 2 --dist worksteal -m e2e

test-faults: $(DEV_INSTALLED) ## kills, failed rounds, full disks, broken connections: [KILLS=200 FAILURES=200 SEED=0]
	$(if $(KILLS),KILLS=$(KILLS)) $(if $(FAILURES),FAILURES=$(FAILURES)) $(if $(SEED),SEED=$(SEED)) $(DEV_BIN)/pytest -s -m "not soak" tests/faults

soak: $(DEV_INSTALLED) ## many rounds with inference under load; nothing may grow: [ROUNDS=30]
	$(if $(ROUNDS),ROUNDS=$(ROUNDS)) $(DEV_BIN)/pytest -s -m soak tests/faults

$(SEDNA_VENV)/.installed: requirements/sedna.txt $(DEV_INSTALLED)
	$(call install,$(SEDNA_VENV),sedna,--over $(DEV))

test-sedna: $(SEDNA_VENV)/.installed ## every paradigm with Sedna's own SDK, and that SDK patched: SEDNA_LIB=path/to/sedna/lib
	@test -d "$(SEDNA_LIB)/sedna/core" || { echo "make: SEDNA_LIB=$(SEDNA_LIB) does not contain Sedna's SDK: set it to the lib folder of a kubeedge/sedna checkout" >&2; exit 1; }
	PYTHONPATH=$(abspath $(SEDNA_LIB)) $(SEDNA_VENV)/bin/python -m pytest -s tests/backend/sedna tests/docs/test_sedna_sdk.py tests/examples tests/upstream

$(KSERVE)/.installed: requirements/kserve.txt $(DEV_INSTALLED)
	$(call install,$(KSERVE),kserve,--over $(DEV))

test-kserve: $(KSERVE)/.installed ## KServe's own client against the inference worker
	$(KSERVE)/bin/python -m pytest tests/workers/infer/http/test_kserve.py

cluster: ## start Kubernetes with Sedna on this machine, as root: BINARIES=folder of programs SEDNA=path/to/sedna [PAUSE_IMAGE=]
	@test -d "$(BINARIES)" || { echo "make: BINARIES=$(BINARIES) is not a folder: name the one with kubelet, kube-apiserver, sedna-gm and the others" >&2; exit 1; }
	@test -d "$(SEDNA)/build/crds" || { echo "make: SEDNA=$(SEDNA) is not a checkout of kubeedge/sedna: name one" >&2; exit 1; }
	@$(MAKE) --no-print-directory images
	@PAUSE_IMAGE=$(PAUSE_IMAGE) tests/cluster/up.sh $(CLUSTER) $(BINARIES) $(SEDNA) $(VERSION)

cluster-down: ## stop that cluster and remove its state
	@tests/cluster/down.sh $(CLUSTER)

test-cluster: $(DEV_INSTALLED) ## two rounds, hot update on and off, on the cluster with Sedna that KUBECONFIG names: [EDGE_NODE= REGISTRY= TAG=]
	@test -n "$$KUBECONFIG" || { echo "make: KUBECONFIG is not set: name a cluster with Sedna, or start one with make cluster" >&2; exit 1; }
	SEDNA_CLUSTER=1 EDGE_NODE=$(EDGE_NODE) REGISTRY=$(REGISTRY) TAG=$(TAG) $(DEV_BIN)/pytest -v -m cluster tests/cluster

upstream: $(DEV_INSTALLED) ## write the patch series again: SEDNA=path/to/sedna
	@test -d "$(SEDNA)/lib/sedna" || { echo "make: SEDNA=$(SEDNA) is not a checkout of kubeedge/sedna: set SEDNA to one" >&2; exit 1; }
	@$(DEV_BIN)/python -m upstream.generate $(SEDNA)

$(PEERS)/.installed: requirements/build.txt requirements/bench.txt
	$(call install,$(PEERS),bench)

bench: $(DEV_INSTALLED) $(PEERS)/.installed ## measure against peers, write docs/benchmarks.md: [ONLY=name] [REPEATS=3]
	@$(DEV_BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(REPEATS),--repeats $(REPEATS))

$(FUZZ)/.installed: requirements/build.txt requirements/fuzz.txt
	$(call install,$(FUZZ),fuzz)

fuzz: $(FUZZ)/.installed ## every parser and the inference worker over HTTP: [SECONDS=600 a parser, CASES=10000, PARSERS=]
	@for parser in $(PARSERS); do \
		echo "make: fuzzing $$parser for $(SECONDS) s"; \
		$(FUZZ)/bin/python -m tests.fuzz $$parser $(SECONDS) || exit 1; \
	done
	@$(FUZZ)/bin/python -m tests.fuzz.service $(CASES)

reference: $(INSTALLED) ## fill docs/reference from the code
	@$(BIN)/python -m docs.tools.reference

$(DOCS)/.installed: requirements/build.txt requirements/docs.txt
	$(call install,$(DOCS),docs)

docs: reference $(DOCS)/.installed ## the documentation as pages: build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet

check: $(DEV_INSTALLED) ## ruff, mypy --strict, import-linter; actionlint and zizmor for .github
	$(DEV_BIN)/ruff format --check .
	$(DEV_BIN)/ruff check .
	$(DEV_BIN)/mypy
	$(DEV_BIN)/lint-imports
	$(DEV_BIN)/actionlint
	$(DEV_BIN)/zizmor --offline --quiet .github

format: $(DEV_INSTALLED) ## let ruff format the code and fix what it can
	$(DEV_BIN)/ruff format .
	$(DEV_BIN)/ruff check --fix .

release-notes: ## print what CHANGELOG.md says of VERSION
	@awk '/^## / { on = $$2 == "$(VERSION)" || $$2 == "[$(VERSION)]"; next } on { print; lines++ } END { exit !lines }' CHANGELOG.md \
		|| { echo "make: CHANGELOG.md has no section on $(VERSION)" >&2; exit 1; }

lock: ## pin the full closure of requirements/*.in, with hashes: [UPGRADE=1 for the newest of all]
	@python=$$(requirements/python.sh $(PYTHON)) && $$python -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check uv
	requirements/lock.sh $(abspath $(VENV)-lock/bin/uv) $(if $(UPGRADE),--upgrade)
	rm -rf $(VENV)-lock

clean: ## remove what the other targets made
	rm -rf $(VENV) $(VENV)-lock $(DEV) $(SEDNA_VENV) $(KSERVE) $(DOCS) $(PEERS) $(FUZZ) build/site build/bench demo-run .pytest_cache .mypy_cache .ruff_cache .hypothesis
