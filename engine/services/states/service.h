// AWS Step Functions: standard state machines, their executions, activities and task tokens.
// https://docs.aws.amazon.com/step-functions/latest/apireference/Welcome.html
//
// Rows (REGION is the caller's):
//   states/REGION/machine/NAME                 the machine, its current revision
//   states/REGION/revision/NAME/ID             a definition that executions began with
//   states/REGION/execution/MACHINE/NAME       what DescribeExecution says
//   states/REGION/live/MACHINE/NAME            a running execution, as asl::Execution::save gives
//   it states/REGION/history/MACHINE/NAME/ID      events from that id on, a chunk a decision
//   states/REGION/token/TOKEN                  which execution and task wait for a task token
//   states/REGION/waiting/ARN                  which ones wait for that ECS task or child execution
//   states/REGION/activity/NAME, states/REGION/pending/NAME/SEQUENCE
//
// Not served yet, each refused by name: StartSyncExecution, redrive,
// distributed Map.
#pragma once

#include <memory>
#include <optional>

#include "services/base/service.h"

namespace kiban::services::states {

struct Options {
  // Step Functions Local's mock configuration, parsed: machine ARN "#TestCase" chooses a case.
  // https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html
  std::optional<json::object> mock_config{};
};

std::unique_ptr<Service> make_states(Options options = {});

}  // namespace kiban::services::states
