// A secret's row, secretsmanager/REGION/secret/NAME: Name, ARN, Description?, KmsKeyId?, Tags,
// CreatedDate, LastChangedDate, DeletedDate (when a deletion waits), Policy? and Versions:
// {VersionId: {SecretString | SecretBinary, CreatedDate, Stages}}.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/base/table_service.h"

namespace kiban::services::secretsmanager {

constexpr std::string_view current = "AWSCURRENT";
constexpr std::string_view previous = "AWSPREVIOUS";

std::string secret_key(const Context& context, std::string_view name);
// By name, by ARN, or by ARN without the six random characters at its end. Error
// ResourceNotFoundException.
Result<json::object> load(const Context& context, std::string_view id);
// Of the input's SecretId; also InvalidRequestException when its deletion waits.
Result<json::object> load_alive(const Context& context, const json::object& input);
void save(Context& context, const json::object& row);
std::vector<json::object> all_secrets(const Context& context);

// Whether the caller may use the secret's key. Error AccessDeniedException.
Result<void> use_secrets_key(Context& context, const json::object& row, std::string_view version,
                             std::vector<std::string_view> actions);

json::array& stages_of(json::value& version);
bool has_stage(const json::value& version, std::string_view stage);
// Takes a label away from whatever version has it.
void drop_stage(json::object& row, std::string_view stage);
bool has_value(const json::object& input);
// Does the version that ClientRequestToken names hold the value of the request?
bool is_version(const json::object& row, const json::object& input);
// A version of the input's value under its token and stages; its id. Errors
// ResourceExistsException, LimitExceededException.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
Result<std::string> add_version(Context& context, json::object& row, const json::object& input);
// What GetSecretValue answers. Error ResourceNotFoundException.
Result<json::object> value_of(const json::object& row, std::string_view id, std::string_view stage);

json::object named(const json::object& row);  // {ARN, Name}
// What DescribeSecret and ListSecrets show; `stages_member` differs.
json::object described(const json::object& row, std::string_view stages_member);

OperationTable secret_operations();
OperationTable value_operations();
OperationTable listing_operations();
OperationTable policy_operations();

}  // namespace kiban::services::secretsmanager
