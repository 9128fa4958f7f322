"""`python -m ec2_api.healthcheck`: exit with 0 when the data API of this machine or container serves batches."""

import json
import os
import ssl
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from ec2_api import settings
from ec2_api.errors import StartupError

TIMEOUT_SECONDS = 5.0


def main() -> int:
    """Return 0 when the data API responds, else 1 with the reason on stderr."""
    try:
        config = settings.load(os.environ)
        serves = bool(health(config.port, config.tls_certificate is not None)["batches"])
    except (StartupError, OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        print(f"the data API does not respond: {error!r}", file=sys.stderr)
        return 1
    return 0 if serves else 1


def health(port: int, tls: bool) -> dict[str, object]:
    """Return the response of `/health` on a port of this machine."""
    if tls:
        # The certificate is for the name under which other machines connect, not for this one.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: HTTPConnection = HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    connection.request("GET", "/health")
    body: dict[str, object] = json.load(connection.getresponse())
    return body


if __name__ == "__main__":
    sys.exit(main())
