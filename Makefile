# sedna-tinyms. `make demo` and `make test` do all their own set-up.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOCKS := infer train jobs dev sedna kserve docs fuzz
SEDNA_PACKAGES := $(VENV)-sedna
KSERVE_PACKAGES := $(VENV)-kserve
CLUSTER := $(abspath build/cluster)
DOCS := $(VENV)-docs
FUZZ := $(VENV)-fuzz
PARSERS ?= $(notdir $(wildcard tests/fuzz/corpus/*))
SECONDS ?= 600
CASES ?= 10000
PEERS := $(VENV)-bench

include docker/images.mk

.DEFAULT_GOAL := help
.PHONY: help setup demo report deploy test test-unit test-e2e test-faults soak test-sedna test-kserve cluster cluster-down test-cluster fuzz upstream bench reference docs check format lock clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(INSTALLED): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) on PATH: install Python 3.11 or name another with PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(INSTALLED) ## make the virtual environment from the locked requirements

demo: $(INSTALLED) ## the whole loop on this machine, by day and by night; LABEL=1: you label
	@$(BIN)/python -m demo $(if $(LABEL),--label)

report: $(INSTALLED) ## docs/use-case-report.md from new runs: [PHOTOGRAPHS=folder ROUNDS=]
	@$(BIN)/python -m demo.usecase run $(if $(PHOTOGRAPHS),--photographs "$(PHOTOGRAPHS)") $(if $(ROUNDS),--rounds $(ROUNDS))
	@$(BIN)/python -m demo.usecase fill

# Each replaces what the manifests say; what is not set stays.
deploy: ## apply the manifests: EDGE_NODE= [REGISTRY= TAG= DATA= TRAIN_SAMPLES= DEPLOY_GAIN= OVERLAY=ascend|http]
	@test -n "$(EDGE_NODE)" || { echo "make: name the node that holds the samples, one of kubectl get nodes: make deploy EDGE_NODE=..." >&2; exit 1; }
	@kubectl kustomize $(if $(OVERLAY),overlays/$(OVERLAY),manifests) | sed -E \
		-e 's#nodeName: edge-node$$#nodeName: $(EDGE_NODE)#' \
		$(if $(REGISTRY),-e 's#image: (sedna-tinyms/)#image: $(REGISTRY)/\1#') \
		$(if $(TAG),-e 's#(image: .*sedna-tinyms/[a-z-]+):.*#\1:$(TAG)#') \
		$(if $(DATA),-e 's#/data/dog-croissants#$(DATA)#g') \
		$(if $(TRAIN_SAMPLES),-e 's#threshold: 100$$#threshold: $(TRAIN_SAMPLES)#') \
		$(if $(DEPLOY_GAIN),-e 's#threshold: 0.02$$#threshold: $(DEPLOY_GAIN)#') \
	| kubectl apply -f -

test: test-unit test-e2e ## all tests

test-unit: $(INSTALLED) ## the fast tests, in parallel
	$(BIN)/pytest -n auto --dist loadfile -m "not e2e and not faults and not soak"

test-e2e: $(INSTALLED) ## whole jobs with real training
	$(BIN)/pytest -m e2e

test-faults: $(INSTALLED) ## kills, full disks, broken connections: [KILLS=200 SEED=0]
	$(if $(KILLS),KILLS=$(KILLS)) $(if $(SEED),SEED=$(SEED)) $(BIN)/pytest -s -m "not soak" tests/faults

soak: $(INSTALLED) ## many rounds with inference under load; nothing may grow: [ROUNDS=30]
	$(if $(ROUNDS),ROUNDS=$(ROUNDS)) $(BIN)/pytest -s -m soak tests/faults

$(SEDNA_PACKAGES)/.installed: requirements/sedna.txt $(INSTALLED)
	rm -rf $(SEDNA_PACKAGES)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(SEDNA_PACKAGES) -r requirements/sedna.txt
	@touch $@

test-sedna: $(SEDNA_PACKAGES)/.installed ## with Sedna's own SDK, unpatched and patched: SEDNA_LIB=path/to/sedna/lib
	@test -d "$(SEDNA_LIB)/sedna/core" || { echo "make: SEDNA_LIB=$(SEDNA_LIB) holds no Sedna SDK: name the lib folder of a kubeedge/sedna checkout" >&2; exit 1; }
	PYTHONPATH=$(abspath $(SEDNA_PACKAGES)):$(abspath $(SEDNA_LIB)) $(BIN)/pytest tests/backend/sedna/test_registration.py tests/docs/test_sedna_sdk.py tests/upstream

$(KSERVE_PACKAGES)/.installed: requirements/kserve.txt $(INSTALLED)
	rm -rf $(KSERVE_PACKAGES)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(KSERVE_PACKAGES) -r requirements/kserve.txt
	@touch $@

test-kserve: $(KSERVE_PACKAGES)/.installed ## KServe's own client against the inference worker
	PYTHONPATH=$(abspath $(KSERVE_PACKAGES)) $(BIN)/pytest tests/workers/infer/http/test_kserve.py

cluster: ## start Kubernetes with Sedna on this machine, as root: BINARIES=folder of programs SEDNA=path/to/sedna [PAUSE_IMAGE=]
	@test -d "$(BINARIES)" || { echo "make: BINARIES=$(BINARIES) is not a folder: name the one with kubelet, kube-apiserver, sedna-gm and the others" >&2; exit 1; }
	@test -d "$(SEDNA)/build/crds" || { echo "make: SEDNA=$(SEDNA) is not a checkout of kubeedge/sedna: name one" >&2; exit 1; }
	@$(MAKE) --no-print-directory images
	@PAUSE_IMAGE=$(PAUSE_IMAGE) tests/cluster/up.sh $(CLUSTER) $(BINARIES) $(SEDNA) $(VERSION)

cluster-down: ## stop that cluster and remove its state
	@tests/cluster/down.sh $(CLUSTER)

test-cluster: $(INSTALLED) ## two rounds, hot update on and off, on the cluster with Sedna that KUBECONFIG names: [EDGE_NODE= REGISTRY= TAG=]
	@test -n "$$KUBECONFIG" || { echo "make: KUBECONFIG is not set: name a cluster with Sedna, or start one with make cluster" >&2; exit 1; }
	SEDNA_CLUSTER=1 EDGE_NODE=$(EDGE_NODE) REGISTRY=$(REGISTRY) TAG=$(TAG) $(BIN)/pytest -v -m cluster tests/cluster

upstream: $(INSTALLED) ## write the patch series again: SEDNA=path/to/sedna
	@test -d "$(SEDNA)/lib/sedna" || { echo "make: SEDNA=$(SEDNA) is no checkout of kubeedge/sedna: name one" >&2; exit 1; }
	@$(BIN)/python -m upstream.generate $(SEDNA)

$(PEERS)/.installed: requirements/bench.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check -r requirements/bench.txt
	@touch $@

bench: $(INSTALLED) $(PEERS)/.installed ## measure against peers, write docs/benchmarks.md: [ONLY=name] [REPEATS=3]
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(REPEATS),--repeats $(REPEATS))

$(FUZZ)/.installed: requirements/fuzz.txt
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/fuzz.txt
	@touch $@

fuzz: $(FUZZ)/.installed ## every parser and the inference worker over HTTP: [SECONDS=600 a parser, CASES=10000, PARSERS=]
	@for parser in $(PARSERS); do \
		echo "make: fuzzing $$parser for $(SECONDS) s"; \
		$(FUZZ)/bin/python -m tests.fuzz $$parser $(SECONDS) || exit 1; \
	done
	@$(FUZZ)/bin/python -m tests.fuzz.service $(CASES)

reference: $(INSTALLED) ## fill docs/reference from the code
	@$(BIN)/python -m docs.tools.reference

$(DOCS)/.installed: requirements/docs.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/docs.txt
	@touch $@

docs: reference $(DOCS)/.installed ## the documentation as pages: build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet

check: $(INSTALLED) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## let ruff format the code and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## pin the full closure of requirements/*.in again, with hashes
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check uv
	for set in $(LOCKS); do \
		$(VENV)-lock/bin/uv pip compile --quiet --upgrade --python-version 3.11 --python-platform linux \
			--override requirements/overrides.txt --generate-hashes --no-emit-index-url --no-annotate \
			--custom-compile-command "make lock" \
			--output-file requirements/$$set.txt requirements/$$set.in || exit 1; \
	done
	rm -rf $(VENV)-lock

clean: ## remove what the other targets made
	rm -rf $(VENV) $(VENV)-lock $(SEDNA_PACKAGES) $(KSERVE_PACKAGES) $(DOCS) $(PEERS) $(FUZZ) build/site build/bench demo-run .pytest_cache .mypy_cache .ruff_cache .hypothesis
