"""compose/airflow_metrics.py: what Airflow's processes send by OTLP is added up and served to Prometheus."""

from collections.abc import Iterator
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE, AGGREGATION_TEMPORALITY_DELTA

from compose.airflow_metrics import MAX_BODY_BYTES, Export, MetricsServer, Receive, ReceivedMetrics


def counter(value: int, *, delta: bool = True, **attributes: str) -> ExportMetricsServiceRequest:
    """Return a request as a task of Airflow sends it when it ends."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="airflow.ti_successes")
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA if delta else AGGREGATION_TEMPORALITY_CUMULATIVE
    point = metric.sum.data_points.add(as_int=value)
    for key, text in attributes.items():
        point.attributes.add(key=key).value.string_value = text
    return request


def gauge(value: float) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="airflow.dag_processing.import_errors")
    metric.gauge.data_points.add(as_double=value)
    return request


def text_after(*requests: ExportMetricsServiceRequest) -> str:
    metrics = ReceivedMetrics()
    for request in requests:
        metrics.add(request)
    return metrics.text()


@pytest.fixture
def addresses() -> Iterator[tuple[str, str]]:
    """The addresses that receive and that serve the metrics."""
    metrics = ReceivedMetrics()
    with (
        MetricsServer(("127.0.0.1", 0), Receive, metrics) as receiver,
        MetricsServer(("127.0.0.1", 0), Export, metrics) as exporter,
    ):
        for server in (receiver, exporter):
            Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{receiver.server_port}", f"http://127.0.0.1:{exporter.server_port}"
        receiver.shutdown()
        exporter.shutdown()


def test_what_processes_count_from_zero_is_added_up() -> None:
    text = text_after(counter(1, dag_id="day", task_id="fetch"), counter(1, dag_id="day", task_id="fetch"))
    assert text == (
        '# TYPE airflow_ti_successes_total counter\nairflow_ti_successes_total{dag_id="day",task_id="fetch"} 2\n'
    )


def test_a_cumulative_counter_and_a_gauge_have_their_last_value() -> None:
    text = text_after(counter(3, delta=False), counter(5, delta=False), gauge(2.0), gauge(1.0))
    assert "airflow_ti_successes_total 5\n" in text
    assert "# TYPE airflow_dag_processing_import_errors gauge\nairflow_dag_processing_import_errors 1\n" in text


def test_attributes_without_bounds_are_no_labels() -> None:
    text = text_after(*(counter(1, dag_id="day", run_id=f"run {number}") for number in range(1000)))
    assert text.count("\n") == 2
    assert 'airflow_ti_successes_total{dag_id="day"} 1000\n' in text


def test_a_label_is_escaped() -> None:
    assert r'{task_id="a\"b\\c\nd"}' in text_after(counter(1, task_id='a"b\\c\nd'))


def test_what_is_received_is_served(addresses: tuple[str, str]) -> None:
    receiver, exporter = addresses
    body = counter(1, dag_id="day").SerializeToString()
    assert httpx.post(f"{receiver}/v1/metrics", content=body, trust_env=False).status_code == 200
    response = httpx.get(f"{exporter}/metrics", trust_env=False)
    assert response.text.endswith('airflow_ti_successes_total{dag_id="day"} 1\n')
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize("body", [b"", b"\xff\xff", b"x" * (MAX_BODY_BYTES + 1)], ids=["empty", "no protobuf", "large"])
def test_an_invalid_request_is_rejected_and_the_next_one_accepted(addresses: tuple[str, str], body: bytes) -> None:
    receiver, _ = addresses
    assert httpx.post(f"{receiver}/v1/metrics", content=body, trust_env=False).status_code == 400
    valid = counter(1).SerializeToString()
    assert httpx.post(f"{receiver}/v1/metrics", content=valid, trust_env=False).status_code == 200


def test_the_served_port_accepts_no_metrics(addresses: tuple[str, str]) -> None:
    body = counter(1).SerializeToString()
    assert httpx.post(f"{addresses[1]}/v1/metrics", content=body, trust_env=False).status_code == 501
