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
for tier in vault mirror deep; do
    airflow pools set "tier-$tier" 2 "replicas read or written there at once"
done
