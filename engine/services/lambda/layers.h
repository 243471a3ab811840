// Layers: archives that functions share, in versions that never change. A row has Shown (as
// GetLayerVersion shows it), and Digest, Size and Sha256 of the archive.
// https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
#pragma once

#include <optional>

#include "services/base/table_service.h"

namespace kiban::services::lambda {

// The row of a layer's version by its ARN; nullopt: there is none in this region and account.
std::optional<json::object> find_layer(const Context& context, std::string_view version_arn);

OperationTable layer_operations();

}  // namespace kiban::services::lambda
