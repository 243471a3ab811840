// Rows and operation tables that the files of s3/ share.
#pragma once

#include <string>
#include <string_view>

#include "services/base/table_service.h"

namespace kiban::services::s3 {

std::string bucket_key(std::string_view bucket);
std::string object_key(std::string_view bucket, std::string_view key);
// Error NoSuchBucket.
Result<json::object> load_bucket(const Context& context, const json::object& input);

const OperationTable& bucket_operations();
const OperationTable& object_operations();
const OperationTable& list_operations();

}  // namespace kiban::services::s3
