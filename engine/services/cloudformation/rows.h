// The rows of a stack, below "cloudformation/REGION/":
//   stack/UUID               everything of one stack, deleted ones too
//   name/NAME                UUID of the one stack of that name which is not deleted
//   event/UUID/NUMBER        in the order they happened
//   changeset/UUID/NAME      change sets of the stack UUID
//   export/NAME              {"Value", "StackId", "StackName"}
//   import/EXPORT/STACKNAME  which stacks use an export
//   active/UUID              stacks whose operation waits for something
//
// A stack: "Uuid", "StackName", "StackId", "Account", "Region", "Caller", "CreationTime",
// "LastUpdatedTime"?, "DeletionTime"?, "Status", "Reason"; what the client wanted: "Template",
// "Given" (parameters by name), "Ssm" (values of the Parameter Store as of then), "Parameters" (as
// shown), "Tags", "RoleARN", "Capabilities", "NotificationARNs", "Description"; "Resources",
// "Outputs", and the state of the operation under way, which deployment.h tells.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::cloudformation {

std::string stack_key(std::string_view region, std::string_view uuid);
std::string row_key(std::string_view region, std::string_view kind, std::string_view rest);

// By name (of what is not deleted) or by ARN (of anything). Error `ValidationError`, "Stack with id
// X does not exist".
Result<json::object> find_stack(const Context& context, const std::string& given);
// A row with what every stack has, saved by whoever goes on.
json::object new_stack(Context& context, const std::string& name);
void save_stack(Context& context, const json::object& stack);

// Who publishes to a stack's notification topics, in the topic's region.
Caller notifier(std::string_view account, std::string_view topic_arn);
// The topics of NotificationARNs hear of it. `logical_id` empty: the stack's own.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
void add_event(Context& context, json::object& stack, const json::object* resource,
               const std::string& logical_id, const std::string& status,
               const std::string& reason = {});
void set_status(Context& context, json::object& stack, const std::string& status,
                const std::string& reason = {});

// Makes the rows of exports and imports equal to the stack's "Outputs" and "Imports".
void index_exports(Context& context, const json::object& before, const json::object& after);
// Names of the stacks that import it.
std::vector<std::string> importers(const Context& context, std::string_view region,
                                   std::string_view export_name);
std::vector<std::string> exports_of(const json::object& stack);

}  // namespace kiban::services::cloudformation
