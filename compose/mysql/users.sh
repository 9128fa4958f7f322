#!/bin/bash
# The databases, and who may do what in them. The server's entrypoint runs this once, on an empty volume.
# On a server of one's own the databases are made by whoever READMIT_DATABASE_URL names, if that user may.
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

-- People who ask, just sql, and the inference API: two connections at most for each replica.
CREATE USER reader IDENTIFIED BY '$(< /run/secrets/reader_password)' WITH MAX_USER_CONNECTIONS 10;
GRANT SELECT, SHOW VIEW ON raw_data_db.* TO reader;
GRANT SELECT, SHOW VIEW ON clean_data_db.* TO reader;
GRANT SELECT, SHOW VIEW ON predictions_db.* TO reader;

-- Prometheus, by mysqld-exporter, and the container's own healthcheck: how the server is, no data.
CREATE USER exporter IDENTIFIED BY '$(< /run/secrets/exporter_password)' WITH MAX_USER_CONNECTIONS 3;
GRANT PROCESS ON *.* TO exporter;
SQL
