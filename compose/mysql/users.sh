#!/bin/bash
# The databases, and the users with their privileges. The server's entrypoint runs this once, on an empty volume.
# On an external server the user of READMIT_DATABASE_URL creates the databases, if it has the privilege.
docker_process_sql <<SQL
CREATE DATABASE raw_data_db COLLATE utf8mb4_0900_bin;
CREATE DATABASE clean_data_db COLLATE utf8mb4_0900_bin;
CREATE DATABASE predictions_db COLLATE utf8mb4_0900_bin;
CREATE DATABASE mlflow_db COLLATE utf8mb4_0900_bin;

-- The steps of the day.
CREATE USER flows IDENTIFIED BY '$(< /run/secrets/flows_password)';
GRANT ALL ON raw_data_db.* TO flows;
GRANT ALL ON clean_data_db.* TO flows;
GRANT ALL ON predictions_db.* TO flows;

-- The MLflow server.
CREATE USER mlflow IDENTIFIED BY '$(< /run/secrets/mlflow_password)';
GRANT ALL ON mlflow_db.* TO mlflow;

-- Queries by people, just sql, and the inference API: at most two connections per replica.
CREATE USER reader IDENTIFIED BY '$(< /run/secrets/reader_password)' WITH MAX_USER_CONNECTIONS 10;
GRANT SELECT, SHOW VIEW ON raw_data_db.* TO reader;
GRANT SELECT, SHOW VIEW ON clean_data_db.* TO reader;
GRANT SELECT, SHOW VIEW ON predictions_db.* TO reader;

-- mysqld-exporter for Prometheus, and the healthcheck of the container: state of the server, no data.
CREATE USER exporter IDENTIFIED BY '$(< /run/secrets/exporter_password)' WITH MAX_USER_CONNECTIONS 3;
GRANT PROCESS ON *.* TO exporter;
SQL
