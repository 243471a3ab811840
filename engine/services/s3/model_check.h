// The model's constraints, in S3's own words: S3 answers each kind of place differently.
#pragma once

#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace kiban::services::s3 {

// Values that an enumeration does not have and members of an XML body that are required. Errors
// MalformedXML (in a body), InvalidArgument and its relatives (of a header or a parameter).
Result<void> check_model(std::string_view operation, const json::object& input);

}  // namespace kiban::services::s3
