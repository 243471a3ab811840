// Amazon SNS: standard topics delivering to SQS queues and HTTP(S) endpoints.
// https://docs.aws.amazon.com/sns/latest/api/welcome.html
//
// A queue gets its message in the batch that published it: exactly once. An HTTP endpoint is posted
// to by the effect `http.post`, confirmed first, retried three times 20 s apart (the documented
// default policy), at least once across a crash under the same MessageId. Filter policies
// (filter.h) hold for both. FIFO topics and other protocols are refused by name. Messages to
// HTTP are signed by the effect's performer; those to SQS carry no Signature.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::sns {

std::unique_ptr<Service> make_sns();

}  // namespace kiban::services::sns
