#!/bin/bash
# Runs files of Redis 7.0's own Tcl test suite from outside, first against the redis-server of this machine with the
# commands of later families renamed away, then against a node of ours with one slot, and says what only the former
# passes. The suite is no part of this repository: give the path of an unpacked Redis 7.0 source tree.
#
#   test/support/run-redis-suite.sh SOURCE_TREE [FILE …]      e.g. … ~/redis-7.0.15 unit/type/zset
#
# OUT=folder keeps the logs there (default: a new temporary folder); SERVERS="stock", "ours" or both.
# Needs tclsh and redis-server. Each file gets a fresh server and at most RUN_SECONDS.
# The runner's --durable lets a file go on after a test that raised an exception.
set -u
[ $# -ge 1 ] && [ -x "$1/runtest" ] || { echo "usage: $0 REDIS_SOURCE_TREE [FILE …]" >&2; exit 2; }
tree=$(cd "$1" && pwd); shift
root=$(cd "$(dirname "$0")/../.." && pwd)
OUT=${OUT:-$(mktemp -d)}
SERVERS=${SERVERS:-stock ours}
RUN_SECONDS=${RUN_SECONDS:-240}
mkdir -p "$OUT"

FILES="unit/type/string unit/type/incr unit/type/list unit/type/list-2 unit/type/list-3 unit/type/hash unit/type/set
unit/type/zset unit/keyspace unit/expire unit/scan unit/quit unit/protocol unit/multi unit/info unit/info-command
unit/auth unit/introspection unit/introspection-2 unit/dump unit/other unit/querybuf unit/limits unit/slowlog
unit/pause unit/lazyfree unit/obuf-limits unit/networking"
[ $# -gt 0 ] && FILES="$*"

# Families that come later: stock is measured without them.
LATER="EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE PUBLISH PUBSUB
SSUBSCRIBE SUNSUBSCRIBE SPUBLISH XADD XLEN XRANGE XREVRANGE XDEL XTRIM XREAD XREADGROUP XGROUP XACK XCLAIM XAUTOCLAIM
XPENDING XINFO XSETID GEOADD GEODIST GEOHASH GEOPOS GEORADIUS GEORADIUSBYMEMBER GEOSEARCH GEOSEARCHSTORE GEORADIUS_RO
GEORADIUSBYMEMBER_RO SETBIT GETBIT BITCOUNT BITOP BITPOS BITFIELD BITFIELD_RO PFADD PFCOUNT PFMERGE PFDEBUG PFSELFTEST
SORT SORT_RO LCS"

# Tests left out of both runs, because here or there they wait for ever, or leave a MULTI or a pause behind that spoils
# the tests after them: a stream of MONITOR; commands of later families within MULTI or while clients are paused; the
# refusal of a write by `maxmemory` (which has no effect here). What is left out for ours alone is a reason by name in
# docs/reference/redis-compatibility.md.
SKIP=(
  "/MONITOR"
  "/(command|errors) stats for (GEOADD|MULTI|scripts)"
  "/OOM"
  "/use-memory command"
  "/[Ss]cripts? .*(pause|mutli-execs)|special commands are paused|rejected in RO scripts"
  "/script timeout"
)

# Three neighbouring ports that are free now.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    (exec 3<>/dev/tcp/127.0.0.1/$port) 2> /dev/null || { echo $port; return; }
  done
}

server_pid=
start_server() { # KIND PORT DIRECTORY
  mkdir -p "$3"
  if [ "$1" = stock ]; then
    local renamed=() name
    for name in $LATER; do renamed+=(--rename-command "$name" ""); done
    redis-server --port "$2" --dir "$3" --save "" --enable-debug-command yes "${renamed[@]}" > "$3/server.log" 2>&1 &
  else
    "$root/bin/pika" node --host 127.0.0.1 --port "$2" --peer-port $(($2 + 1)) --http-port $(($2 + 2)) \
      --data-dir "$3/data" --standalone-slots 1 > "$3/server.log" 2>&1 &
  fi
  server_pid=$!
  local attempt
  for attempt in $(seq 100); do
    [ "$(redis-cli -h 127.0.0.1 -p "$2" ping 2> /dev/null)" = PONG ] && return 0
    sleep 0.1
  done
  echo "the $1 server does not answer: see $3/server.log" >&2
  return 1
}

stop_server() {
  [ -n "$server_pid" ] && { kill "$server_pid"; wait "$server_pid"; } 2> /dev/null
  server_pid=
}
trap stop_server EXIT

run_file() { # KIND FILE: leaves OUT/KIND/<file>.log and the names of what passed and failed beside it
  local log=$OUT/$1/${2//\//_} port directory name skips=()
  mkdir -p "$OUT/$1"
  rm -f "$log".*; touch "$log.log"
  port=$(free_port); directory=$(mktemp -d)
  for name in ${SKIP[@]+"${SKIP[@]}"}; do skips+=(--skiptest "$name"); done
  if start_server "$1" "$port" "$directory"; then
    (cd "$tree" && timeout "$RUN_SECONDS" ./runtest --host 127.0.0.1 --port "$port" --singledb --ignore-encoding \
      --ignore-digest --durable ${skips[@]+"${skips[@]}"} --single "$2") 2>&1 < /dev/null | sed -u 's/\x1b\[[0-9;]*m//g' > "$log.log"
  fi
  stop_server
  cp "$directory/server.log" "$log.server"; rm -rf "$directory"
  sed -nE 's/^\[ok\]: (.*) \([0-9]+ ms\)$/\1/p' "$log.log" | LC_ALL=C sort > "$log.ok"
  sed -nE 's/^\[err\]: (.*) in tests\/unit.*$/\1/p' "$log.log" | LC_ALL=C sort > "$log.err"
}

# Whether the runner came to the end of the file.
ended() { grep -q "The End" "$1.log"; }

printf '%-24s %6s %6s %6s\n' file stock ours lost
for file in $FILES; do
  for kind in $SERVERS; do run_file "$kind" "$file"; done
  name=${file//\//_}
  stock=$OUT/stock/$name ours=$OUT/ours/$name
  lost=$(LC_ALL=C comm -23 "$stock.ok" "$ours.ok" 2> /dev/null)
  printf '%-24s %6s %6s %6s\n' "$file" "$(grep -c . "$stock.ok" 2> /dev/null)" "$(grep -c . "$ours.ok" 2> /dev/null)" \
    "$(printf %s "$lost" | grep -c .)"
  for kind in $SERVERS; do ended "$OUT/$kind/$name" || echo "    cut short: $kind, see $OUT/$kind/$name.log"; done
  [ -n "$lost" ] && printf '%s\n' "$lost" | sed 's/^/    only stock: /'
done
echo "logs: $OUT"
