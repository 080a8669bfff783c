#!/usr/bin/env bash
# Stops what up.sh started and removes its state.
#
#   tests/cluster/down.sh FOLDER
set -euo pipefail
folder=$(cd "$1" && pwd)
run=$folder/run
socket=/run/sedna-tinyms-cluster/containerd.sock

for name in lc gm kubelet scheduler controllers apiserver etcd; do
	[ ! -e "$run/$name.pid" ] || kill "$(cat "$run/$name.pid")" 2>/dev/null || true
done
for task in $(ctr --address "$socket" --namespace k8s.io tasks list -q 2>/dev/null); do
	ctr --address "$socket" --namespace k8s.io tasks kill --signal KILL "$task" || true
done
[ ! -e "$run/containerd.pid" ] || kill "$(cat "$run/containerd.pid")" 2>/dev/null || true
# Pods' volumes and images are mounts.
awk -v run="$run/" -v state="${socket%/*}/" 'index($2, run) == 1 || index($2, state) == 1 || $2 == "/hostroot" {print $2}' /proc/mounts |
	sort -r | xargs -r -n1 umount --lazy
ip address del 10.0.0.1/32 dev lo 2>/dev/null || true
ip link del cni0 2>/dev/null || true
rm -rf "$run" "${socket%/*}" /var/lib/sedna /var/lib/cni
