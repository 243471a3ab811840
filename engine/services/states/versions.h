// Versions and aliases of state machines.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliasing-versioning.html
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "services/base/service.h"
#include "services/states/parsed_rows.h"

namespace kiban::services::states {

constexpr std::size_t versions_max = 1'000;  // Step Functions quotas, per state machine.
constexpr std::size_t aliases_max = 100;

// What a state machine ARN stands for: the machine itself, or one of its versions or aliases.
struct Target {
  std::shared_ptr<const json::object> machine{};
  std::string revision{};  // The one that an execution runs.
  std::string version_arn{};
  std::string alias_arn{};
};

// An alias is routed to one of its versions by chance. Error StateMachineDoesNotExist.
// `machines` are the parsed rows of machines, kept for the next call.
Result<Target> resolve(Context& context, std::string_view arn, ParsedRows& machines);

// Publishes the current revision, or finds it published. Error ConflictException when the machine's
// revision is not `revision_id` (which may be empty), ServiceQuotaExceededException.
Result<json::object> publish(Context& context, json::object& machine, std::string_view revision_id,
                             std::string_view description);

// The row of a version; its ARN is "MACHINE-ARN:NUMBER".
std::optional<json::object> find_version(const Context& context, std::string_view arn);

void erase_versions_and_aliases(Context& context, std::string_view machine_name);

Result<json::object> publish_version(Context& context, const json::object& input);
Result<json::object> list_versions(Context& context, const json::object& input);
Result<json::object> delete_version(Context& context, const json::object& input);
Result<json::object> create_alias(Context& context, const json::object& input);
Result<json::object> update_alias(Context& context, const json::object& input);
Result<json::object> describe_alias(Context& context, const json::object& input);
Result<json::object> delete_alias(Context& context, const json::object& input);
Result<json::object> list_aliases(Context& context, const json::object& input);

}  // namespace kiban::services::states
