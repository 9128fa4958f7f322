"""The HTTP server under the inference API: limits on connections, headers and bodies."""
