// Event notifications of a bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
//
// What an object's change tells leaves in the same batch as the change: a message to a queue, a
// message to a topic, an event for a function, an event on the default bus. A destination that is
// gone by then loses it, as on AWS. The destinations' own policies are not asked.
#pragma once

#include <string_view>

#include "services/base/service.h"

namespace kiban::services::s3 {

struct Change {
  std::string_view event{};   // "ObjectCreated:Put", without "s3:".
  std::string_view reason{};  // The operation, as EventBridge's detail names it: "PutObject".
};

// `row` is the object's, or the delete marker's.
void announce(Context& context, const json::object& bucket, const Change& change,
              const json::object& row);

// The rules of API_PutBucketNotificationConfiguration.html, ids filled in. Errors InvalidArgument,
// MalformedXML.
Result<json::object> read_notifications(Context& context, const json::object& bucket,
                                        const json::object& configuration);
// What the destinations get before the configuration is kept. Error InvalidArgument: one is absent.
Result<void> test_destinations(Context& context, const json::object& bucket,
                               const json::object& configuration);

}  // namespace kiban::services::s3
