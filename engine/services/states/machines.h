// State machines and their tags.
#pragma once

#include <optional>

#include "services/base/service.h"

namespace kiban::services::states {

// Error StateMachineDoesNotExist "State Machine Does Not Exist: 'arn'".
Result<json::object> load_machine(const Context& context, std::string_view arn);

// What executions run: id, updateDate, and of the machine then its stateMachineArn, name,
// definition, roleArn, type, loggingConfiguration and tracingConfiguration. Never erased.
std::optional<json::object> load_revision(const Context& context, std::string_view machine_name,
                                          std::string_view id);

// By key, of a request's "tags".
json::object tags_of(const json::object& input);

Result<json::object> create_machine(Context& context, const json::object& input);
Result<json::object> describe_machine(Context& context, const json::object& input);
Result<json::object> update_machine(Context& context, const json::object& input);
Result<json::object> delete_machine(Context& context, const json::object& input);
Result<json::object> list_machines(Context& context, const json::object& input);
Result<json::object> validate_definition(Context& context, const json::object& input);
// Of state machines and activities.
Result<json::object> tag_resource(Context& context, const json::object& input);
Result<json::object> untag_resource(Context& context, const json::object& input);
Result<json::object> list_tags(Context& context, const json::object& input);

// Of a machine's or an activity's request. Error InvalidEncryptionConfiguration.
Result<void> check_encryption(const json::object& input);

}  // namespace kiban::services::states
