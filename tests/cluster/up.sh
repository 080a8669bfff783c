#!/usr/bin/env bash
# Starts what build.sh built, as one node named edge-node: etcd, the API server, controller
# manager, scheduler, containerd and kubelet with this project's images of TAG, then Sedna's
# CRDs, GlobalManager and LocalController. Needs root. KUBECONFIG is FOLDER/kubeconfig; the way
# back is down.sh.
#
#   tests/cluster/up.sh FOLDER TAG
set -euo pipefail
folder=$(cd "$1" && pwd)
tag=$2
here=$(cd "$(dirname "$0")" && pwd)
export PATH=$folder/bin:$PATH KUBECONFIG=$folder/kubeconfig
run=$folder/run
socket=/run/sedna-tinyms-cluster/containerd.sock
node=edge-node
address=$(ip -4 -o address show scope global | awk '{sub("/.*", "", $4); print $4; exit}')
# Workers in pods meet the API server at its service's address; no kube-proxy is needed.
service=10.0.0.1

start() {
	name=$1
	shift
	setsid nohup "$@" >>"$run/$name.log" 2>&1 &
	echo $! >"$run/$name.pid"
}

await() {
	for _ in $(seq 120); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.5
	done
	echo "cluster: waited a minute in vain for: $*; the logs are in $run" >&2
	exit 1
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
	start apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --secure-port 443 \
		--tls-cert-file "$run/api.crt" --tls-private-key-file "$run/api.key" \
		--service-account-key-file "$run/accounts.pub" --service-account-issuer https://cluster \
		--service-account-signing-key-file "$run/accounts.key" --allow-privileged \
		--service-cluster-ip-range "${service%.1}.0/24" --authorization-mode RBAC \
		--token-auth-file "$run/tokens.csv" --cert-dir "$run" --advertise-address "$address"
	await kubectl get --raw /healthz
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
		  sandbox_image = "docker.io/library/pause:built"
		  disable_apparmor = true
		  restrict_oom_score_adj = true
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "$run/cni"
		  [plugins."io.containerd.grpc.v1.cri".containerd]
		    default_runtime_name = "runc"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		      runtime_type = "io.containerd.runc.v2"
	END
	start containerd containerd --config "$run/containerd.toml"
	await ctr --address "$socket" version
}

# The kubelet looks for them under Docker's registry, and never pulls what is there.
images() {
	local images="ctr --address $socket --namespace k8s.io images"
	tar -C "$folder/pause" -c pause | podman import --quiet --change 'ENTRYPOINT ["/pause"]' - localhost/pause:built >/dev/null
	for image in pause:built "sedna-tinyms/train:$tag" "sedna-tinyms/eval:$tag" "sedna-tinyms/infer:$tag"; do
		podman save --quiet "localhost/$image" | $images import - >/dev/null
		$images tag --force "localhost/$image" "docker.io/${image/pause/library/pause}" >/dev/null
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
		enforceNodeAllocatable: []
		failSwapOn: false
		makeIPTablesUtilChains: false
	END
	start kubelet kubelet --kubeconfig "$KUBECONFIG" --config "$run/kubelet.yaml" --hostname-override "$node" \
		--container-runtime remote --container-runtime-endpoint "unix://$socket" \
		--root-dir "$run/kubelet" --cert-dir "$run" --node-ip "$address"
	await kubectl wait --for=condition=Ready "node/$node" --timeout=1s
}

sedna() {
	for crd in "$folder"/crds/*.yaml; do "$here/old_crd.py" "$crd" | kubectl create -f - >/dev/null; done
	kubectl create namespace sedna >/dev/null
	kubectl create -f "$folder/rbac" >/dev/null
	cat >"$run/gm.yaml" <<-END
		kubeConfig: $KUBECONFIG
		websocket: {address: 127.0.0.1, port: 9000}
		localController: {server: "http://localhost:9100"}
		knowledgeBaseServer: {server: "http://localhost:9020"}
	END
	await kubectl wait --for=condition=Established crd --all --timeout=1s
	start gm sedna-gm --config "$run/gm.yaml" -v4
	await grep -q "Starting IncrementalLearning" "$run/gm.log"
	# Where Sedna's DaemonSet mounts the host; the kubelet takes /rootfs for its own.
	mkdir -p /hostroot
	mountpoint -q /hostroot || mount --bind / /hostroot
	start lc env NODENAME="$node" GM_ADDRESS=127.0.0.1:9000 BIND_PORT=9100 ROOTFS_MOUNT_DIR=/hostroot sedna-lc -v4
	await grep -q "connects global manager.* successful" "$run/lc.log"
}

mkdir -p "$run/kubelet" "${socket%/*}"
certificates
kubeconfig
ip address add "$service/32" dev lo 2>/dev/null || true
control_plane
containers
images
node_agent
sedna
echo "cluster: export KUBECONFIG=$KUBECONFIG PATH=$folder/bin:\$PATH"
