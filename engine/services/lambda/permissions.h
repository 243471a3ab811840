// Resource policies of functions, their versions and aliases, and of layers: rows {"Policy":
// document, "RevisionId"}.
// https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
#pragma once

#include "services/base/table_service.h"

namespace kiban::services::lambda {

OperationTable permission_operations();

// The document of a function's qualifier, as decide() takes it; empty: none.
std::string policy_of(const Context& context, std::string_view name, std::string_view qualifier);

// Adds the statement that AddPermission or AddLayerVersionPermission says for `resource` to the
// policy of a row: {"Statement": text, "RevisionId" for layers}. Errors ResourceConflictException,
// PreconditionFailedException, PolicyLengthExceededException.
Result<json::object> add_statement(Context& context, const std::string& key,
                                   const std::string& resource, const json::object& input);
// Errors ResourceNotFoundException, PreconditionFailedException.
Result<json::object> remove_statement(Context& context, const std::string& key,
                                      const json::object& input);

}  // namespace kiban::services::lambda
