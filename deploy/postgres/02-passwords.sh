#!/bin/sh
# Passwords of the roles, from a secret with a line each: alter role dagster password '…';
set -eu
psql -v ON_ERROR_STOP=1 -U postgres -f /run/secrets/postgres_roles
