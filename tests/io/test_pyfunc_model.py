"""A model version as others take it from MLflow: by `mlflow.pyfunc`, and from MLflow's scoring server."""

import asyncio
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel, scoring_server
from mlflow.types import DataType
from mlflow.types.schema import AnyType

from api.example import EXAMPLE
from api.loaded_model import LoadedModel
from ec2_api.sample import write_sample
from readmit.core.applicability import is_applicable
from readmit.core.compiler import compile_model
from readmit.core.coverage import Coverage
from readmit.core.encounter import BY_NAME, FEATURES, NOT_RECORDED
from readmit.core.fit_key import DataSource, Objective, fit_key
from readmit.core.model import CANDIDATES, fit_candidate, model_input
from readmit.core.probe_set import parity_check_of
from readmit.core.request import parse
from readmit.core.splitting import REFIT_SPLITS
from readmit.core.version import MODEL, PRODUCTION, Version
from readmit.io.registry.experiment_runs import EXPERIMENT, ExperimentRuns, Fit
from readmit.io.registry.model_versions import Registry

ROWS, ROWS_READ_ALONE = 60, 8
OPTIONAL = tuple(name for name in FEATURES if not BY_NAME[name].required)
LABORATORY = ("max_glu_serum", "A1Cresult")
ADDRESS = f"models:/{MODEL}@{PRODUCTION}"
Record = Mapping[str, object]


@pytest.fixture(scope="module")
def fit(random_encounters: Callable[[int], dict[str, list[str | int]]]) -> Fit:
    """A fit of the candidate that tells a value that is not recorded from a test that was not made."""
    columns = random_encounters(300)
    encounters, coverage = model_input(columns), Coverage.of(columns)
    outcomes = [int(int(stays) > 5) for stays in columns["number_inpatient"]]
    outcomes[::7] = [1 - outcome for outcome in outcomes[::7]]
    model = fit_candidate(CANDIDATES[0], 1, encounters, outcomes, range(len(outcomes)))
    compiled = compile_model(model, encounters, coverage, parity_check_of(model, coverage)).to_json()
    key = fit_key(CANDIDATES[0], DataSource("a snapshot for pyfunc", 1, "code"), Objective("any", 0.5), REFIT_SPLITS)
    return Fit(key, model, coverage, "s3://datasets/snapshots/0001-abc.json", {"train": 300}, None, compiled)


@pytest.fixture(scope="module")
def version(fit: Fit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Version]:
    """The fit, registered and in production, in a database and a folder instead of a server's."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    with pytest.MonkeyPatch.context() as environment:
        # MLflow sets this variable, which the settings of other tests read.
        environment.setenv("MLFLOW_TRACKING_URI", uri)
        yield _production_version(fit, uri, folder)


def _production_version(fit: Fit, uri: str, folder: Path) -> Version:
    registry = Registry(uri)
    MlflowClient(uri).create_experiment(EXPERIMENT, artifact_location=folder.as_uri())
    version = registry.register(ExperimentRuns(uri).record(fit), fit.key)
    registry._alias(PRODUCTION, version.number)
    return version


@pytest.fixture(scope="module")
def api_probability(version: Version, fit: Fit) -> Callable[[Record], float]:
    """Return the inference API's probability of a record, NaN where it gives none."""
    assert fit.scorer is not None
    served = LoadedModel(version, fit.scorer)

    def probability(record: Record) -> float:
        encounter = parse(record)
        if not is_applicable(encounter.values):
            return math.nan
        return served.predict(served.encode(encounter), "").probability

    return probability


@pytest.fixture(scope="module")
def model(version: Version) -> PyFuncModel:
    assert version
    return mlflow.pyfunc.load_model(ADDRESS)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file in UCI's layout."""
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    write_sample(path, rows=ROWS, seed=7)
    return path.read_text()


@pytest.fixture(scope="module")
def expected(source: str, api_probability: Callable[[Record], float]) -> list[float]:
    """The API's probability of each row of the file, posted as it is."""
    rows = pd.read_csv(io.StringIO(source), dtype=str, keep_default_na=False).to_dict("records")
    return [api_probability({str(name): _json_value(str(name), text) for name, text in row.items()}) for row in rows]


def _json_value(column: str, text: str) -> object:
    field = BY_NAME[column.replace("-", "_")]
    return None if text == NOT_RECORDED else int(text) if field.whole_number else text


def test_a_file_in_ucis_layout_as_pandas_reads_it_gets_the_apis_probabilities(
    model: PyFuncModel, source: str, expected: list[float]
) -> None:
    frame = pd.read_csv(io.StringIO(source))
    assert frame["max_glu_serum"].isna().any(), "pandas reads None as missing"
    assert "glyburide-metformin" in frame
    predicted = model.predict(frame)
    assert predicted.shape == (ROWS,)
    np.testing.assert_allclose(predicted, expected, atol=1e-9)
    assert not np.isnan(predicted).all()
    np.testing.assert_allclose(model.predict(frame.convert_dtypes()), expected, atol=1e-9)
    frame.index += 10
    np.testing.assert_allclose(model.predict(frame[::-1]), expected[::-1], atol=1e-9)


def test_a_row_of_such_a_file_gets_it_too_read_alone_or_as_a_record(
    model: PyFuncModel, source: str, expected: list[float]
) -> None:
    header, *lines = source.splitlines()
    for line, probability in list(zip(lines, expected, strict=True))[:ROWS_READ_ALONE]:
        row = pd.read_csv(io.StringIO(f"{header}\n{line}\n"))
        for data in (row, row.to_dict("records"), row.iloc[0].to_dict()):
            np.testing.assert_allclose(model.predict(data), [probability], atol=1e-9)
        not_recorded = pd.read_csv(io.StringIO(f"{header}\n{line}\n"), na_values=[NOT_RECORDED])
        np.testing.assert_allclose(model.predict(not_recorded), [probability], atol=1e-9)


def test_the_apis_example_gets_its_probability_with_optional_columns_absent_or_null(
    model: PyFuncModel, api_probability: Callable[[Record], float]
) -> None:
    records = [dict(EXAMPLE)]
    for name in OPTIONAL:
        records += [{**EXAMPLE, name: None}, {key: value for key, value in EXAMPLE.items() if key != name}]
    for record in records:
        assert model.predict(pd.DataFrame([record])) == pytest.approx([api_probability(record)], abs=1e-9), record
    assert model.predict(dict(EXAMPLE)) == pytest.approx([api_probability(EXAMPLE)], abs=1e-9)
    all_columns = pd.DataFrame([EXAMPLE]).reindex(columns=FEATURES)
    assert model.predict(all_columns) == pytest.approx([api_probability(EXAMPLE)], abs=1e-9)


def test_nulls_that_pandas_makes_nan_are_not_recorded_but_in_a_laboratory_field_not_measured(
    model: PyFuncModel, api_probability: Callable[[Record], float]
) -> None:
    for name in OPTIONAL:
        record = {**EXAMPLE, name: "None" if name in LABORATORY else None}
        for missing in (np.nan, pd.NA):
            frame = pd.DataFrame([EXAMPLE, {**EXAMPLE, name: missing}])
            assert model.predict(frame) == pytest.approx([*map(api_probability, (EXAMPLE, record))], abs=1e-9), name


def test_the_signature_is_that_of_the_fields_and_the_input_example_has_whole_numbers(model: PyFuncModel) -> None:
    schema = model.metadata.get_input_schema()
    assert schema is not None
    assert set(schema.required_input_names()) == {name for name in FEATURES if BY_NAME[name].required}
    spellings = {spelling for name in OPTIONAL for spelling in (name, BY_NAME[name].uci_name) if spelling}
    assert set(schema.optional_input_names()) == spellings
    for name, column in schema.input_dict().items():
        kind = DataType.long if column.required and BY_NAME[name].whole_number else DataType.string
        assert column.type == (kind if column.required else AnyType()), name
    example = model.input_example
    assert all(example[name].dtype == np.int64 for name in example if BY_NAME[name].whole_number)
    (probability,) = model.predict(example)
    assert 0 < probability < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": "old"}, "1 of 2 rows are invalid; row 1: age: 'old' is not one of"),
        ({"time_in_hospital": 99}, "row 1: time_in_hospital: 99 is not between 1 and 14"),
        ({"admission_source_id": 1.5}, r"row 1: admission_source_id: '1\.5' is not a whole number"),
        ({"diag_1": [1]}, r"row 1: diag_1: '\[1\]' is not an ICD-9-CM code"),
        ({"glyburide_metformin": "No", "glyburide-metformin": "No"}, "glyburide_metformin: is given twice"),
        ({"time_in_hospital": None}, "Incompatible input types for column time_in_hospital"),
    ],
)
def test_an_invalid_row_is_refused_by_name(model: PyFuncModel, change: Record, message: str) -> None:
    with pytest.raises(MlflowException, match=message):
        model.predict(pd.DataFrame([EXAMPLE, {**EXAMPLE, **change}]))


def test_mlflows_scoring_server_answers_as_the_api(
    model: PyFuncModel,
    source: str,
    expected: list[float],
    api_probability: Callable[[Record], float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`mlflow models serve --env-manager local` runs this server."""
    # The server sets it, and would leave it to other tests.
    monkeypatch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")
    transport = httpx.ASGITransport(scoring_server.init(model))

    async def post(content: bytes | str, kind: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
            return await client.post("/invocations", content=content, headers={"Content-Type": kind})

    def answers(content: bytes | str, kind: str = scoring_server.CONTENT_TYPE_JSON) -> list[float]:
        response = asyncio.run(post(content, kind))
        assert response.status_code == 200, response.text
        predictions: list[float] = response.json()["predictions"]
        return predictions

    without_race = {**EXAMPLE, "race": None, "admission_source_id": None}
    records = json.dumps({"dataframe_records": [EXAMPLE, without_race]})
    assert answers(records) == pytest.approx([*map(api_probability, (EXAMPLE, without_race))], abs=1e-9)
    split = {"columns": list(EXAMPLE), "data": [list(EXAMPLE.values())]}
    assert answers(json.dumps({"dataframe_split": split})) == pytest.approx([api_probability(EXAMPLE)], abs=1e-9)
    stored = Path(mlflow.artifacts.download_artifacts(f"{ADDRESS}/serving_input_example.json")).read_text()
    assert answers(stored) == pytest.approx(model.predict(model.input_example))
    parquet = pd.read_csv(io.StringIO(source)).to_parquet()
    assert parquet is not None
    np.testing.assert_allclose(answers(parquet, scoring_server.CONTENT_TYPE_PARQUET), expected, atol=1e-9)


def test_the_types_that_the_code_trusts_count_and_not_those_in_the_models_own_files(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert version
    monkeypatch.setattr(import_module("readmit.io.registry.pyfunc_model"), "TRUSTED_TYPES", ())
    with pytest.raises(Exception, match="Untrusted types"):
        mlflow.pyfunc.load_model(ADDRESS)
