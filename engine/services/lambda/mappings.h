// Event source mappings: batches of messages of SQS queues are handed to functions.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
//
// Row lambda/REGION/mapping/UUID: Shown (as GetEventSourceMapping), Function, Qualifier, Running
// (batches that the function has), Pending (messages that wait for the batching window), Since
// (ms, of the first of them), Tags. lambda/REGION/queue/NAME/UUID says which mappings a queue has.
//
// Nothing polls an empty queue: SQS tells of messages that arrive (kiban:MessagesArrived), and of
// those in flight when they become visible. A batch is only received when the function has room for
// it, so that messages use up no receive on throttles.
#pragma once

#include "services/base/table_service.h"

namespace kiban::services::lambda {

OperationTable mapping_operations();

std::string mapping_key(const Context& context, std::string_view uuid);

// The timer of a mapping.
void poll(Context& context, const std::string& uuid);
// The invocation of a batch ended; `row` is its row.
void batch_ended(Context& context, const json::object& row, const json::object& outcome);
// The function may run one invocation more.
void room_came_back(Context& context, const std::string& function);

}  // namespace kiban::services::lambda
