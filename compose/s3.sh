#!/bin/sh
# SeaweedFS takes its first user from the environment; here it comes from files, so that no `inspect` shows it.
set -eu
AWS_ACCESS_KEY_ID=$(cat /run/secrets/s3_access_key)
AWS_SECRET_ACCESS_KEY=$(cat /run/secrets/s3_secret_key)
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
exec weed -logtostderr=true "$@"
