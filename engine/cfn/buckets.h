// Configurations of buckets, which CloudFormation writes otherwise than S3 does.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
#pragma once

#include <optional>
#include <string_view>

#include "core/json.h"

namespace kiban::cfn {

// `how` is "location" (of a region), "cors", "website", "bucketlog" or "notifications"; nullopt:
// none of them.
std::optional<json::value> bucket_value(std::string_view how, const json::value& value);

}  // namespace kiban::cfn
