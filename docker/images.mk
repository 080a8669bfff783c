# Container images of the workers: docs/images.md.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION := $(shell git describe --always --dirty --exclude='*' 2>/dev/null || echo unknown)
CREATED := $(shell git log -1 --format=%cI 2>/dev/null)
FLAVOR ?= cpu
BASE_IMAGE ?= $(shell sed -n 's/^ARG BASE_IMAGE=//p' docker/$(FLAVOR).Dockerfile)
CA_BUNDLE ?= /etc/ssl/certs/ca-certificates.crt
SYFT_FOLDER := build/syft
SYFT ?= $(SYFT_FOLDER)/bin/syft

# make's own TAG= also says what `make deploy` deploys. Another platform's images have its name in
# their tag, and are not called by the version alone.
ifeq ($(TAG)$(PLATFORM),)
IMAGES = TAG=$(VERSION)-$(REVISION) ALIAS=$(VERSION)
else
IMAGES = TAG=$(or $(TAG),$(VERSION)-$(REVISION))$(if $(PLATFORM),-$(notdir $(PLATFORM))) ALIAS=
endif
IMAGES += ENGINE="$(ENGINE)" PLATFORM=$(PLATFORM) FLAVOR=$(FLAVOR) REGISTRY=$(REGISTRY) BASE_IMAGE=$(BASE_IMAGE) CA_BUNDLE=$(CA_BUNDLE) \
	VERSION=$(VERSION) REVISION=$(REVISION) CREATED=$(CREATED) BUILD_FLAGS="$(BUILD_FLAGS)" SYFT=$(SYFT)

.PHONY: base-image images images-verify images-push images-scan ci-images

images: ## build the workers' images: [FLAVOR=cpu|ascend] [PLATFORM=linux/arm64] [ENGINE=docker|podman|buildah] [REGISTRY=] [TAG=] [BASE_IMAGE=]
	@$(IMAGES) docker/build.sh

images-verify: $(DEV_INSTALLED) ## run each CPU image hardened: train, evaluate, infer, end; those for arm64, too
	@$(IMAGES) docker/verify.sh $(DEV_BIN)/pytest

images-push: ## push them: REGISTRY=
	@$(IMAGES) docker/push.sh

images-scan: $(SYFT) ## write what they consist of (SPDX, CycloneDX) to build/sbom
	@$(IMAGES) docker/scan.sh

base-image: ## a stand-in for the base image, where no registry is in reach: [PLATFORM=]
	@$(IMAGES) docker/base.sh

ci-images: $(DEV_INSTALLED) ## build and verify the CPU images where that can be done
	@$(IMAGES) docker/ci.sh

$(SYFT_FOLDER)/bin/syft: docker/sbom.txt
	@python=$$(requirements/python.sh $(PYTHON)) && $$python requirements/install.py $(SYFT_FOLDER) docker/sbom.txt
