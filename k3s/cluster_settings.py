"""Settings of the recipes `k3s::...`, which no other part of Readmit reads."""

from typing import Annotated

from pydantic import AfterValidator, Field

from readmit import setting_values
from readmit.setting_values import UserPath
from readmit.settings import Settings


class ClusterSettings(Settings):
    """The settings, with those of the cluster."""

    kubeconfig: UserPath | None = Field(
        None,
        validation_alias="KUBECONFIG",
        description="file with the cluster of `just k3s::up`; unset: ~/.kube/config, or else k3s on this machine",
    )
    namespace: Annotated[str, AfterValidator(setting_values.namespace)] = Field(
        "readmit", description="namespace of the cluster that `just k3s::up` creates, with the stack in it"
    )
    registry: Annotated[str, AfterValidator(setting_values.registry)] | None = Field(
        None,
        description="registry, with a path if it has one, that `just k3s::up` pushes our images to and the cluster "
        "pulls them from; unset: they are imported into k3s on this machine",
    )
    registry_login: UserPath | None = Field(
        None,
        description="file with the login of that registry for the cluster, in the format of ~/.docker/config.json; "
        "unset: pulling requires none",
    )
    ingress_api_host: Annotated[str, AfterValidator(setting_values.host_name)] | None = Field(
        None, description="host name under which the cluster's ingress serves the inference API; unset: it does not"
    )
    ingress_ui_host: Annotated[str, AfterValidator(setting_values.host_name)] | None = Field(
        None, description="the same for the web page"
    )
