// The operations of SQS by file: queues (queues.cc), sending (send.cc), receiving (receive.cc),
// moving messages out of dead-letter queues (moves.cc).
#pragma once

#include "services/sqs/message.h"
#include "services/sqs/queue.h"

namespace kiban::services::sqs {

OperationTable queue_operations();
OperationTable send_operations();
OperationTable receive_operations();  // Without ReceiveMessage.
OperationTable move_operations();

// `in_flight_max`: of a standard queue.
Result<json::object> receive_message(Context& context, const json::object& input,
                                     std::size_t in_flight_max);

// "1" and 19 digits, of the sequence of a message (message.h): what a FIFO queue answers.
std::string sequence_number(std::string_view sequence);

// One entry's operation under its own Id; a failed entry does not fail the others.
Result<json::object> batch(Context& context, const json::object& input, Operation operation);

// Puts `message`, taken out of another queue, into `target` as if it had just been sent; its count
// of receives stays.
void transfer(Context& context, const Queue& target, Message message);

// A timer's {"Move": key}: the next messages of a task.
void go_on_moving(Context& context, const std::string& key);
void erase_moves(Context& context, std::string_view queue);

}  // namespace kiban::services::sqs
