#!/usr/bin/env bash
# Starts Kubernetes 1.31 or newer with Sedna on this machine, from programs that are already built:
# one node named edge-node with etcd, the API server, controller manager, scheduler, containerd and
# kubelet, this project's images of TAG, and Sedna's CRDs, GlobalManager and LocalController. Needs
# root. KUBECONFIG is FOLDER/kubeconfig; down.sh stops it all.
#
#   tests/cluster/up.sh FOLDER BINARIES SEDNA TAG
#
# BINARIES is searched before PATH. SEDNA is a checkout of kubeedge/sedna, for its CRDs and RBAC.
# PAUSE_IMAGE comes from podman's images if it is among them, else from its registry.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
binaries=$(cd "$2" && pwd)
sedna=$(cd "$3" && pwd)
tag=$4
pause=${PAUSE_IMAGE:-registry.k8s.io/pause:3.10}
export PATH=$binaries:$PATH KUBECONFIG=$folder/kubeconfig
run=$folder/run
socket=/run/sedna-tinyms-cluster/containerd.sock
node=edge-node
# Workers in pods meet the API server at its service's address; no kube-proxy is needed.
service=10.0.0.1
oldest=31

fail() {
	echo "cluster: $*" >&2
	exit 1
}

check() {
	local missing=() program
	for program in containerd containerd-shim-runc-v2 ctr etcd ip kube-apiserver \
		kube-controller-manager kube-scheduler kubectl kubelet openssl podman runc sedna-gm sedna-lc; do
		command -v "$program" >/dev/null || missing+=("$program")
	done
	cni=$(for each in "$binaries" /opt/cni/bin /usr/lib/cni; do
		[ ! -x "$each/bridge" ] || [ ! -x "$each/host-local" ] || echo "$each"
	done | head -1)
	[ -n "$cni" ] || missing+=("the CNI plugins bridge and host-local")
	[ ${#missing[@]} = 0 ] ||
		fail "not in $binaries or on PATH: $(printf '%s, ' "${missing[@]}" | sed 's/, $//')"
	local version
	version=$(kubelet --version | sed -E 's/^Kubernetes v1\.([0-9]+).*/\1/')
	[ "$version" -ge "$oldest" ] || fail "kubelet is Kubernetes 1.$version: 1.$oldest or newer is needed"
	[ -d "$sedna/build/crds" ] || fail "there is no $sedna/build/crds: name a checkout of kubeedge/sedna"
	[ "$(id -u)" = 0 ] || fail "it must run as root"
}

start() {
	name=$1
	shift
	setsid nohup "$@" >>"$run/$name.log" 2>&1 &
	echo $! >"$run/$name.pid"
}

await() {
	local end=$((SECONDS + 120))
	while [ "$SECONDS" -lt "$end" ]; do
		"$@" >/dev/null 2>&1 && return
		sleep 0.5
	done
	fail "waited two minutes for: $*; the logs are in $run"
}

certificates() {
	cd "$run"
	openssl genrsa -out accounts.key 2048
	openssl rsa -in accounts.key -pubout -out accounts.pub
	openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=cluster
	openssl req -newkey rsa:2048 -nodes -keyout api.key -out api.csr -subj /CN=kube-apiserver
	printf 'subjectAltName=IP:127.0.0.1,IP:%s,DNS:localhost' "$service" >names
	openssl x509 -req -in api.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out api.crt -days 30 -extfile names
	echo "$(openssl rand -hex 16),admin,admin,system:masters" >tokens.csv
} 2>/dev/null

kubeconfig() {
	cat >"$KUBECONFIG" <<-END
		apiVersion: v1
		kind: Config
		clusters: [{name: test, cluster: {server: "https://127.0.0.1", certificate-authority: $run/ca.crt}}]
		users: [{name: admin, user: {token: $(cut -d, -f1 "$run/tokens.csv")}}]
		contexts: [{name: test, context: {cluster: test, user: admin, namespace: default}}]
		current-context: test
	END
	chmod 600 "$KUBECONFIG"
}

control_plane() {
	start etcd etcd --data-dir "$run/etcd"
	# The node's name resolves nowhere: logs and exec find the kubelet by its address.
	start apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --secure-port 443 \
		--tls-cert-file "$run/api.crt" --tls-private-key-file "$run/api.key" \
		--service-account-key-file "$run/accounts.pub" --service-account-issuer https://cluster \
		--service-account-signing-key-file "$run/accounts.key" --allow-privileged \
		--service-cluster-ip-range "${service%.1}.0/24" --authorization-mode RBAC \
		--token-auth-file "$run/tokens.csv" --cert-dir "$run" --advertise-address "$address" \
		--kubelet-preferred-address-types InternalIP
	await kubectl get --raw /readyz
	start controllers kube-controller-manager --kubeconfig "$KUBECONFIG" --leader-elect=false \
		--service-account-private-key-file "$run/accounts.key" --root-ca-file "$run/ca.crt" --cert-dir "$run"
	start scheduler kube-scheduler --kubeconfig "$KUBECONFIG" --leader-elect=false
}

containers() {
	mkdir -p "$run/cni"
	cat >"$run/cni/bridge.conflist" <<-END
		{"cniVersion": "0.4.0", "name": "bridge", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true,
		 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.77.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
	END
	cat >"$run/containerd.toml" <<-END
		version = 2
		root = "$run/containerd"
		state = "${socket%/*}"
		[grpc]
		  address = "$socket"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$pause"
		  disable_apparmor = true
		  restrict_oom_score_adj = true
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "$cni"
		    conf_dir = "$run/cni"
		  [plugins."io.containerd.grpc.v1.cri".containerd]
		    default_runtime_name = "runc"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		      runtime_type = "io.containerd.runc.v2"
	END
	start containerd containerd --config "$run/containerd.toml"
	await ctr --address "$socket" version
}

# The kubelet looks for the project's images under Docker's registry, and never pulls what is there.
images() {
	local images="ctr --address $socket --namespace k8s.io images" image
	if podman image exists "$pause"; then podman save --quiet "$pause" | $images import - >/dev/null; fi
	for image in train eval infer; do
		image=sedna-tinyms/$image:$tag
		podman save --quiet "localhost/$image" | $images import - >/dev/null
		$images tag --force "localhost/$image" "docker.io/$image" >/dev/null
	done
}

node_agent() {
	cat >"$run/kubelet.yaml" <<-END
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
		authorization: {mode: AlwaysAllow}
		cgroupDriver: cgroupfs
		cgroupsPerQOS: false
		containerRuntimeEndpoint: unix://$socket
		enforceNodeAllocatable: []
		failCgroupV1: false
		failSwapOn: false
		makeIPTablesUtilChains: false
	END
	start kubelet kubelet --kubeconfig "$KUBECONFIG" --config "$run/kubelet.yaml" --hostname-override "$node" \
		--root-dir "$run/kubelet" --cert-dir "$run" --node-ip "$address"
	await kubectl wait --for=condition=Ready "node/$node" --timeout=10s
}

sedna() {
	kubectl create -f "$sedna/build/crds" >/dev/null
	kubectl create namespace sedna >/dev/null
	kubectl create -f "$sedna/build/gm/rbac" >/dev/null
	cat >"$run/gm.yaml" <<-END
		kubeConfig: $KUBECONFIG
		websocket: {address: 127.0.0.1, port: 9000}
		localController: {server: "http://localhost:9100"}
		knowledgeBaseServer: {server: "http://localhost:9020"}
	END
	await kubectl wait --for=condition=Established crd --all --timeout=10s
	start gm sedna-gm --config "$run/gm.yaml" -v4
	await grep -q "Starting IncrementalLearning" "$run/gm.log"
	# Where Sedna's DaemonSet mounts the host; the kubelet takes /rootfs for its own.
	mkdir -p /hostroot
	mountpoint -q /hostroot || mount --bind / /hostroot
	start lc env NODENAME="$node" GM_ADDRESS=127.0.0.1:9000 BIND_PORT=9100 ROOTFS_MOUNT_DIR=/hostroot sedna-lc -v4
	await grep -q "connects global manager.* successful" "$run/lc.log"
}

check
address=$(ip -4 -o address show scope global | awk '{sub("/.*", "", $4); print $4; exit}')
mkdir -p "$run/kubelet" "${socket%/*}"
certificates
kubeconfig
ip address add "$service/32" dev lo 2>/dev/null || true
control_plane
containers
images
node_agent
sedna
echo "cluster: export KUBECONFIG=$KUBECONFIG PATH=$binaries:\$PATH"
