// The rows of a stack, below "cloudformation/REGION/":
//   stack/UUID               everything of one stack, deleted ones too
//   name/NAME                UUID of the one stack of that name which is not deleted
//   event/UUID/NUMBER        in the order they happened
//   changeset/UUID/NAME      change sets of the stack UUID
//   export/NAME              {"Value", "StackId", "StackName"}
//   import/EXPORT/STACKNAME  which stacks use an export
//   active/UUID              stacks whose operation waits for something
// stack.h has what a stack's row holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "services/cloudformation/stack.h"

namespace kiban::services::cloudformation {

std::string stack_key(std::string_view region, std::string_view uuid);
std::string row_key(std::string_view region, std::string_view kind, std::string_view rest);

std::optional<Stack> get_stack(const Context& context, std::string_view region,
                               std::string_view uuid);
// All of the caller's region, deleted ones too.
std::vector<Stack> list_stacks(const Context& context);
// By name (of what is not deleted) or by ARN (of anything). Error `ValidationError`, "Stack with id
// X does not exist".
Result<Stack> find_stack(const Context& context, const std::string& given);
// With what every stack has; whoever goes on saves it.
Stack new_stack(Context& context, const std::string& name);
void save_stack(Context& context, const Stack& stack);

// Who publishes to a stack's notification topics, in the topic's region.
Caller notifier(std::string_view account, std::string_view topic_arn);
// The topics of NotificationARNs hear of it. `resource` nullptr: the stack's own.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
void add_event(Context& context, Stack& stack, const Resource* resource, const std::string& status,
               const std::string& reason = {});
void set_status(Context& context, Stack& stack, const std::string& status,
                const std::string& reason = {});

// Makes the rows of exports and imports equal to the stack's outputs and imports.
void index_exports(Context& context, const Stack& before, const Stack& after);
// Names of the stacks that import it.
std::vector<std::string> importers(const Context& context, std::string_view region,
                                   std::string_view export_name);
std::vector<std::string> exports_of(const Stack& stack);

}  // namespace kiban::services::cloudformation
