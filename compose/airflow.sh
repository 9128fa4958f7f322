#!/bin/sh
# Airflow reads its users' passwords from a file of its own form, and keeps the logs of tasks for ever: here for 30 days.
# (A log that goes away while it is looked for must not end the looking.)
set -eu
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=/tmp/passwords.json
printf '{"admin": "%s"}' "$(cat /run/secrets/airflow_password)" > "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
while true; do
    if [ -d "$AIRFLOW_HOME/logs" ]; then find "$AIRFLOW_HOME/logs" -type f -mtime +30 -delete || true; fi
    sleep 86400
done &
exec airflow standalone
