// A queue: row sqs/REGION/queue/NAME {Attributes, Tags, Created, Modified, Purged?}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "services/base/table_service.h"

namespace kiban::services::sqs {

struct Queue {
  std::string name{};
  json::object attributes{};  // As given; effective() adds the defaults.
  json::object tags{};
  double created{0};
  double modified{0};
  double purged{0};  // When PurgeQueue was last called; 0: never.

  bool is_fifo() const { return name.ends_with(".fifo"); }
  std::string attribute(std::string_view attribute) const;  // Or its default, or nothing.
  std::int64_t number_of(std::string_view attribute) const;
};

// What GetQueueAttributes shows of what was set, defaults included.
json::object effective(const Queue& queue);

std::string queue_key(const Context& context, std::string_view name);
std::string queue_url(const Context& context, std::string_view name);
// Holds the name of the service that watches the queue, if one does.
std::string watch_key(const Context& context, std::string_view name);
// Notified when a message of the queue may have become visible.
std::string channel(const Context& context, std::string_view name);
// A message of the queue may have become visible: notifies the channel and tells the service that
// watches the queue (kiban:Watch), by its operation kiban:MessagesArrived {"QueueArn"}.
void announce(Context& context, std::string_view name);

void save(Context& context, const Queue& queue);
// Error QueueDoesNotExist.
Result<Queue> load(const Context& context, std::string_view name);
std::vector<Queue> all_queues(const Context& context);

// By ARN, in the caller's account and region. Error ResourceNotFoundException, which names the
// parameter.
Result<Queue> queue_by_arn(const Context& context, std::string_view arn,
                           std::string_view parameter);

// Whether the caller may use the queue's key. Error KmsAccessDenied.
Result<void> use_queues_key(Context& context, const Queue& queue,
                            std::vector<std::string_view> actions);

// Of the input's QueueUrl, SCHEME://HOST/ACCOUNT/NAME. Errors InvalidAddress, AccessDenied,
// QueueDoesNotExist.
Result<Queue> queue_of(const Context& context, const json::object& input);
// Is the host of a QueueUrl one of this server's? Clients reach it by its addresses, loopback names
// and `hosts` ("kiban", "*.example.com"); AWS's own URLs stand in what was written for AWS. Error
// InvalidAddress.
Result<void> check_queue_host(const Context& context, const std::vector<std::string>& hosts,
                              std::string_view url);

// `given` is what CreateQueue or SetQueueAttributes got for `queue`, whose attributes are those
// before. Errors InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
Result<void> check_attributes(const Context& context, const Queue& queue, const json::object& given,
                              bool creating);

// The dead-letter queue of a queue's RedrivePolicy, as an ARN, and after how many receives.
struct Redrive {
  std::string target{};
  std::int64_t receives_max{0};
};
std::optional<Redrive> redrive_of(const json::object& attributes);

}  // namespace kiban::services::sqs
