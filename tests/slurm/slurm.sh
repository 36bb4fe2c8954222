#!/usr/bin/env bash
# A real SLURM with accounting on one Debian machine, for the tests: install, start, stop. Two nodes with two simulated
# GPUs each, where a process may have a hostname of its own (Debian's slurmd refuses two nodes with one hostname), else one.
# Needs root and apt. Everything it writes besides Debian's packages and /etc/slurm lies in $NEUROQUANT_SLURM (/tmp/neuroquant-slurm).
set -euo pipefail
HOME_DIR="${NEUROQUANT_SLURM:-/tmp/neuroquant-slurm}"
SOCKET=/run/mysqld/mysqld.sock # where slurmdbd looks
HOST="$(hostname -s)"
NODES=("$HOST")
if unshare --uts --mount sh -c 'hostname n1' 2>/dev/null; then NODES=(n1 n2); fi
CORES="$(getconf _NPROCESSORS_ONLN)" # nproc would obey OMP_NUM_THREADS
MEMORY="${NEUROQUANT_SLURM_MB:-$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 / ${#NODES[@]} - 512))}" # of a node

install() {
  command -v slurmctld slurmd slurmdbd munged mariadbd >/dev/null && return
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends slurm-wlm slurmdbd munge mariadb-server slurm-wlm-mysql-plugin
}

ours() { grep -qs neuroquant-tests /etc/slurm/slurm.conf; }

configure() {
  if [ -e /etc/slurm/slurm.conf ] && ! ours; then
    echo "this machine has a SLURM of its own (/etc/slurm/slurm.conf), which is left alone" >&2
    exit 1
  fi
  umount "$HOME_DIR/small" 2>/dev/null || true
  rm -rf "$HOME_DIR" # accounts and job numbers begin anew
  mkdir -p "$HOME_DIR"/{state,log,db,dev,small} "${NODES[@]/#/$HOME_DIR/spool/}" /etc/slurm /run/munge /run/mysqld
  # before the nodes are there, which don't see what is mounted later; the tests give it space by a remount
  mount -t tmpfs -o size=64k tmpfs "$HOME_DIR/small" || rmdir "$HOME_DIR/small"
  chown munge: /run/munge
  chown mysql: /run/mysqld "$HOME_DIR/db"
  for number in 0 1; do
    [ -e "$HOME_DIR/dev/nvidia$number" ] || mknod "$HOME_DIR/dev/nvidia$number" c 195 "$number"
  done
  cat >/etc/slurm/slurm.conf <<CONF
# neuroquant-tests
ClusterName=neuroquant
SlurmctldHost=$HOST
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=15
StateSaveLocation=$HOME_DIR/state
SlurmdSpoolDir=$HOME_DIR/spool/%n
SlurmctldLogFile=$HOME_DIR/log/slurmctld.log
SlurmdLogFile=$HOME_DIR/log/slurmd-%n.log
SlurmctldPidFile=$HOME_DIR/slurmctld.pid
SlurmdPidFile=$HOME_DIR/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations
GresTypes=gpu
MpiDefault=none
KillWait=5
MinJobAge=300
ReturnToService=0
SchedulerParameters=bf_interval=2,sched_interval=2
PartitionName=test Nodes=ALL Default=YES MaxTime=1-00:00:00 State=UP OverSubscribe=NO
CONF
  cp /etc/hosts "$HOME_DIR/hosts"
  for index in "${!NODES[@]}"; do
    echo "NodeName=${NODES[$index]} NodeAddr=127.0.0.1 Port=$((17001 + index)) CPUs=$CORES RealMemory=$MEMORY Gres=gpu:h100:2 State=UNKNOWN"
    echo "127.0.0.1 ${NODES[$index]}" >>"$HOME_DIR/hosts"
  done >>/etc/slurm/slurm.conf
  echo "Name=gpu Type=h100 File=$HOME_DIR/dev/nvidia[0-1]" >/etc/slurm/gres.conf
  cat >/etc/slurm/slurmdbd.conf <<CONF
AuthType=auth/munge
DbdHost=localhost
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
LogFile=$HOME_DIR/log/slurmdbd.log
PidFile=$HOME_DIR/slurmdbd.pid
CONF
  chmod 600 /etc/slurm/slurmdbd.conf
}

run() { # name, command: a daemon in the background, which `stop` ends
  setsid "${@:2}" >"$HOME_DIR/log/$1.out" 2>&1 </dev/null &
  echo $! >>"$HOME_DIR/pids"
}

wait_for() { # what, command
  for _ in $(seq 60); do
    if eval "$2" >/dev/null 2>&1; then return; fi
    sleep 0.5
  done
  echo "$1 did not come up; look into $HOME_DIR/log" >&2
  exit 1
}

slurmd_of() { # a node, with its own hostname and names of all nodes that only it sees
  local own=()
  if [ "$1" != "$HOST" ]; then
    own=(unshare --uts --mount sh -c "hostname $1 && mount --bind $HOME_DIR/hosts /etc/hosts && exec \"\$@\"" sh)
  fi
  run "slurmd-$1" "${own[@]}" slurmd -D -N "$1"
}

start() {
  configure
  [ -e /etc/munge/munge.key ] || { dd if=/dev/urandom of=/etc/munge/munge.key bs=1 count=1024 status=none; }
  chown munge: /etc/munge/munge.key && chmod 400 /etc/munge/munge.key
  if ! munge -n >/dev/null 2>&1; then # a machine may have its own
    run munged setpriv --reuid=munge --regid=munge --clear-groups munged --foreground
    wait_for munged "munge -n"
  fi
  [ -d "$HOME_DIR/db/mysql" ] || mariadb-install-db --user=mysql --datadir="$HOME_DIR/db" >/dev/null 2>&1
  chmod 755 "$HOME_DIR"
  run mariadb mariadbd --user=mysql --datadir="$HOME_DIR/db" --socket="$SOCKET" --skip-networking
  wait_for MariaDB "mariadb-admin --socket=$SOCKET ping"
  mariadb --socket=$SOCKET -e "CREATE DATABASE IF NOT EXISTS slurm_acct_db;
    CREATE USER IF NOT EXISTS 'slurm'@'localhost' IDENTIFIED BY 'slurm'; GRANT ALL ON slurm_acct_db.* TO 'slurm'@'localhost';"
  run slurmdbd slurmdbd -D
  wait_for slurmdbd "sacctmgr -n show cluster"
  sacctmgr -i add cluster neuroquant >/dev/null 2>&1 || true
  sacctmgr -i add account study cluster=neuroquant >/dev/null 2>&1 || true
  sacctmgr -i add user root account=study defaultaccount=study >/dev/null 2>&1 || true
  run slurmctld slurmctld -D
  wait_for slurmctld "scontrol ping | grep -q UP"
  for node in "${NODES[@]}"; do slurmd_of "$node"; done
  wait_for slurmd "[ \$(sinfo -h -N -t idle | wc -l) = ${#NODES[@]} ]"
}

end() { # a process, and wait until it has: the next start finds its port free
  kill "$1" 2>/dev/null || return 0
  for _ in $(seq 40); do
    grep -qs '^State:.[^Z]' "/proc/$1/status" || return 0
    sleep 0.25
  done
  kill -KILL "$1" 2>/dev/null || true
}

stop() {
  ours || return 0
  scancel --user=root >/dev/null 2>&1 || true
  [ ! -e "$HOME_DIR/pids" ] || for process in $(tac "$HOME_DIR/pids"); do end "$process"; done
  rm -f "$HOME_DIR/pids"
  umount "$HOME_DIR/small" 2>/dev/null || true
  # with a configuration but no controller every call of scontrol, and with it every start of Snakemake, waits 10 s
  rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf /etc/slurm/slurmdbd.conf
}

"${1:?install, start or stop}"
