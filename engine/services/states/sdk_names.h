// Names as the SDK for Java 2 has them, which aws-sdk integrations use.
// https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
#pragma once

#include <string>
#include <string_view>

#include "asl/interpreter.h"

namespace kiban::services::states {

// A member as Parameters and outputs name it: DbInstanceIdentifier for an API's
// DBInstanceIdentifier, ETag for ETag. Optimised integrations only make the first letter upper
// case.
std::string shown_member(const asl::TaskResource& resource, std::string_view member);

// A service or an error: "Secrets Manager" is SecretsManager, "DynamoDB" DynamoDb,
// "DBInstanceNotFound" DbInstanceNotFound.
std::string sdk_class(std::string_view name);

}  // namespace kiban::services::states
