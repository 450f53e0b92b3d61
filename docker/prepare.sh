#!/bin/sh
# Makes what is not there yet: the home, both schemas, a pool per tier. Safe to run again.
set -eu

settings="$PRESERVATION_HOME/samarkand.toml"
if [ ! -e "$settings" ]; then
    (
        umask 077
        cat >"$settings" <<EOF
format = "samarkand.home/1"
catalogue = "postgresql+psycopg://samarkand:$SAMARKAND_DATABASE_PASSWORD@postgres/catalogue"
EOF
    )
fi

airflow db migrate
preserve init
pools="$AIRFLOW_HOME/pools.json"
tiers=$(preserve tier list --json) || true # one that is away has a pool, too
printf '%s' "$tiers" | python -c '
import json, sys
says = "replicas read or written there at once"
pool = {"slots": 2, "description": says, "include_deferred": False}
print(json.dumps({"tier-" + one["tier"]: pool for one in json.load(sys.stdin)["tiers"]}))
' >"$pools"
airflow pools import "$pools"
