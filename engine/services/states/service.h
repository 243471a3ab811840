// AWS Step Functions: standard state machines, their executions, activities and task tokens.
// https://docs.aws.amazon.com/step-functions/latest/apireference/Welcome.html
//
// Rows (REGION is the caller's; PATH is MACHINE/NAME of an execution, MACHINE~LABEL/NAME of a map
// run's child):
//   states/REGION/machine/NAME            the machine, its current revision
//   states/REGION/revision/NAME/ID        what executions began with
//   states/REGION/version/NAME/NUMBER, states/REGION/alias/NAME/ALIAS
//   states/REGION/execution/PATH          what DescribeExecution says
//   states/REGION/started/GROUP/TIME/NAME which executions a machine or map run has, newest first
//   states/REGION/live/PATH               a running execution: the main text of
//   asl::Execution::save states/REGION/part/PATH/NAME          its parts states/REGION/ended/PATH
//   one that failed, for RedriveExecution states/REGION/history/PATH/ID         events from that id
//   on, a chunk a command states/REGION/mapruns/PATH/MAP        a map run of that execution;
//   maprun/RUN leads to it states/REGION/child/PATH/MAP/INDEX    ARNs of its children
//   states/REGION/begin/PATH/MAP/INDEX    children to begin; done/… ends of others to take in;
//                                         unbegun/… children that a failure came before
//   states/REGION/reading/PATH/MAP        how far the items of a Map were read; …/files which
//   objects states/REGION/writing/PATH/MAP        how far its results were written
//   states/REGION/token/TOKEN             which execution and task wait for a task token
//   states/REGION/waiting/ARN             which ones wait for that ECS task or child execution
//   states/REGION/call/PATH/TASK          a task to start, or to call again, by a timer
//   states/REGION/stop/PATH/TASK          how the work of a .sync task is stopped
//   states/REGION/sync/PATH               a result of StartSyncExecution until it is fetched
//   states/REGION/test/ID                 a TestState whose HTTP call is under way
//   states/REGION/activity/NAME, states/REGION/pending/NAME/SEQUENCE
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "services/base/service.h"
#include "services/states/counters.h"

namespace kiban::services::states {

// Whose StartExecution the token buckets of Step Functions hold back: those of state machines and
// rules, which could start themselves without end, or everybody's, as AWS does.
enum class Throttle : std::uint8_t { Nested, Aws };

struct Options {
  // Step Functions Local's mock configuration, parsed: machine ARN "#TestCase" chooses a case.
  // https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html
  std::optional<json::object> mock_config{};
  Throttle throttle{Throttle::Nested};
  std::optional<Duration> retention{};  // Of finished executions; nullopt: they are kept for ever.
  Counters* counters{nullptr};          // Outlives the service.
};

std::unique_ptr<Service> make_states(Options options = {});

}  // namespace kiban::services::states
