#!/bin/sh
# SeaweedFS takes its first user and its keys from the environment; here they come from files, so that
# `docker inspect` does not show them.
set -eu
AWS_ACCESS_KEY_ID=$(cat /run/secrets/s3_access_key)
AWS_SECRET_ACCESS_KEY=$(cat /run/secrets/s3_secret_key)
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

# HTTP requests to the filer and the volumes must be signed.
WEED_JWT_SIGNING_KEY=$(cat /run/secrets/s3_volume_write_key)
WEED_JWT_SIGNING_READ_KEY=$(cat /run/secrets/s3_volume_read_key)
WEED_JWT_FILER_SIGNING_KEY=$(cat /run/secrets/s3_filer_write_key)
WEED_JWT_FILER_SIGNING_READ_KEY=$(cat /run/secrets/s3_filer_read_key)
export WEED_JWT_SIGNING_KEY WEED_JWT_SIGNING_READ_KEY WEED_JWT_FILER_SIGNING_KEY WEED_JWT_FILER_SIGNING_READ_KEY

# Every port except those of S3 and of the metrics requires this certificate, which no other service has.
certificate=/run/secrets/s3_inner_certificate
key=/run/secrets/s3_inner_key
export WEED_GRPC_CA=$certificate WEED_HTTPS_CLIENT_ENABLED=true
for part in MASTER VOLUME FILER S3 ADMIN WORKER CLIENT; do
    export "WEED_GRPC_${part}_CERT=$certificate" "WEED_GRPC_${part}_KEY=$key"
done
for part in MASTER VOLUME FILER ADMIN CLIENT; do
    export "WEED_HTTPS_${part}_CERT=$certificate" "WEED_HTTPS_${part}_KEY=$key" "WEED_HTTPS_${part}_CA=$certificate"
done
exec weed -logtostderr=true "$@"
