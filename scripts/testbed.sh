#!/usr/bin/env bash
# A real Kubernetes control plane for the tests: etcd, kube-apiserver, kube-controller-manager and kubectl as one
# program, built from Go modules (tests/kube/testbed/) and kept outside the tree, by the hash of its sources.
#   scripts/testbed.sh build      build it unless it is there (cold: several minutes; then nothing); prints its path
#   scripts/testbed.sh path       print the path of the program (kubectl is a link beside it); exit 1 if it is not built
#   scripts/testbed.sh up DIR     start one on free ports of 127.0.0.1 with all state in DIR, our CRDs in it;
#                                 writes DIR/admin.kubeconfig, DIR/certificate.kubeconfig (the same by a client
#                                 certificate) and DIR/env (KUBECONFIG, API, ETCD)
#   scripts/testbed.sh pause DIR  kill only its kube-apiserver, resume DIR starts it again on the same port
#   scripts/testbed.sh down DIR   stop it by its process ids and remove DIR
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
sources=$root/tests/kube/testbed
kubernetes=1.34.4
go_minimum=1.24
go_pinned=1.24.13 # brought along where the machine's own Go is older or missing
go_pinned_sum=h1:5sgfUhn9QCgVl4UYj32GrIYFHI3bi2UX55tNfupXwxc=

say() { printf 'testbed: %s\n' "$*" >&2; }

sources_hash() {
	(cd "$sources" && find . -type f -print0 | sort -z | xargs -0 sha256sum && printf '%s\n' "$kubernetes") | sha256sum | cut -c1-16
}

cache=${ESPALIER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/espalier}/testbed
home=$cache/$(sources_hash)
program=$home/kubetestbed

is_new_enough() { # GO
	local version
	version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
	[ "$(printf '%s\n%s\n' "$go_minimum" "${version#go}" | sort -V | head -n 1)" = "$go_minimum" ]
}

# The pinned Go is itself a module: any older Go can download it and checks it against the checksum database.
bring_go() {
	local old module folder=$cache/go-$go_pinned
	if [ "$(uname -m)" != x86_64 ]; then say "needs Go >= $go_minimum: install it, none is brought for $(uname -m)"; exit 1; fi
	if ! [ -x "$folder/bin/go" ]; then
		old=$(command -v go || true)
		if [ -z "$old" ]; then
			"$root/scripts/setup.sh" go
			old=$(command -v go)
		fi
		say "bringing Go $go_pinned (the machine has $(GOTOOLCHAIN=local "$old" env GOVERSION))"
		rm -rf "$cache/go-modules" "$folder.part"
		module=$(cd / && GOTOOLCHAIN=local GOFLAGS=-modcacherw GOMODCACHE=$cache/go-modules \
			"$old" mod download -json "golang.org/toolchain@v0.0.1-go$go_pinned.linux-amd64")
		if [ "$(jq -r .Sum <<<"$module")" != "$go_pinned_sum" ]; then
			say "Go $go_pinned has another checksum than expected: $(jq -r .Sum <<<"$module")"
			exit 1
		fi
		mv "$(jq -r .Dir <<<"$module")" "$folder.part"
		rm -rf "$cache/go-modules"
		# A module carries neither execute bits nor files called go.mod below its root.
		chmod -R u+w "$folder.part"
		find "$folder.part/bin" "$folder.part/pkg/tool" -type f -exec chmod 755 {} +
		find "$folder.part/src" -name _go.mod -execdir mv _go.mod go.mod \;
		mv "$folder.part" "$folder"
	fi
	printf '%s\n' "$folder/bin/go"
}

build() {
	local go version=k8s.io/component-base/version scratch=
	mkdir -p "$cache"
	exec 9>"$cache/lock"
	flock 9
	if [ -x "$program" ]; then printf '%s\n' "$program"; return; fi
	go=$(command -v go || true)
	if [ -z "$go" ] || ! is_new_enough "$go"; then
		go=$(bring_go)
		# A machine that had no Go of its own is not left with gigabytes of its caches.
		scratch=$cache/scratch
		export GOMODCACHE=$scratch/modules GOCACHE=$scratch/build
	fi
	unset GOROOT
	say "building Kubernetes $kubernetes, once: about 6 minutes on two cores"
	mkdir -p "$home"
	(cd "$sources" && CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS="-mod=readonly -modcacherw" GOGC=${GOGC:-300} \
		"$go" build -trimpath -buildvcs=false -o "$program.part" -ldflags "-s -w -X $version.gitVersion=v$kubernetes
			-X $version.gitMajor=${kubernetes%%.*} -X $version.gitMinor=$(cut -d. -f2 <<<"$kubernetes")
			-X $version.gitTreeState=clean" . >&2)
	ln -sfn kubetestbed "$home/kubectl"
	mv "$program.part" "$program"
	if [ -n "$scratch" ]; then rm -rf "$scratch"; fi
	printf '%s\n' "$program"
}

# Below the range that the kernel gives to outgoing connections (32768 …), or one of those could sit on the port of a
# server that is stopped and started again. All are bound before the first is let go.
free_ports() { # COUNT
	python3 -c 'import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
	one = socket.socket()
	try: one.bind(("127.0.0.1", random.randrange(15000, 32768)))
	except OSError: continue
	held.append(one)
print(*[one.getsockname()[1] for one in held])' "$1"
}

certificates() { # in the current folder: one authority, a server and a client certificate, the key of service accounts
	local extensions='keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc'
	openssl ecparam -name prime256v1 -genkey -noout -out ca.key
	openssl req -x509 -new -key ca.key -subj /CN=testbed -days 3650 -out ca.crt \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature
	openssl ecparam -name prime256v1 -genkey -noout -out apiserver.key
	openssl req -new -key apiserver.key -subj /CN=kube-apiserver -out apiserver.csr
	openssl x509 -req -in apiserver.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
		-extfile <(printf '%s\n' "$extensions") -out apiserver.crt 2>/dev/null
	openssl ecparam -name prime256v1 -genkey -noout -out admin.key
	openssl req -new -key admin.key -subj /O=system:masters/CN=admin -out admin.csr
	openssl x509 -req -in admin.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
		-extfile <(printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n') -out admin.crt 2>/dev/null
	openssl genrsa -out sa.key 2048 2>/dev/null
	openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
}

kubeconfig() { # FILE USER
	cat >"$1" <<K
apiVersion: v1
kind: Config
clusters: [{name: testbed, cluster: {server: "https://127.0.0.1:$api", certificate-authority: $dir/ca.crt}}]
users: [{name: user, user: {$2}}]
contexts: [{name: testbed, context: {cluster: testbed, user: user}}]
current-context: testbed
K
}

running() { # PID; one that waits to be reaped counts as gone
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in "" | Z*) return 1 ;; esac
}

start() { # NAME ARGUMENTS...
	local name=$1
	shift
	"$program" "$@" >"$dir/$name.log" 2>&1 </dev/null 9>&- &
	echo $! >"$dir/$name.pid"
}

wait_for() { # WHAT COMMAND...: up to a minute, or until a component has died
	local what=$1 name
	shift
	for _ in $(seq 600); do
		if "$@" >/dev/null 2>&1; then return; fi
		for name in "$dir"/*.pid; do
			if ! running "$(cat "$name")"; then
				say "$(basename "$name" .pid) died:"
				tail -n 5 "${name%.pid}.log" >&2
				stop kcm apiserver etcd
				exit 1
			fi
		done
		sleep 0.1
	done
	say "$what was not ready within a minute"
	stop kcm apiserver etcd
	exit 1
}

ask() { # PATH: as the administrator
	printf 'header = "Authorization: Bearer %s"\n' "$admin_token" | curl -sf --config - --noproxy '*' --cacert ca.crt "https://127.0.0.1:$api$1"
}

# Needs $api and $etcd_client.
start_apiserver() {
	start apiserver apiserver --etcd-servers="http://127.0.0.1:$etcd_client" \
		--bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port="$api" \
		--endpoint-reconciler-type=none --service-cluster-ip-range=10.96.0.0/24 \
		--tls-cert-file="$dir/apiserver.crt" --tls-private-key-file="$dir/apiserver.key" \
		--client-ca-file="$dir/ca.crt" --token-auth-file="$dir/tokens.csv" \
		--requestheader-client-ca-file="$dir/ca.crt" --requestheader-allowed-names=front-proxy \
		--requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
		--authorization-mode=RBAC --anonymous-auth=false \
		--service-account-issuer=https://kubernetes.default.svc \
		--service-account-key-file="$dir/sa.pub" --service-account-signing-key-file="$dir/sa.key" --profiling=false
	wait_for apiserver ask /readyz
}

up() {
	local etcd_peer kcm controller_token
	if ! [ -x "$program" ]; then say "not built: run scripts/testbed.sh build"; exit 1; fi
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	if [ -e "$dir/etcd.pid" ]; then say "$dir is in use: scripts/testbed.sh down $dir"; exit 1; fi
	umask 077
	chmod 700 "$dir"
	cd "$dir"
	read -r etcd_client etcd_peer api kcm <<<"$(free_ports 4)"
	certificates
	admin_token=$(openssl rand -hex 16)
	controller_token=$(openssl rand -hex 16)
	cat >tokens.csv <<T
$admin_token,admin,1,"system:masters"
$controller_token,system:kube-controller-manager,2,"system:kube-controller-manager"
T
	kubeconfig admin.kubeconfig "token: $admin_token"
	kubeconfig certificate.kubeconfig "client-certificate: admin.crt, client-key: admin.key"
	kubeconfig controller.kubeconfig "token: $controller_token"

	start etcd etcd --name t --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
		--listen-client-urls "http://127.0.0.1:$etcd_client" --advertise-client-urls "http://127.0.0.1:$etcd_client" \
		--listen-peer-urls "http://127.0.0.1:$etcd_peer" --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer" \
		--initial-cluster "t=http://127.0.0.1:$etcd_peer"
	start_apiserver
	start kcm controller-manager --kubeconfig="$dir/controller.kubeconfig" --leader-elect=false \
		--authentication-kubeconfig="$dir/controller.kubeconfig" --authorization-kubeconfig="$dir/controller.kubeconfig" \
		--bind-address=127.0.0.1 --secure-port="$kcm" --cert-dir="$dir" --root-ca-file="$dir/ca.crt" \
		--service-account-private-key-file="$dir/sa.key" --use-service-account-credentials=true \
		--kube-api-qps=500 --kube-api-burst=1000 \
		--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller,serviceaccount-token-controller,job-controller
	wait_for controller-manager ask /api/v1/namespaces/default/serviceaccounts/default
	printf 'KUBECONFIG=%s\nAPI=%s\nETCD=%s\n' "$dir/admin.kubeconfig" "https://127.0.0.1:$api" "http://127.0.0.1:$etcd_client" >"$dir/env"
	if compgen -G "$root/api/*.yaml" >/dev/null; then
		export KUBECONFIG=$dir/admin.kubeconfig
		"$home/kubectl" apply -f "$root/api" >/dev/null
		"$home/kubectl" wait --for=condition=Established crd --all --timeout=60s >/dev/null
	fi
	say "up: $dir/admin.kubeconfig"
}

stop() { # NAME...
	local name pid
	for name in "$@"; do
		if ! [ -e "$dir/$name.pid" ]; then continue; fi
		pid=$(cat "$dir/$name.pid")
		kill -TERM "$pid" 2>/dev/null || true
		for _ in $(seq 100); do
			if ! running "$pid"; then break; fi
			sleep 0.1
		done
		if running "$pid"; then kill -KILL "$pid"; fi
		rm -f "$dir/$name.pid"
	done
}

dir=${2:-}
case "${1:-}:$dir" in
build:) build ;;
path:)
	if ! [ -x "$program" ]; then say "not built: run scripts/testbed.sh build"; exit 1; fi
	printf '%s\n' "$program"
	;;
up:?*) up ;;
pause:?*) # at once, as a crash does it; a graceful end would wait for the watches
	kill -KILL "$(cat "$dir/apiserver.pid")"
	stop apiserver
	;;
resume:?*)
	cd "$dir"
	# shellcheck disable=SC1091
	. ./env
	api=${API##*:}
	etcd_client=${ETCD##*:}
	admin_token=$(sed -n 's/,admin,.*//p' tokens.csv)
	start_apiserver
	;;
down:?*)
	if [ -d "$dir" ]; then
		stop kcm apiserver etcd
		rm -rf "$dir"
	fi
	;;
*)
	say 'usage: scripts/testbed.sh build | path | up DIR | pause DIR | resume DIR | down DIR'
	exit 2
	;;
esac
