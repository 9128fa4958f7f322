#!/bin/sh
# Airflow reads its users' passwords from a JSON file. It never deletes task logs; here they are deleted after 30 days.
# (A log that disappears during the search must not end the loop.)
set -eu
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=/tmp/passwords.json
printf '{"admin": "%s"}' "$(cat /run/secrets/airflow_password)" > "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
while true; do
    if [ -d "$AIRFLOW_HOME/logs" ]; then find "$AIRFLOW_HOME/logs" -type f -mtime +30 -delete || true; fi
    sleep 86400
done &
# Serves Airflow's own metrics on port 9464.
python airflow_metrics.py &
exec airflow standalone
