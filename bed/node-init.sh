#!/bin/bash
# The first process of a node, in its own namespaces but still in the machine's file tree: builds the node's root
# file system, moves into it and runs the node's daemons. As systemd does on other nodes, it starts what ends again a
# second later, with its log going on, and reaps what is orphaned (bash does while it waits).
# Arguments: state folder of the node, its base tree, its name, its address, folder of the Kubernetes programs,
# cgroup version, controllers of version 1.
set -eu
state=$1 tree=$2 name=$3 address=$4 programs=$5 cgroups=$6
shift 6
root=$state/root

mount -t overlay overlay -o "lowerdir=$tree,upperdir=$state/upper,workdir=$state/work" "$root"
for folder in old proc sys dev run tmp node programs var/lib/containerd var/lib/kubelet var/log etc/kubernetes; do
  mkdir -p "$root/$folder"
done
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
if [ "$cgroups" = 2 ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  # Version 2 has processes only in leaves: the daemons move down before controllers are handed on.
  mkdir -p "$root/sys/fs/cgroup/init"
  echo 0 >"$root/sys/fs/cgroup/init/cgroup.procs"
  for controller in $(cat "$root/sys/fs/cgroup/cgroup.controllers"); do
    echo "+$controller" >"$root/sys/fs/cgroup/cgroup.subtree_control"
  done
else
  mount -t tmpfs cgroup "$root/sys/fs/cgroup"
  for controller in "$@"; do
    mkdir -p "$root/sys/fs/cgroup/$controller"
    case $controller in systemd) option=name=systemd ;; *) option=$controller ;; esac
    mount -t cgroup -o "$option" cgroup "$root/sys/fs/cgroup/$controller"
  done
fi
mount -t devtmpfs dev "$root/dev"
mkdir -p "$root/dev/pts" "$root/dev/shm"
mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=0666
mount --bind "$root/dev/pts/ptmx" "$root/dev/ptmx"
for folder in dev/shm run tmp; do mount -t tmpfs tmpfs "$root/$folder"; done
for folder in containerd kubelet; do mount --bind "$state/$folder" "$root/var/lib/$folder"; done
mount --make-rshared "$root/var/lib/kubelet"
mount --bind "$state/log" "$root/var/log"
mount --bind "$state/config" "$root/node"
mount --bind "$programs" "$root/programs"

cd "$root"
pivot_root . old
umount -l /old
mount --make-rshared /
hostname "$name"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

declare -A commands=(
  [containerd]="containerd -c /node/containerd.toml"
  [kubelet]="/programs/kubelet --config /node/kubelet.yaml --kubeconfig /node/kubeconfig --node-ip $address --hostname-override $name -v 2"
  [kube-proxy]="/programs/kube-proxy --kubeconfig /node/kubeconfig --hostname-override $name --proxy-mode iptables
    --conntrack-max-per-core 0 --healthz-bind-address 127.0.0.1:10256"
)
declare -A daemons
# start NAME SECONDS: the pause is the daemon's own process's, so that no other daemon waits for it.
start() {
  (
    sleep "$2"
    exec ${commands[$1]} >>"/var/log/$1.log" 2>&1
  ) &
  daemons[$!]=$1
}

start containerd 0
until [ -S /run/containerd/containerd.sock ]; do sleep 0.1; done
start kubelet 0
start kube-proxy 0
while true; do
  ended=
  wait -n -p ended || true
  daemon=${daemons[${ended:-0}]-}
  unset "daemons[${ended:-0}]"
  [ -z "$daemon" ] || start "$daemon" 1
done
