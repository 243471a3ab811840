// Amazon SQS: standard queues with visibility timeouts, delays, long polls and dead-letter queues.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
//
// FIFO queues are refused by name. Retention (MessageRetentionPeriod) is kept when messages are
// received or counted: an expired one is never delivered.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::sqs {

std::unique_ptr<Service> make_sqs();

}  // namespace kiban::services::sqs
