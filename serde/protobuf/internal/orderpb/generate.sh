#!/usr/bin/env bash
# Makes the .pb.go files again. Needs protoc.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/shop"
cp "$here"/*.proto "$work/shop"
GOBIN=$work go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
"${PROTOC:-protoc}" -I"$work" ${PROTOC_INCLUDE:+-I"$PROTOC_INCLUDE"} --plugin="$work/protoc-gen-go" --go_out="$work" --go_opt=paths=source_relative shop/order.proto shop/money.proto shop/kinds.proto
cp "$work"/shop/*.pb.go "$here"
