// Amazon SQS: standard and FIFO queues with visibility timeouts, delays, long polls, dead-letter
// queues and their redrive.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
//
// Retention (MessageRetentionPeriod) is kept when messages are received or counted: an expired one
// is never delivered. A FIFO queue delivers the messages of a group in their order of sending, none
// while another of the group is in flight, and knows a message again for five minutes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "services/base/service.h"

namespace kiban::services::sqs {

struct Options {
  std::vector<std::string> hosts{};    // Further names of this server, as --allow-host has them.
  std::size_t in_flight_max{120'000};  // Messages of a standard queue (AWS's quota).
};

std::unique_ptr<Service> make_sqs();
std::unique_ptr<Service> make_sqs_with(Options options);

}  // namespace kiban::services::sqs
