// Resource policies of functions, their versions and aliases, and of layers: rows {"Policy":
// document, "RevisionId"}.
// https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
#pragma once

#include "services/base/table_service.h"

namespace kiban::services::lambda {

OperationTable permission_operations();

// What the authoriser needs to know of a function, a version or alias of one, or a layer: the
// policy is that of the qualifier in the ARN, the tags are the function's.
ResourceAccess describe(const Context& context, std::string_view arn);

// Adds the statement that AddPermission or AddLayerVersionPermission says for `resource` to the
// policy of a row: {"Statement": text, "RevisionId" for layers}. Errors ResourceConflictException,
// PreconditionFailedException, PolicyLengthExceededException.
Result<json::object> add_statement(Context& context, const std::string& key,
                                   const std::string& resource, const json::object& input);
// Errors ResourceNotFoundException, PreconditionFailedException.
Result<json::object> remove_statement(Context& context, const std::string& key,
                                      const json::object& input);

}  // namespace kiban::services::lambda
