"""Settings of the containers that no other part of Readmit reads: further ports."""

from pydantic import Field

from readmit.settings import Port, Settings


class ContainerSettings(Settings):
    """The settings, with those of the containers."""

    prefect_port: Port = Field(4200, description="port on 127.0.0.1 of the Prefect server")
    airflow_port: Port = Field(8080, description="the same for Airflow")
    prometheus_port: Port = Field(9090, description="the same for Prometheus")
    grafana_port: Port = Field(3000, description="the same for Grafana")
    locust_port: Port = Field(8089, description="the same for Locust")
    mysql_port: Port = Field(3306, description="the same for MySQL, if the stores are published")
