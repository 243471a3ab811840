// Invocations: from Invoke to the host and back.
//
// A row lambda/invocation/REQUEST lives while the host runs it: Region, Account, Function, Version,
// Qualifier (as it was addressed), Kind, Pool, Tail (the caller wants the log's end) and what its
// kind needs more. Kinds:
//   sync     a client waits for the reply; lost when the server ends
//   task     an operation of this server waits (a Task state): states hears of the end
//   event    of an event (events.h)
//   mapping  a batch of an event source mapping (mappings.h)
#pragma once

#include <map>
#include <string>

#include "services/base/table_service.h"
#include "services/lambda/names.h"

namespace kiban::services::lambda {

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
constexpr std::size_t sync_payload_bytes_max = 6'291'456;
constexpr std::size_t event_payload_bytes_max = 1'048'576;

OperationTable invocation_operations();

struct Invocation {
  std::string id{};  // Request id.
  FunctionName function{};
  std::string kind{};
  std::string invoked_by{};  // host.h
  std::string payload{};
  std::string client_context{};
  std::string trace{};
  json::object more{};  // Further members of the row.
};

// Hands the invocation to the host. Errors ResourceNotFoundException, TooManyRequestsException.
Result<void> begin(Context& context, const Invocation& invocation);

// What the host needs to make an environment of a version: FunctionArn, FunctionName, Version,
// Config, Credentials (host.h).
json::object environment_of(Context& context, const json::object& owner,
                            const json::object& version);

// At the start of the server: the folders that are run instead of the code of functions, by the
// functions' names. Those of the last start are forgotten.
void keep_code_folders(Context& context, const std::map<std::string, std::string>& folders);

// An outcome of invoke_effect.
void on_invoked(Context& context, const json::object& payload, const Outcome& outcome);
// At the start of the server: invocations whose callers are gone are forgotten.
void abandon_lost(Context& context);

// Whether the function failed: it threw, timed out, or could not be run.
bool has_failed(const json::object& outcome);

// A metric of AWS/Lambda, of the function.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
void count_metric(Context& context, std::string_view name, std::string_view unit,
                  std::string_view function, double value = 1);

}  // namespace kiban::services::lambda
