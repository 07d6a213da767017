#!/bin/sh
# Runs once, when the Postgres container makes its data: the services' roles with a password. What each may do is in migrations/.
set -eu
for role in annals_command annals_projector annals_query annals_replay; do
    psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v role="$role" -v password="$ANNALS_ROLE_PASSWORD" <<'SQL'
create role :"role" login password :'password';
SQL
done
