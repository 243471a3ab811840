// Rows of the Parameter Store:
//
//   ssm/REGION/parameter/NAME          the latest version, with the tags of the parameter
//   ssm/REGION/history/NAME:VERSION    each version that is kept, with its labels
//
// A version: Type, Value, Version, LastModifiedDate, LastModifiedUser, Tier, DataType,
// Description?, KeyId?, AllowedPattern?, Labels?.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/base/table_service.h"

namespace kiban::services::ssm {

std::string parameter_key(const Context& context, std::string_view name);
std::string history_key(const Context& context, std::string_view name, std::int64_t version);
std::string arn_of(const Context& context, std::string_view name);
// Clients may give the ARN instead of the name.
std::string name_of(std::string_view name);

struct Selected {
  std::string name{};
  std::string selector{};  // ":3" or ":LABEL", or empty.
  json::object row{};
};

// NAME, NAME:VERSION or NAME:LABEL. Errors ParameterNotFound, ParameterVersionNotFound.
Result<Selected> select(const Context& context, std::string_view given);
// The latest version by exactly this name.
std::optional<json::object> latest(const Context& context, std::string_view name);
std::vector<Selected> all(const Context& context);
// The versions that are kept, the oldest first; keys of rows with them.
struct Version {
  std::string key{};
  json::object row{};
};
std::vector<Version> versions(const Context& context, std::string_view name);
json::array labels_of(const json::object& version);

void erase_parameter(Context& context, std::string_view name);

// What GetParameter shows.
json::object described(const Context& context, const Selected& selected, bool decrypt);
std::string shown_value(const json::object& version, bool decrypt);
Result<json::object> page_of(const json::array& entries, std::string_view member,
                             const json::object& input, std::int64_t limit);

// Does `value` match the regular expression? Errors InvalidAllowedPatternException and
// ParameterPatternMismatchException.
Result<void> check_pattern(const std::string& pattern, std::string_view value);

OperationTable parameter_operations();
OperationTable version_operations();
OperationTable listing_operations();

}  // namespace kiban::services::ssm
